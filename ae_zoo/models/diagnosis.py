"""Explain a loss that became NaN or infinite: repeat its step, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from ae_zoo.distribution.keras_patches import all_layers
from ae_zoo.models.faults import LOSS, Fault

if TYPE_CHECKING:
    from ae_zoo.models.objective import Tensor

_ADVICE = (
    "The weights are those of the step before. Scale the data to a standard deviation "
    "near 1, clip the gradient, as in compile(keras.optimizers.Adam(clipnorm=1.0)), or "
    "lower the learning rate."
)


def describe(model: Any, fault: Fault) -> str:
    """Describe a loss or a gradient that is not finite, and what to try.

    Args:
        model: The model, with the weights of the step before.
        fault: The fault; without its batch, no layer is named.
    """
    what = "loss" if fault.cause == LOSS else "gradient of the loss"
    place = ""
    if fault.batch is not None:
        place = _place(model, fault.batch)
    return f"The {what} became NaN or infinite in step {fault.step}.{place} {_ADVICE}"


def _place(model: Any, batch: Any) -> str:
    outputs: list[tuple[str, float]] = []
    state = [(v, tf.identity(v.value)) for v in model.non_trainable_variables]
    with _recorded(model, outputs), tf.GradientTape() as tape:
        loss = model.loss_of_batch(batch)
    for variable, value in state:  # seeds, metrics, statistics of normalization
        variable.assign(value)
    weights = model.trainable_weights
    gradients = tape.gradient(loss, weights)
    for name, size in outputs:
        if not math.isfinite(size):
            return f" The first layer with such values was {name!r}."
    for weight, gradient in zip(weights, gradients, strict=True):
        if gradient is not None and not math.isfinite(_largest(gradient)):
            return f" The gradient of {weight.path!r} was not finite."
    name, size = max(outputs, key=lambda output: output[1])
    return f" The largest values, up to {size:.3g}, came from the layer {name!r}."


@contextmanager
def _recorded(model: Any, outputs: list[tuple[str, float]]) -> Iterator[None]:
    """Record the name of each layer that is called and its largest output."""
    layers = [
        layer for layer in all_layers(model) if not isinstance(layer, keras.Model)
    ]

    def recording(layer: keras.layers.Layer) -> Any:
        call = layer.call

        def recorded(*args: Any, **kwargs: Any) -> Any:
            values = call(*args, **kwargs)
            outputs.append((layer.name, _largest(values)))
            return values

        return recorded

    for layer in layers:
        layer.call = recording(layer)
    try:
        yield
    finally:
        for layer in layers:
            del layer.call


def _largest(values: Tensor) -> float:
    """The largest magnitude; NaN or infinite if any value is."""
    tensors = [np.asarray(v, "float32") for v in keras.tree.flatten(values)]
    sizes = [np.abs(tensor).max() for tensor in tensors if tensor.size]
    return float(np.max(sizes)) if sizes else 0.0
