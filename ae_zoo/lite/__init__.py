"""Exported TFLite models in Python, with NumPy and LiteRT but without TensorFlow."""

from __future__ import annotations

import os
import pathlib
import warnings

from ae_zoo import _resources
from ae_zoo._checks import check_integer, check_name_or_path, unknown_name
from ae_zoo.lite import files
from ae_zoo.lite.model import LiteModel

# The interpreter starts as many as it is told to, and more than cores do not help.
_MOST_THREADS = 1024

__all__ = ["LiteModel", "load"]


def load(name_or_file: str | os.PathLike[str], num_threads: int = 1) -> LiteModel:
    """Open a `.tflite` file that `model.export(..., format="litert")` wrote.

    If the sidecar that the exporter writes is there (`m.json` next to `m.tflite`), the
    file must have its checksum, and inputs must lie in its range. Without it, the
    model runs with the signatures of the file only, and a warning says that the file
    is unchecked: a damaged one can crash the interpreter, and Python with it. A
    checksum protects from damage, not from a stranger who writes both files. Run the
    files of strangers in a process of their own.

    Args:
        name_or_file: A name of `ae_zoo.list_models()`, the path of a `.tflite` file, or
            that of a model folder. A name or a folder stands for its float32 file,
            `model.tflite`. If that is missing, as in the installed package where it is
            large, the int8 file is loaded, with a warning.
        num_threads: Number of threads of the interpreter. One is best for small models,
            and for int8 on few cores.

    Returns:
        A `LiteModel`.

    Raises:
        FileNotFoundError: There is no such file.
        ImportError: The package ai-edge-litert is not installed.
        ValueError: There is no model of that name, the file is truncated or not an
            autoencoder in TFLite, or `num_threads` is not between 1 and 1024.
        UnsafeModelError: A ValueError. The sidecar is damaged or belongs to another
            file, or one of the files is too large or no regular file.

    Example:

    >>> light = ae_zoo.lite.load("denoising_mnist")
    >>> light.reconstruct(np.zeros((16, 28, 28, 1), "float32")).shape
    (16, 28, 28, 1)
    >>> ae_zoo.load("denoising_mnist").export("m.tflite", format="litert")
    >>> light = ae_zoo.lite.load("m.tflite")
    """
    check_name_or_path("model", name_or_file)
    num_threads = check_integer("num_threads", num_threads, 1, _MOST_THREADS)
    path = pathlib.Path(name_or_file)
    names = _resources.model_names()
    if str(name_or_file) in names:
        path = _file_of(_resources.folder("saved_models") / path)
    elif path.name == str(name_or_file) and not path.suffix and not path.exists():
        hint = " Or pass the path of a .tflite file."
        raise unknown_name("model", str(name_or_file), names, hint)
    elif (path / "model.tflite").exists() or (path / "model_int8.tflite").exists():
        path = _file_of(path)
    content = files.read(path)
    metadata = files.read_sidecar(path, content)
    if not metadata:
        warnings.warn(
            f"'{path}' is unchecked: there is no sidecar '{path.with_suffix('.json')}' "
            "with its checksum. If you do not know where the file comes from, run it "
            "in a process of its own, because a damaged file can crash Python.",
            stacklevel=2,
        )
    return LiteModel(files.open_interpreter(path, content, num_threads), metadata)


def open_own(path: pathlib.Path) -> LiteModel:
    """Open a file that this process has just written, before it has a sidecar.

    Args:
        path: Path of the file.
    """
    return LiteModel(files.open_interpreter(path, files.read(path), 1), {})


def _file_of(folder: pathlib.Path) -> pathlib.Path:
    path, name = folder / "model.tflite", folder.name
    if path.exists():
        return path
    is_shipped = folder.parent == _resources.folder("saved_models")
    missing = f"'{folder}' does not include the float32 file model.tflite."
    if is_shipped:
        missing = (
            f"The installed package does not include the float32 file of '{name}': it "
            "is larger than 1 MB."
        )
    source = name if is_shipped else folder
    warnings.warn(
        f"{missing} Loading model_int8.tflite instead, whose results are less accurate "
        f"(see ae_zoo.info('{source}')['deployment']). To write the float32 file: "
        f"ae-zoo export {source} {name}.tflite",
        stacklevel=3,
    )
    return folder / "model_int8.tflite"
