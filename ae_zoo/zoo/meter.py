"""The cost of a model while Keras builds it: nothing that its file did not pay for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NoReturn

import keras
import tensorflow as tf

from ae_zoo._bounds import (
    MAX_CALLS,
    MAX_TENSOR,
    MAX_UNPAID,
    MAX_UNPAID_VARIABLES,
    MAX_WORK,
)
from ae_zoo._reading import UnsafeModelError, short

# All random initializers of Keras are one of these.
_RANDOM = (
    keras.initializers.Orthogonal,
    keras.initializers.RandomNormal,
    keras.initializers.RandomUniform,
    keras.initializers.TruncatedNormal,
    keras.initializers.VarianceScaling,
)


class LoadMeter:
    """Ends the building of a model that costs more than its file can need.

    Each variable has to be one of the arrays that the file stores. A few others are
    allowed, for an optimizer that was never used; see `ae_zoo._bounds`.

    Args:
        stored: {shape: bytes of each array} of the arrays in the file.
        draws: Whether random initializers draw values for variables that the file
            stores. The stored values replace them.
    """

    def __init__(
        self, stored: Mapping[tuple[int, ...], list[int]], draws: bool
    ) -> None:
        self._stored = {shape: list(sizes) for shape, sizes in stored.items()}
        arrays = sum(map(len, stored.values()))
        self._unpaid = MAX_UNPAID + 2 * sum(map(sum, stored.values()))
        self._unpaid_variables = MAX_UNPAID_VARIABLES + 3 * arrays
        self._draws = draws
        self._work = 0
        # Keras wraps some errors into others, and takes others for a reason to build a
        # layer later: the first refusal is kept.
        self.refusal: UnsafeModelError | None = None

    def made(self) -> None:
        self._count()

    def called(self, layer: keras.Operation, inputs: Any) -> None:
        self._count()
        if isinstance(inputs, keras.KerasTensor) and _steps(layer, inputs) > MAX_CALLS:
            self._refuse(
                f"more than {MAX_CALLS:,} steps of {short(layer.name)}, one by one."
            )

    def returned(self, outputs: Any) -> None:
        for output in keras.tree.flatten(outputs):
            if isinstance(output, keras.KerasTensor) and _is_large(output.shape):
                self._refuse(
                    f"tensors of shape {short(tuple(output.shape))}; at most "
                    f"{MAX_TENSOR:,} values of one sample are allowed."
                )

    def started(self, variable: keras.Variable, initializer: Any) -> Any:
        self._count()
        shape = tuple(variable.shape)
        needed = math.prod(shape) * tf.as_dtype(variable.dtype).size
        sizes = self._stored.get(shape)
        paid = sizes.pop() if sizes else 0
        self._unpaid -= max(0, needed - paid)
        self._unpaid_variables -= not paid
        if self._unpaid < 0 or self._unpaid_variables < 0:
            self._refuse(
                f"the variable {short(variable.path)} of shape {short(shape)}, "
                f"{needed:,} bytes, which model.weights.h5 does not hold."
            )
        if paid and not self._draws and isinstance(initializer, _RANDOM):
            return keras.initializers.Zeros()
        return initializer

    def _count(self) -> None:
        self._work += 1
        if self._work > MAX_WORK:
            self._refuse(
                f"a model that takes too long to build: more than {MAX_WORK:,} layers, "
                "calls of layers and variables."
            )

    def _refuse(self, what: str) -> NoReturn:
        if self.refusal is None:
            self.refusal = UnsafeModelError(f"config.json asks for {what}")
        raise self.refusal


def _is_large(shape: tuple[int | None, ...]) -> bool:
    return math.prod(size or 1 for size in shape) > MAX_TENSOR


def _steps(layer: keras.Operation, inputs: keras.KerasTensor) -> int:
    """How often a layer calls another one, in a loop that becomes part of the graph."""
    axes = int(getattr(layer, "unroll", False))
    while isinstance(layer, keras.layers.TimeDistributed):
        axes, layer = axes + 1, layer.layer
    return math.prod(size or 1 for size in inputs.shape[1 : axes + 1])
