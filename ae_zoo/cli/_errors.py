"""Which errors end a command in one line, and what this line says."""

from __future__ import annotations

from ae_zoo._errors import is_deliberate
from ae_zoo._reading import clean


def is_expected(error: BaseException) -> bool:
    """Whether an error is about what the user gave, so that its message suffices.

    These are the errors of files and of missing packages, and those that this package
    raises on purpose. Any other error is a bug, here or in a recipe, and needs its
    traceback.
    """
    if isinstance(error, (OSError, ImportError)):
        return True
    kinds = (ValueError, TypeError, RuntimeError, FloatingPointError)
    return isinstance(error, kinds) and is_deliberate(error)


def one_line(error: BaseException) -> str:
    """The message of an error, without line breaks and control characters."""
    text = str(error)
    if isinstance(error, OSError) and error.filename is None and error.strerror:
        text = error.strerror  # without its number
    message = clean(text)
    if isinstance(error, FloatingPointError):
        return f"training diverged. {message}"
    return message or type(error).__name__
