"""What Keras makes and calls while it builds a model."""

from __future__ import annotations

import contextlib
import contextvars
import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import keras


class Meter(Protocol):
    """What `metered` reports to. Each method may raise, which ends the building."""

    def made(self) -> None:
        """A layer or an operation is made."""

    def called(self, layer: keras.Operation, inputs: Any) -> None:
        """A layer or an operation is called; `inputs` is the first argument."""

    def returned(self, outputs: Any) -> None:
        """A layer or an operation has returned these outputs."""

    def started(self, variable: keras.Variable, initializer: Any) -> Any:
        """A variable gets its memory. Returns the initializer to fill it with."""


@contextlib.contextmanager
def metered(meter: Meter) -> Iterator[None]:
    """Report what Keras makes and calls in this thread while it builds a model.

    Keras has no limit on what a configuration may ask for: it allocates all variables
    of a model before it compares one of them with the stored weights, and it builds a
    `Sequential` again after each layer.

    Private parts: replaces `Variable._initialize_with_initializer`. The other methods
    are public, but are not made to be replaced: `Operation.__init__` and `.__call__`,
    and `Layer.__call__`.
    """
    token = _meter.set(meter)
    try:
        with _Hooks():
            yield
    finally:
        _meter.reset(token)


_meter: contextvars.ContextVar[Meter | None] = contextvars.ContextVar(
    "meter", default=None
)


class _Hooks:
    """Replaces methods of Keras as long as some thread needs it."""

    _guard = threading.Lock()
    _users = 0
    _originals: list[tuple[type, str, Callable]] = []

    def __enter__(self) -> None:
        with self._guard:
            if not _Hooks._users:
                for cls, name, wrap in _HOOKS:
                    original = getattr(cls, name)
                    self._originals.append((cls, name, original))
                    setattr(cls, name, functools.wraps(original)(wrap(original)))
            _Hooks._users += 1

    def __exit__(self, *error: object) -> None:
        with self._guard:
            _Hooks._users -= 1
            if not _Hooks._users:
                for cls, name, original in self._originals:
                    setattr(cls, name, original)
                self._originals.clear()


def _on_init(original: Callable) -> Callable:
    # Keras reads the names of the arguments, to know those of an operation.
    def method(self: Any, name: str | None = None) -> None:
        if meter := _meter.get():
            meter.made()
        original(self, name=name)

    return method


def _on_call(original: Callable, calls_as_layer: bool = False) -> Callable:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        meter = _meter.get()
        if meter is None or calls_as_layer and isinstance(self, keras.layers.Layer):
            return original(self, *args, **kwargs)
        meter.called(self, args[0] if args else None)
        outputs = original(self, *args, **kwargs)
        meter.returned(outputs)
        return outputs

    return method


def _on_variable(original: Callable) -> Callable:
    def method(self: Any, initializer: Any) -> None:
        if meter := _meter.get():
            initializer = meter.started(self, initializer)
        original(self, initializer)

    return method


_HOOKS: list[tuple[type, str, Callable[[Callable], Callable]]] = [
    (keras.Operation, "__init__", _on_init),
    # Layers call it too, after their own method.
    (keras.Operation, "__call__", functools.partial(_on_call, calls_as_layer=True)),
    (keras.layers.Layer, "__call__", _on_call),
    (keras.Variable, "_initialize_with_initializer", _on_variable),
]
