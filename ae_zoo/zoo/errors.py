"""The messages of `UnsafeModelError` for parts of a config."""

from __future__ import annotations

from typing import NoReturn

from ae_zoo._reading import UnsafeModelError, short

__all__ = ["Where", "UnsafeModelError", "readable", "refuse", "refuse_graph", "short"]

# The keys and indices that lead to a value inside config.json.
Where = tuple[str | int, ...]


def refuse(
    name: str, where: Where, kind: str = "class", alias: object = None
) -> NoReturn:
    """Raise `UnsafeModelError` for a class or function that is not allowed.

    Args:
        name: Full name of the object that the config asks for.
        where: Path of the object inside config.json.
        kind: "class", "function" or "registered object".
        alias: The registered name, if the config gives one.
    """
    registered = f" (registered as {short(alias)})" if alias else ""
    raise UnsafeModelError(
        f"model.keras asks for the {kind} '{name[:200]}'{registered} at "
        f"'{readable(where)}', which a zoo model may not hold. "
        "Allowed: the classes of ae_zoo and the Keras names listed in "
        "ae_zoo/zoo/allowlist.py (Dense, Conv2D, BatchNormalization, Adam, ...). Pass "
        "custom_objects={'Name': Name} for a class of your own that you trust."
    )


def refuse_graph(where: Where, reason: str) -> NoReturn:
    """Raise `UnsafeModelError` for a Functional model with a malformed graph.

    Args:
        where: Path of the model inside config.json.
        reason: What is wrong with the graph.
    """
    raise UnsafeModelError(
        f"model.keras holds a Functional model at '{readable(where)}' "
        f"that Keras would not have saved: {reason}. Expected: every call of every "
        "layer lies between the declared inputs and outputs. Do not load this file."
    )


def readable(where: Where) -> str:
    """The path of a value inside config.json, as a text."""
    return ".".join(str(key)[:40] for key in where) or "the top"
