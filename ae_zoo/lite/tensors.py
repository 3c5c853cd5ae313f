"""Tensors of a TFLite file: shapes, quantization, and checks of arrays.

A `Detail` is what LiteRT says about one tensor, `Details` a dict of them by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

Detail = dict[str, Any]
Details = Mapping[str, Detail]


def shape_of(detail: Detail) -> tuple[int | None, ...]:
    """Return the shape of a tensor, with None for an open size."""
    return tuple(None if size < 0 else int(size) for size in detail["shape_signature"])


def scale_of(detail: Detail) -> tuple[float, int] | None:
    """Return the scale and zero point of a quantized tensor, or None."""
    scale, zero_point = detail["quantization"]
    return (scale, zero_point) if scale else None


def describe(details: Details) -> dict[str, dict[str, Any]]:
    """Return {name: {"shape", "dtype"}}, with "scale" and "zero_point" if quantized."""
    tensors: dict[str, dict[str, Any]] = {}
    for name, detail in details.items():
        dtype = np.dtype(detail["dtype"]).name
        tensors[name] = {"shape": shape_of(detail), "dtype": dtype}
        if quantization := scale_of(detail):
            scale, zero_point = quantization
            tensors[name] |= {"scale": float(scale), "zero_point": int(zero_point)}
    return tensors


def quantize(array: np.ndarray, detail: Detail) -> np.ndarray:
    """Convert an array to the dtype of a tensor, with its scale if it has one."""
    if quantization := scale_of(detail):
        scale, zero_point = quantization
        limits = np.iinfo(detail["dtype"])
        array = np.clip(np.round(array / scale) + zero_point, limits.min, limits.max)
    return np.ascontiguousarray(array, detail["dtype"])


def dequantize(array: np.ndarray, detail: Detail) -> np.ndarray:
    """Convert a quantized array to floats; return other arrays unchanged."""
    quantization = scale_of(detail)
    if quantization is None:
        return array
    scale, zero_point = quantization
    return np.float32(scale) * (array.astype("float32") - zero_point)


def pad(array: np.ndarray, size: int) -> np.ndarray:
    """Repeat the last sample until there are `size` samples."""
    return array[np.minimum(np.arange(size), len(array) - 1)]


def check_names(signature: str, inputs: Mapping[str, Any], details: Details) -> None:
    """Check that the names of inputs are those of a signature.

    Raises:
        ValueError: One is missing or unknown.
    """
    if set(inputs) != set(details):
        raise ValueError(
            f"The signature {signature!r} takes the inputs {sorted(details)}. "
            f"Received: {sorted(inputs)}"
        )


def fitted(inputs: Mapping[str, ArrayLike], details: Details) -> dict[str, np.ndarray]:
    """Check the inputs of a signature that takes one batch of one size.

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
