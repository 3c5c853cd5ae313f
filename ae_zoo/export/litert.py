"""LiteRT, formerly TFLite: the format of phones and browsers."""

import functools
import re
import warnings

import tensorflow as tf

from ae_zoo.export import compact

QUANTIZATIONS = (None, "float16", "dynamic", "int8", "int8_io")
FULL_INT8 = ("int8", "int8_io")
# A channel of a dense layer has scales and zero point of its own for kernel and bias.
_BYTES_OF_A_CHANNEL = 16
# Where these outweigh this share of the weights, a layer gets one scale: 0.36 of the
# bytes of float32 become 0.29 for `linear_mnist`, whose squared error rises by 0.1 %
# either way.
_MOST_FOR_SCALES = 0.1


def write(
    saved_model, filepath, signatures, per_channel=True, quantization=None, feed=None
):
    """Converts a SavedModel to a file of builtin operators.

    Args:
        saved_model: Its directory.
        filepath: Of the file.
        signatures: Names of the signatures to take.
        per_channel: Whether int8 kernels of dense layers have a scale for each
            channel; see `pays_per_channel`.
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
        converter._experimental_disable_per_channel_quantization_for_dense_layers = (
            not per_channel
        )
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
    if quantization is not None:
        content = compact.share_vectors(content)
    filepath.write_bytes(content)


def pays_per_channel(model):
    """Whether scales for each channel of the dense layers are small beside weights."""
    kernels = [weight for weight in model.weights if len(weight.shape) == 2]
    scales = _BYTES_OF_A_CHANNEL * sum(kernel.shape[-1] for kernel in kernels)
    return scales <= _MOST_FOR_SCALES * model.count_params()


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


def runners(file):
    """The signatures of an `ae_zoo.lite.LiteModel`: {name: function of arrays}."""
    return {name: functools.partial(file.run, name) for name in file.signatures}
