"""Statistics of the features of data that may not fit into memory."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ae_zoo._checks import to_array

_MOST_ROWS = 100_000  # of which quantiles are computed
_CHUNK = 2**22  # values that are converted to float64 at once
_SEED = 0
# Values that differ by less, relative to the largest, are about equal in float32.
_RESOLUTION = 2.0**-22


class Statistics:
    """Mean, variance, range and a sample of the rows of data.

    Attributes:
        low: Minimum of each feature, (features,).
        high: Maximum of each feature, (features,).
    """

    low: np.ndarray
    high: np.ndarray

    def __init__(self) -> None:
        from sklearn.preprocessing import MinMaxScaler, StandardScaler

        self._moments, self._range = StandardScaler(), MinMaxScaler()
        self._random = np.random.default_rng(_SEED)
        self._rows: Any = None
        self._keys = np.empty(0)

    def add(self, rows: np.ndarray) -> None:
        """Include further rows, (n, features) in float64."""
        self._moments.partial_fit(rows)
        self._range.partial_fit(rows)
        self.low, self.high = self._range.data_min_, self._range.data_max_
        # The rows with the smallest random keys are a sample without replacement.
        keys = np.concatenate([self._keys, self._random.random(len(rows))])
        if self._rows is not None:
            rows = np.concatenate([self._rows, rows])
        if len(keys) > _MOST_ROWS:
            kept = np.argpartition(keys, _MOST_ROWS)[:_MOST_ROWS]
            keys, rows = keys[kept], rows[kept]
        self._keys, self._rows = keys, rows

    def shift_and_width(self, mode: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the shift and the width of each feature, (features,) each."""
        deviation = np.sqrt(self._moments.var_)
        if mode == "standard":
            shift, width = self._moments.mean_, deviation
        elif mode == "min_max":
            shift, width = self.low, self.high - self.low
        else:
            first, shift, third = np.quantile(self._rows, [0.25, 0.5, 0.75], axis=0)
            width = np.where(third > first, third - first, deviation)
        largest = np.maximum(np.abs(self.low), np.abs(self.high))
        spread = self.high - self.low
        is_constant = spread <= _RESOLUTION * largest
        _warn_about_resolution(is_constant & (spread > 0), spread, largest)
        return shift, np.where(is_constant, 1.0, width)


def collect(
    data: Any,
    axis: int | None,
    features: int | None,
    interval: Sequence[float] | None,
) -> Statistics:
    """Read data once, and compute their statistics.

    Args:
        data: See `Scaling.adapt`.
        axis: −1 for statistics of each feature, None for those of all values.
        features: Expected number of features, or None.
        interval: Allowed interval of the values, or None.

    Raises:
        TypeError, ValueError: As `Scaling.adapt`.
    """
    statistics, shape = Statistics(), None
    for batch in _batches(data):
        if batch.size == 0:
            continue
        rows = _rows(batch, axis, features)
        _check_values(rows, interval)
        if shape not in (None, rows.shape[1]):
            raise ValueError(
                "All batches must have the same number of features. Received batches "
                f"of {shape} and {rows.shape[1]}."
            )
        shape = rows.shape[1]
        statistics.add(rows)
    if shape is None:
        raise ValueError("`data` is empty: expected at least one sample.")
    return statistics


def _batches(data: Any) -> Iterator[np.ndarray]:
    if isinstance(data, tf.data.Dataset):
        if data.cardinality() == tf.data.INFINITE_CARDINALITY:
            raise ValueError(
                "`data` is a dataset that never ends. Pass one without repeat(), or "
                "data.take(n)."
            )
        for batch in data:
            batch = batch[0] if isinstance(batch, (tuple, list)) else batch
            x: Any = batch.get("x") if isinstance(batch, Mapping) else batch
            yield to_array(x, "data")
        return
    array = to_array(data, "data")
    if array.ndim < 2:
        raise ValueError(
            "`data` must have the shape (batch, ..., features). Received "
            f"{array.shape}."
        )
    size = max(1, _CHUNK * len(array) // max(1, array.size))
    for start in range(0, len(array), size):
        yield array[start : start + size]


def _rows(batch: np.ndarray, axis: int | None, features: int | None) -> np.ndarray:
    """Return a batch as (n, features) in float64, as float32 holds the values."""
    if batch.ndim < 2 or (features is not None and batch.shape[-1] != features):
        expected = "features" if features is None else features
        raise ValueError(
            f"`data` must have the shape (batch, ..., {expected}). Received "
            f"{batch.shape}."
        )
    if batch.dtype.kind not in "fiub":
        raise TypeError(f"`data` must hold numbers. Received dtype {batch.dtype}.")
    return batch.reshape(-1, 1 if axis is None else batch.shape[-1]).astype("float64")


def _check_values(rows: np.ndarray, interval: Sequence[float] | None) -> None:
    with np.errstate(over="ignore"):
        is_finite = np.isfinite(rows.astype("float32")).all(axis=0)
    if not is_finite.all():
        raise ValueError(
            "`data` must be finite numbers of float32. Received NaN or infinite or too "
            f"large values in feature {int(np.flatnonzero(~is_finite)[0])}. Remove or "
            "replace them."
        )
    if interval is not None and not (
        rows.min() >= interval[0] and rows.max() <= interval[1]
    ):
        raise ValueError(
            f"`data` must be in [{interval[0]:g}, {interval[1]:g}]. Received values "
            f"between {rows.min():g} and {rows.max():g}."
        )


def _warn_about_resolution(
    is_lost: np.ndarray, spread: np.ndarray, largest: np.ndarray
) -> None:
    if is_lost.any():
        worst = int(np.flatnonzero(is_lost)[0])
        warnings.warn(
            f"The values of feature {worst} differ by {spread[worst]:.3g} at a size of "
            f"{largest[worst]:.6g}, which float32 does not resolve. The feature is "
            "treated as constant. Subtract an offset from it in float64.",
            stacklevel=4,
        )
