"""Checks of what an export is asked for, before any work starts."""

from ae_zoo._checks import check_array, check_count
from ae_zoo.export import litert, sidecar

_SUFFIXES = {"tf_saved_model": "", "litert": ".tflite", "onnx": ".onnx"}
FORMATS = tuple(_SUFFIXES)


def check_path(filepath, format):
    """Checks where an export goes; arguments and errors as of `export_model`."""
    if format not in FORMATS:
        raise ValueError(f"`format` must be one of {FORMATS}. Received: {format!r}")
    suffix = _SUFFIXES[format]
    if suffix and filepath.suffix != suffix:
        raise ValueError(
            f"The name of a file of format={format!r} must end in '{suffix}'. "
            f"Received: '{filepath}'"
        )
    if not suffix and filepath.suffix in _SUFFIXES.values() and filepath.suffix:
        other = next(name for name, end in _SUFFIXES.items() if end == filepath.suffix)
        raise ValueError(
            f"A SavedModel is a directory. Received: '{filepath}'. For a file of that "
            f"suffix pass format={other!r}."
        )
    taken = [filepath, *([sidecar.path(filepath)] if format == "litert" else [])]
    for path in taken:
        if path.exists():
            raise FileExistsError(
                f"'{path}' exists. Remove it first, or export to another path."
            )


def check_trainable(format, quantization, pixels):
    """Checks what goes together with `trainable=True` of `export_model`."""
    if format != "litert" or quantization is not None or pixels:
        raise ValueError(
            "A file that trains on the device is LiteRT in float32: with "
            "trainable=True pass format='litert', no quantization, no pixels. Received "
            f"format={format!r}, quantization={quantization!r}, pixels={pixels}"
        )


def static_batch_size(batch_size, format):
    """The static batch size that `batch_size` stands for, or None for an open one."""
    if batch_size is None:
        return 1 if format == "litert" else None
    if batch_size == "dynamic":
        return None
    return check_count("batch_size", batch_size, ", 'dynamic' or None")


def check_quantization(model, quantization, calibration, format):
    """Checks a quantization and the data for it, as `export_model` says."""
    if quantization not in litert.QUANTIZATIONS:
        raise ValueError(
            f"`quantization` must be one of {litert.QUANTIZATIONS}. "
            f"Received: {quantization!r}"
        )
    if quantization is not None and format != "litert":
        raise ValueError(
            f"quantization={quantization!r} is a matter of format='litert'. "
            f"Received: format={format!r}"
        )
    if quantization in litert.FULL_INT8 and calibration is None:
        raise ValueError(
            f"quantization={quantization!r} needs `calibration`, an array of 100 to "
            "500 typical inputs, to measure the range of every tensor. For int8 "
            "weights alone, without calibration, pass quantization='dynamic'."
        )
    if calibration is not None:
        shape, interval = model.input_shape[1:], model.input_range
        check_array(calibration, "calibration", shape, interval, noisy=True)
