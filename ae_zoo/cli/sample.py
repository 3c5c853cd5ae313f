"""`ae-zoo sample`."""

from __future__ import annotations

import argparse
from typing import Any

from ae_zoo.cli import _drawn
from ae_zoo.cli._use import User, add_json, add_output
from ae_zoo.cli.options import add_model, positive_integer, seed

HELP = "Draw samples from a variational model."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    add_output(parser, "image file with a grid of samples, or a .npy or .csv file")
    parser.add_argument(
        "-n",
        "--number",
        type=positive_integer,
        default=16,
        metavar="N",
        help="number of samples; default: 16",
    )
    parser.add_argument(
        "--seed", type=seed, metavar="N", help="equal seeds, equal draws"
    )
    add_json(parser)


def run(options: argparse.Namespace) -> None:
    _drawn.check(options)
    user = User(options.model)
    if "sample" not in user.model.endpoints():
        raise ValueError(
            f"'{user.name}' is a {type(user.model).__name__}, which has no prior to "
            "draw from. Use a variational model; `ae-zoo list` shows them."
        )
    model: Any = user.model  # models without the endpoint lack this method
    samples = model.sample(options.number, options.seed)
    _drawn.write(user, options, samples, columns=None)
