"""LiteRT, formerly TFLite: the format of phones and browsers."""

import re
import warnings

import numpy as np
import tensorflow as tf

QUANTIZATIONS = (None, "float16", "dynamic", "int8", "int8_io")
FULL_INT8 = ("int8", "int8_io")


def write(saved_model, filepath, signatures, quantization=None, feed=None):
    """Converts a SavedModel to a file of builtin operators.

    Args:
        saved_model: Its directory.
        filepath: Of the file.
        signatures: Names of the signatures to take.
        quantization: One of `QUANTIZATIONS`.
        feed: () → iterator of (signature, {input: array}) that has all signatures run
            on typical inputs, for the two int8 kinds.

    Raises:
        RuntimeError: TFLite has no operator for something in the model.
    """
    converter = tf.lite.TFLiteConverter.from_saved_model(
        str(saved_model), signature_keys=list(signatures)
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if quantization is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantization == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if quantization in FULL_INT8:
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.representative_dataset = feed
    if quantization == "int8_io":
        converter.inference_input_type = converter.inference_output_type = tf.int8
    try:
        with warnings.catch_warnings():
            # The converter's own calibration uses TensorFlow's old interpreter.
            warnings.filterwarnings(
                "ignore", r"\s*Warning: tf.lite.Interpreter is deprecated"
            )
            content = converter.convert()
    except OSError:
        raise
    except Exception as error:
        raise _unsupported(error, quantization) from error
    filepath.write_bytes(content)


def _unsupported(error, quantization):
    pattern = r"'tf\.(\w+)' op|for op: '(\w+)'|TF Select ops: (\w+)|Custom ops: (\w+)"
    names = sorted({"".join(found) for found in re.findall(pattern, str(error))})
    return RuntimeError(
        "TFLite's builtin operators"
        + (f" in quantization={quantization!r}" if quantization else "")
        + " cannot express this model"
        + (f": they lack {', '.join(names)}. " if names else ". ")
        + "Replace the layer that needs it"
        + (", or choose another quantization." if quantization in FULL_INT8 else ".")
        + f" The converter's words: {str(error)[:2000]}"
    )


class Runner:
    """A signature of a file, called with named float arrays, whatever it stores.

    Attributes:
        inputs, outputs: {name: details}, as the interpreter gives them.
    """

    def __init__(self, interpreter, name):
        self._run = interpreter.get_signature_runner(name)
        self.inputs = self._run.get_input_details()
        self.outputs = self._run.get_output_details()

    def __call__(self, **inputs):
        results = self._run(
            **{name: _quantized(v, self.inputs[name]) for name, v in inputs.items()}
        )
        return {name: _real(v, self.outputs[name]) for name, v in results.items()}


def runners(filepath, num_threads=1):
    """The signatures of a file.

    Args:
        filepath: A `.tflite` file.
        num_threads: For the interpreter's operators.

    Returns:
        {name: Runner}.

    Raises:
        ImportError: ai-edge-litert is not installed.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise ImportError(
            "LiteRT export runs the file it wrote, which needs the package "
            "ai-edge-litert. Install it with: pip install 'ae-zoo[lite]'"
        ) from error
    interpreter = Interpreter(str(filepath), num_threads=num_threads)
    return {
        name: Runner(interpreter, name) for name in interpreter.get_signature_list()
    }


def _quantized(values, details):
    scale, zero_point = details["quantization"]
    values = np.asarray(values)
    if not scale or values.dtype == details["dtype"]:
        return values.astype(details["dtype"], copy=False)
    limits = np.iinfo(details["dtype"])
    values = np.rint(values / scale) + zero_point
    return np.clip(values, limits.min, limits.max).astype(details["dtype"])


def _real(values, details):
    scale, zero_point = details["quantization"]
    if not scale:
        return values
    return scale * (values.astype("float32") - zero_point)
