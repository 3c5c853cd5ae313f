"""Augmentation of images inside the data pipeline."""

from ae_zoo._checks import check_at_least, check_share


def random_flip(share=0.5):
    """Mirrors images left to right, each with probability `share`.

    Args:
        share: Probability that an image is mirrored.

    Returns:
        A function of images, (batch, height, width, channels), and a seed for
        stateless draws, (2,), to images of the same shape: for `augment=` of
        `ae_zoo.data.load` and of a recipe.

    Raises:
        ValueError: A share outside of [0, 1].

    Example:
        >>> images = tf.constant([[[[0.1], [0.9]]]])  # one row of two pixels
        >>> random_flip(share=1.0)(images, seed=(0, 0)).numpy().ravel()
        array([0.9, 0.1], dtype=float32)
    """
    check_share("share", share)

    import tensorflow as tf

    def augment(images, seed):
        draws = tf.random.stateless_uniform((tf.shape(images)[0], 1, 1, 1), seed)
        return tf.where(draws < share, tf.reverse(images, [2]), images)

    return augment


def random_affine(rotation=0.1, shear=0.1, scale=0.05, share=0.75):
    """Images slightly turned, sheared and scaled about their centre.

    One resampling does all three, in an image of thrice the size: bilinear sampling of
    the image itself blurs strokes, and a model trained on blurred images is worse on
    sharp ones.

    Args:
        rotation: Standard deviation of the angle, in radians.
        shear: Standard deviation of the horizontal shear.
        scale: Standard deviation of the log of the height's and the width's scale.
        share: Of the images that are changed; the others pass as they are.

    Returns:
        A function of images, (batch, height, width, channels), and a seed for
        stateless draws, (2,), to images of the same shape: for `augment=` of
        `ae_zoo.data.load` and of a recipe.

    Raises:
        ValueError: A share outside of [0, 1], or a negative standard deviation.

    Example:
        >>> train = load("digits", batch_size=64, augment=random_affine())
    """
    check_share("share", share)
    for name, stddev in {"rotation": rotation, "shear": shear, "scale": scale}.items():
        check_at_least(name, stddev, 0)

    import tensorflow as tf

    def augment(images, seed):
        seeds = tf.random.experimental.stateless_split(seed, 2)
        batch, height, width = (tf.shape(images)[axis] for axis in range(3))
        angle, slant, log_y, log_x = tf.unstack(
            tf.random.stateless_normal((4, batch), seeds[0])
            * [[rotation], [shear], [scale], [scale]]
        )
        cos, sin = tf.cos(angle), tf.sin(angle)
        row_y = [sin * tf.exp(log_y), cos * tf.exp(log_y)]
        row_x = [cos * tf.exp(log_x) + slant * sin, slant * cos - sin * tf.exp(log_x)]
        centre_x = tf.cast(width - 1, "float32") / 2
        centre_y = tf.cast(height - 1, "float32") / 2
        offset_x = centre_x - row_x[0] * centre_x - row_x[1] * centre_y
        offset_y = centre_y - row_y[0] * centre_x - row_y[1] * centre_y
        # Pixel u of the image is pixel 3u + 1 of the image of thrice the size.
        large = tf.image.resize(images, (3 * height, 3 * width), "bicubic")
        transform = [*row_x, offset_x + 1 / 3, *row_y, offset_y + 1 / 3]
        zero = tf.zeros_like(angle)
        changed = tf.raw_ops.ImageProjectiveTransformV3(
            images=large,
            transforms=tf.stack([3 * t for t in transform] + [zero, zero], axis=1),
            output_shape=(height, width),
            fill_value=0.0,
            interpolation="BILINEAR",
            fill_mode="CONSTANT",
        )
        changed = tf.clip_by_value(changed, 0.0, 1.0)  # bicubic oversteps
        is_kept = tf.random.stateless_uniform((batch, 1, 1, 1), seeds[1]) >= share
        return tf.where(is_kept, images, changed)

    return augment
