"""Ends the process quietly when no program reads its output any more."""

from __future__ import annotations

import contextlib
import io
import os
import select
import sys
from typing import TextIO

# What a shell reports for a program that SIGPIPE ended.
NO_READER = 128 + 13


def flush() -> None:
    """Write what is buffered, so that a failure shows here and not when Python exits.

    Raises:
        OSError: The output cannot be written, for example because the disk is full.
    """
    for stream in _streams():
        stream.flush()


def has_lost_reader() -> bool:
    """Whether a program that received the output through a pipe has ended."""
    return any(_is_broken(stream) for stream in _streams())


def discard() -> None:
    """Discard what is still buffered, and all further output of broken streams."""
    for stream in _streams():
        try:
            stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            with contextlib.suppress(io.UnsupportedOperation):
                os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


def _streams() -> list[TextIO]:
    # They are None if the shell closed them.
    return [stream for stream in (sys.stdout, sys.stderr) if stream is not None]


def _is_broken(stream: TextIO) -> bool:
    try:
        stream.flush()
        # An unbuffered stream keeps nothing that this could fail to write.
        poll = select.poll()
        poll.register(stream.fileno(), 0)
        return bool(poll.poll(0))
    except BrokenPipeError:
        return True
    except (OSError, ValueError, AttributeError):  # no file, or no `poll` on Windows
        return False
