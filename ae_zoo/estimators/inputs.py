"""What users pass to an estimator: columns by name, finite values, windows."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

_LARGEST = 1e30  # squares of larger numbers exceed float32
_NAMED = 5  # columns in a message
_FACTOR = 100.0  # between units: 1000 of mm and m, of W and kW
_ENOUGH = 8  # rows that tell wrong units from an anomaly


def checked(estimator: BaseEstimator, x: Any, is_fit: bool) -> np.ndarray:
    """Return x as an array that the estimator can take.

    Columns of a DataFrame are matched by name with those of `fit`.

    Raises:
        TypeError, ValueError: x is no array of finite numbers, or does not have the
            shape or the columns of the data that the estimator was fitted to.
    """
    if not is_fit:
        x = in_order_of(getattr(estimator, "feature_names_in_", None), x)
    _check_numeric(x)
    array: np.ndarray = validate_data(
        estimator,
        x,
        reset=is_fit,
        dtype=[np.float64, np.float32],
        allow_nd=True,
        ensure_all_finite=False,
        ensure_min_samples=2 if is_fit else 1,
    )
    if 0 in array.shape:
        raise ValueError(
            "Found array with 0 feature(s): expected at least one value in each "
            f"sample. Received the shape {array.shape}."
        )
    _check_finite(array, column_names(x))
    return array


def column_names(x: Any) -> list[str] | None:
    """Return the column names of a DataFrame, or None if x has none."""
    names = getattr(x, "column_names", None)  # a table of Arrow
    if names is None:
        names = getattr(x, "columns", None)
    if names is None or not all(isinstance(name, str) for name in names):
        return None
    return list(names)


def in_order_of(names: Sequence[str] | None, x: Any) -> Any:
    """Return a DataFrame with its columns in the order of the training data.

    Raises:
        ValueError: It has other columns.
    """
    received = column_names(x)
    if names is None or received is None or received == list(names):
        return x
    missing = [name for name in names if name not in received]
    unknown = [name for name in received if name not in names]
    if missing or unknown:
        parts = [
            f"{what} {_list(columns)}"
            for what, columns in (("lacks", missing), ("also has", unknown))
            if columns
        ]
        # The first sentence is that of scikit-learn.
        raise ValueError(
            "The feature names should match those that were passed during fit. "
            f"X {' and '.join(parts)}. Pass the columns {_list(list(names))}."
        )
    return x.select(list(names)) if hasattr(x, "select") else x[list(names)]


def _check_numeric(x: Any) -> None:
    """Name the columns of a DataFrame that hold texts or dates."""
    names = column_names(x)
    if names is None:
        return
    texts = [name for name in names if not _is_numeric(np.asarray(x[name]))]
    if texts:
        raise ValueError(
            f"All columns must hold numbers. Received texts or dates in {_list(texts)}."
            " Drop these columns, or encode them as numbers."
        )


def _is_numeric(column: np.ndarray) -> bool:
    if column.dtype.kind == "O":  # such as numbers of which some are missing
        return not any(isinstance(value, str) for value in column)
    return column.dtype.kind in "fiub"


def _check_finite(array: np.ndarray, names: Sequence[str] | None) -> None:
    # A sum is the quickest way to see whether there is any NaN or infinity.
    with np.errstate(over="ignore", invalid="ignore"):
        is_fine = np.isfinite(np.sum(array)) and np.abs(array).max() < _LARGEST
    if is_fine:
        return
    bad = ~(np.abs(array) < _LARGEST)
    kinds = "NaN" if np.isnan(array).any() else "infinity or values above 1e30"
    row = int(np.flatnonzero(bad.reshape(len(bad), -1).any(axis=1))[0])
    where = ""
    if array.ndim == 2:
        columns = np.flatnonzero(bad.any(axis=0)).tolist()
        where = " in the columns " + _list(
            [names[c] if names else str(c) for c in columns]
        )
    raise ValueError(
        f"Input X contains {kinds}: {int(bad.sum()):,} of {bad.size:,} values{where}; "
        f"the first is in row {row}. Remove these rows, or fill them in."
    )


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(repr(str(name)) for name in names[:_NAMED])
    more = len(names) - _NAMED
    return f"{shown} and {more} more" if more > 0 else shown


# Warnings about data that are probably not what was meant.


def warn_about_constants(x: np.ndarray, names: Sequence[str] | None) -> None:
    """Warn about columns without any variation, of which nothing can be learned."""
    flat = x.reshape(-1, x.shape[-1])
    constant = np.flatnonzero(flat.min(axis=0) == flat.max(axis=0)).tolist()
    if not constant or x.ndim > 3:  # images have such pixels at their borders
        return
    shown = _list([names[c] if names else str(c) for c in constant])
    warnings.warn(
        f"Constant in the training data: {shown}. Any other value in new data counts "
        "as a difference in the column's own units. Drop columns that say nothing.",
        UserWarning,
        stacklevel=3,
    )


def typical_sizes(x: np.ndarray) -> np.ndarray:
    """Median of |x| over the values that are not 0: one number for each feature."""
    flat = np.abs(x.reshape(-1, x.shape[-1])[:100_000].astype("float64"))
    sizes = np.zeros(flat.shape[1])
    for column, values in enumerate(flat.T):
        values = values[values > 0]
        sizes[column] = np.median(values) if len(values) else 0.0
    return sizes


def warn_about_units(
    x: np.ndarray, trained: np.ndarray, names: Sequence[str] | None
) -> None:
    """Warn if a column of new data is a hundred times as large or small as before."""
    if len(x) < _ENOUGH:
        return
    new = typical_sizes(x)
    both = (new > 0) & (trained > 0)
    ratio = np.divide(new, trained, out=np.ones_like(new), where=both)
    off = np.flatnonzero((ratio > _FACTOR) | (ratio < 1 / _FACTOR))
    if not len(off):
        return
    worst = int(off[np.argmax(np.abs(np.log(ratio[off])))])
    name = names[worst] if names else str(worst)
    warnings.warn(
        f"The column {name!r} seems to be in other units than the training data: a "
        f"typical value is {new[worst]:.3g}, and was {trained[worst]:.3g}."
        + (f" {len(off) - 1} more columns differ as much." if len(off) > 1 else ""),
        UserWarning,
        stacklevel=4,
    )


# Windows of a series.


def check_length(rows: int, window: int) -> None:
    """Check that a series is at least as long as a window.

    Raises:
        ValueError: It is shorter.
    """
    if rows < window:
        raise ValueError(
            f"A series must be at least as long as the window of {window} rows. "
            f"Received {rows} rows."
        )


def windows_of(x: np.ndarray, window: int) -> np.ndarray:
    """View a series (rows, features) as (rows − window + 1, window, features)."""
    view = np.lib.stride_tricks.sliding_window_view(x, window, axis=0)
    return np.moveaxis(view, -1, 1)


def per_row(values: np.ndarray, window: int) -> np.ndarray:
    """Give each row the value of the window that ends with it.

    The rows before the end of the first window get its value.
    """
    return np.concatenate([np.repeat(values[:1], window - 1, axis=0), values])
