"""The arrays that protocols measure on and fit baselines to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from ae_zoo import data


class Split(NamedTuple):
    """The arrays of one split.

    Attributes:
        x: (samples, ...) float32.
        labels: (samples,) int64, or None if the data set has no labels.
    """

    x: np.ndarray
    labels: np.ndarray | None = None

    def of_classes(self, classes: Sequence[int] | None) -> Split:
        """Keeps the samples whose label is in `classes`; None keeps all of them."""
        if classes is None:
            return self
        if self.labels is None:
            raise ValueError(
                "A data set without labels cannot be restricted to classes. Received: "
                f"classes={list(classes)}"
            )
        rows = np.isin(self.labels, classes)
        return Split(self.x[rows], self.labels[rows])

    def first(self, samples: int | None) -> Split:
        """Keeps the first `samples` samples; None keeps all of them."""
        labels = None if self.labels is None else self.labels[:samples]
        return Split(self.x[:samples], labels)


class Splits(NamedTuple):
    """The three splits: protocols measure on `test` and fit to the other two."""

    train: Split
    validation: Split
    test: Split


def read_splits(source: data.Source, samples: int | None = None) -> Splits:
    """Reads the three splits of a data source into memory.

    Args:
        source: An `ae_zoo.data.Source`, such as `ae_zoo.data.source("digits")`.
        samples: Keep only the first `samples` test samples; None keeps all of them.

    Returns:
        `Splits`, with labels if the source has them.

    Raises:
        FileNotFoundError: The data set has not been prepared.

    Example:

    >>> splits = read_splits(data.source("digits"), samples=100)  # doctest: +SKIP
    """
    train, validation, test = (
        _read(source, name) for name in ("train", "validation", "test")
    )
    return Splits(train, validation, test.first(samples))


def _read(source: data.Source, name: str) -> Split:
    if source.label is None:
        return Split(source.arrays(name))
    return Split(*source.arrays(name, labels=True))
