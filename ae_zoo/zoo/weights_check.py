"""Check of `model.weights.h5`, before Keras reads it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ae_zoo.zoo.errors import UnsafeModelError

if TYPE_CHECKING:
    import h5py

MAX_VARIABLES = 100_000  # objects inside model.weights.h5
# What zipfile and h5py raise on damaged bytes.
BROKEN = (OSError, RuntimeError, ValueError, KeyError, TypeError, OverflowError)


def check_weights(data: bytes) -> None:
    """Raise if an HDF5 file holds more than groups of plain, stored arrays.

    Args:
        data: The bytes of the file.

    Raises:
        UnsafeModelError: It holds links, other types or arrays of false sizes, or it
            cannot be read.
    """
    import h5py

    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            declared = sum(_array_sizes(file))
    except UnsafeModelError:
        raise
    except BROKEN as error:
        raise UnsafeModelError(
            f"model.weights.h5 is truncated or not an HDF5 file: {error}."
        ) from error
    if declared > len(data):
        raise UnsafeModelError(
            f"model.weights.h5 declares arrays of {declared:,} bytes in a file of "
            f"{len(data):,}."
        )


def _array_sizes(file: h5py.File) -> Iterator[int]:
    """Yield the size of every array in bytes, after checking the array."""
    import h5py

    waiting, seen, count = [file], set(), 0
    while waiting:
        group = waiting.pop()
        address = h5py.h5o.get_info(group.id).addr
        if address in seen:
            raise UnsafeModelError(f"model.weights.h5: '{group.name}' is linked twice.")
        seen.add(address)
        for name in group:
            where, count = f"{group.name.rstrip('/')}/{name}", count + 1
            if count > MAX_VARIABLES:
                raise UnsafeModelError(
                    f"model.weights.h5 holds more than {MAX_VARIABLES:,} objects."
                )
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise UnsafeModelError(
                    f"model.weights.h5: '{where}' is a soft or external link."
                )
            item = group[name]
            if isinstance(item, h5py.Group):
                waiting.append(item)
            else:
                yield _array_size(item, where)


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
