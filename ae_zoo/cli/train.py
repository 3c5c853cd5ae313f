"""`ae-zoo train`."""

from __future__ import annotations

import argparse
import os
import sys

from ae_zoo.cli import _output, _quiet
from ae_zoo.cli.options import add_recipe_to_run, add_training, positive_integer

HELP = "Train a recipe."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_recipe_to_run(parser)
    parser.add_argument(
        "--strategy",
        default="default",
        help="auto, default, one_device, mirrored, multi_worker or tpu",
    )
    parser.add_argument(
        "--local-workers",
        type=positive_integer,
        metavar="N",
        help="train in N processes on the CPUs of this machine",
    )
    add_training(parser, output_dir="runs/NAME[-seedSEED]")
    parser.add_argument(
        "--resume", action="store_true", help="continue from the last checkpoint"
    )


def run(options: argparse.Namespace) -> int | None:
    if options.local_workers is not None:
        return _train_locally(options)
    _quiet.load_tensorflow()
    from ae_zoo.distribution.strategies import TRY_AGAIN, WorkerLostError
    from ae_zoo.training.run import train

    try:
        train(
            options.recipe,
            options.strategy,
            epochs=options.epochs,
            seed=options.seed,
            output_dir=options.output_dir,
            resume=options.resume,
            data_dir=options.data_dir,
            data=options.data,
        )
    except WorkerLostError as error:
        _output.discard()
        # The progress bar leaves its line unfinished.
        print(f"\nae-zoo: {error}", file=sys.stderr, flush=True)
        os._exit(TRY_AGAIN)  # a normal exit would wait for the lost worker
    return None


def _train_locally(options: argparse.Namespace) -> int:
    from ae_zoo.distribution import local_workers

    if options.strategy not in ("auto", "default", "multi_worker"):
        raise ValueError(
            "--local-workers makes a cluster for --strategy multi_worker. Received: "
            f"--strategy {options.strategy}"
        )
    arguments = ["train", options.recipe, "--strategy", "multi_worker"]
    for name in ("epochs", "seed", "output_dir", "data_dir", "data"):
        value = getattr(options, name)
        if value is not None:
            arguments += [f"--{name.replace('_', '-')}", str(value)]
    if options.resume:
        arguments.append("--resume")
    return local_workers.run(arguments, options.local_workers)
