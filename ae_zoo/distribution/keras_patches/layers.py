"""Layers: their losses, masks, logits and names."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf


def clear_losses(model: keras.Model) -> None:
    """Remove what `add_loss` has added to a model and its layers.

    Keras does so when the model itself is called. A step that calls the layers one by
    one has to do it before the first call.

    Private part: calls `Layer._clear_losses`.
    """
    model._clear_losses()


def clear_own_losses(model: keras.Model) -> None:
    """Remove what `add_loss` has added to a model, but not to its layers.

    Unlike `clear_losses`, it may be used after the layers were called.

    Private part: clears `Layer._losses`.
    """
    model._losses.clear()


def mask_of(tensor: Any) -> tf.Tensor | None:
    """Return the mask that layers such as `Masking` attach to their outputs, or None.

    Private part: reads the attribute `_keras_mask`.
    """
    return getattr(tensor, "_keras_mask", None)


def logits_of(probabilities: Any) -> tf.Tensor | None:
    """Return the logits whose sigmoid a tensor is, or None if they are not known.

    Private parts: `_keras_logits`, which Keras's activations attach to their results,
    and the operation of a tensor in a graph, as Keras's `binary_crossentropy` finds it.
    """
    logits = getattr(probabilities, "_keras_logits", None)
    if logits is None and tf.is_symbolic_tensor(probabilities):
        operation = probabilities.op
        logits = operation.inputs[0] if operation.type == "Sigmoid" else None
    return logits


def with_logits(output: Any, function: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    """Apply a function that selects elements to an output and to its logits.

    A cross-entropy reads the logits of a sigmoid, which keep their precision where the
    sigmoid saturates. Any operation after the sigmoid hides them.

    Private part: the attribute `_keras_logits` of the output of a sigmoid.
    """
    selected: Any = function(output)
    logits = getattr(output, "_keras_logits", None)
    if logits is not None and selected is not output:
        selected._keras_logits = function(logits)
    return selected


def all_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Return the layers of a model, of the models and layers in it, and so on.

    `model.layers` has those of the first level only, and a wrapper such as
    `Bidirectional` has no `layers`.

    Private part: calls `Layer._flatten_layers`.
    """
    return list(model._flatten_layers(include_self=False))


@contextlib.contextmanager
def names_kept() -> Iterator[None]:
    """Give layers that are built after the block the names that they had without it.

    Keras counts the layers of each class, for names such as "dense_1".

    Private part: the attribute "object_name_uids" of Keras's global state.
    """
    from keras.src.backend.common import global_state

    name = "object_name_uids"
    before = copy.copy(global_state.get_global_attribute(name))
    try:
        yield
    finally:
        global_state.set_global_attribute(name, before)
