"""Inputs and targets of pairs, joined along the last axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from ae_zoo.data.own.rows import Key, Rows


class Joined:
    """Examples that hold an input and its target, joined along the last axis."""

    array = None

    def __init__(self, parts: tuple[Rows, ...]) -> None:
        x, y = self._parts = parts
        self.shape = (*x.shape[:-1], x.shape[-1] + y.shape[-1])
        self.dtype = joined_dtype(x, y)

    def __len__(self) -> int:
        return len(self._parts[0])

    def read(self, numbers: np.ndarray, key: Key = None) -> np.ndarray:
        x, y = (part.read(numbers, key).astype(self.dtype) for part in self._parts)
        return np.concatenate([x, y], axis=-1)


def joined_dtype(x: Rows, y: Rows) -> np.dtype[Any]:
    """Return the type of values that holds those of both.

    Raises:
        ValueError: They hold different integers, or integers and floats, which would be
            scaled in different ways.
    """
    if x.dtype != y.dtype and {x.dtype.kind, y.dtype.kind} != {"f"}:
        raise ValueError(
            "Inputs and targets must hold values of the same type. Received "
            f"{x.dtype} and {y.dtype}."
        )
    return np.promote_types(x.dtype, y.dtype)
