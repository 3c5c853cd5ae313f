"""The attributes that the graphs of a model may depend on."""

from __future__ import annotations

from typing import Any

import keras

# Keras sets these of a layer when it is called or saved; no graph depends on them.
_BOOKKEEPING = ("_called", "_jit_compile", "_parent_path")


def attributes_of_layer(layer: keras.layers.Layer) -> list[Any]:
    """Return the attributes of a layer that its graphs may depend on.

    Private part: the names of those that Keras changes when a layer is called.
    """
    return [value for name, value in vars(layer).items() if name not in _BOOKKEEPING]


# Keras sets these of a model when it is compiled, trained or called.
_STATE_OF_MODEL = frozenset(
    {
        "built",
        "compiled",
        "history",
        "optimizer",
        "predict_function",
        "steps_of_call",
        "stop_evaluating",
        "stop_predicting",
        "stop_training",
        "test_function",
        "train_function",
    }
)


def attributes_of_model(model: keras.Model) -> list[Any]:
    """Return the public attributes of a model that its graphs may depend on.

    Private part: the names of those that Keras changes when it runs a model.
    """
    return [
        value
        for name, value in vars(model).items()
        if not name.startswith("_") and name not in _STATE_OF_MODEL
    ]


def attributes_of_optimizer(optimizer: Any) -> list[Any]:
    """Return the numbers that an optimizer has as public attributes, and its schedule.

    Private part: a schedule of learning rates is in `_learning_rate`.
    """
    if optimizer is None:
        return []
    inner = getattr(optimizer, "inner_optimizer", None)  # of a LossScaleOptimizer
    numbers = [
        value
        for name, value in vars(optimizer).items()
        if isinstance(value, (int, float)) and name[0] != "_" and name != "built"
    ]
    schedule = getattr(optimizer, "_learning_rate", None)
    return [*numbers, schedule, *attributes_of_optimizer(inner)]
