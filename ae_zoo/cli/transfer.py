"""`ae-zoo transfer`."""

from __future__ import annotations

import argparse
import pathlib

from ae_zoo.cli import _quiet
from ae_zoo.cli.options import (
    add_data_dir,
    add_model,
    add_recipe_of_model,
    add_samples,
    positive_integer,
)

HELP = "Compare fine-tuning on another dataset with training from scratch."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    parser.add_argument(
        "dataset",
        help="dataset, folder of images or table with samples of the same shape",
    )
    parser.add_argument(
        "--epochs", type=positive_integer, default=3, metavar="N", help="default: 3"
    )
    add_samples(parser, "train on the first N samples only")
    add_recipe_of_model(parser)
    add_data_dir(parser)
    parser.add_argument(
        "--test-samples",
        type=positive_integer,
        metavar="N",
        help="measure on the first N test samples; default: 1000, with --write all",
    )
    parser.add_argument(
        "--output-dir",
        help="folder to keep the fine-tuned model in; default: runs/MODEL-on-DATASET",
    )
    parser.add_argument(
        "--write", action="store_true", help="write the result to the model's card"
    )


def run(options: argparse.Namespace) -> None:
    _quiet.load_tensorflow()
    from ae_zoo.studies.transfer import transfer
    from ae_zoo.zoo import tables

    names = (pathlib.PurePath(text).stem for text in (options.model, options.dataset))
    output_dir = options.output_dir or f"runs/{'-on-'.join(names)}"
    facts = transfer(
        options.model,
        options.dataset,
        epochs=options.epochs,
        samples=options.samples,
        recipe=options.recipe,
        write=options.write,
        data_dir=options.data_dir,
        test_samples=options.test_samples or (None if options.write else 1000),
        output_dir=output_dir,
    )
    print(tables.text_table(*tables.transfer_rows([facts])))
    print(f"The fine-tuned model is in '{output_dir}/model'.")
