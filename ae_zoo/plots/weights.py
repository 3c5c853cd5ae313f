"""Figures of weights: the filters of dense units as images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ae_zoo import networks
from ae_zoo.plots import _canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ae_zoo.models import Autoencoder


def filters(
    model: Autoencoder,
    path: _canvas.PathLike | None = None,
    most: int = 100,
    *,
    ax: Axes | None = None,
) -> None:
    """Draw the weights of dense units as images.

    If the decoder is one dense layer, tied or not, each image is what a unit adds to
    the output. Otherwise each image is what a unit of the encoder's first layer
    responds to. Red is positive and blue is negative, on one scale for all units. The
    units with the largest weights come first.

    Args:
        model: An `ae_zoo.models.Autoencoder` of gray images with dense layers.
        path: File to write. The suffix selects the format.
        most: Maximum number of units to draw.
        ax: Axes to draw into, instead of writing a file.

    Raises:
        ImportError: Matplotlib is not installed.
        ValueError: The model has no such layer, its images are not gray, or neither or
            both of `path` and `ax` are given.
    """
    weights = _unit_weights(model)  # (units, height, width)
    norms = np.linalg.norm(weights.reshape(len(weights), -1), axis=1)
    shown = weights[np.argsort(-norms, kind="stable")[:most]]
    lines, columns = _grid(len(shown))
    # A few extreme weights would make all others pale.
    limit = float(np.quantile(np.abs(shown), 0.995))
    size = 5.6 / max(lines, columns)
    is_all = len(shown) == len(weights)
    largest, rest = ("", "") if is_all else ("The largest ", f" of {len(weights):,}")
    title = f"{largest}{len(shown)}{rest} units, by their weights"
    figsize = (size * columns + 0.8, size * lines + 0.4)
    with _canvas.axes_for(path, ax, figsize) as axes:
        axes.set_axis_off()
        axes.set_title(title, color=_canvas.INK, fontsize=11)
        _draw_signed(axes, _mosaic(shown, lines, columns), limit)


def _unit_weights(model: Autoencoder) -> np.ndarray:
    """The weights of each unit as an image, (units, height, width)."""
    height, width, *channels = (*model.sample_shape, 0)[:4]
    encoder = networks.dense_chain(model.encoder)
    dictionary = networks.dictionary(model.decoder)
    if channels[:1] != [1] or not (encoder or dictionary):
        raise ValueError(
            "Filters can be drawn only for gray images, (height, width, 1), and a "
            "dense encoder or a decoder of one dense layer. Received a "
            f"{type(model).__name__} with inputs of shape {model.input_shape[1:]} and "
            f"the encoder {model.encoder.name!r}."
        )
    weights = encoder[0].kernel.numpy().T if dictionary is None else dictionary.kernel
    return np.asarray(weights).reshape(-1, height, width)


def _draw_signed(axes: Axes, image: np.ndarray, limit: float) -> None:
    """Draw values in [-limit, limit] from blue to red, with a color bar."""
    drawn = axes.imshow(
        image, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest"
    )
    bar = axes.figure.colorbar(
        drawn, ax=axes, shrink=0.4, aspect=16, pad=0.02, ticks=[-limit, 0, limit]
    )
    labels = [f"−{limit:.2g}", "0", f"{limit:.2g}"]
    bar.ax.set_yticklabels(labels, color=_canvas.INK)
    bar.ax.tick_params(length=0)
    bar.outline.set_visible(False)


def _grid(count: int) -> tuple[int, int]:
    """Rows and columns of a nearly square grid, without empty cells if possible."""
    columns = int(np.ceil(np.sqrt(count)))
    full = (wide for wide in range(columns, 2 * columns + 1) if count % wide == 0)
    columns = next(full, columns)
    return -(-count // columns), columns


def _mosaic(images: np.ndarray, lines: int, columns: int) -> np.ndarray:
    """Arrange images, (n, height, width), in a grid with gaps of NaN."""
    _, height, width = images.shape
    gap = max(1, height // 14)
    shape = (lines * (height + gap) - gap, columns * (width + gap) - gap)
    mosaic = np.full(shape, np.nan)
    for number, image in enumerate(images):
        top = number // columns * (height + gap)
        left = number % columns * (width + gap)
        mosaic[top : top + height, left : left + width] = image
    return mosaic
