"""Figures of images: rows of inputs, outputs and samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ae_zoo.models.showing import shown_rows
from ae_zoo.plots import _canvas

if TYPE_CHECKING:
    from ae_zoo.models import Autoencoder


def image_rows(
    rows: Mapping[str, ArrayLike] | Sequence[ArrayLike],
    path: _canvas.PathLike,
    title: str | None = None,
) -> None:
    """Draw rows of images, optionally with a name next to each row.

    Args:
        rows: A dict from name to images, or a list of images without names. Each value
            is (n, height, width, channels) in [0, 1], with the same n in each row.
        path: File to write. The suffix selects the format.
        title: Title above the figure.

    Raises:
        ImportError: Matplotlib is not installed.

    Example:

    >>> clean = ae_zoo.data.arrays("digits", "test")[:8]
    >>> noisy = ae_zoo.evaluation.add_noise(clean, 0.5)
    >>> ae_zoo.plots.image_rows({"clean": clean, "noisy": noisy}, "picture.png")
    """
    names = list(rows) if isinstance(rows, Mapping) else []
    values = rows.values() if isinstance(rows, Mapping) else rows
    images_of_rows = [np.asarray(images) for images in values]
    columns = max(map(len, images_of_rows))
    lines = len(images_of_rows)
    margin = 1.1 if names else 0.1
    figure, axes = _canvas.subplots(
        lines,
        columns,
        squeeze=False,
        figsize=(0.9 * columns + margin, 0.9 * lines + (0.45 if title else 0.1)),
        gridspec_kw={"wspace": 0.06, "hspace": 0.06},
    )
    figure.set_layout_engine("constrained", w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
    for line, images in zip(axes, images_of_rows, strict=True):
        for axis, image in zip(line, images, strict=True):
            axis.imshow(
                np.clip(image, 0, 1),
                cmap="gray",
                vmin=0,
                vmax=1,
                interpolation="nearest",
            )
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
    for axis, name in zip(axes[:, 0], names, strict=False):
        axis.set_ylabel(
            name, rotation=0, ha="right", va="center", labelpad=8, color=_canvas.INK
        )
    if title:
        figure.suptitle(title, color=_canvas.INK, fontsize=11)
    _canvas.save(figure, path)


def reconstructions(
    model: Autoencoder,
    x: ArrayLike,
    path: _canvas.PathLike,
    target: ArrayLike | None = None,
    corruption_seed: tuple[int, int] = (0, 0),
) -> None:
    """Draw images and their reconstructions.

    A denoising model gets a row of corrupted inputs in addition, and a variational
    model a row of samples from the prior.

    Args:
        model: An `ae_zoo.models.Autoencoder` of images.
        x: Input images, (n, height, width, channels).
        path: File to write. The suffix selects the format.
        target: Expected reconstructions, (n, height, width, channels), if they differ
            from `x`.
        corruption_seed: Seed of the corruption of a denoising model.

    Raises:
        ImportError: Matplotlib is not installed.
    """
    rows = shown_rows(model, x, target, corruption_seed)
    image_rows(rows, path)
