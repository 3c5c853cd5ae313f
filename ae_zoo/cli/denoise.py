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
    parser.add_argument("--model", help="name or folder of a model that denoises")
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
    from ae_zoo import zoo

    # Before TensorFlow is loaded.
    _restore.checked_pairs(options, options.inputs)
    model = options.model
    if model is None:
        if _DEFAULT not in zoo.list_models():
            raise ValueError(
                "The zoo has no model for photographs yet. Pass --model with a model "
                "of your own, such as one that `ae-zoo train` wrote from a folder of "
                "images, or one from `ae-zoo list` that suits your images."
            )
        model = _DEFAULT
    return _restore.run(User(model), options, options.inputs)
