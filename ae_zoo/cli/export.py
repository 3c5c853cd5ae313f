"""`ae-zoo export`."""

from __future__ import annotations

import argparse
import pathlib
from typing import TYPE_CHECKING

from ae_zoo.cli import _quiet
from ae_zoo.cli.options import (
    OWN_DATA,
    add_data,
    add_data_dir,
    add_model,
    add_recipe_of_model,
    add_samples,
    positive_integer,
)

if TYPE_CHECKING:
    import numpy as np

    from ae_zoo.data import Source
    from ae_zoo.models import Autoencoder
    from ae_zoo.training.recipe import Recipe

HELP = "Write a model for deployment."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    parser.add_argument(
        "path", help="directory, or name of a file that ends in .tflite or .onnx"
    )
    parser.add_argument(
        "--format",
        help="tf_saved_model, litert or onnx; default: the format of the path's suffix",
    )
    parser.add_argument(
        "--quantization",
        choices=["float16", "dynamic", "int8", "int8_io"],
        help="for a .tflite file; int8 and int8_io calibrate on the training data",
    )
    parser.add_argument(
        "--batch-size",
        type=_batch_size,
        metavar="N",
        help="fixed batch size of the file, or 'dynamic'",
    )
    parser.add_argument(
        "--input-shape",
        type=_shape,
        metavar="N,H,W,C",
        help="fixed shape of the inputs, for models of images of any size",
    )
    parser.add_argument(
        "--pixels", action="store_true", help="add a signature for uint8 images"
    )
    parser.add_argument(
        "--trainable",
        action="store_true",
        help="write a .tflite file that can be trained on the device",
    )
    parser.add_argument(
        "--optimizer", help="optimizer of a trainable file; default: adam"
    )
    parser.add_argument(
        "--signature",
        help="the one signature of an .onnx or .tflite file; default: reconstruct for "
        ".onnx, all for .tflite",
    )
    parser.add_argument(
        "--report",
        action="store_true",
        help="measure size, quality, speed and memory of the .tflite file",
    )
    add_recipe_of_model(parser)
    add_samples(parser, "report on the first N test samples only")
    add_data(parser, OWN_DATA)
    add_data_dir(parser)


def run(options: argparse.Namespace) -> None:
    _quiet.load_tensorflow()
    with _quiet.silent_libraries():  # converters say what they do
        _export(options)


def _export(options: argparse.Namespace) -> None:
    from ae_zoo import zoo
    from ae_zoo.studies import file_cost
    from ae_zoo.training.loading import load_with_data, load_with_recipe

    calibrates = options.report or (options.quantization or "").startswith("int8")
    format = _checked_format(options, calibrates)
    if calibrates:
        model, recipe = load_with_data(
            options.model, options.recipe, options.data, options.data_dir
        )
        source = recipe.dataset
        calibration = file_cost.calibration_data(model, recipe, source)
        _write(options, format, model, calibration)
        if options.report:
            _report(options, model, recipe, source, calibration)
    elif options.recipe:  # its file defines classes of the model
        _write(options, format, load_with_recipe(options.model, options.recipe)[0])
    else:
        _write(options, format, zoo.load(options.model))


def _checked_format(options: argparse.Namespace, calibrates: bool) -> str:
    """Return the name of the format, after checks that need no model."""
    from ae_zoo.export import FORMATS, arguments

    path = pathlib.Path(options.path)
    by_suffix = {format.suffix: format.name for format in FORMATS.values()}
    name = options.format or by_suffix.get(path.suffix, "tf_saved_model")
    format = arguments.checked_format(name)
    if options.report and name != "litert":
        raise ValueError(
            f"--report measures LiteRT files. Received: format {name!r}. Use a path "
            "that ends in .tflite."
        )
    if options.report and options.trainable:
        raise ValueError("--report measures files that are not trainable.")
    arguments.check_path(path, format)
    arguments.check_options(
        format,
        options.quantization,
        options.pixels,
        options.signature,
        options.trainable,
        options.optimizer,
    )
    if options.samples is not None and not options.report:
        raise ValueError(
            "--samples is the number of samples of --report. Add --report."
        )
    if (options.data_dir or options.data) is not None and not calibrates:
        name = "--data" if options.data_dir is None else "--data-dir"
        raise ValueError(
            f"{name} is read for --report and for int8 quantizations only. Leave "
            "it out."
        )
    return name


def _write(
    options: argparse.Namespace,
    format: str,
    model: Autoencoder,
    calibration: np.ndarray | None = None,
) -> None:
    model.export(
        options.path,
        format=format,
        batch_size=options.batch_size,
        input_shape=options.input_shape,
        quantization=options.quantization,
        calibration=calibration,
        pixels=options.pixels,
        signature=options.signature,
        trainable=options.trainable,
        optimizer=options.optimizer,
    )
    print(f"Wrote {options.path}")


def _report(
    options: argparse.Namespace,
    model: Autoencoder,
    recipe: Recipe,
    source: Source,
    calibration: np.ndarray,
) -> None:
    from ae_zoo import evaluation
    from ae_zoo.studies import file_cost
    from ae_zoo.zoo import tables

    kinds = dict.fromkeys([None, options.quantization])
    splits = evaluation.read_splits(source, options.samples)
    costs = [
        file_cost.measure(
            model, recipe.protocols(recipe.dataset), splits, kind, calibration
        )
        for kind in kinds
    ]
    rows = [cost.card_row(costs[0]) for cost in costs]
    print(tables.text_table(*tables.deployment_rows(rows)))


def _batch_size(text: str) -> int | str:
    return text if text == "dynamic" else positive_integer(text)


def _shape(text: str) -> tuple[int, ...]:
    try:
        return tuple(positive_integer(size.strip()) for size in text.split(","))
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(
            f"expected sizes such as 1,256,256,3, received {text!r}"
        ) from None
