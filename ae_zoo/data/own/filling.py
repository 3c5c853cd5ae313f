"""Fills missing values of the rows of a table."""

from __future__ import annotations

import numpy as np

from ae_zoo.data.own.rows import ArrayRows, Rows


def fill(
    rows: Rows, runs: np.ndarray, medians: np.ndarray | None, where: str
) -> ArrayRows:
    """Fill missing values.

    Args:
        rows: The rows, (rows, columns); NaN where a value is missing.
        runs: Run of each row, (rows,) integers.
        medians: What missing values become, (columns,); None repeats the last value
            before.
        where: What the table is, for messages.

    Raises:
        ValueError: The rows are not in memory, or nothing is there to fill with.
    """
    values = _in_memory(rows, where)
    if not np.isnan(values).any():
        return ArrayRows(values)
    if medians is None:
        return ArrayRows(_previous(values, runs))
    return ArrayRows(np.where(np.isnan(values), medians, values).astype(values.dtype))


def column_medians(rows: Rows, train: np.ndarray, where: str) -> np.ndarray:
    """Return the median of each column over the training rows, (columns,).

    Raises:
        ValueError: The rows are not in memory, or a column is empty.
    """
    known = _in_memory(rows, where)[train]
    empty = np.isnan(known).all(axis=0)
    if empty.any():
        raise ValueError(
            f"Column {int(np.argmax(empty)) + 1} of those chosen of {where} has no "
            "value in the training rows, so it has no median. Leave it out of "
            "`columns`."
        )
    return np.nanmedian(known, axis=0)


def _in_memory(rows: Rows, where: str) -> np.ndarray:
    if rows.array is None:
        raise ValueError(
            f"{where} does not fit in memory, so its missing values cannot be filled. "
            "Use missing='drop'."
        )
    return rows.array


def _previous(values: np.ndarray, runs: np.ndarray) -> np.ndarray:
    """Repeat the last value of each column; in a run's beginning, the first one."""
    numbers = np.arange(len(values))[:, None]
    firsts = np.searchsorted(runs, runs)[:, None]
    lasts = np.searchsorted(runs, runs, side="right")[:, None] - 1
    is_known = ~np.isnan(values)
    before = np.maximum.accumulate(np.where(is_known, numbers, -1), axis=0)
    after = np.minimum.accumulate(
        np.where(is_known, numbers, len(values))[::-1], axis=0
    )[::-1]
    source = np.where(before >= firsts, before, after)
    has_none = source > lasts  # the column is empty in the whole run
    if has_none.any():
        row, column = np.argwhere(has_none)[0]
        raise ValueError(
            f"Column {column + 1} of those chosen has no value in the series of row "
            f"{row + 1}, so "
            "missing='previous' cannot fill it. Leave the column out of "
            "`columns`, or use missing='median' or 'drop'."
        )
    return np.take_along_axis(values, source, axis=0)
