"""A smaller `.tflite` file with the same contents."""

from __future__ import annotations

import flatbuffers
import numpy as np

from ae_zoo.distribution.keras_patches import unpack_tflite

_IDENTIFIER = b"TFL3"
_ALIGNMENT = 16  # of weights, as the schema requires


def share_vectors(content: bytes) -> bytes:
    """Store equal vectors of a file once.

    The converter repeats the scales and zero points of all channels for each tensor and
    signature. In small int8 models these are larger than the weights, and most of them
    are equal.

    Args:
        content: The bytes of a `.tflite` file.

    Returns:
        The bytes of a file with the same contents.
    """
    model = unpack_tflite(content)
    builder = _SharingBuilder(len(content))
    builder.Finish(model.Pack(builder), file_identifier=_IDENTIFIER)
    return bytes(builder.Output())


class _SharingBuilder(flatbuffers.Builder):
    """Writes each vector once; the method names are those of the base class."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._offsets: dict[tuple[str, bytes], int] = {}

    def CreateNumpyVector(self, x: np.ndarray) -> int:
        key = (x.dtype.str, x.tobytes())
        if key not in self._offsets:
            self._offsets[key] = super().CreateNumpyVector(x)
        return self._offsets[key]

    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> int:
        if elemSize == 1:  # bytes, which weights are stored as
            alignment = _ALIGNMENT
        return super().StartVector(elemSize, numElems, alignment)
