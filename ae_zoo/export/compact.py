"""A smaller `.tflite` file of the same contents."""

import flatbuffers

from ae_zoo.distribution.keras_patches import unpack_tflite

_IDENTIFIER = b"TFL3"
_ALIGNMENT = 16  # of weights, by the schema


def share_vectors(content):
    """Stores equal vectors of a file once.

    A converter writes the scale and zero point of every channel anew for each tensor
    and signature. In small int8 models these outweigh the weights, and most are equal.

    Args:
        content: Of a `.tflite` file, bytes.

    Returns:
        The bytes of a file that reads the same.
    """
    model = unpack_tflite(content)
    builder = _SharingBuilder(len(content))
    builder.Finish(model.Pack(builder), file_identifier=_IDENTIFIER)
    return bytes(builder.Output())


class _SharingBuilder(flatbuffers.Builder):
    """Methods in the case of the class they override."""

    def __init__(self, size):
        super().__init__(size)
        self._offsets = {}

    def CreateNumpyVector(self, x):
        key = (x.dtype.str, x.tobytes())
        if key not in self._offsets:
            self._offsets[key] = super().CreateNumpyVector(x)
        return self._offsets[key]

    def StartVector(self, elemSize, numElems, alignment):
        if elemSize == 1:  # bytes, which weights are stored as
            alignment = _ALIGNMENT
        return super().StartVector(elemSize, numElems, alignment)
