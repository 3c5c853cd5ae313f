"""Reading of files that may come from a stranger: bounded, and free of control codes.

Importing this module imports neither TensorFlow nor Keras.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Collection
from pathlib import Path
from typing import Any

from ae_zoo._bounds import MAX_DEPTH, MAX_MESSAGE, MAX_QUOTE

# What a terminal obeys instead of showing it: control characters but for line feed and
# tab, marks that reverse the direction of text, and halves of surrogate pairs, which
# cannot be printed at all.
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


class UnsafeModelError(ValueError):
    """A model, or a file that belongs to it, may not be loaded.

    It is damaged, it is not what was published, it holds something that a model of the
    zoo must not hold, or it would cost too much memory or time.

    Args:
        reason: What is wrong with the file.
        file: Path of the file, if it is known.

    Attributes:
        reason, file: As above.
    """

    def __init__(self, reason: str, file: str | os.PathLike[str] | None = None) -> None:
        self.reason = reason
        self.file = None if file is None else Path(file)
        where = (
            "" if file is None else f"'{self.file}' is damaged or not safe to load. "
        )
        super().__init__(clean(where + reason))

    def of(self, file: Path) -> UnsafeModelError:
        """The same error, with the path of the file if it had none."""
        return self if self.file else UnsafeModelError(self.reason, file)


def clean(text: str, limit: int = MAX_MESSAGE) -> str:
    """Return a text without control characters, in one line of at most `limit`.

    >>> clean("\\x1b[2J two\\nlines")
    '\\\\x1b[2J two lines'
    """
    # A longer text need not be read to the end; the rest is cut in any case.
    text = escaped(" ".join(text[: 2 * limit].split()))
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def short(value: object) -> str:
    """`repr` of a value, cut to 80 characters."""
    if isinstance(value, (str, bytes, list, tuple)):
        value = value[:MAX_QUOTE]
    elif isinstance(value, dict):
        value = {key: value[key] for key in list(value)[:MAX_QUOTE]}
    text = repr(value)
    return text if len(text) <= MAX_QUOTE else f"{text[: MAX_QUOTE - 3]}..."


def escaped(text: str) -> str:
    """Replace control characters by their escape sequences, such as `\\x1b`."""
    return _CONTROL.sub(_escape, text)


def escaped_texts(value: Any) -> Any:
    """Copy a JSON value with `escaped` applied to every string."""
    if isinstance(value, str):
        return escaped(value)
    if isinstance(value, list):
        return [escaped_texts(item) for item in value]
    if isinstance(value, dict):
        return {escaped(key): escaped_texts(item) for key, item in value.items()}
    return value


def has_control(text: str) -> bool:
    """Whether a text holds characters that a terminal would obey."""
    return _CONTROL.search(text) is not None


def read_limited(path: Path, limit: int) -> bytes:
    """Return the bytes of a regular file that has at most `limit` of them.

    Raises:
        FileNotFoundError: There is no such file.
        UnsafeModelError: It is larger, or no regular file.
    """
    if not path.exists():
        raise FileNotFoundError(f"'{path}' does not exist.")
    check_regular(path)
    with open(path, "rb", opener=_open_at_once) as file:
        # What was checked by its name may be replaced before it is opened.
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise UnsafeModelError("It is not a regular file.", path)
        data = file.read(limit + 1)
    if len(data) > limit:
        raise UnsafeModelError(
            f"It is larger than the {limit:,} bytes that are allowed.", path
        )
    return data


def check_regular(path: Path) -> None:
    """Raise `UnsafeModelError` for directories, pipes, devices and the like."""
    if not path.is_file():
        raise UnsafeModelError("It is not a regular file.", path)


def parse_json(data: bytes, name: str) -> Any:
    """Return the value in a JSON file.

    Args:
        data: Its bytes.
        name: Name of the file, for the message.

    Raises:
        UnsafeModelError: It is not JSON, or it nests too deeply.
    """
    try:
        value = json.loads(data)
    except RecursionError:
        raise UnsafeModelError(f"{name} nests too deeply.") from None
    except ValueError as error:
        raise UnsafeModelError(
            f"{name}: expected JSON, but it cannot be read: {error}."
        ) from None
    level, depth = [value], 0
    while level := [item for value in level for item in items(value)]:
        depth += 1
        if depth >= MAX_DEPTH:
            raise UnsafeModelError(f"{name} nests deeper than {MAX_DEPTH} levels.")
    return value


def items(value: object) -> Collection[Any]:
    """The values inside a list or dict; none inside anything else."""
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _open_at_once(path: str, flags: int) -> int:
    """Open a file without waiting for the other end of a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
