"""Models without this library: SavedModel, LiteRT (TFLite) and ONNX files.

Every file is read again after it was written, all its signatures are run, and the
results are compared with the model's own; what differs is not kept.
"""

import contextlib
import os
import pathlib
import re
import tempfile

import tensorflow as tf

from ae_zoo import lite
from ae_zoo.export import (
    arguments,
    litert,
    on_device,
    onnx,
    parity,
    saved_model,
    sidecar,
)
from ae_zoo.export.arguments import FORMATS
from ae_zoo.export.signatures import collect

__all__ = ["FORMATS", "export_model"]


def export_model(
    model,
    filepath,
    format="tf_saved_model",
    batch_size=None,
    quantization=None,
    calibration=None,
    pixels=False,
    signature="reconstruct",
    trainable=False,
    optimizer="adam",
):
    """Writes a model, runs what was written, and compares it with the model.

    Signatures, of the same names and inputs in all formats:

    - `reconstruct` x → reconstruction; in a SavedModel `serving_default` too
    - `encode` x → z, `decode` z → reconstruction
    - `score` x → score; a model between unlike images, such as a colouring one, has
      none. That of a variational model takes its noise `eps`, (batch, d) draws of
      N(0, 1), as a second input.
    - variational models: `posterior` x → mean, log_var, and `sample` eps →
      reconstruction. In a SavedModel `sample` takes `n` and `seed` instead, two int32
      scalars, and `log_likelihood` takes x, `samples` and `seed`. Equal seeds give
      equal draws: nothing in the file keeps a state.
    - `reconstruct_pixels` pixels → reconstruction, uint8 both, with `pixels=True`

    Beside a `.tflite` file stands a `.json` of the same name that describes it.

    Args:
        model: An `ae_zoo.models.Autoencoder`.
        filepath: A directory that does not exist yet, or a file name that ends in
            `.tflite` or `.onnx`.
        format: "tf_saved_model", "litert" (TFLite, builtin operators only) or "onnx".
        batch_size: Static batch size; "dynamic" leaves it open. None is "dynamic" for
            SavedModel and ONNX and 1 for LiteRT, which runs static shapes faster.
        quantization: LiteRT only. None keeps float32; "float16" stores the weights in
            half the bytes; "dynamic" stores them in int8; "int8" computes in int8 too;
            "int8_io" also has int8 inputs and outputs. The last two leave out `score`:
            in int8 it saturates at the highest score of the calibration.
        calibration: (samples, ...) typical inputs, for a denoiser noisy ones, from
            which the two int8 kinds take the range of every tensor; 100–500 will do.
            Files of any kind are compared with the model on the first few of them.
        pixels: Adds the signature `reconstruct_pixels`, for models of inputs in [0, 1].
        signature: The one signature of an ONNX file, which holds a single graph.
        trainable: LiteRT only. Writes a float32 file that goes on learning on the
            device, with the signatures of `on_device.write_trainable` instead of the
            ones above.
        optimizer: Of a trainable file: name or instance of a Keras optimizer.

    Raises:
        FileExistsError: `filepath` or the description beside it exists.
        OSError: It cannot be written.
        TypeError: `calibration` is not an array of floats.
        ValueError: An argument is unknown, missing, of a wrong range or shape, or does
            not fit the format.
        ImportError: A package that converts or runs the format is not installed.
        RuntimeError: The written file computes something else than the model, or the
            format lacks an operator of the model. Nothing is left behind.

    Example:

    >>> model.export("denoiser")
    >>> model.export("denoiser.tflite", format="litert")
    >>> model.export(
    ...     "denoiser_int8.tflite",
    ...     format="litert",
    ...     quantization="int8",
    ...     calibration=noisy[:500],
    ... )
    """
    filepath = pathlib.Path(filepath)
    arguments.check_path(filepath, format)
    if trainable:
        arguments.check_trainable(format, quantization, pixels)
        on_device.write_trainable(
            model,
            filepath,
            optimizer,
            batch_size=1 if batch_size is None else batch_size,
        )
        return
    arguments.check_quantization(model, quantization, calibration, format)
    batch_size = arguments.static_batch_size(batch_size, format)
    signatures = collect(model, format, pixels, quantization)
    if format == "onnx":
        signatures = onnx.choose(signatures, signature)
    probes = parity.probes(model, batch_size, calibration)
    with _scratch(filepath) as scratch:
        target = scratch / filepath.name
        if format == "tf_saved_model":
            saved_model.write(model, signatures, target, batch_size)
            runners = saved_model.runners(target)
        elif format == "onnx":
            onnx.write(signatures, target, batch_size)
            runners = onnx.runners(target, signatures)
        else:
            source = scratch / "saved_model"
            saved_model.write(model, signatures, source, batch_size)
            feed = parity.calibration_feed(model, signatures, batch_size, calibration)
            per_channel = litert.pays_per_channel(model)
            litert.write(source, target, signatures, per_channel, quantization, feed)
            file = lite.load(target)
            runners = litert.runners(file)
            sidecar.write(model, file, target, quantization)
        parity.check(signatures, runners, probes, quantization, model.compute_dtype)
        _publish(target, filepath)


@contextlib.contextmanager
def _scratch(filepath):
    """A folder beside `filepath`, whatever goes wrong there told with its path."""
    try:
        filepath.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            dir=filepath.parent, prefix=".export-", ignore_cleanup_errors=True
        ) as folder:
            yield pathlib.Path(folder)
    except OSError as error:
        if error.filename is not None or error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(filepath)) from error
    except (
        tf.errors.ResourceExhaustedError,  # a full disk
        tf.errors.PermissionDeniedError,
        tf.errors.UnknownError,
    ) as error:
        reason = re.sub(r"\{\{.*?\}\} ", "", error.message)  # names of graph nodes
        raise OSError(f"'{filepath}' cannot be written: {reason}") from error


def _publish(written, filepath):
    """Moves a file, and its description before it, to their places."""
    description = sidecar.path(written)
    if not description.exists():
        os.rename(written, filepath)
        return
    os.rename(description, sidecar.path(filepath))
    try:
        os.rename(written, filepath)
    except OSError:
        sidecar.path(filepath).unlink()
        raise
