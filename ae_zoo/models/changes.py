"""Notice changes to a model that the functions traced before do not contain.

TensorFlow traces a Python function once. What the function reads from an attribute
(a weight of the loss, the rate of a dropout layer, the kernel of a layer without LoRA)
is a constant of the graph from then on.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import keras

from ae_zoo._checks import argument_names
from ae_zoo.distribution.keras_patches import all_layers, attributes_of_layer

if TYPE_CHECKING:
    from ae_zoo.models.autoencoder import Autoencoder

_PLAIN = (bool, float, int, str)


class TracedState:
    """What a model's graphs were traced with.

    It keeps references to the values that it compares. They are compared by identity,
    numbers and texts by value; the values of variables may change.
    """

    def __init__(self, base: type) -> None:
        """Create the record of a model that has not been traced yet.

        Args:
            base: The most general class whose constructor arguments count.
        """
        self._base = base
        self._own: list[Any] | None = None
        self._of_layers: list[Any] | None = None

    def has_changed(self, model: Autoencoder, layers: bool = True) -> bool:
        """Compare a model with this record, and record its state.

        Args:
            model: The model.
            layers: Whether to compare the attributes of all layers, too; this takes
                about 2 microseconds a layer.

        Returns:
            Whether a function that was traced before may be outdated.
        """
        own = _own_values(model, self._base)
        changed = self._own is not None and _differ(self._own, own)
        self._own = own
        if layers:
            of_layers = _layer_values(model)
            changed |= self._of_layers is not None and _differ(
                self._of_layers, of_layers
            )
            self._of_layers = of_layers
        return changed


def _own_values(model: Autoencoder, base: type) -> list[Any]:
    """List the constructor arguments, and the attributes of those that have some."""
    values = [getattr(model, name, None) for name in argument_names(type(model), base)]
    for value in list(values):
        if not isinstance(value, (keras.layers.Layer, type)):
            values.extend(getattr(value, "__dict__", {}).values())
    return values


def _layer_values(model: Autoencoder) -> list[Any]:
    return [
        value for layer in all_layers(model) for value in attributes_of_layer(layer)
    ]


def _differ(before: list[Any], now: list[Any]) -> bool:
    if len(before) != len(now):
        return True
    if all(map(operator.is_, before, now)):
        return False
    return any(
        a is not b and not (type(a) is type(b) and isinstance(a, _PLAIN) and a == b)
        for a, b in zip(before, now, strict=True)
    )
