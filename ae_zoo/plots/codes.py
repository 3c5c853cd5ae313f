"""Figures of latent codes: their values, and how often each unit is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
import numpy as np
from numpy.typing import ArrayLike

from ae_zoo import networks
from ae_zoo.plots import _canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ae_zoo.models import Autoencoder


def code_histogram(model: Autoencoder, x: ArrayLike, path: _canvas.PathLike) -> None:
    """Draw the distribution of a code's values, and the use of its units.

    Left: a histogram of the values without exact zeros. Right: the units sorted by
    their use. The use of a sigmoid unit is its mean activation, and that of any other
    unit the share of samples for which it is not zero.

    Args:
        model: An `ae_zoo.models.Autoencoder`.
        x: Samples to encode, (batch, ...).
        path: File to write. The suffix selects the format.

    Raises:
        ImportError: Matplotlib is not installed.
    """
    codes = np.asarray(model.encode(x))
    codes = codes.reshape(len(codes), -1)  # (batch, d)
    chain = networks.dense_chain(model.encoder)
    is_sigmoid = bool(chain) and chain[-1].activation is keras.activations.sigmoid
    figure, (left, right) = _canvas.subplots(1, 2, figsize=(8.4, 2.9))
    _draw_values(left, codes, is_sigmoid)
    _draw_use(right, codes, is_sigmoid)
    target = model.spec().target_activation
    if target is not None:
        _draw_target(right, target)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    _canvas.save(figure, path)


def _draw_values(axes: Axes, codes: np.ndarray, is_sigmoid: bool) -> None:
    values = codes[codes != 0]
    if is_sigmoid:
        ends = (0.0, 1.0)
        low, high = (codes < 0.05).mean(), (codes > 0.95).mean()
        title = f"{low:.1%} below 0.05, {high:.1%} above 0.95"
    else:
        # A code of zeros alone has no values to take quantiles of.
        ends = np.quantile(values, [0.001, 0.999]) if values.size else (0.0, 1.0)
        title = f"{(codes == 0).mean():.1%} of the values are zero and left out"
    weights = np.full(values.shape, 100 / codes.size)
    axes.hist(values, 50, range=ends, weights=weights, color=_canvas.BLUE)
    axes.set(xlabel="activation", ylabel="values, %", xlim=ends)
    axes.set_title(title, fontsize=9, color=_canvas.INK)


def _draw_use(axes: Axes, codes: np.ndarray, is_sigmoid: bool) -> None:
    if is_sigmoid:
        use, label = codes.mean(axis=0), "mean activation"
    else:
        use, label = 100 * (codes != 0).mean(axis=0), "samples that use it, %"
        dead = (use == 0).sum()
        title = f"{dead} of {len(use):,} units are never used"
        axes.set_title(title, fontsize=9, color=_canvas.INK)
    edges = np.arange(len(use) + 1) + 0.5
    axes.stairs(np.sort(use)[::-1], edges, fill=True, color=_canvas.BLUE)
    axes.set(xlabel="units, the most used first", ylabel=label)
    axes.set(xlim=(edges[0], edges[-1]), ylim=(0, None))


def _draw_target(axes: Axes, rho: float) -> None:
    """Mark the target activation of a KL-sparse model."""
    axes.axhline(rho, color=_canvas.INK, linestyle="--", linewidth=1)
    axes.text(
        0.02,
        rho,
        f"target ρ = {rho:g}",
        transform=axes.get_yaxis_transform(),  # x as a fraction of the width
        va="bottom",
        color=_canvas.INK,
        fontsize=9,
    )
