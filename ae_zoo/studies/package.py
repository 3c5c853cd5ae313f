"""`ae-zoo package`: add files for deployment to a model folder, with their cost."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ae_zoo import evaluation, zoo
from ae_zoo._checks import check_count
from ae_zoo._machine import hardware
from ae_zoo.export import parity
from ae_zoo.models import Autoencoder
from ae_zoo.studies import file_cost, file_tiles
from ae_zoo.training.loading import load_with_data
from ae_zoo.training.recipe import Recipe
from ae_zoo.zoo import checksums, tables
from ae_zoo.zoo.entry import check_is_local

FILES = ("saved_model", "model.tflite", "model_int8.tflite")
_SIDECARS = ("model.json", "model_int8.json")
QUANTIZATIONS = (None, "float16", "dynamic", "int8")
# Largest loss of the headline with full int8; above it, "dynamic" is used, which keeps
# activations in float. Relative, except for decibels, which are logarithms.
MOST_LOST = 0.03
MOST_DECIBELS_LOST = 0.1

Report = Callable[[str], object]


def package(
    name_or_folder: str | os.PathLike[str],
    recipe: str | os.PathLike[str] | None = None,
    data_dir: str | os.PathLike[str] | None = None,
    samples: int | None = None,
    report: Report = print,
    data: Any = None,
) -> None:
    """Add files for deployment to a model folder, and their cost to its card.

    The folder gets `saved_model/`, `model.tflite` and `model_int8.tflite`, which
    replace older ones. `model_int8.tflite` is in full int8. It is in "dynamic" instead
    if full int8 loses more than 3 % of the headline (0.1 dB if that is in decibels), or
    if its outputs differ too much from those of the model. The card gets, for every
    quantization, the bytes of the file, the headline and its loss, and latency and peak
    memory on this machine. Files of a model that takes images of any size take 256×256
    pixels.

    Args:
        name_or_folder: A name from `ae_zoo.list_models()`, or the path of a model
            folder.
        recipe: Name or file of the model's recipe. The default is the recipe with the
            model's name.
        data_dir: Folder of prepared data; see `ae_zoo.data.load`.
        samples: Measure on the first `samples` test samples; None uses all of them.
        report: Function that is called with each line of progress.
        data: The data of the card, if they lie elsewhere than the recipe says.

    Raises:
        FileNotFoundError, ValueError: As `ae_zoo.load`; or there is no such recipe, it
            belongs to another model, or `samples` is less than 1.
        ImportError: The package that runs LiteRT files is not installed.
        RuntimeError: The model cannot be exported. The folder is not changed.

    Example:

    >>> from ae_zoo.studies.package import package
    >>> package("runs/my_digits/model", "my_digits.py")  # doctest: +SKIP
    """
    if samples is not None:
        check_count("samples", samples)
    check_is_local(name_or_folder)
    card = zoo.info(name_or_folder)
    model, used = load_with_data(name_or_folder, recipe, data, data_dir)
    source = used.dataset
    splits = evaluation.read_splits(source, samples)
    calibration = file_cost.calibration_data(model, used, source)
    rows = _measure_all(model, card, used, splits, calibration, report)
    small = _small_quantization(card["name"], rows, report)
    sizes = file_tiles.sizes(model)
    arguments: dict[str, dict[str, Any]] = {
        "saved_model": {},
        "model.tflite": {"format": "litert", **sizes},
        "model_int8.tflite": {
            "format": "litert",
            **sizes,
            "quantization": small,
            "calibration": calibration,
        },
    }

    def write(folder: pathlib.Path) -> None:
        for name in FILES:
            report(f"{card['name']}: writing {name}")
            model.export(folder / name, **arguments[name])
        # A list of its own, because the wheel does not include this folder.
        checksums.write_checksums(folder / "saved_model")

    deployment = {
        "samples": samples,
        "hardware": hardware(),
        "small": small,
        "rows": rows,
    }
    old = (*FILES, *_SIDECARS)
    zoo.amend(name_or_folder, {"deployment": deployment}, write, replaces=old)


def _measure_all(
    model: Autoencoder,
    card: Mapping[str, Any],
    recipe: Recipe,
    splits: evaluation.Splits,
    calibration: Any,
    report: Report,
) -> list[dict[str, Any]]:
    """Measure a file of each quantization; return the rows of the card."""
    costs: list[file_cost.FileCost] = []
    for kind in QUANTIZATIONS:
        report(f"{card['name']}: measuring {kind or 'float32'}")
        protocols = recipe.protocols(recipe.dataset)
        try:
            cost = file_cost.measure(model, protocols, splits, kind, calibration)
        except parity.ParityError as error:
            if kind != "int8":
                raise
            # Eight bits are too few for some models; the other files are of use.
            report(f"{card['name']}: {error}")
            continue
        costs.append(cost)
        _check_headline(card, costs[0].headline.metric)
    return [cost.card_row(costs[0]) for cost in costs]


def _check_headline(card: Mapping[str, Any], metric: str) -> None:
    if not card["metrics"]:
        return
    expected = card["metrics"][0]["metric"]
    if metric != expected:
        raise ValueError(
            "The recipe must be the one of the model, whose card begins with "
            f"{expected!r}. Received a recipe that measures {metric!r}."
        )


def _small_quantization(
    name: str, rows: Sequence[dict[str, Any]], report: Report
) -> str:
    row_of = {row["quantization"]: row for row in rows}
    before, int8 = row_of[None], row_of.get("int8")
    if int8 is not None and _is_close(int8, before):
        return "int8"
    lost = (
        "is too far off"
        if int8 is None
        else f"loses {tables.loss(int8, before).lstrip('+')}"
    )
    report(
        f"{name}: full int8 {lost}, so model_int8.tflite is 'dynamic', which loses "
        f"{tables.loss(row_of['dynamic'], before).lstrip('+')}"
    )
    return "dynamic"


def _is_close(row: dict[str, Any], before: dict[str, Any]) -> bool:
    if tables.is_in_decibels(row):
        return bool(before["value"] - row["value"] <= MOST_DECIBELS_LOST)
    return bool(row["loss"] <= MOST_LOST)
