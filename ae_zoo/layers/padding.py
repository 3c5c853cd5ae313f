"""Layers that let a network with strides take images of every size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ae_zoo._checks import check_integer

# More than the total stride of any network in use; a layer from a file cannot ask for
# more memory than this.
MAX_MULTIPLE = 1024

_Shape = tuple[int | None, ...]


@keras.saving.register_keras_serializable("ae_zoo")
class PadToMultiple(keras.layers.Layer):
    """Pads images by reflection, at the bottom and the right, to a multiple of a size.

    A network that halves images several times and doubles them again returns to the
    size of its input only if that is a multiple of its total stride. Images of such a
    size pass unchanged. `CropTo` undoes the padding.

    The edge itself is not repeated: the rows 0 1 2 become 0 1 2 1 0 1. An image of one
    row repeats it.

    Args:
        multiple: Number of pixels; height and width become multiples of it.
        **kwargs: As in `keras.layers.Layer`.

    Example:

    >>> row = np.arange(3.0).reshape(1, 3, 1, 1)
    >>> ae_zoo.layers.PadToMultiple(4)(row)[0, :, 0, 0].numpy()
    array([0., 1., 2., 1.], dtype=float32)
    """

    def __init__(self, multiple: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.multiple = check_integer("multiple", multiple, 1, MAX_MULTIPLE)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        x = inputs
        for axis in (1, 2):
            x = self._padded(x, axis)
        return x

    def _padded(self, x: tf.Tensor, axis: int) -> tf.Tensor:
        size = x.shape[axis]
        if size is not None:
            if not -size % self.multiple:
                return x  # files of fixed size get no operation
            index: Any = _reflected(np, size, -size % self.multiple)
        else:
            count: Any = tf.shape(x)[axis]
            # Of positive numbers only: ONNX has another remainder of negative ones.
            missing = (self.multiple - count % self.multiple) % self.multiple
            index = _reflected(tf, count, missing)
        # Only the border is gathered: gathering whole images by columns is slow.
        return tf.concat([x, tf.gather(x, index, axis=axis)], axis)

    def compute_output_shape(self, input_shape: _Shape) -> _Shape:
        sizes = list(input_shape)
        for axis in (1, 2):
            size = sizes[axis]
            sizes[axis] = None if size is None else size + -size % self.multiple
        return tuple(sizes)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "multiple": self.multiple}


def _reflected(library: Any, size: Any, count: Any) -> Any:
    """Indices of the pixels that continue an axis by reflection."""
    period = library.maximum(2 * (size - 1), 1)
    place = (size + library.range(count)) if library is tf else size + np.arange(count)
    place = place % period
    return library.minimum(place, period - place)


@keras.saving.register_keras_serializable("ae_zoo")
class CropTo(keras.layers.Layer):
    """Crops images at the bottom and the right to the size of other images.

    Called with [images, reference]: (batch, height, width, channels) each.

    Example:

    >>> padded = ae_zoo.layers.PadToMultiple(4)(np.ones((1, 5, 6, 1)))
    >>> ae_zoo.layers.CropTo()([padded, np.ones((1, 5, 6, 3))]).shape
    TensorShape([1, 5, 6, 1])
    """

    def call(self, inputs: Sequence[tf.Tensor]) -> tf.Tensor:
        images, reference = inputs
        return crop_to(images, reference)

    def compute_output_shape(self, input_shape: Sequence[_Shape]) -> _Shape:
        images, reference = input_shape
        return (images[0], *reference[1:3], images[3])


def crop_to(x: tf.Tensor, reference: tf.Tensor) -> tf.Tensor:
    """Crop (batch, height, width, channels) to the height and width of a reference."""
    if x.shape[1:3] == reference.shape[1:3] and None not in x.shape[1:3]:
        return x
    size = tf.shape(reference)
    height, width = (
        size[axis] if (known := reference.shape[axis]) is None else known
        for axis in (1, 2)
    )
    return x[:, :height, :width]
