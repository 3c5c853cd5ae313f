"""`ae-zoo draw`."""

from __future__ import annotations

import argparse

from ae_zoo.cli import _quiet
from ae_zoo.cli.options import (
    OWN_DATA,
    add_data,
    add_data_dir,
    add_model,
    add_recipe_of_model,
)

HELP = "Draw the pictures of a model's card again."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    add_recipe_of_model(parser)
    add_data(parser, OWN_DATA)
    add_data_dir(parser)


def run(options: argparse.Namespace) -> None:
    _quiet.load_tensorflow()
    from ae_zoo.studies.redraw import redraw

    drawn = redraw(options.model, options.recipe, options.data_dir, options.data)
    print("Drawn:", *drawn)
