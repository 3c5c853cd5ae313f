"""Check of `model.weights.h5`, before Keras reads it."""

from __future__ import annotations

import collections
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ae_zoo._bounds import MAX_HDF5_DEPTH, MAX_HDF5_OBJECTS
from ae_zoo._reading import UnsafeModelError, short

if TYPE_CHECKING:
    import h5py
    import keras

Shape = tuple[int, ...]
# What zipfile and h5py raise on damaged bytes.
BROKEN = (OSError, RuntimeError, ValueError, KeyError, TypeError, OverflowError)


def check_weights(data: bytes) -> dict[Shape, list[int]]:
    """Raise if an HDF5 file holds more than groups of plain, stored arrays.

    Args:
        data: The bytes of the file.

    Returns:
        {shape: bytes of each array} of its arrays.

    Raises:
        UnsafeModelError: It holds links, other types or arrays of false sizes, or it
            cannot be read.
    """
    import h5py

    stored = collections.defaultdict(list)
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            for shape, size in _arrays(file):
                stored[shape].append(size)
    except UnsafeModelError:
        raise
    except BROKEN as error:
        raise UnsafeModelError(
            f"model.weights.h5 is truncated or not an HDF5 file: {error}."
        ) from None
    declared = sum(map(sum, stored.values()))
    if declared > len(data):
        raise UnsafeModelError(
            f"model.weights.h5 declares arrays of {declared:,} bytes in a file of "
            f"{len(data):,}."
        )
    return stored


def check_finite(model: keras.Model) -> None:
    """Raise if a weight of a model, or of its optimizer, is NaN or infinite."""
    import numpy as np
    from keras import ops

    optimizer = model.optimizer if model.compiled else None
    for variable in [*model.weights, *(optimizer.variables if optimizer else ())]:
        if (
            "float" in variable.dtype
            and not np.isfinite(ops.convert_to_numpy(variable)).all()
        ):
            raise UnsafeModelError(
                f"model.weights.h5 holds NaN or infinite values: {variable.path} of "
                f"shape {tuple(variable.shape)}. The training has diverged, or the "
                "file is damaged."
            )


def _arrays(file: h5py.File) -> Iterator[tuple[Shape, int]]:
    """Yield the shape of every array, and its bytes, after checking the array."""
    import h5py

    waiting, seen, count = [(file, "", 0)], set(), 0
    while waiting:
        group, path, depth = waiting.pop()
        address = h5py.h5o.get_info(group.id).addr
        if address in seen or depth > MAX_HDF5_DEPTH:
            raise UnsafeModelError(
                f"model.weights.h5: {short(path)} is linked twice, or lies deeper than "
                f"{MAX_HDF5_DEPTH} levels."
            )
        seen.add(address)
        for name in group:
            where, count = f"{path}/{name[:100]}", count + 1
            if count > MAX_HDF5_OBJECTS:
                raise UnsafeModelError(
                    f"model.weights.h5 holds more than {MAX_HDF5_OBJECTS:,} objects."
                )
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise UnsafeModelError(
                    f"model.weights.h5: '{where}' is a soft or external link."
                )
            item = group[name]
            if isinstance(item, h5py.Group):
                waiting.append((item, where, depth + 1))
            else:
                size = _array_size(item, where)
                yield item.shape, size


def _array_size(item: object, where: str) -> int:
    import h5py

    if not isinstance(item, h5py.Dataset) or item.shape is None:
        raise UnsafeModelError(f"model.weights.h5: '{where}' is not an array.")
    if item.external or item.is_virtual:
        raise UnsafeModelError(f"model.weights.h5: '{where}' lies in another file.")
    # bfloat16 is stored as two opaque bytes.
    if item.dtype.kind not in "biuf" and item.dtype.str != "|V2":
        raise UnsafeModelError(
            f"model.weights.h5: '{where}' holds {item.dtype}, expected numbers."
        )
    size = item.dtype.itemsize
    for length in item.shape:
        size *= length
    # Keras never compresses; a compressed array can be a thousand times as large as
    # its file.
    if item.chunks is not None or item.id.get_storage_size() != size:
        raise UnsafeModelError(
            f"model.weights.h5: '{where}' declares {size:,} bytes and stores "
            f"{item.id.get_storage_size():,} in chunks or not at all; expected a plain "
            "uncompressed array."
        )
    return size
