"""`ae-zoo typical-inputs`."""

from __future__ import annotations

import argparse

from ae_zoo.cli import _quiet
from ae_zoo.cli.options import (
    OWN_DATA,
    add_data,
    add_data_dir,
    add_recipe_of_model,
)

HELP = "Measure what the inputs of models look like, so that others are noticed."
_HEADER = ["model", "input", "score: lowest", "median", "highest"]
_HEADER += ["roughness: lowest", "median", "highest", "test samples", "false alarms"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("models", nargs="+", help="names or folders of models")
    add_recipe_of_model(parser)
    add_data(parser, OWN_DATA)
    add_data_dir(parser)
    parser.add_argument(
        "--write", action="store_true", help="write the percentiles to the cards"
    )


def run(options: argparse.Namespace) -> None:
    _quiet.load_tensorflow()
    from ae_zoo.studies.typical_inputs import typical_inputs
    from ae_zoo.zoo import tables

    rows = []
    for model in options.models:
        field, alarms = typical_inputs(
            model, options.recipe, options.data_dir, options.write, options.data
        )
        if not field:
            print(f"{model}: models of pairs and of anomalies have none.")
        for kind, alarm in zip(field, alarms, strict=True):
            score = kind.get("score") or kind["score_per_value"]
            numbers = [
                tables.number(values[place])
                for values in (score, kind["roughness"])
                for place in ("p0", "p50", "p100")
            ]
            counts = [f"{alarm.samples:,}", str(alarm.unusual)]
            rows.append([model, kind["input"], *numbers, *counts])
    if rows:
        print(tables.text_table(_HEADER, rows))
