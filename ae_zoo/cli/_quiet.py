"""Keeps the messages of TensorFlow's C++ libraries from the terminal."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

from ae_zoo.cli import _errors


@contextlib.contextmanager
def silent_libraries() -> Iterator[None]:
    """Hide what C++ code writes to the standard error output, unless the block crashes.

    TensorFlow tells of processors and drivers while it is imported, before it reads any
    setting. What Python writes to `sys.stderr` is not hidden.
    """
    try:
        number = sys.__stderr__.fileno()  # type: ignore[union-attr]
        kept = os.dup(number)
    except (AttributeError, OSError, ValueError):  # the shell closed it
        yield
        return
    python = sys.stderr
    with tempfile.TemporaryFile() as file, os.fdopen(kept, "w") as terminal:
        if python is sys.__stderr__:
            sys.stderr = terminal
        os.dup2(file.fileno(), number)
        crashed = False
        try:
            yield
        except Exception as error:
            crashed = not _errors.is_expected(error)
            raise
        finally:
            terminal.flush()
            os.dup2(kept, number)
            sys.stderr = python
            if crashed:
                file.seek(0)
                python.write(file.read().decode("utf-8", "replace"))


def load_tensorflow() -> None:
    """Import TensorFlow and look for devices, without its messages about both."""
    if "tensorflow" in sys.modules:
        return
    with silent_libraries():
        import tensorflow as tf

        tf.config.list_physical_devices()
