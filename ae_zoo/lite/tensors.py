"""Tensors of a TFLite file: their shapes, their quantization, arrays that fit them.

A `detail` is what LiteRT tells of one tensor, `details` a dict of them by name.
"""

import numpy as np


def shape_of(detail):
    """(batch, ...), None for a size that the file leaves open."""
    return tuple(None if size < 0 else int(size) for size in detail["shape_signature"])


def scale_of(detail):
    """Scale and zero point of a quantized tensor, or None."""
    scale, zero_point = detail["quantization"]
    return (scale, zero_point) if scale else None


def describe(details):
    """{name: {"shape", "dtype"}}, with "scale" and "zero_point" where quantized."""
    tensors = {}
    for name, detail in details.items():
        dtype = np.dtype(detail["dtype"]).name
        tensors[name] = {"shape": shape_of(detail), "dtype": dtype}
        if scale_of(detail):
            scale, zero_point = scale_of(detail)
            tensors[name] |= {"scale": float(scale), "zero_point": int(zero_point)}
    return tensors


def quantize(array, detail):
    """An array in the dtype of the tensor, floats in its scale if it has one."""
    if scale_of(detail):
        scale, zero_point = scale_of(detail)
        limits = np.iinfo(detail["dtype"])
        array = np.clip(np.round(array / scale) + zero_point, limits.min, limits.max)
    return np.ascontiguousarray(array, detail["dtype"])


def dequantize(array, detail):
    """The floats that a quantized array stands for; others stay as they are."""
    if not scale_of(detail):
        return array
    scale, zero_point = scale_of(detail)
    return np.float32(scale) * (array.astype("float32") - zero_point)


def pad(array, size):
    """Repeats the last sample until there are `size`."""
    return array[np.minimum(np.arange(size), len(array) - 1)]


def check_names(signature, inputs, details):
    """Checks that inputs are those of a signature.

    Raises:
        ValueError: One is missing or unknown.
    """
    if set(inputs) != set(details):
        raise ValueError(
            f"The signature {signature!r} takes the inputs {sorted(details)}. "
            f"Received: {sorted(inputs)}"
        )


def fitted(inputs, details):
    """Inputs of a signature that takes one batch of one size, checked.

    Raises:
        ValueError: A wrong shape, or a value that is not finite.
    """
    arrays = {}
    for name, value in inputs.items():
        expected, dtype = shape_of(details[name]), details[name]["dtype"]
        array = np.asarray(value, dtype)
        if len(array.shape) != len(expected) or any(
            size not in (None, received)
            for size, received in zip(expected, array.shape, strict=True)
        ):
            raise ValueError(
                f"`{name}` must have the shape {expected}. Received: {array.shape}"
            )
        if not np.isfinite(array).all():
            raise ValueError(f"`{name}` must be finite. Received NaN or infinity.")
        arrays[name] = np.ascontiguousarray(array)
    return arrays
