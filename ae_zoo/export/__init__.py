"""Export to SavedModel, LiteRT (TFLite) and ONNX, for use without this library.

After writing a file, the export reads it again, runs all its signatures and compares
the results with the model's own. A file that differs is deleted.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
from typing import TYPE_CHECKING, Any

import numpy as np

from ae_zoo import _staging
from ae_zoo.export import arguments, on_device, parity, sidecar, sizes
from ae_zoo.export.arguments import FORMATS
from ae_zoo.export.endpoints import collect
from ae_zoo.export.format import Job
from ae_zoo.export.litert import FULL_INT8

if TYPE_CHECKING:
    from ae_zoo.layers import Scaling
    from ae_zoo.models import Autoencoder

__all__ = ["FORMATS", "export_model"]


def export_model(
    model: Autoencoder,
    filepath: str | os.PathLike[str],
    format: str = "tf_saved_model",
    batch_size: int | str | None = None,
    quantization: str | None = None,
    calibration: Any = None,
    pixels: bool = False,
    signature: str | None = None,
    trainable: bool = False,
    optimizer: Any = None,
    input_shape: tuple[int, ...] | None = None,
) -> None:
    """Export a model, run the written file, and compare it with the model.

    The signatures have the same names and inputs in all formats:

    - `reconstruct` x → reconstruction; in a SavedModel `serving_default` too
    - `encode` x → z, `decode` z → reconstruction
    - `score` x → score, unless outputs and inputs differ in shape, as in a model that
      colorizes images. The score of a variational model has a second input, its noise
      `eps`: (batch, d) draws of N(0, 1).
    - variational models: `posterior` x → mean, log_var, and `sample` eps →
      reconstruction. In a SavedModel `sample` takes `n` and `seed` instead, two int32
      scalars, and `log_likelihood` takes x, `samples` and `seed`. Equal seeds give
      equal draws, because the file keeps no state.
    - `reconstruct_pixels` pixels → reconstruction, both uint8, with `pixels=True`

    Next to a `.tflite` file, a `.json` file of the same name describes it. A file
    appears at its path complete or not at all, whatever ends the process; the
    description appears first.

    Args:
        model: An `ae_zoo.models.Autoencoder`.
        filepath: A directory that does not exist yet and whose name has no suffix but
            a version, or a file name that ends in `.tflite` or `.onnx`.
        format: "tf_saved_model", "litert" (TFLite, builtin operators only) or "onnx".
        batch_size: Static batch size; "dynamic" leaves it open. None is "dynamic" for
            SavedModel and ONNX and 1 for LiteRT, which runs static shapes faster.
        quantization: LiteRT only. None keeps float32; "float16" stores the weights in
            half the bytes; "dynamic" stores them in int8; "int8" computes in int8 too;
            "int8_io" also has int8 inputs and outputs. The last two leave out `score`:
            in int8 it saturates at the highest score of the calibration. If the model
            has a scaling of each feature, inputs and reconstructions of the file are
            scaled values, because they have one range in int8, and so are those of
            "float16", which lacks the digits. The description of the file states the
            scaling, and `ae_zoo.lite.load` applies it.
        calibration: (samples, ...) typical inputs, for a denoiser noisy ones, from
            which the two int8 kinds take the range of every tensor; 100–500 are enough.
            All files are compared with the model on the first few samples.
        pixels: Adds the signature `reconstruct_pixels`, for models of inputs in [0, 1].
        signature: ONNX and LiteRT only. The one signature of the file. An ONNX file
            holds a single graph; None is "reconstruct". A LiteRT file holds all
            signatures by default; one alone makes it smaller, and is what LiteRT for
            Microcontrollers needs.
        trainable: LiteRT only. Writes a float32 file that can be trained further on the
            device, with the signatures of `on_device.write_trainable` instead of the
            ones above.
        optimizer: Name or instance of the Keras optimizer of a trainable file; None is
            "adam".
        input_shape: Fixed shape of the inputs, the batch first, such as
            (1, 256, 256, 3). LiteRT needs it for a model that takes images of any
            size; SavedModel and ONNX leave open sizes open without it.

    Raises:
        FileExistsError: `filepath` exists, or the description next to it.
        OSError: The file cannot be written, for example because the disk is full.
        TypeError: `calibration` is not an array of floats.
        ValueError: An argument is unknown, missing, out of range, of the wrong shape,
            or does not apply to the format; or the scaling is not adapted.
        ImportError: A package that converts or runs the format is not installed.
        RuntimeError: The written file and the model compute different results, or the
            format lacks an operator of the model. No file is left.

    Example:

    >>> model = ae_zoo.load("denoising_digits")
    >>> model.export("denoiser")
    >>> model.export("denoiser.tflite", format="litert")
    >>> images = ae_zoo.data.arrays("digits", "test")
    >>> model.export(
    ...     "denoiser_int8.tflite",
    ...     format="litert",
    ...     quantization="int8",
    ...     calibration=ae_zoo.evaluation.add_noise(images, 0.5),
    ... )
    """
    filepath = pathlib.Path(filepath)
    chosen = arguments.checked_format(format)
    arguments.check_path(filepath, chosen)
    arguments.check_options(
        chosen, quantization, pixels, signature, trainable, optimizer
    )
    if not trainable:
        sizes.check_sizes(model, chosen, input_shape, batch_size)
    elif input_shape is not None:
        raise ValueError(
            "`input_shape` does not apply to trainable=True. Pass batch_size. "
            f"Received: {input_shape!r}"
        )
    if input_shape is not None:
        batch_size = input_shape[0]
    if trainable:
        batch = 1 if batch_size is None else batch_size
        on_device.write_trainable(
            model, filepath, optimizer or "adam", batch_size=batch
        )
        return
    shape = model.sample_shape if input_shape is None else tuple(input_shape[1:])
    arguments.check_calibration(model, quantization, calibration, shape)
    static = arguments.static_batch_size(batch_size, chosen)
    is_outside = _scales_outside(model.scaling, quantization)
    if is_outside and calibration is not None:
        calibration = np.asarray(model.scale(calibration))
    bypassed = model.scaling.bypassed if model.scaling and is_outside else None
    with bypassed() if bypassed else contextlib.nullcontext():
        endpoints = collect(
            model, chosen.draws_from_seeds, pixels, quantization in FULL_INT8
        )
        if None not in shape:
            endpoints = sizes.with_sizes(model, endpoints, shape)
        endpoints = arguments.chosen(endpoints, signature, chosen)
        probes = parity.probes(model, endpoints, static, calibration, shape)
        with (
            _staging.explained(filepath),
            _staging.scratch(filepath.parent) as private,
        ):
            target = private / filepath.name
            job = Job(model, endpoints, target, static, quantization, calibration)
            runners = chosen.write(job)
            parity.check(
                endpoints,
                runners,
                probes,
                quantization,
                model.compute_dtype,
                None if model.scaling is None or is_outside else model.scaling,
            )
            sidecar.publish(target, filepath)


def _scales_outside(scaling: Scaling | None, quantization: str | None) -> bool:
    """Whether a file leaves the scaling to those who run it.

    The int8 input of a file has one range for all features. If their units differ, it
    would have no levels left for the features of small numbers. A file in float16
    would store the shift in three digits.
    """
    if scaling is None or scaling.mode == "pixels":
        return False
    has_units = scaling.features not in (None, 1)
    return quantization == "float16" or (has_units and quantization in FULL_INT8)
