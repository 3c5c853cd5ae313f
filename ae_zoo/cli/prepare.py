"""`ae-zoo prepare`."""

from __future__ import annotations

import argparse

from ae_zoo.cli import _quiet
from ae_zoo.cli.options import add_data_dir

HELP = "Download and prepare a dataset."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", help="name of a dataset")
    add_data_dir(parser)
    parser.add_argument(
        "--manual-dir", help="folder of the raw files, if you have downloaded them"
    )


def run(options: argparse.Namespace) -> None:
    _quiet.load_tensorflow()
    from ae_zoo import data

    data.prepare(
        options.dataset, data_dir=options.data_dir, manual_dir=options.manual_dir
    )
