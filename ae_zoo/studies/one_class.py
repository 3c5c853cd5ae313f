"""One-class evaluation: train on each class alone, detect all others as anomalies.

The protocol of Ruff et al. 2018, "Deep one-class classification": for each class of a
labeled data set, a model is trained on the samples of that class only. It scores the
whole test split, in which all other classes are anomalies. The result is the mean
ROC-AUC over the classes.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ae_zoo import evaluation, zoo
from ae_zoo.data.checks import check_classes
from ae_zoo.training.loading import with_data
from ae_zoo.training.recipe import Recipe, load_recipe
from ae_zoo.training.run import train
from ae_zoo.zoo import tables

METRICS = ("ROC-AUC", "PR-AUC")


@dataclasses.dataclass(frozen=True)
class OneClassReport:
    """Results of the models of all classes.

    Attributes:
        classes: {label: {metric: `evaluation.Measurement`}}, on the test split.
        published: The mean ROC-AUC in a paper, or None.
        source: The paper.
    """

    classes: Mapping[int, Mapping[str, evaluation.Measurement]]
    published: float | None = None
    source: str = ""

    def values(self, metric: str = "ROC-AUC") -> list[float]:
        """Return a metric of the model of each class."""
        return [rows[metric].value for rows in self.classes.values()]

    def baselines(self, metric: str = "ROC-AUC") -> list[float | None]:
        """Return a metric of the baseline of each class; None without a baseline."""
        return [rows[metric].baseline for rows in self.classes.values()]

    def mean(self, metric: str = "ROC-AUC") -> float:
        """Return the mean of a metric over the classes."""
        return statistics.fmean(self.values(metric))

    def markdown(self) -> str:
        """Return a table with each class, the mean, and the published mean."""
        first = next(iter(self.classes.values()))["ROC-AUC"]
        baseline = first.baseline_name or "baseline"
        header, columns = ["class"], []
        for metric in METRICS:
            header.append(metric)
            columns.append(list[float | None](self.values(metric)))
            if first.baseline is not None:
                header.append(f"{metric} of {baseline}")
                columns.append(self.baselines(metric))
        cells = [map(_number, column) for column in columns]
        rows = [list(row) for row in zip(map(str, self.classes), *cells, strict=True)]
        rows.append(["mean ± standard deviation", *map(_mean_and_spread, columns)])
        if self.published is not None:
            paper = _number(self.published)
            rows.append([f"mean of {self.source}", paper, *["–"] * (len(columns) - 1)])
        return tables.markdown_table(header, rows)


def one_class(
    recipe: str | os.PathLike[str] | Recipe,
    classes: Sequence[int] | None = None,
    *,
    epochs: int | None = None,
    seed: int | None = None,
    output_dir: str | os.PathLike[str] | None = None,
    resume: bool = False,
    data_dir: str | os.PathLike[str] | None = None,
    data: Any = None,
    verbose: int | str = "auto",
) -> OneClassReport:
    """Train a recipe on each class alone, and detect all other classes as anomalies.

    The recipe's own `classes` are replaced, and training starts from fresh weights. If
    the recipe's metrics include an `evaluation.AnomalyDetection` with the headline
    "ROC-AUC", its published number is the published mean.

    Args:
        recipe: Name of a shipped recipe, path of a recipe file, or a `Recipe`.
        classes: Labels of the classes to train on; None uses all of them.
        epochs: Replaces the recipe's number of epochs.
        seed: Replaces the recipe's seed.
        output_dir: Folder that receives one folder per class, as written by
            `ae_zoo.train`. The default is `runs/<name>-one-class`, or
            `runs/<name>-one-class-seed<seed>` if a seed is given.
        resume: Continue the runs in `output_dir`: results of finished classes are
            read, and an interrupted class continues from its checkpoint.
        data_dir: Folder of prepared data; see `ae_zoo.data.load`.
        data: Data that take the place of the recipe's; see `ae_zoo.train`.
        verbose: As in `fit`; 0 prints nothing.

    Returns:
        A `OneClassReport`.

    Raises:
        FileExistsError: `output_dir` holds a run already and `resume` is False.
        ValueError: The recipe or a class is unknown, finished runs have other settings,
            the data set has no labels, or the recipe has `batches` or `pair`.

    Example:

    >>> report = one_class("undercomplete_digits", [0, 1], epochs=1, verbose=0)
    >>> len(report.values("ROC-AUC"))
    2
    """
    name = "model"
    if not isinstance(recipe, Recipe):
        name, recipe = load_recipe(recipe)
    run = f"{name}-one-class" + ("" if seed is None else f"-seed{seed}")
    folder = pathlib.Path(output_dir or pathlib.Path("runs") / run)
    recipe = with_data(recipe, data, data_dir)
    labels = _check_classes(recipe, classes)
    if not resume and any((folder / str(label)).exists() for label in labels):
        raise FileExistsError(
            f"'{folder}' holds runs already. Resume them (--resume), or choose another "
            "output directory (--output-dir)."
        )
    protocol = _protocol(recipe)
    measured = {}
    for number, label in enumerate(labels, 1):
        if verbose != 0:
            print(f"[{number}/{len(labels)}] class {label} …", flush=True)
        train(
            _of_class(recipe, protocol, label),
            epochs=epochs,
            seed=seed,
            output_dir=folder / str(label),
            resume=resume,
            data_dir=data_dir,
            verbose=verbose,
        )
        rows = zoo.info(folder / str(label) / "model")["metrics"]
        measured[label] = {row["metric"]: evaluation.Measurement(**row) for row in rows}
    return OneClassReport(measured, protocol.published, protocol.source)


def _check_classes(recipe: Recipe, classes: Sequence[int] | None) -> list[int]:
    """Return the labels to train on, without duplicates."""
    if recipe.batches is not None or recipe.pair is not None:
        raise ValueError(
            "One-class evaluation selects classes of the recipe's data set and scores "
            "each input by its own reconstruction. Received a recipe with `batches` or "
            "`pair`. Remove them."
        )
    source = recipe.dataset
    _, labels = source.arrays("train", labels=True)
    known = np.unique(labels).tolist()
    if classes is not None:
        check_classes(source, classes)
    chosen = known if classes is None else list(dict.fromkeys(classes))
    if not chosen or not set(chosen) <= set(known):
        raise ValueError(
            f"`classes` must be labels of {source.name!r}, which are {known}. "
            f"Received: {chosen}"
        )
    return chosen


def _protocol(recipe: Recipe) -> evaluation.AnomalyDetection:
    """Return the recipe's protocol whose headline is ROC-AUC, or a new one."""
    for protocol in recipe.metrics or ():
        if isinstance(protocol, evaluation.AnomalyDetection):
            if protocol.headline_metric == "ROC-AUC":
                return protocol
    return evaluation.AnomalyDetection(normal=(), headline_metric="ROC-AUC")


def _of_class(
    recipe: Recipe, protocol: evaluation.AnomalyDetection, label: int
) -> Recipe:
    """Restrict a recipe to one class."""
    # The published number is a mean over all classes, so no single class states it.
    protocol = dataclasses.replace(
        protocol, normal=(label,), anomalous=None, published=None, source=""
    )
    # Initial weights may have been trained on the other classes.
    return dataclasses.replace(
        recipe, classes=(label,), metrics=(protocol,), initial_weights=None
    )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _mean_and_spread(column: Sequence[float | None]) -> str:
    values = [value for value in column if value is not None]
    if len(values) < len(column):
        return "–"
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"**{statistics.fmean(values):.4f}** ± {spread:.4f}"
