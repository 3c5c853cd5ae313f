"""LiteRT, formerly TFLite: the format for phones and browsers."""

from __future__ import annotations

import functools
import os
import pathlib
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ae_zoo import lite
from ae_zoo.export import converter, inspection, parity, saved_model, sidecar
from ae_zoo.export.converter import FULL_INT8
from ae_zoo.export.format import Format, Job, Runners

if TYPE_CHECKING:
    from ae_zoo.models import Autoencoder

QUANTIZATIONS = (None, "float16", "dynamic", "int8", "int8_io")
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
    feed: converter.Feed | None = None,
    trains: bool = False,
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
        trains: Whether a signature changes the weights.

    Raises:
        RuntimeError: TFLite lacks an operator that the model needs, its converter
            crashed, or the file is not in the quantization.
    """
    conversion = converter.Conversion(
        str(directory), str(filepath), [*signatures], quantization, per_channel, trains
    )
    try:
        converter.run(conversion, feed)
    except OSError:
        raise
    except Exception as error:
        raise _unsupported(error, conversion) from error
    inspection.check_quantization(filepath.read_bytes(), quantization)


def pays_per_channel(model: Autoencoder) -> bool:
    """Whether per-channel scales of dense layers are small next to the weights."""
    kernels = [weight for weight in model.weights if len(weight.shape) == 2]
    scales = _BYTES_OF_A_CHANNEL * sum(kernel.shape[-1] for kernel in kernels)
    return scales <= _MOST_FOR_SCALES * model.count_params()


def _unsupported(error: Exception, conversion: converter.Conversion) -> RuntimeError:
    quantization = conversion.quantization
    what = "train" if conversion.trains else "express"
    names: list[str] = []
    is_crash = isinstance(error, converter.ConverterCrash)
    if not is_crash:
        pattern = (
            r"'tf\.(\w+)' op|for op: '(\w+)'|TF Select ops: (\w+)|Custom ops: (\w+)"
        )
        names = sorted({"".join(found) for found in re.findall(pattern, str(error))})
    advice = "Replace the layer that needs it"
    if conversion.trains:
        advice = (
            "Replace the layer or the penalty that needs it, or freeze the weights "
            "below it"
        )
    return RuntimeError(
        "TFLite's builtin operators"
        + (f" in quantization={quantization!r}" if quantization else "")
        + f" cannot {what} this model"
        + (f": they lack {', '.join(names)}. " if names else ". ")
        + advice
        + (", or choose another quantization." if quantization in FULL_INT8 else ".")
        + (f" {error}" if is_crash else f" The converter's message: {error}"[:1600])
    )


FORMAT = Format(
    "litert",
    ".tflite",
    1,
    _write,
    chooses_signature=True,
    has_description=True,
    has_fixed_sizes=True,
)
