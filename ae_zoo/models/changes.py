"""Notice changes to a model that the functions traced before do not contain.

TensorFlow traces a Python function once. What the function reads from an attribute
(a weight of the loss, the rate of a dropout layer, the kernel of a layer without LoRA)
is a constant of the graph from then on.
"""

from __future__ import annotations

import itertools
import operator
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from ae_zoo._checks import argument_names
from ae_zoo.distribution.keras_patches import (
    all_layers,
    attributes_of_layer,
    attributes_of_model,
    attributes_of_optimizer,
)

if TYPE_CHECKING:
    from ae_zoo.models.autoencoder import Autoencoder

_PLAIN = (bool, float, int, str)
# What has no parts to compare: Keras tracks the state of these, or lists them itself.
_WHOLE = (
    *_PLAIN,
    type,
    types.FunctionType,
    types.ModuleType,
    keras.layers.Layer,
    keras.metrics.Metric,
    keras.optimizers.Optimizer,
    keras.random.SeedGenerator,
    keras.Variable,
    tf.Variable,
    tf.Tensor,
)
_REGULARIZERS = ("kernel_regularizer", "bias_regularizer", "activity_regularizer")
_END = object()
_DEPTH = 4
_MOST_ITEMS = 100  # the arguments are compared before each step


class TracedState:
    """What a model's graphs were traced with.

    It keeps references to the values that it compares. They are compared by identity,
    numbers and texts by value, and lists, dictionaries and objects also by what they
    contain. The values of variables may change; those of arrays are not compared.
    """

    def __init__(self, base: type) -> None:
        """Create the record of a model that has not been traced yet.

        Args:
            base: The most general class whose constructor arguments count.
        """
        self._base = base
        self._own: list[Any] | None = None
        self._of_layers: list[Any] | None = None
        self._unfiltered: list[Any] = []

    def has_changed(self, model: Autoencoder, layers: bool = True) -> bool:
        """Compare a model with this record, and record its state.

        Args:
            model: The model.
            layers: Whether to compare also the attributes of all layers, the other
                attributes of the model, its loss and its optimizer; this takes about
                2 microseconds a layer.

        Returns:
            Whether a function that was traced before may be outdated.
        """
        own = _own_values(model, self._base)
        changed = self._own is not None and _differ(self._own, own)
        self._own = own
        if layers and self._layers_may_differ(model):
            of_layers = list(_layer_values(model))
            changed |= self._of_layers is not None and _differ(
                self._of_layers, of_layers
            )
            self._of_layers = of_layers
        return changed

    def _layers_may_differ(self, model: Autoencoder) -> bool:
        """Compare all attributes first, which takes a third of the time."""

        def unfiltered() -> Iterator[Any]:
            return _layer_values(model, lambda layer: vars(layer).values())

        # Without a list of them: this is a good part of the time of a small model.
        before = itertools.chain(self._unfiltered, [_END])
        if all(map(operator.is_, before, itertools.chain(unfiltered(), [_END]))):
            return False
        self._unfiltered = list(unfiltered())
        return True


def _own_values(model: Autoencoder, base: type) -> list[Any]:
    """List the constructor arguments and what they contain."""
    names = argument_names(type(model), base)
    return _with_parts(getattr(model, name, None) for name in names)


def _layer_values(
    model: Autoencoder,
    attributes: Callable[[keras.layers.Layer], Iterable[Any]] = attributes_of_layer,
) -> Iterator[Any]:
    """Return the attributes of the layers, the model and its optimizer."""
    parts: list[Iterable[Any]] = [_with_parts(attributes_of_model(model))]
    parts.append(attributes_of_optimizer(getattr(model, "optimizer", None)))
    for layer in all_layers(model):
        parts.append(attributes(layer))
        for name in _REGULARIZERS:
            regularizer = getattr(layer, name, None)
            if regularizer is not None:
                parts.append(vars(regularizer).values())
    return itertools.chain.from_iterable(parts)


def _with_parts(values: Iterable[Any]) -> list[Any]:
    """List values, their items and attributes, and those of these, down to a depth."""
    found: list[Any] = []
    seen: set[int] = set()

    def add(value: Any, depth: int) -> None:
        found.append(value)
        if value is None or depth == _DEPTH or isinstance(value, _WHOLE):
            return
        if id(value) in seen:
            return
        seen.add(id(value))
        parts = _parts(value)
        if len(parts) <= _MOST_ITEMS:
            for part in parts:
                add(part, depth + 1)

    for value in values:
        add(value, 0)
    return found


def _parts(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return list(value.values())
    if isinstance(value, (list, tuple)):
        return list(value)
    return list(getattr(value, "__dict__", {}).values())


def _differ(before: list[Any], now: list[Any]) -> bool:
    if len(before) != len(now):
        return True
    if all(map(operator.is_, before, now)):
        return False
    return any(
        a is not b and not (type(a) is type(b) and isinstance(a, _PLAIN) and a == b)
        for a, b in zip(before, now, strict=True)
    )
