"""`ae-zoo denoise`."""

from __future__ import annotations

import argparse

from ae_zoo.cli import _restore
from ae_zoo.cli._use import User, add_inputs, add_json, add_output
from ae_zoo.cli.options import positive_integer

HELP = "Remove noise from image files."
_DEFAULT = "denoising_photos"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_inputs(parser, "image files, or folders")
    add_output(parser, "image file, or folder for several")
    parser.add_argument(
        "--model",
        default=_DEFAULT,
        help="name or folder of a model that restores images; the default is "
        f"{_DEFAULT}",
    )
    parser.add_argument(
        "--compare",
        action="store_true",
        help="also write NAME_compare.png, before and after side by side",
    )
    parser.add_argument(
        "--tile",
        type=positive_integer,
        metavar="N",
        help="side of the tiles of large images, in pixels; smaller ones need less "
        "memory",
    )
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    # Before TensorFlow is loaded.
    _restore.checked_pairs(options, options.inputs)
    return _restore.run(User(options.model), options, options.inputs)
