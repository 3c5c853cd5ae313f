"""Types of the fields of JSON files."""

from __future__ import annotations

from typing import Any

from ae_zoo._reading import UnsafeModelError, short

NUMBER = (int, float)
OPTIONAL_NUMBER = (int, float, type(None))
OPTIONAL_TEXT = (str, type(None))
SIZES = [(int, type(None))]


def check_fields(value: Any, expected: Any, where: str) -> None:
    """Raise if a JSON value does not have the expected types.

    Args:
        value: The value.
        expected: A type; a tuple of alternatives; [what each item is]; or {key: what
            its value is}, where keys may be missing and others are not checked. The key
            `str` itself stands for all keys. Integers have at most 64 bits.
        where: What the value is, for the message.

    Raises:
        UnsafeModelError: Names the field.
    """
    if not _fits(value, expected):
        raise UnsafeModelError(f"{where} has another type. Received: {short(value)}")
    if isinstance(expected, tuple):
        expected = next(kind for kind in expected if _fits(value, kind))
    if isinstance(expected, list):
        for item in value:
            check_fields(item, expected[0], where)
    elif isinstance(expected, dict) and str in expected:
        for key, item in value.items():
            check_fields(item, expected[str], f"'{key[:80]}' of {where}")
    elif isinstance(expected, dict):
        for key in value.keys() & expected.keys():
            check_fields(value[key], expected[key], f"'{key}' of {where}")


def _fits(value: Any, expected: Any) -> bool:
    if isinstance(expected, tuple):
        return any(_fits(value, kind) for kind in expected)
    if isinstance(value, bool) and expected in (int, float):
        return False
    if (
        isinstance(value, int) and value.bit_length() > 63
    ):  # no float, no array holds it
        return False
    kind = expected if isinstance(expected, type) else type(expected)
    return isinstance(value, kind)
