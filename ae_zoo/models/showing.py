"""What a picture of a model's images shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from ae_zoo.models.autoencoder import Autoencoder


def shown_rows(
    model: Autoencoder,
    x: ArrayLike,
    target: ArrayLike | None = None,
    corruption_seed: tuple[int, int] = (0, 0),
) -> dict[str, np.ndarray]:
    """Return rows of images by name: inputs, outputs, and what else suits the model.

    A denoising model gets a row of corrupted inputs in addition, and a variational
    model a row of samples from the prior.

    Args:
        model: A model of images.
        x: Input images, (n, height, width, channels).
        target: Expected reconstructions, (n, height, width, channels), if they differ
            from `x`.
        corruption_seed: Seed of the corruption of a denoising model.

    Returns:
        A dict from name to n images.
    """
    x = np.asarray(x)
    rows = {"input": x}
    corruption = model.spec().corruption
    if corruption is not None:
        noisy = np.asarray(corruption(x, seed=corruption_seed))
        rows |= {"corrupted": noisy, "denoised": model.reconstruct(noisy)}
    else:
        rows["reconstruction"] = model.reconstruct(x)
    if target is not None:
        rows["target"] = np.asarray(target)
    if "sample" in model.endpoints():
        rows["sample"] = model.sample(len(x), seed=0)
    return rows
