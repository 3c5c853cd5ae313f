"""Windows of consecutive rows of a table."""

from __future__ import annotations

import numpy as np

from ae_zoo.data.own.rows import FileRows, Key, Rows


class Windows:
    """Examples that are windows of the rows of a table.

    Args:
        rows: The rows, (rows, columns).
        starts: Number of the first row of each window.
        length: Number of rows of a window.
    """

    array = None

    def __init__(self, rows: Rows, starts: np.ndarray, length: int) -> None:
        self._rows, self._starts, self._length = rows, starts, length
        self.shape, self.dtype = (length, *rows.shape), rows.dtype

    def __len__(self) -> int:
        return len(self._starts)

    def read(self, numbers: np.ndarray, key: Key = None) -> np.ndarray:
        starts = self._starts[numbers]
        if isinstance(self._rows, FileRows):
            out = np.empty((len(starts), *self.shape), self.dtype)
            for place, start in enumerate(starts):
                out[place] = self._rows.span(int(start), self._length)
            return out
        places = starts[:, None] + np.arange(self._length)
        return self._rows.read(places.ravel()).reshape(len(starts), *self.shape)


def window_starts(runs: np.ndarray, length: int, stride: int) -> np.ndarray:
    """Return the first row of each window that lies within one run.

    Args:
        runs: Run of each row, (rows,) integers; the rows of a run are consecutive.
        length: Rows of a window.
        stride: Rows from one window to the next.
    """
    edges = np.flatnonzero(np.diff(runs)) + 1
    starts = [
        np.arange(begin, end - length + 1, stride)
        for begin, end in zip([0, *edges], [*edges, len(runs)], strict=True)
    ]
    return np.concatenate(starts).astype(np.int64)


def largest(values: np.ndarray, starts: np.ndarray, length: int) -> np.ndarray:
    """Return the largest value within each window."""
    found = np.empty(len(starts), np.int64)
    size = max(1, 2**20 // length)
    for begin in range(0, len(starts), size):  # bounds the memory
        places = starts[begin : begin + size, None] + np.arange(length)
        found[begin : begin + size] = values[places].max(axis=1)
    return found
