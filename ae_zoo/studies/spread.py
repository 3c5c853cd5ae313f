"""Mean and spread of a model's metrics over runs with different seeds."""

from __future__ import annotations

import os
import pathlib
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from ae_zoo import zoo


def add_spread(
    folder: str | os.PathLike[str], runs: Sequence[str | os.PathLike[str]]
) -> dict[str, Any]:
    """Write the mean and standard deviation over several seeds to a model's card.

    Args:
        folder: Path of the model folder, one of the runs or a copy of it.
        runs: Folders of the runs, as written by `ae_zoo.train`, one for each seed.

    Returns:
        The new card.

    Raises:
        ValueError: There are fewer than two runs, they differ in more than their seed,
            or one of them lacks a metric of the card.
    """
    card = zoo.info(folder)
    cards = [zoo.info(run) for run in map(_model_folder, runs)]
    _check_comparable(card, cards)
    metrics = [row | _spread(row["metric"], cards) for row in card["metrics"]]
    zoo.amend(folder, {"metrics": metrics})
    return card | {"metrics": metrics}


def _spread(metric: str, cards: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    values = [
        row["value"]
        for card in cards
        for row in card["metrics"]
        if row["metric"] == metric
    ]
    if len(values) != len(cards):
        raise ValueError(
            f"Only {len(values)} of the {len(cards)} runs measured {metric!r}. Measure "
            "the others again: ae-zoo evaluate RUN --write"
        )
    return {
        "mean": statistics.fmean(values),
        "spread": statistics.stdev(values),
        "seeds": len(values),
    }


def _check_comparable(
    card: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]
) -> None:
    seeds = [run["training"]["seed"] for run in runs]
    if len(runs) < 2 or len(set(seeds)) < len(seeds):
        raise ValueError(
            "A spread needs at least two runs with different seeds (ae-zoo train NAME "
            f"--seed N). Received the seeds: {seeds}"
        )
    differing = [
        f"{field}: {sorted(values)}"
        for field, values in {
            "name": {run["name"] for run in [card, *runs]},
            "parameters": {run["parameters"] for run in [card, *runs]},
            "epochs": {run["training"]["epochs"] for run in runs},
        }.items()
        if len(values) > 1
    ]
    if differing:
        raise ValueError(
            "The runs of a spread must differ only in their seed. Received runs that "
            f"differ in {'; '.join(differing)}"
        )


def _model_folder(run: str | os.PathLike[str]) -> str | os.PathLike[str]:
    inner = pathlib.Path(run) / "model"
    return inner if inner.is_dir() else run
