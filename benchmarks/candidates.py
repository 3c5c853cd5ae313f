"""The runtimes that `inference.py` compares.

`prepare` writes what a runtime needs once. `open_runtime` then makes a function from a
NumPy batch to a NumPy batch, in a process that imports only this runtime.
"""

from __future__ import annotations

import pathlib
import pickle
from collections.abc import Callable
from typing import Any

import common
import numpy as np

# Name → kind of quantization, which selects the tolerance.
RUNTIMES = {
    "reconstruct": None,
    "Keras predict": None,
    "tf.function": None,
    "SavedModel": None,
    "LiteRT float32": None,
    "LiteRT float16": "float16",
    "LiteRT int8": "int8",
    "ONNX Runtime": None,
    "PyTorch eager": None,
}
CALIBRATION_SAMPLES = 128
Run = Callable[[np.ndarray], np.ndarray]


def images(shape: tuple[int | None, ...], n: int, seed: int) -> np.ndarray:
    """Uniform random inputs. The time of a layer does not depend on its values."""
    return np.random.default_rng(seed).random((n, *shape[1:]), dtype="float32")


# Preparation, in one process for all runtimes.


def prepare(name: str, batch_size: int, folder: pathlib.Path) -> dict[str, str]:
    """Export a model for all runtimes.

    Args:
        name: Name of a zoo model.
        batch_size: Static batch size of the LiteRT files.
        folder: An existing folder, which receives the files, the inputs and the
            outputs of Keras.

    Returns:
        The reasons why runtimes cannot run this model, by name.
    """
    import ae_zoo

    model = ae_zoo.load(name)
    x = images(model.input_shape, batch_size, seed=0)
    np.save(folder / "x.npy", x)
    np.save(folder / "expected.npy", model.predict(x, verbose=0))
    reasons = {}
    for runtime, write in {
        "SavedModel": lambda: model.export(folder / "saved_model"),
        "LiteRT float32": lambda: _litert(model, None, x, folder),
        "LiteRT float16": lambda: _litert(model, "float16", x, folder),
        "LiteRT int8": lambda: _litert(model, "int8", x, folder),
        "ONNX Runtime": lambda: model.export(folder / "m.onnx", format="onnx"),
        "PyTorch eager": lambda: _torch(model, folder),
    }.items():
        try:
            write()
        except (ImportError, RuntimeError) as error:
            reasons[runtime] = str(error)
    return reasons


def _litert(
    model: Any, quantization: str | None, x: np.ndarray, folder: pathlib.Path
) -> None:
    is_int8 = quantization == "int8"
    model.export(
        folder / f"{quantization or 'float32'}.tflite",
        format="litert",
        batch_size=len(x),
        quantization=quantization,
        calibration=images(model.input_shape, CALIBRATION_SAMPLES, seed=1)
        if is_int8
        else None,
    )


def _torch(model: Any, folder: pathlib.Path) -> None:
    try:
        import in_torch
    except ImportError as error:
        raise ImportError("to add this row: pip install torch") from error
    (folder / "m.pickle").write_bytes(pickle.dumps(in_torch.translate(model)))


# The runtimes.


def open_runtime(
    runtime: str, name: str, folder: pathlib.Path, threads: int = 1
) -> Run:
    """Make a function from a NumPy batch to a NumPy batch.

    Args:
        runtime: A key of `RUNTIMES`.
        name: Name of the zoo model.
        folder: The folder that `prepare` filled.
        threads: Number of threads of the runtime.

    Raises:
        ImportError: A package is missing.
        common.Missing: `prepare` wrote no file.
    """
    kind, _, detail = runtime.partition(" ")
    if kind == "LiteRT":
        return _open_litert(folder / f"{detail}.tflite", threads)
    openers = {
        "ONNX Runtime": lambda: _open_onnx(folder / "m.onnx", threads),
        "PyTorch eager": lambda: _open_torch(folder / "m.pickle", threads),
        "SavedModel": lambda: _open_saved_model(folder / "saved_model", threads),
    }
    if runtime in openers:
        return openers[runtime]()
    return _open_model(runtime, name, threads)


def _open_litert(filepath: pathlib.Path, threads: int) -> Run:
    from ae_zoo import lite

    _require(filepath)
    reconstruct = lite.load(filepath, num_threads=threads).runner("reconstruct")
    return lambda x: reconstruct(x=x)["reconstruction"]


def _open_onnx(filepath: pathlib.Path, threads: int) -> Run:
    import onnxruntime

    _require(filepath)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        str(filepath), options, providers=["CPUExecutionProvider"]
    )
    return lambda x: session.run(None, {"x": x})[0]


def _open_torch(filepath: pathlib.Path, threads: int) -> Run:
    import torch

    _require(filepath)
    torch.set_num_threads(threads)
    module = pickle.loads(filepath.read_bytes())  # which `prepare` has written

    @torch.inference_mode()
    def run(x: np.ndarray) -> np.ndarray:
        return module(torch.from_numpy(x)).numpy()

    return run


def _open_saved_model(filepath: pathlib.Path, threads: int) -> Run:
    tf = _tensorflow(threads)
    _require(filepath)
    loaded = tf.saved_model.load(str(filepath))
    reconstruct = loaded.signatures["reconstruct"]

    def run(x: np.ndarray) -> np.ndarray:
        return reconstruct(x=tf.constant(x))["reconstruction"].numpy()

    run.loaded = loaded  # keeps the weights alive
    return run


def _open_model(runtime: str, name: str, threads: int) -> Run:
    if runtime == "reconstruct":  # with the threads that a user gets
        import ae_zoo

        return ae_zoo.load(name).reconstruct
    tf = _tensorflow(threads)
    import ae_zoo

    model = ae_zoo.load(name)
    if runtime == "Keras predict":
        return lambda x: model.predict(x, batch_size=len(x), verbose=0)
    function = tf.function(model.endpoints()["reconstruct"].function, autograph=False)
    return lambda x: function(tf.constant(x)).numpy()


def _tensorflow(threads: int) -> Any:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    return tf


def _require(filepath: pathlib.Path) -> None:
    if not filepath.exists():
        raise common.Missing("Its file was not written.")
