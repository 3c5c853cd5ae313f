"""`ae-zoo evaluate`."""

from __future__ import annotations

import argparse

from ae_zoo.cli import _quiet
from ae_zoo.cli.options import (
    add_data,
    add_data_dir,
    add_model,
    add_recipe_of_model,
    add_samples,
)

HELP = "Measure a model with the protocols of its recipe."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    add_recipe_of_model(parser)
    add_data(parser, "folder, table or dataset to measure on")
    add_data_dir(parser)
    add_samples(parser, "measure on the first N test samples only")
    parser.add_argument(
        "--quick", action="store_true", help="skip protocols that train networks"
    )
    parser.add_argument(
        "--write", action="store_true", help="write the table to the model's card"
    )


def run(options: argparse.Namespace) -> None:
    _quiet.load_tensorflow()
    from ae_zoo import evaluation, zoo
    from ae_zoo.studies import verify
    from ae_zoo.training.loading import load_with_data
    from ae_zoo.zoo import tables

    if options.write and (options.samples or options.quick):
        raise ValueError("--write needs the whole table. Remove --samples and --quick.")
    model, recipe = load_with_data(
        options.model, options.recipe, options.data, options.data_dir, is_strict=False
    )
    data = recipe.dataset
    facts = zoo.info(options.model)["dataset"]
    # The user's own data have been compared with the card by their content.
    own = data.name if facts.get("kind") else facts["name"]
    if options.write and data.name != own:
        raise ValueError(
            f"--write needs measurements on the data of the card, {own!r}. Received a "
            f"recipe that measures on {data.name!r}."
        )
    splits = evaluation.read_splits(data, options.samples)
    if data.name != own:
        print(f"Measured on {data.name}; the card's data are {own}.")
    rows = evaluation.evaluate(
        model, recipe.protocols(recipe.dataset), splits, options.quick
    )
    print(tables.metrics_text(rows))
    if options.write:
        subset = evaluation.measure_subset(
            model, recipe.protocols(recipe.dataset), splits
        )
        verify.write_metrics(options.model, rows, subset)
