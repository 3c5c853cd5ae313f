"""The error for an unsafe model file, and the messages it carries."""

from __future__ import annotations

from typing import NoReturn


class UnsafeModelError(ValueError):
    """A model file contains something that a zoo model must not contain."""


def refuse(
    name: str, where: str, kind: str = "class", alias: object = None
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
        f"model.keras asks for the {kind} '{name}'{registered} at "
        f"'{_readable(where)}', which a zoo model may not hold. "
        "Allowed: the classes of ae_zoo and the Keras names listed in "
        "ae_zoo/zoo/allowlist.py (Dense, Conv2D, BatchNormalization, Adam, ...). Pass "
        "custom_objects={'Name': Name} for a class of your own that you trust."
    )


def refuse_graph(where: str, reason: str) -> NoReturn:
    """Raise `UnsafeModelError` for a Functional model with a malformed graph.

    Args:
        where: Path of the model inside config.json.
        reason: What is wrong with the graph.
    """
    raise UnsafeModelError(
        f"model.keras holds a Functional model at '{_readable(where)}' "
        f"that Keras would not have saved: {reason}. Expected: every call of every "
        "layer lies between the declared inputs and outputs. Do not load this file."
    )


def short(value: object) -> str:
    """`repr` of a value, cut to 80 characters."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _readable(where: str) -> str:
    return where.lstrip(".") or "the top"
