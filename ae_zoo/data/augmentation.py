"""Augmentation of images inside the data pipeline."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ae_zoo._checks import check_number, check_share

if TYPE_CHECKING:
    import tensorflow as tf

    Augmentation = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]

_FILL_MODES = ("reflect", "nearest", "constant")
# Longer sides are enlarged by `tf.image.resize`: the cost of a product with a matrix
# grows with the third power of the side.
_LARGEST_SIDE = 80


def random_flip(share: float = 0.5) -> Augmentation:
    """Mirror images left to right, each with probability `share`.

    Args:
        share: Probability that an image is mirrored.

    Returns:
        A function of images, (batch, height, width, channels), and a seed for
        stateless draws, (2,), that returns images of the same shape. Pass it as
        `augment` to `ae_zoo.data.load` or to a recipe.

    Raises:
        TypeError: `share` is not a number.
        ValueError: `share` is outside [0, 1].

    Example:

        >>> images = tf.constant([[[[0.1], [0.9]]]])  # one row of two pixels
        >>> random_flip(share=1.0)(images, seed=(0, 0)).numpy().ravel()
        array([0.9, 0.1], dtype=float32)
    """
    check_share("share", share)

    import tensorflow as tf

    def augment(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        batch: Any = tf.shape(images)[0]
        draws = tf.random.stateless_uniform((batch, 1, 1, 1), seed)
        return tf.where(draws < share, tf.reverse(images, [2]), images)

    return augment


def random_affine(
    rotation: float = 0.1, shear: float = 0.1, scale: float = 0.05, share: float = 0.75
) -> Augmentation:
    """Rotate, shear and scale images slightly about their center.

    One resampling does all three, in an image enlarged three times: bilinear sampling
    of the image itself blurs strokes, and a model trained on blurred images is worse
    on sharp ones.

    Args:
        rotation: Standard deviation of the angle, in radians.
        shear: Standard deviation of the horizontal shear.
        scale: Standard deviation of the log of the height's and the width's scale.
        share: Probability that an image is changed.

    Returns:
        A function of images, (batch, height, width, channels), and a seed for
        stateless draws, (2,), that returns images of the same shape. Pass it as
        `augment` to `ae_zoo.data.load` or to a recipe.

    Raises:
        TypeError: An argument is not a number.
        ValueError: `share` is outside [0, 1], or a standard deviation is negative.

    Example:

        >>> images = ae_zoo.data.arrays("digits", "test")
        >>> random_affine()(images, seed=(1, 2)).shape
        TensorShape([250, 8, 8, 1])
    """
    check_share("share", share)
    for name, stddev in {"rotation": rotation, "shear": shear, "scale": scale}.items():
        check_number(name, stddev, least=0)

    import tensorflow as tf

    def augment(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        seeds = tf.random.experimental.stateless_split(seed, 2)
        sizes: list[Any] = [tf.shape(images)[axis] for axis in range(3)]
        batch, height, width = sizes
        angle, slant, log_y, log_x = tf.unstack(
            tf.random.stateless_normal((4, batch), seeds[0])
            * [[rotation], [shear], [scale], [scale]]
        )
        cos, sin = tf.cos(angle), tf.sin(angle)
        row_y = [sin * tf.exp(log_y), cos * tf.exp(log_y)]
        row_x = [cos * tf.exp(log_x) + slant * sin, slant * cos - sin * tf.exp(log_x)]
        center_x = tf.cast(width - 1, "float32") / 2
        center_y = tf.cast(height - 1, "float32") / 2
        offset_x = center_x - row_x[0] * center_x - row_x[1] * center_y
        offset_y = center_y - row_y[0] * center_x - row_y[1] * center_y
        # Pixel u of the image is pixel 3u + 1 of the enlarged image.
        transform = [*row_x, offset_x + 1 / 3, *row_y, offset_y + 1 / 3]
        zero = tf.zeros_like(angle)
        transforms = tf.stack([3 * t for t in transform] + [zero, zero], axis=1)
        draws = tf.random.stateless_uniform((batch,), seeds[1])
        chosen = tf.where(draws < share)  # (changed, 1)
        changed = _resampled(
            tf.gather_nd(images, chosen), tf.gather_nd(transforms, chosen)
        )
        return tf.tensor_scatter_nd_update(images, chosen, changed)

    return augment


def random_shift(
    height: float = 0.1, width: float = 0.1, fill_mode: str = "reflect"
) -> Augmentation:
    """Shift images by whole pixels, up to a share of their sides.

    Args:
        height: Largest shift up or down, as a share of the height.
        width: Largest shift left or right, as a share of the width.
        fill_mode: What the pixels become that the shift uncovers: "reflect" (mirrored
            at the edge), "nearest" (those of the edge) or "constant" (0).

    Returns:
        A function of images, (batch, height, width, channels), and a seed for
        stateless draws, (2,), that returns images of the same shape. Pass it as
        `augment` to `ae_zoo.data.load` or to a recipe.

    Raises:
        TypeError: A share is not a number.
        ValueError: A share is outside [0, 1], or `fill_mode` is unknown.

    Example:

    >>> images = ae_zoo.data.arrays("digits", "test")
    >>> random_shift(0.2, 0.2)(images, seed=(1, 2)).shape
    TensorShape([250, 8, 8, 1])
    """
    for name, share in {"height": height, "width": width}.items():
        check_share(name, share)
    if fill_mode not in _FILL_MODES:
        raise ValueError(
            f"`fill_mode` must be one of {list(_FILL_MODES)}. Received: {fill_mode!r}"
        )

    import tensorflow as tf

    def augment(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        batch, rows, columns = (tf.shape(images)[axis] for axis in range(3))
        shares = tf.constant([height, width], tf.float32)
        most = shares * tf.cast([rows, columns], tf.float32)
        most = tf.floor(most + 1e-4)  # 0.1 of 30 pixels are 3, in spite of rounding
        draws = tf.random.stateless_uniform((batch, 2), seed, -1, 1)
        shift = tf.round(draws * (most + 0.5 - 1e-4))  # each whole shift is as likely
        shift = tf.clip_by_value(shift, -most, most)
        return _projected(images, (1.0, 1.0), shift, "NEAREST", fill_mode.upper())

    return augment


def random_crop(least: float = 0.7) -> Augmentation:
    """Cut a random part out of each image, and enlarge it to the size of the image.

    Height and width of the part have the aspect ratio of the image. To cut parts of a
    fixed size out of larger image files, use `crop="random"` of `ae_zoo.data.Images`.

    Args:
        least: Smallest side of a part, as a share of the side of the image, above 0.

    Returns:
        A function of images, (batch, height, width, channels), and a seed for
        stateless draws, (2,), that returns images of the same shape. Pass it as
        `augment` to `ae_zoo.data.load` or to a recipe.

    Raises:
        TypeError: `least` is not a number.
        ValueError: `least` is outside (0, 1].

    Example:

    >>> images = ae_zoo.data.arrays("digits", "test")
    >>> random_crop(0.5)(images, seed=(1, 2)).shape
    TensorShape([250, 8, 8, 1])
    """
    check_number("least", least, above=0, most=1)

    import tensorflow as tf

    def augment(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        seeds = tf.random.experimental.stateless_split(seed, 2)
        batch = tf.shape(images)[0]
        sides = tf.cast(tf.shape(images)[1:3] - 1, tf.float32)
        side = tf.random.stateless_uniform((batch, 1), seeds[0], least, 1)
        place = tf.random.stateless_uniform((batch, 2), seeds[1])
        start = place * (1 - side) * sides  # (batch, 2): row and column
        side = tf.squeeze(side, 1)
        return _projected(images, (side, side), start, "BILINEAR", "REFLECT")

    return augment


def _resampled(images: tf.Tensor, transforms: tf.Tensor) -> tf.Tensor:
    """Sample images after they were enlarged three times.

    Args:
        images: (batch, height, width, channels), in [0, 1].
        transforms: (batch, 8): from pixels to those of the enlarged image, as
            `ImageProjectiveTransformV3` takes them.
    """
    import tensorflow as tf

    batch, height, width, channels = _sizes(images)
    # As images of one channel each, which are matrices.
    single = tf.reshape(tf.transpose(images, (0, 3, 1, 2)), (-1, height, width))
    projected = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.expand_dims(_enlarged(single), -1),
        transforms=tf.repeat(transforms, channels, axis=0),
        output_shape=(height, width),
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )
    apart = tf.reshape(projected, (batch, channels, height, width))
    # The enlargement overshoots at edges.
    return tf.clip_by_value(tf.transpose(apart, (0, 2, 3, 1)), 0.0, 1.0)


def _enlarged(images: tf.Tensor) -> tf.Tensor:
    """Enlarge images three times by bicubic interpolation.

    Args:
        images: (batch, height, width).
    """
    import tensorflow as tf

    batch, height, width = _sizes(images)
    is_small = all(isinstance(n, int) and n <= _LARGEST_SIDE for n in (height, width))
    if not is_small:
        size = (3 * height, 3 * width)
        return tf.image.resize(tf.expand_dims(images, -1), size, "bicubic")[..., 0]
    # Interpolation is linear: two products give the same in a third of the time.
    rows = tf.reshape(images, (-1, width))
    wide = tf.matmul(rows, _interpolation(width), transpose_b=True)
    wide = tf.reshape(wide, (batch, height, 3 * width))
    return tf.matmul(_interpolation(height), wide)


def _sizes(images: tf.Tensor) -> list[Any]:
    """Return the shape, as integers where they are known while the graph is traced."""
    import tensorflow as tf

    known = zip(images.shape, tf.unstack(tf.shape(images)), strict=True)
    return [size if static is None else static for static, size in known]


def _interpolation(size: int) -> tf.Tensor:
    """Return the matrix that enlarges `size` values three times, (3 · size, size)."""
    import tensorflow as tf

    unit = tf.reshape(tf.eye(size), (1, size, size, 1))
    return tf.image.resize(unit, (3 * size, size), "bicubic")[0, ..., 0]


def _projected(
    images: tf.Tensor,
    scale: tuple[Any, Any],
    start: tf.Tensor,
    interpolation: str,
    fill_mode: str,
) -> tf.Tensor:
    """Sample images at scale · place + start.

    Args:
        images: (batch, height, width, channels).
        scale: Scales of rows and of columns, (batch,) or numbers.
        start: (batch, 2): row and column of the first pixel.
        interpolation: "NEAREST" or "BILINEAR".
        fill_mode: "REFLECT", "NEAREST" or "CONSTANT", for places outside.
    """
    import tensorflow as tf

    rows, columns = tf.unstack(start, axis=1)
    zero = tf.zeros_like(rows)
    transform = [scale[1] + zero, zero, columns, zero, scale[0] + zero, rows]
    projected = tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack([*transform, zero, zero], axis=1),
        output_shape=tf.shape(images)[1:3],
        fill_value=0.0,
        interpolation=interpolation,
        fill_mode=fill_mode,
    )
    return tf.ensure_shape(projected, images.shape)
