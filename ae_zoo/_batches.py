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
    function: Callable[..., Any],
    arrays: Sequence[Sliceable],
    batch_size: int,
    concatenate: Callable[[Sequence[Any]], Any] = np.concatenate,
) -> Any:
    """Call a function on successive batches and join what it returns.

    Args:
        function: Called with a batch of each of `arrays`; returns an array of
            (batch, ...), or a dict or a tuple of such arrays.
        arrays: Arrays or tensors of equal length.
        batch_size: Number of samples in a batch; the last one may be smaller.
        concatenate: Joins a list of outputs along the first axis. By default in
            NumPy; for tensors pass `lambda parts: tf.concat(parts, axis=0)`.

    Returns:
        The output of `function` for all samples, (samples, ...), or a dict or a tuple
        of them.

    Example:

    >>> map_in_batches(np.square, [np.arange(5)], batch_size=2)
    array([ 0,  1,  4,  9, 16])
    """
    parts = [
        function(*(array[rows] for array in arrays))
        for rows in slices(len(arrays[0]), batch_size)
    ]
    if isinstance(parts[0], Mapping):
        return {name: concatenate([part[name] for part in parts]) for name in parts[0]}
    if isinstance(parts[0], tuple):
        return tuple(concatenate(part) for part in zip(*parts, strict=True))
    return concatenate(parts)
