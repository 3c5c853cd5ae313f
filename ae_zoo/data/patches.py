"""Augmentation of large images: patches, and the symmetries of the square."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ae_zoo._checks import check_count

if TYPE_CHECKING:
    import tensorflow as tf

    from ae_zoo.data.augmentation import Augmentation


def random_patch(size: int) -> Augmentation:
    """Cut a square patch out of each image, at a random place.

    Networks of convolutions train on patches and are then used on whole images. A
    recipe that trains on patches validates on whole images.

    Args:
        size: Side of the patch, in pixels. Images must not be smaller.

    Returns:
        A function of images, (batch, height, width, channels), and a seed for
        stateless draws, (2,), that returns (batch, size, size, channels). Pass it as
        `augment` to `ae_zoo.data.load` or to a recipe.

    Raises:
        TypeError: `size` is not an integer.
        ValueError: `size` is less than 1, or, from the returned function, larger than
            the images.

    Example:

    >>> images = ae_zoo.data.arrays("digits", "test")
    >>> random_patch(5)(images, seed=(1, 2)).shape
    TensorShape([250, 5, 5, 1])
    """
    size = check_count("size", size)

    import tensorflow as tf

    def augment(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        height, width = images.shape[1:3]
        if size > min(height or size, width or size):
            raise ValueError(
                f"A patch of {size}×{size} pixels is larger than the images. Received "
                f"images of {height}×{width} pixels."
            )
        seeds = tf.random.experimental.stateless_split(seed, 2)
        for axis in (1, 2):
            batch, length = tf.shape(images)[0], tf.shape(images)[axis]
            start: Any = tf.random.stateless_uniform(
                (batch, 1), seeds[axis - 1], 0, length - size + 1, tf.int32
            )
            places = start + tf.range(size)  # (batch, size)
            images = tf.gather(images, places, axis=axis, batch_dims=1)
        return images

    return augment


def random_symmetry() -> Augmentation:
    """Turn and mirror square images: the square's 8 symmetries are equally likely.

    For images without a fixed orientation, such as patches of photographs.

    Returns:
        A function of images, (batch, size, size, channels), and a seed for stateless
        draws, (2,), that returns images of the same shape. Pass it as `augment` to
        `ae_zoo.data.load` or to a recipe.

    Raises:
        ValueError: From the returned function: the images are not square.

    Example:

    >>> images = ae_zoo.data.arrays("digits", "test")
    >>> random_symmetry()(images, seed=(1, 2)).shape
    TensorShape([250, 8, 8, 1])
    """
    import tensorflow as tf

    def augment(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        height, width = images.shape[1:3]
        if height != width:
            raise ValueError(
                "Only square images can be turned. Received images of "
                f"{height}×{width} pixels."
            )
        shape = (3, tf.shape(images)[0], 1, 1, 1)
        turned, mirrored, flipped = tf.unstack(
            tf.random.stateless_uniform(shape, seed) < 0.5
        )
        images = tf.where(turned, tf.transpose(images, (0, 2, 1, 3)), images)
        images = tf.where(mirrored, tf.reverse(images, [2]), images)
        return tf.where(flipped, tf.reverse(images, [1]), images)

    return augment
