"""The way through arrays in batches; NumPy only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np


class Sliceable(Protocol):
    """An array or tensor: it has a length, and slices of it are of its own type."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice, /) -> Any: ...


def slices(count: int, batch_size: int) -> Iterator[slice]:
    """Yield the slices of successive batches of `count` samples.

    >>> list(slices(5, 2))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    for start in range(0, count, batch_size):
        yield slice(start, min(start + batch_size, count))


def map_in_batches(
    function: Callable[..., Any], arrays: Sequence[Sliceable], batch_size: int
) -> Any:
    """Call a function on successive batches and join what it returns.

    Args:
        function: Called with a batch of each of `arrays`; returns an array of
            (batch, ...), or a dict or a tuple of such arrays.
        arrays: Arrays, tensors or datasets of h5py of equal length. Only a batch of
            them is read at once.
        batch_size: Number of samples in a batch; the last one may be smaller.

    Returns:
        The output of `function` for all samples, (samples, ...), or a dict or a tuple
        of them.

    Example:

    >>> map_in_batches(np.square, [np.arange(5)], batch_size=2)
    array([ 0,  1,  4,  9, 16])
    """
    count = len(arrays[0])
    joined: Any = None
    for rows in slices(count, batch_size):
        part = function(*(array[rows] for array in arrays))
        if rows == slice(0, count):  # the only batch
            return _map(np.array, part)
        if joined is None:
            joined = _map(lambda values: _empty_like(values, count), part)
        _fill(joined, rows, part)
    return joined


def _map(function: Callable[[Any], Any], outputs: Any) -> Any:
    if isinstance(outputs, Mapping):
        return {name: function(values) for name, values in outputs.items()}
    if isinstance(outputs, tuple):
        return tuple(function(values) for values in outputs)
    return function(outputs)


def _empty_like(values: Any, count: int) -> np.ndarray:
    values = np.asarray(values)
    return np.empty((count, *values.shape[1:]), values.dtype)


def _fill(joined: Any, rows: slice, part: Any) -> None:
    """Write the output of a batch into its rows, so that nothing is held twice."""
    if isinstance(part, Mapping):
        for name, values in part.items():
            joined[name][rows] = values
    elif isinstance(part, tuple):
        for whole, values in zip(joined, part, strict=True):
            whole[rows] = values
    else:
        joined[rows] = part
