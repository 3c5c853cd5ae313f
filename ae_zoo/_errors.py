"""Tells errors that this package raises on purpose from bugs."""

from __future__ import annotations

import pathlib
import traceback

_PACKAGE = str(pathlib.Path(__file__).parent)


def is_deliberate(error: BaseException) -> bool:
    """Whether a `raise` statement of this package raised the error."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return False
    is_ours = frames[-1].filename.startswith(_PACKAGE)
    return is_ours and (frames[-1].line or "").startswith("raise ")


def place_in_user_code(error: BaseException) -> str:
    """The last line of the user's own code that took part, or an empty string.

    Returns:
        Text such as "'recipe.py', line 3".
    """
    libraries = (_PACKAGE, str(pathlib.Path(traceback.__file__).parent), "<")
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        is_library = frame.filename.startswith(libraries)
        if not is_library and "site-packages" not in frame.filename:
            return f"'{frame.filename}', line {frame.lineno}"
    return ""
