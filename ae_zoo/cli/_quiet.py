"""Keeps the messages of TensorFlow's C++ libraries from the terminal."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

from ae_zoo.cli import _errors


@contextlib.contextmanager
def silent_libraries() -> Iterator[None]:
    """Hide what C++ code writes to the standard error output.

    TensorFlow tells of processors and drivers while it is imported, before it reads any
    setting. What Python writes to `sys.stderr` is not hidden. If the block raises an
    unexpected error, what was hidden is shown.
    """
    try:
        number = sys.__stderr__.fileno()  # type: ignore[union-attr]
        kept = os.dup(number)
    except (AttributeError, OSError, ValueError):  # the shell closed it
        yield
        return
    python = sys.stderr
    terminal = os.fdopen(kept, "w")
    # Loggers that are made in the block write to it until the process ends.
    atexit.register(terminal.close)
    with tempfile.TemporaryFile() as file:
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
    """Import TensorFlow and look for devices, without its messages about both.

    Later, it logs errors only. Its warnings are for those who write code, such as that
    a function is compiled for each of several models.
    """
    if "tensorflow" in sys.modules:
        return
    with silent_libraries():
        import tensorflow as tf

        tf.config.list_physical_devices()
    tf.get_logger().setLevel("ERROR")
