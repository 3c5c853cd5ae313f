"""Converts images of digits to the format of MNIST."""

from __future__ import annotations

import numpy as np

from ae_zoo._checks import to_array

_BOX, _SIDE = 20, 28


def mnist_style(images: np.ndarray) -> np.ndarray:
    """Convert images of digits to 28×28 in the way MNIST was made.

    The ink is scaled to fit a 20×20 box without a change of its aspect ratio, and its
    center of mass is moved to the center of a 28×28 field (LeCun et al. 1998, section
    III.A).

    Args:
        images: (n, height, width, 1), white on black in [0, 1].

    Returns:
        (n, 28, 28, 1) float32 in [0, 1].

    Raises:
        TypeError: The images are not numbers.
        ValueError: The shape is another, or an image has no ink.

    Example:

    >>> x = mnist_style(ae_zoo.data.arrays("digits", "test"))
    >>> x.shape
    (250, 28, 28, 1)
    """
    images = to_array(images, "images")
    if images.dtype.kind not in "fiub":
        raise TypeError(f"`images` must hold numbers. Received dtype {images.dtype}.")
    if images.ndim != 4 or images.shape[-1] != 1 or not images.size:
        raise ValueError(
            f"`images` must have shape (n, height, width, 1). Received {images.shape}."
        )
    images = images.astype("float32")
    if not np.isfinite(images).all():
        raise ValueError("`images` must be finite. Received NaN or infinite values.")
    return np.stack([_normalize(image[..., 0]) for image in images])[..., None]


def _normalize(image: np.ndarray) -> np.ndarray:
    from scipy import ndimage

    ink = image > 0.05 * image.max()
    if not image.max() > 0:
        raise ValueError("An image has no ink: expected a digit, white on black.")
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    digit = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    # Interpolation spreads ink outwards: leave it one pixel on each side.
    digit = np.pad(digit, 1)
    scale = _BOX / max(digit.shape)
    digit = np.clip(ndimage.zoom(digit, scale, order=3), 0, 1)
    mass = ndimage.center_of_mass(digit)
    field = np.zeros((_SIDE, _SIDE), "float32")
    top, left = (
        int(np.clip(round(_SIDE / 2 - 0.5 - center), 0, _SIDE - size))
        for center, size in zip(mass, digit.shape, strict=True)
    )
    field[top : top + digit.shape[0], left : left + digit.shape[1]] = digit
    return field
