"""Exported TFLite models in Python, with NumPy and LiteRT but no TensorFlow."""

import pathlib

from ae_zoo.lite import files
from ae_zoo.lite.model import LiteModel

__all__ = ["LiteModel", "load"]


def load(filepath, num_threads=1):
    """Opens a `.tflite` file that `model.export(..., format="litert")` wrote.

    If the sidecar that the exporter writes (`m.json` beside `m.tflite`) is there, the
    file must have its checksum, and inputs must lie in its range. Without it the
    model runs from the signatures of the file alone.

    Args:
        filepath: The `.tflite` file.
        num_threads: Threads of the interpreter. One is best for small models, and for
            int8 on few cores.

    Returns:
        A `LiteModel`.

    Raises:
        FileNotFoundError: There is no such file.
        ImportError: The package ai-edge-litert is not installed.
        ValueError: The file is truncated or no autoencoder in TFLite, the sidecar is
            damaged or belongs to another file, or `num_threads` is not ≥ 1.

    Example:

    >>> model.export("m.tflite", format="litert")
    >>> light = ae_zoo.lite.load("m.tflite")
    >>> light.reconstruct(noisy).shape
    (16, 28, 28, 1)
    """
    path = pathlib.Path(filepath)
    if not isinstance(num_threads, int) or num_threads < 1:
        raise ValueError(f"`num_threads` must be ≥ 1. Received: {num_threads!r}")
    content = files.read(path)
    metadata = files.read_sidecar(path, content)
    return LiteModel(files.open_interpreter(path, content, num_threads), metadata)
