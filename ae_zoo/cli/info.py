"""`ae-zoo info`."""

from __future__ import annotations

import argparse

from ae_zoo.cli.options import add_model

HELP = "Show the card of a model."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser)


def run(options: argparse.Namespace) -> None:
    from ae_zoo import zoo
    from ae_zoo.zoo import cards

    print(cards.render(zoo.info(options.model)))
