"""`ae-zoo package`."""

from __future__ import annotations

import argparse

from ae_zoo.cli import _quiet
from ae_zoo.cli.options import (
    OWN_DATA,
    add_data,
    add_data_dir,
    add_model,
    add_recipe_of_model,
    add_samples,
)

HELP = "Add deployment files to a model folder and their figures to its card."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    add_recipe_of_model(parser)
    add_samples(parser, "measure on the first N test samples only")
    add_data(parser, OWN_DATA)
    add_data_dir(parser)


def run(options: argparse.Namespace) -> None:
    _quiet.load_tensorflow()
    from ae_zoo.studies.package import package

    with _quiet.silent_libraries():  # converters say what they do
        package(
            options.model,
            options.recipe,
            options.data_dir,
            options.samples,
            data=options.data,
        )
