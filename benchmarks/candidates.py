"""The runtimes to compare: each is a function from a NumPy batch to a NumPy batch."""

import dataclasses
import functools
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from ae_zoo import lite

CALIBRATION_SAMPLES = 128


@dataclasses.dataclass(frozen=True)
class Candidate:
    """One row of the table.

    Attributes:
        name: Name of the row.
        prepare: (model, x, folder) → function to time, for batches of the shape of `x`.
            Raises ImportError if a package is missing, RuntimeError if the runtime does
            not support the model.
        quantization: Quantization of the file, which selects the tolerance.
    """

    name: str
    prepare: Callable
    quantization: str | None = None


def use_one_thread():
    """Limits TensorFlow to one thread. Must be called before its first computation."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def images(model, n, seed):
    """Uniform random inputs. The time of a layer does not depend on its values."""
    shape = (n, *model.input_shape[1:])
    return np.random.default_rng(seed).random(shape, dtype="float32")


def keras_predict(model, x, folder):
    return functools.partial(model.predict, batch_size=len(x), verbose=0)


def tf_function(model, x, folder):
    reconstruct = tf.function(
        model.endpoints()["reconstruct"].function, autograph=False
    )
    return lambda x: reconstruct(tf.constant(x)).numpy()


def saved_model(model, x, folder):
    model.export(folder / "saved_model")
    loaded = tf.saved_model.load(str(folder / "saved_model"))
    reconstruct = loaded.signatures["reconstruct"]

    def run(x):
        return reconstruct(x=tf.constant(x))["reconstruction"].numpy()

    run.loaded = loaded  # keeps the weights alive
    return run


def litert(quantization, model, x, folder):
    path = folder / f"{quantization}.tflite"
    is_int8 = quantization == "int8"
    model.export(
        path,
        format="litert",
        batch_size=len(x),
        quantization=quantization,
        calibration=images(model, CALIBRATION_SAMPLES, seed=1) if is_int8 else None,
    )
    reconstruct = lite.load(path).runner("reconstruct")
    return lambda x: reconstruct(x=x)["reconstruction"]


def onnx_runtime(model, x, folder):
    model.export(folder / "m.onnx", format="onnx")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        str(folder / "m.onnx"), options, providers=["CPUExecutionProvider"]
    )
    return lambda x: session.run(["reconstruction"], {"x": x})[0]


def torch_eager(model, x, folder):
    try:
        import torch
    except ImportError as error:
        raise ImportError("to add this row: pip install torch") from error
    import in_torch

    torch.set_num_threads(1)
    translated = in_torch.translate(model)

    @torch.inference_mode()
    def run(x):
        return translated(torch.from_numpy(x)).numpy()

    return run


BASE = "tf.function"
CANDIDATES = [
    Candidate("Keras predict", keras_predict),
    Candidate(BASE, tf_function),
    Candidate("SavedModel", saved_model),
    Candidate("LiteRT float32", functools.partial(litert, None)),
    Candidate("LiteRT float16", functools.partial(litert, "float16"), "float16"),
    Candidate("LiteRT int8", functools.partial(litert, "int8"), "int8"),
    Candidate("ONNX Runtime", onnx_runtime),
    Candidate("PyTorch eager", torch_eager),
]
