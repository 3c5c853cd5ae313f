"""What a protocol receives and returns, and how a recipe's protocols are run."""

import dataclasses
import math
from typing import NamedTuple

import numpy as np

from ae_zoo import data


@dataclasses.dataclass(frozen=True)
class Measurement:
    """One row of a card's table.

    Attributes:
        metric: What was measured, with its unit.
        value: On the test split.
        baseline: The same of a trivial method, or None.
        baseline_name: Which method.
        published: The paper's number, or None.
        source: Where it was published.
        higher_is_better: Which way is up, or None where neither is.
        tolerance: How far a repetition on other hardware may be off, where rounding
            weighs more than it usually does; None leaves it to
            `ae_zoo.studies.verify`.
        mean: Over the runs of several seeds, or None.
        spread: Their standard deviation, or None.
        seeds: How many runs these are of.
    """

    metric: str
    value: float
    baseline: float | None = None
    baseline_name: str = ""
    published: float | None = None
    source: str = ""
    higher_is_better: bool | None = False
    tolerance: float | None = None
    mean: float | None = None
    spread: float | None = None
    seeds: int = 1

    def __post_init__(self):
        for field in ("value", "baseline", "published", "tolerance", "mean", "spread"):
            number = getattr(self, field)
            # NumPy's scalars are not JSON.
            object.__setattr__(self, field, None if number is None else float(number))


class Split(NamedTuple):
    """The arrays of one split.

    Attributes:
        x: (samples, ...) float32.
        labels: (samples,) int64, or None where the data set has none.
    """

    x: np.ndarray
    labels: np.ndarray | None = None

    def of_classes(self, classes):
        """The samples whose label is among `classes`; all of them for None."""
        if classes is None:
            return self
        rows = np.isin(self.labels, classes)
        return Split(self.x[rows], self.labels[rows])


class Splits(NamedTuple):
    """What a protocol may look at: test data to measure on, the others to fit to."""

    train: Split
    validation: Split
    test: Split


@dataclasses.dataclass(frozen=True, kw_only=True)
class Protocol:
    """Base of the protocols: `protocol(model, splits)` gives a list of `Measurement`.

    Attributes:
        published: The number of a paper that the headline stands beside.
        source: Where it was published.
    """

    published: float | None = None
    source: str = ""
    # Trains networks of its own, for minutes: `evaluate(quick=True)` leaves it out.
    is_slow = False
    # Has no meaning on a few samples, which may be of one class alone.
    needs_every_class = False

    def __call__(self, model, splits):
        raise TypeError(
            f"{type(self).__name__} must implement `__call__(model, splits)` and "
            "return a list of Measurement."
        )

    def headline(self, metric, value, **fields):
        """The measurement that the published number belongs to."""
        return Measurement(
            metric, value, published=self.published, source=self.source, **fields
        )


def evaluate(model, recipe, data_dir=None, samples=None, quick=False):
    """Measures a model by its recipe's protocols.

    Args:
        model: An `ae_zoo.models.Autoencoder`.
        recipe: Its `Recipe`.
        data_dir: Where the datasets are; see `ae_zoo.data.load`.
        samples: Use only the first so many test samples.
        quick: Leave out the protocols that train networks of their own.

    Returns:
        A list of `Measurement`, the headline first. What two protocols measure, such
        as the PSNR at one noise level, is there once.

    Raises:
        ValueError: Two protocols measured other values of equal name.
    """
    splits = _splits(recipe.dataset, data_dir, samples)
    return _stated_once(
        row
        for protocol in recipe.metrics
        if not (quick and getattr(protocol, "is_slow", False))
        for row in protocol(model, splits)
    )


def measure_subset(model, recipe, data_dir=None, samples=None):
    """The headline on the first test samples, for a quick check of a card.

    Args:
        model: An `ae_zoo.models.Autoencoder`.
        recipe: Its `Recipe`.
        data_dir: Where the datasets are; see `ae_zoo.data.load`.
        samples: How many; by default 200, and all where the headline tells classes
            apart: the first samples may be of one class alone.

    Returns:
        A dict of samples, metric and value.
    """
    if samples is None:
        counts = data.info(recipe.dataset).counts
        needs_all = getattr(recipe.metrics[0], "needs_every_class", False)
        samples = counts["test"] if needs_all else 200
    headline_only = dataclasses.replace(recipe, metrics=recipe.metrics[:1])
    headline = evaluate(model, headline_only, data_dir, samples)[0]
    return {
        "samples": samples,
        "metric": headline.metric,
        "value": headline.value,
    }


def _stated_once(measurements):
    """No metric twice: the row with a published number stays, or the first one."""
    rows = {}
    for row in measurements:
        known = rows.setdefault(row.metric, row)
        if known is row:
            continue
        if not math.isclose(known.value, row.value, rel_tol=1e-3):
            raise ValueError(
                f"Two protocols of the recipe measured {row.metric!r}, "
                f"{known.value:g} and {row.value:g}: a card can state one number by "
                "that name. Leave one of them out of Recipe.metrics."
            )
        if known.published is None and row.published is not None:
            rows[row.metric] = row
    return list(rows.values())


def _splits(dataset, data_dir, samples):
    has_labels = data.info(dataset).label is not None

    def read(name, samples=None):
        arrays = data.arrays(dataset, name, labels=has_labels, data_dir=data_dir)
        arrays = arrays if has_labels else (arrays,)
        return Split(*(array[:samples] for array in arrays))

    return Splits(read("train"), read("validation"), read("test", samples))
