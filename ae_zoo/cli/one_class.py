"""`ae-zoo one-class`."""

from __future__ import annotations

import argparse

from ae_zoo.cli import _quiet
from ae_zoo.cli.options import add_recipe_to_run, add_training, natural_number

HELP = "Train on each class alone and detect all other classes as anomalies."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_recipe_to_run(parser)
    parser.add_argument(
        "--classes",
        type=natural_number,
        nargs="+",
        metavar="LABEL",
        help="default: all classes",
    )
    add_training(parser, output_dir="runs/NAME-one-class[-seedSEED]")
    parser.add_argument(
        "--resume", action="store_true", help="skip the classes that are finished"
    )


def run(options: argparse.Namespace) -> None:
    _quiet.load_tensorflow()
    from ae_zoo.studies.one_class import one_class

    report = one_class(
        options.recipe,
        options.classes,
        epochs=options.epochs,
        seed=options.seed,
        output_dir=options.output_dir,
        resume=options.resume,
        data_dir=options.data_dir,
        data=options.data,
    )
    print(report.markdown())
