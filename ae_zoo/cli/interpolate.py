"""`ae-zoo interpolate`."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from ae_zoo.cli import _drawn
from ae_zoo.cli._use import User, add_json, add_output
from ae_zoo.cli.options import add_model, positive_integer

HELP = "Decode the line between the codes of two samples."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    for name in ("A", "B"):
        parser.add_argument(
            name.lower(),
            type=Path,
            metavar=name,
            help="image, or .npy or .csv file with one sample",
        )
    add_output(parser, "image file with a row of samples, or a .npy or .csv file")
    parser.add_argument(
        "--steps",
        type=positive_integer,
        default=10,
        metavar="N",
        help="number of samples with both ends; default: 10",
    )
    add_json(parser)


def run(options: argparse.Namespace) -> None:
    _drawn.check(options)
    if options.steps < 2:
        raise ValueError(f"--steps must be at least 2. Received: {options.steps}")
    user = User(options.model)
    names, arrays = user.read([options.a, options.b])
    if len(names) != 2:
        raise ValueError(f"Expected one sample in each file. Received: {len(names)}.")
    start, end = arrays
    if start.shape != end.shape:
        raise ValueError(
            f"The two samples must have one shape. Received {start.shape[1:]} and "
            f"{end.shape[1:]}."
        )
    first, last = user.model.encode(np.concatenate([start, end]))
    weight = np.linspace(0, 1, options.steps, dtype=np.float32)
    weight = weight.reshape(-1, *[1] * first.ndim)
    samples = user.model.decode((1 - weight) * first + weight * last)
    _drawn.write(user, options, samples, columns=options.steps)
