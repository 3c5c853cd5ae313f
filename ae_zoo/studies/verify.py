"""Verification: measure a model again and compare the results with its card."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any

from ae_zoo import evaluation, zoo
from ae_zoo.models import Autoencoder
from ae_zoo.training.loading import load_with_data
from ae_zoo.training.recipe import Recipe
from ae_zoo.zoo import tables

# Relative difference that is allowed. Weights, data and noise are fixed, so only the
# rounding of float32 sums differs between processors.
TOLERANCE = 1e-3
_SPREAD = ("mean", "spread", "seeds")


@dataclasses.dataclass(frozen=True)
class Check:
    """One number of a card, measured again.

    Attributes:
        metric: Name of the metric.
        stated: The value on the card, or None if the card lacks the metric.
        measured: The value now, or None if the recipe does not measure the metric.
        allowed: Absolute difference that is allowed.
    """

    metric: str
    stated: float | None
    measured: float | None
    allowed: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether both values exist and differ by no more than is allowed."""
        if self.stated is None or self.measured is None:
            return False
        return abs(self.measured - self.stated) <= self.allowed


def verify(
    name_or_folder: str | os.PathLike[str],
    data_dir: str | os.PathLike[str] | None = None,
    subset: bool = False,
    recipe: str | os.PathLike[str] | None = None,
    data: Any = None,
) -> list[Check]:
    """Measure a model again and compare the results with its card.

    Args:
        name_or_folder: A name from `ae_zoo.list_models()`, or the path of a model
            folder.
        data_dir: Folder of prepared data; see `ae_zoo.data.load`.
        subset: Compare only the headline, on the first test samples, which takes
            seconds instead of minutes.
        recipe: Name or file of the model's recipe. The default is the recipe with the
            model's name.
        data: The data of the card, if they lie elsewhere than the recipe says: a path,
            or what else `ae_zoo.data.source` takes.

    Returns:
        A list of `Check`, one for each metric.

    Raises:
        ValueError: The name or the recipe is unknown, the folder is damaged, or the
            data are not those of the card.
        FileNotFoundError: The data set has not been prepared.

    Example:

    >>> all(check.holds for check in verify("deep_digits"))
    True
    """
    model, used = load_with_data(name_or_folder, recipe, data, data_dir)
    card, source = zoo.info(name_or_folder), used.dataset
    if subset:
        splits = evaluation.read_splits(source, card["subset"]["samples"])
        return [_check_subset(card["subset"], model, used, splits)]
    splits = evaluation.read_splits(source)
    rows = evaluation.evaluate(model, used.protocols(source), splits)
    measured = {row.metric: row.value for row in rows}
    stated = {row["metric"]: row for row in card["metrics"]}
    return [
        Check(
            metric,
            stated.get(metric, {}).get("value"),
            measured.get(metric),
            _allowed(stated.get(metric, {})),
        )
        for metric in dict.fromkeys([*stated, *measured])
    ]


def checks_table(checks: Sequence[Check]) -> str:
    """The values of a card and those measured again, for the terminal."""
    return tables.text_table(
        ["metric", "card", "measured", "may differ by", "holds"],
        [
            [
                check.metric,
                tables.number(check.stated),
                tables.number(check.measured),
                f"{check.allowed:.2g}",
                "yes" if check.holds else "NO",
            ]
            for check in checks
        ],
    )


def write_metrics(
    folder: str | os.PathLike[str],
    rows: Sequence[evaluation.Measurement],
    subset: Mapping[str, Any],
) -> None:
    """Write new measurements to the card of a model.

    A row keeps its mean and spread over seeds if its value still holds; otherwise they
    are removed.

    Args:
        folder: Path of the model folder, or a name from `ae_zoo.list_models()`.
        rows: Measurements of the model, as returned by `evaluation.evaluate`.
        subset: Its headline on a subset, as returned by `evaluation.measure_subset`.
    """
    before = {row["metric"]: row for row in zoo.info(folder)["metrics"]}
    metrics = []
    for row in map(dataclasses.asdict, rows):
        old = before.get(row["metric"], {})
        if Check(row["metric"], old.get("value"), row["value"], _allowed(old)).holds:
            row |= {key: old[key] for key in _SPREAD if key in old}
        metrics.append(row)
    zoo.amend(folder, {"metrics": metrics, "subset": subset})


def _check_subset(
    subset: Mapping[str, Any],
    model: Autoencoder,
    recipe: Recipe,
    splits: evaluation.Splits,
) -> Check:
    samples = subset["samples"]
    again = evaluation.measure_subset(
        model, recipe.protocols(recipe.dataset), splits, samples
    )
    metric = f"{subset['metric']} (first {samples})"
    if again["metric"] != subset["metric"]:
        return Check(metric, subset["value"], None)
    return Check(metric, subset["value"], again["value"], _allowed(subset))


def _allowed(row: Mapping[str, Any]) -> float:
    relative = TOLERANCE * abs(row.get("value") or 0.0)
    return max(relative, row.get("spread") or 0.0, row.get("tolerance") or 0.0)
