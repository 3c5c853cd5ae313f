"""Which errors end a command in one line, and what this line says."""

from __future__ import annotations

import pathlib
import traceback

import ae_zoo

_PACKAGE = str(pathlib.Path(ae_zoo.__file__).parent)


def is_expected(error: BaseException) -> bool:
    """Whether an error is about what the user gave, so that its message suffices.

    These are the errors of files and of missing packages, and those that a `raise`
    statement of this package raised. Any other error is a bug, here or in a recipe, and
    needs its traceback.
    """
    if isinstance(error, (OSError, ImportError)):
        return True
    kinds = (ValueError, TypeError, RuntimeError, FloatingPointError)
    frames = traceback.extract_tb(error.__traceback__)
    if not isinstance(error, kinds) or not frames:
        return False
    is_ours = frames[-1].filename.startswith(_PACKAGE)
    return is_ours and (frames[-1].line or "").startswith("raise ")


def one_line(error: BaseException) -> str:
    """The message of an error, without line breaks."""
    message = " ".join(str(error).split())
    if isinstance(error, FloatingPointError):
        return f"training diverged. {message}"
    return message or type(error).__name__
