"""LiteRT, formerly TFLite: the format for phones and browsers."""

from __future__ import annotations

import functools
import os
import pathlib
import re
import warnings
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from ae_zoo import lite
from ae_zoo.distribution.keras_patches import set_per_channel_dense
from ae_zoo.export import compact, parity, saved_model, sidecar
from ae_zoo.export.format import Format, Job, Runners

if TYPE_CHECKING:
    from ae_zoo.models import Autoencoder

QUANTIZATIONS = (None, "float16", "dynamic", "int8", "int8_io")
FULL_INT8 = ("int8", "int8_io")
# Each channel of a dense layer has scales and zero points for its kernel and bias.
_BYTES_OF_A_CHANNEL = 16
# If these take more than this share of the bytes of the weights, a layer gets one
# scale. `linear_mnist` then takes 0.29 of its bytes in float32 instead of 0.36, and its
# squared error rises by 0.1 % either way.
_MOST_FOR_SCALES = 0.1


def _write(job: Job) -> Runners:
    source = job.target.parent / "saved_model"
    saved_model.write(job.model, job.endpoints, source, job.batch_size)
    feed = parity.calibration_feed(
        job.model, job.endpoints, job.batch_size, job.calibration
    )
    per_channel = pays_per_channel(job.model)
    convert(source, job.target, job.endpoints, per_channel, job.quantization, feed)
    file = lite.open_own(job.target)
    sidecar.write(job.model, file, job.target, job.quantization)
    return {name: functools.partial(file.run, name) for name in file.signatures}


def convert(
    directory: str | os.PathLike[str],
    filepath: pathlib.Path,
    signatures: Iterable[str],
    per_channel: bool = True,
    quantization: str | None = None,
    feed: Callable[[], Any] | None = None,
) -> None:
    """Convert a SavedModel to a file of builtin operators.

    Args:
        directory: Directory of the SavedModel.
        filepath: File to write.
        signatures: Names of the signatures to convert.
        per_channel: Whether int8 kernels of dense layers have a scale for each
            channel; see `pays_per_channel`.
        quantization: One of `QUANTIZATIONS`.
        feed: () → iterator of (signature, {input: array}), typical inputs for every
            signature, which the two int8 kinds need.

    Raises:
        RuntimeError: TFLite lacks an operator that the model needs.
    """
    converter = tf.lite.TFLiteConverter.from_saved_model(
        str(directory), signature_keys=list(signatures)
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if quantization is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantization == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if quantization in FULL_INT8:
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.representative_dataset = feed
        set_per_channel_dense(converter, per_channel)
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


def pays_per_channel(model: Autoencoder) -> bool:
    """Whether per-channel scales of dense layers are small next to the weights."""
    kernels = [weight for weight in model.weights if len(weight.shape) == 2]
    scales = _BYTES_OF_A_CHANNEL * sum(kernel.shape[-1] for kernel in kernels)
    return scales <= _MOST_FOR_SCALES * model.count_params()


def _unsupported(error: Exception, quantization: str | None) -> RuntimeError:
    pattern = r"'tf\.(\w+)' op|for op: '(\w+)'|TF Select ops: (\w+)|Custom ops: (\w+)"
    names = sorted({"".join(found) for found in re.findall(pattern, str(error))})
    return RuntimeError(
        "TFLite's builtin operators"
        + (f" in quantization={quantization!r}" if quantization else "")
        + " cannot express this model"
        + (f": they lack {', '.join(names)}. " if names else ". ")
        + "Replace the layer that needs it"
        + (", or choose another quantization." if quantization in FULL_INT8 else ".")
        + f" The converter's message: {str(error)[:2000]}"
    )


FORMAT = Format("litert", ".tflite", 1, _write, has_description=True)
