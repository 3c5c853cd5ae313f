"""Checks of the arguments of an export, before any work starts."""

from __future__ import annotations

import os
import pathlib
import re
from typing import TYPE_CHECKING, Any

from ae_zoo._checks import check_array, check_count
from ae_zoo.export import litert, onnx, saved_model, sidecar

if TYPE_CHECKING:
    from ae_zoo.export.format import Format
    from ae_zoo.models import Autoencoder
    from ae_zoo.models.endpoints import Endpoint

FORMATS: dict[str, Format] = {
    module.FORMAT.name: module.FORMAT for module in (saved_model, litert, onnx)
}


# Suffixes of directories: a version, or what servers ask for.
_OF_DIRECTORIES = re.compile(r"\.(v?\d[\w-]*|saved_?model)|")


def checked_format(name: str) -> Format:
    """Return the format with the given name.

    Raises:
        ValueError: There is no such format.
    """
    if not isinstance(name, str) or name not in FORMATS:
        raise ValueError(
            f"`format` must be one of {tuple(FORMATS)}. Received: {name!r}"
        )
    return FORMATS[name]


def check_path(filepath: pathlib.Path, format: Format) -> None:
    """Check the path of an export.

    Raises:
        FileExistsError: It exists, or the description next to it does.
        ValueError: Its suffix is not that of the format.
    """
    if format.suffix:
        is_right = filepath.suffix == format.suffix
    else:
        is_right = _OF_DIRECTORIES.fullmatch(filepath.suffix) is not None
    if not is_right:
        raise ValueError(_wrong_suffix(filepath, format))
    taken = [filepath]
    if format.has_description and not sidecar.is_orphan(filepath):
        taken.append(sidecar.path(filepath))
    for path in taken:
        if os.path.lexists(path):
            raise FileExistsError(
                f"'{path}' exists. Remove it first, or export to another path."
            )


def _wrong_suffix(filepath: pathlib.Path, format: Format) -> str:
    if format.suffix:
        return (
            f"With format={format.name!r} the file name must end in "
            f"'{format.suffix}'. Received: '{filepath}'"
        )
    message = (
        "A SavedModel is a directory, whose name has no suffix of a file. Received: "
        f"'{filepath}'. "
    )
    others = {other.suffix: other.name for other in FORMATS.values() if other.suffix}
    suffix = filepath.suffix.lower()
    if suffix in others:
        return message + (
            f"For a file with the suffix '{suffix}', in lower case, pass "
            f"format={others[suffix]!r}."
        )
    if suffix in (".h5", ".hdf5", ".keras"):
        return message + "To save the model for Keras, call model.save('m.keras')."
    return message + f"To export a file, end its name in {' or '.join(others)}."


def check_options(
    format: Format,
    quantization: str | None = None,
    pixels: bool = False,
    signature: str | None = None,
    trainable: bool = False,
    optimizer: Any = None,
) -> None:
    """Check that options apply to a format, and to each other.

    Args:
        format: The format.
        quantization: As the other options, the argument of `export_model`.
        pixels: As above.
        signature: As above.
        trainable: As above.
        optimizer: As above.

    Raises:
        ValueError: An option does not apply.
    """
    if quantization not in litert.QUANTIZATIONS:
        raise ValueError(
            f"`quantization` must be one of {litert.QUANTIZATIONS}. "
            f"Received: {quantization!r}"
        )
    if quantization is not None and format is not litert.FORMAT:
        raise ValueError(
            f"quantization={quantization!r} needs format='litert'. "
            f"Received: format={format.name!r}"
        )
    if signature is not None and not format.chooses_signature:
        raise ValueError(
            "`signature` chooses the one signature of an ONNX or LiteRT file, and "
            f"format={format.name!r} holds all signatures. Leave it out. Received: "
            f"signature={signature!r}"
        )
    if optimizer is not None and not trainable:
        raise ValueError(
            "`optimizer` is that of a file which trains on the device: pass "
            f"trainable=True as well. Received: optimizer={optimizer!r}"
        )
    if trainable:
        _check_trainable(format, quantization, pixels)
        if signature is not None:
            raise ValueError(
                "A file that trains on the device has all its signatures. Leave out "
                f"`signature`. Received: signature={signature!r}"
            )


def _check_trainable(format: Format, quantization: str | None, pixels: bool) -> None:
    if format is not litert.FORMAT or quantization is not None or pixels:
        raise ValueError(
            "A file that trains on the device is LiteRT in float32: "
            "trainable=True needs format='litert', quantization=None and pixels=False. "
            f"Received: format={format.name!r}, quantization={quantization!r}, "
            f"pixels={pixels}"
        )


def static_batch_size(batch_size: int | str | None, format: Format) -> int | None:
    """Return the static batch size of an export, or None to leave it open.

    Raises:
        ValueError: `batch_size` is not a batch size.
    """
    if batch_size is None:
        return format.default_batch_size
    if batch_size == "dynamic":
        return None
    return check_count("batch_size", batch_size, ", 'dynamic' or None")


def check_calibration(
    model: Autoencoder,
    quantization: str | None,
    calibration: Any,
    shape: tuple[int | None, ...],
) -> None:
    """Check calibration data.

    Args:
        model: The model.
        quantization: As in `export_model`, as `calibration`.
        calibration: As above.
        shape: Shape of one input of the file.

    Raises:
        TypeError: The calibration is not an array of floats.
        ValueError: The quantization lacks its calibration, or the calibration does not
            fit the model.
    """
    if quantization in litert.FULL_INT8 and calibration is None:
        raise ValueError(
            f"quantization={quantization!r} needs `calibration`, an array of 100 to "
            "500 typical inputs, to measure the range of every tensor. For int8 "
            "weights alone, without calibration, pass quantization='dynamic'."
        )
    if calibration is not None:
        check_array(calibration, "calibration", shape, model.input_range, noisy=True)


def chosen(
    endpoints: dict[str, Endpoint], signature: str | None, format: Format
) -> dict[str, Endpoint]:
    """Return the endpoints that a file of the format holds.

    Args:
        endpoints: All endpoints.
        signature: The only one to keep. None keeps all if the format can hold them,
            and otherwise `reconstruct`.
        format: The format.

    Raises:
        ValueError: There is no signature of that name.
    """
    if signature is None and not format.has_one_signature:
        return endpoints
    signature = signature or "reconstruct"
    if signature not in endpoints:
        raise ValueError(
            f"`signature` must be one of {list(endpoints)}, which a {format.suffix} "
            f"file of this model can hold. Received: {signature!r}"
        )
    return {signature: endpoints[signature]}
