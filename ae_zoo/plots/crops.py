"""Crops of large images at their own resolution."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ae_zoo.plots import _canvas

# Images with a longer side are shown as crops.
LARGEST_WHOLE = 128
_SIDE = 160
_GAP = 6
_LABEL = 112  # pixels for the names of rows
_DPI = 100


def image_crops(
    rows: Mapping[str, np.ndarray], path: _canvas.PathLike, side: int = _SIDE
) -> None:
    """Draw the most detailed square of large images, one pixel for each pixel.

    Scaling a photograph down hides noise and blur, which are what a picture of a
    denoiser must show. The places are those of the most detail in the first row.

    Args:
        rows: A dict from name to images, (n, height, width, channels) in [0, 1], with
            the same n and size in each row.
        path: File to write. The suffix selects the format.
        side: Side of a crop, in pixels. Smaller images are shown whole.

    Raises:
        ImportError: Matplotlib is not installed.

    Example:

    >>> photos = np.random.default_rng(0).random((2, 300, 200, 1))
    >>> ae_zoo.plots.image_crops({"input": photos, "darker": photos / 2}, "crops.png")
    """
    _canvas.check_installed()
    from matplotlib.figure import Figure

    first = np.asarray(next(iter(rows.values())))
    places = [most_detailed(image, side) for image in first]
    height, width = (min(side, size) for size in first.shape[1:3])
    figure_width = _LABEL + len(first) * (width + _GAP)
    figure_height = len(rows) * (height + _GAP) + _GAP
    figure = Figure(figsize=(figure_width / _DPI, figure_height / _DPI), dpi=_DPI)
    for line, (name, images) in enumerate(rows.items()):
        y = figure_height - (line + 1) * (height + _GAP)
        for column, (image, place) in enumerate(zip(images, places, strict=True)):
            crop = np.clip(np.asarray(image)[place], 0, 1).astype("float64")
            crop = np.broadcast_to(crop, (*crop.shape[:2], 3))
            x = _LABEL + column * (width + _GAP)
            figure.figimage(crop, x, y, origin="upper", resize=False)
        figure.text(
            (_LABEL - 10) / figure_width,
            (y + height / 2) / figure_height,
            name,
            ha="right",
            va="center",
            fontsize=10,
            color=_canvas.INK,
        )
    _canvas.save(figure, path, dpi=_DPI)


def most_detailed(image: np.ndarray, side: int) -> tuple[slice, slice]:
    """Find the square of an image with the largest differences between neighbors.

    Args:
        image: (height, width, channels).
        side: Side of the square, in pixels.

    Returns:
        The slices of its rows and columns.
    """
    gray = np.asarray(image, "float64").mean(axis=-1)
    steps = np.abs(np.diff(gray, axis=0))[:, :-1] + np.abs(np.diff(gray, axis=1))[:-1]
    starts = [
        range(0, max(1, size - side + 1), max(1, side // 4)) for size in gray.shape
    ]
    best = max(
        ((row, column) for row in starts[0] for column in starts[1]),
        key=lambda at: steps[at[0] : at[0] + side, at[1] : at[1] + side].sum(),
    )
    row, column = best
    return slice(row, row + side), slice(column, column + side)
