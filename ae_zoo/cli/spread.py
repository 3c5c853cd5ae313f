"""`ae-zoo spread`."""

from __future__ import annotations

import argparse

from ae_zoo.cli import _quiet
from ae_zoo.cli.options import add_model

HELP = "Write the mean and standard deviation over several seeds to a card."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    parser.add_argument(
        "runs", nargs="+", metavar="RUN", help="run folders of at least two seeds"
    )


def run(options: argparse.Namespace) -> None:
    _quiet.load_tensorflow()
    from ae_zoo.studies.spread import add_spread
    from ae_zoo.zoo import tables

    card = add_spread(options.model, options.runs)
    print(tables.metrics_table(card["metrics"]))
