"""The arrays that protocols measure on and fit baselines to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ae_zoo._checks import check_count

if TYPE_CHECKING:
    from ae_zoo.data import Source

# For `read_few`: samples read of a split that does not fit in memory, classes, and
# samples of each class.
_STREAMED = 1000
_CLASSES = 100
_OF_CLASS = 8


class Split(NamedTuple):
    """The arrays of one split.

    Attributes:
        x: (samples, ...) float32.
        labels: (samples,) int64, or None if the data set has no labels.
        target: (samples, ...) float32, for data that are pairs (input, target); None
            where the target is x.
    """

    x: np.ndarray
    labels: np.ndarray | None = None
    target: np.ndarray | None = None

    def of_classes(self, classes: Sequence[int] | None) -> Split:
        """Keep the samples whose label is in `classes`; None keeps all of them."""
        if classes is None:
            return self
        labels = self.known_labels()
        rows = np.isin(labels, classes)
        return Split(self.x[rows], labels[rows])

    def known_labels(self) -> np.ndarray:
        """Return the labels.

        Raises:
            ValueError: The data set has none.
        """
        if self.labels is None:
            raise ValueError(
                "Choosing classes and predicting labels need a data set with labels. "
                "Received one without labels."
            )
        return self.labels

    def first(self, samples: int | None) -> Split:
        """Keep the first `samples` samples; None keeps all of them."""
        if samples is not None:
            samples = check_count("samples", samples, " or None")
        labels, target = (
            None if part is None else part[:samples]
            for part in (self.labels, self.target)
        )
        return Split(self.x[:samples], labels, target)


class Splits(NamedTuple):
    """The three splits: protocols measure on `test` and fit to the other two."""

    train: Split
    validation: Split
    test: Split


def read_splits(source: Source, samples: int | None = None) -> Splits:
    """Read the three splits of a data source into memory.

    Args:
        source: An `ae_zoo.data.Source`, such as `ae_zoo.data.source("digits")`.
        samples: Keep only the first `samples` test samples; None keeps all of them.

    Returns:
        `Splits`, with labels if the source has them. Of data of your own that are
        large, the first `source.measured(split)` samples of each split.

    Raises:
        FileNotFoundError: The data set has not been prepared.
        TypeError: `samples` is not an integer.
        ValueError: `samples` is less than 1.

    Example:

    >>> from ae_zoo import data
    >>> splits = read_splits(data.source("digits"), samples=100)
    >>> splits.test.x.shape
    (100, 8, 8, 1)
    """
    if samples is not None:
        samples = check_count("samples", samples, " or None")
    train, validation, test = (
        read_split(source, name) for name in ("train", "validation", "test")
    )
    return Splits(train, validation, test.first(samples))


def read_split(source: Source, name: str) -> Split:
    """Read one split of a data source into memory, with labels if it has them.

    Args:
        source: An `ae_zoo.data.Source`.
        name: "train", "validation" or "test".
    """
    count = source.measured(name)
    if count == source.counts[name]:
        stored, labels = source.stored(name)
    else:
        stored, labels = source.head(name, count)
    return _split(source, stored, labels.copy())


def read_few(source: Source, samples: int) -> Splits:
    """Read a few samples of each split, to try protocols on.

    Args:
        source: An `ae_zoo.data.Source`.
        samples: Number of samples from the beginning of each split. A few samples of
            each class are added, since the first ones may be of one class.
    """
    train, validation, test = (
        _read_few(source, name, samples) for name in ("train", "validation", "test")
    )
    return Splits(train, validation, test)


def _read_few(source: Source, name: str, samples: int) -> Split:
    has_labels = source.label is not None
    if source.is_held(name):
        x, labels = source.stored(name)
    else:
        x, labels = source.head(name, _STREAMED)
    if not has_labels:
        return _split(source, x[:samples], labels)
    rows = set(range(min(samples, len(x))))
    for label in np.unique(labels)[:_CLASSES]:
        rows.update(np.flatnonzero(labels == label)[:_OF_CLASS].tolist())
    chosen = sorted(rows)
    return _split(source, x[chosen], labels[chosen])


def _split(source: Source, stored: np.ndarray, labels: np.ndarray) -> Split:
    """Scale stored samples, and divide those of pairs."""
    x = stored.astype(np.float32) / np.float32(source.divisor)
    if source.target_shape is not None:
        x, target = source.divided(x)
        return Split(x, None, target)
    return Split(x, labels if source.label is not None else None)
