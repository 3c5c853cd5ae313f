"""What callbacks remember, read from them and given back to them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras

from ae_zoo.distribution.keras_patches import CALLBACK_STATE


def get_states(
    callbacks: Iterable[keras.callbacks.Callback],
) -> dict[str, dict[str, Any]]:
    """Return what each callback remembers.

    Args:
        callbacks: Keras callbacks. A callback of another class than Keras's has a
            state if it has a method `get_state`.

    Returns:
        A dict from the name of each callback with a state, "EarlyStopping 0" for the
        first of its class, to its state.
    """
    states = {}
    for name, callback in _by_name(callbacks).items():
        if hasattr(callback, "get_state"):
            states[name] = callback.get_state()
            continue
        for kind, attributes in CALLBACK_STATE.items():
            if isinstance(callback, kind):
                states[name] = {key: vars(callback)[key] for key in attributes}
    return states


def set_states(
    callbacks: Iterable[keras.callbacks.Callback], states: dict[str, dict[str, Any]]
) -> None:
    """Give callbacks the states that `get_states` returned."""
    for name, callback in _by_name(callbacks).items():
        state = states.get(name, {})
        if hasattr(callback, "set_state"):
            callback.set_state(state)
        else:
            vars(callback).update(state)


def _by_name(
    callbacks: Iterable[keras.callbacks.Callback],
) -> dict[str, keras.callbacks.Callback]:
    names: dict[str, keras.callbacks.Callback] = {}
    for callback in callbacks:
        kind = type(callback).__name__
        number = sum(name.startswith(f"{kind} ") for name in names)
        names[f"{kind} {number}"] = callback
    return names
