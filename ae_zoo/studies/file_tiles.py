"""Files of fixed size for models that take images of any size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from ae_zoo import networks
from ae_zoo.data import random_patch
from ae_zoo.models import Autoencoder, tiling

# Height and width of the images that a file takes.
SIDE = 256
# Pixels at the inner border of a tile that are not used. Receptive fields reach
# farther, but with their whole width two tiles would share most of their pixels.
_MARGIN = 32
_SEED = (2026, 0)


def takes_any_size(model: Autoencoder) -> bool:
    """Whether a model takes images of any size, so that a file needs one."""
    return None in model.input_shape[1:]


def sizes(model: Autoencoder, batch_size: int = 1) -> dict[str, Any]:
    """Return the arguments of `export` that state the sizes of a file."""
    if not takes_any_size(model):
        return {"batch_size": batch_size}
    return {"input_shape": (batch_size, SIDE, SIDE, model.input_shape[-1])}


def patches(images: np.ndarray) -> np.ndarray:
    """Cut a patch of the size of a file out of each image, at a seeded place.

    Args:
        images: (batch, height, width, channels). Smaller ones are continued by
            reflection.

    Returns:
        (batch, 256, 256, channels).
    """
    return random_patch(SIDE)(
        tf.constant(_enlarged(images)), tf.constant(_SEED)
    ).numpy()


def in_tiles(
    model: Autoencoder, run: Callable[[np.ndarray], np.ndarray], images: np.ndarray
) -> np.ndarray:
    """Apply a file to images of another size, in overlapping tiles.

    Args:
        model: The model that the file was exported from.
        run: The file, from (1, 256, 256, channels) to images of the same size.
        images: (batch, height, width, channels).

    Returns:
        The outputs, (batch, height, width, channels).
    """
    field = networks.receptive_field(model.encoder, model.decoder)
    radius, grid = (_MARGIN, 1) if field is None else field
    plan = tiling.Plan((SIDE, SIDE), min(radius, _MARGIN), grid)

    def tile(part: np.ndarray) -> np.ndarray:
        height, width = part.shape[1:3]
        return np.asarray(run(_enlarged(part)))[:, :height, :width]

    return np.stack([tiling.in_tiles(tile, image, plan) for image in images])


def _enlarged(images: np.ndarray) -> np.ndarray:
    """Continue images by reflection, at the bottom and the right, to 256 pixels."""
    missing = [(0, max(0, SIDE - size)) for size in images.shape[1:3]]
    return np.pad(images, [(0, 0), *missing, (0, 0)], mode="reflect")
