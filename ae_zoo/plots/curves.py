"""Figures of curves and distributions: series, scores, and the losses of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ae_zoo.plots import _canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ae_zoo.models import Autoencoder


def series(
    model: Autoencoder, x: Mapping[str, np.ndarray], path: _canvas.PathLike
) -> None:
    """Draw series with their reconstructions on top.

    Args:
        model: An `ae_zoo.models.Autoencoder` of vectors.
        x: A dict from name to series, (batch, n), or to series of several variables,
            (batch, n, variables). Each name is a row of panels.
        path: File to write. The suffix selects the format.

    Raises:
        ImportError: Matplotlib is not installed.
    """
    columns = max(map(len, x.values()))
    figure, axes = _canvas.subplots(
        len(x),
        columns,
        squeeze=False,
        sharex=True,
        sharey=True,
        figsize=(1.8 * columns, 1.5 * len(x) + 0.3),
    )
    for line, (name, batch) in zip(axes, x.items(), strict=True):
        outputs = np.asarray(model.reconstruct(batch))
        for axis, before, after in zip(line, batch, outputs, strict=False):
            lines = axis.plot(before, color="0.6")
            lines[0].set_label("input")
            lines = axis.plot(after, color="C0", linewidth=1)
            lines[0].set_label("reconstruction")
            axis.spines[["top", "right"]].set_visible(False)
        line[0].set_ylabel(name, color=_canvas.INK)
    axes[0, 0].legend(frameon=False, fontsize=6)
    _canvas.save(figure, path)


def scores(
    normal: np.ndarray,
    anomalous: np.ndarray,
    path: _canvas.PathLike | None = None,
    threshold: float | None = None,
    *,
    ax: Axes | None = None,
) -> None:
    """Draw a histogram of the scores of normal and of anomalous samples.

    Args:
        normal: Scores of normal samples, (batch,), as returned by `model.score`.
        anomalous: Scores of anomalous samples, (batch,).
        path: File to write. The suffix selects the format.
        threshold: Score above which a sample counts as anomalous, drawn as a line.
        ax: Axes to draw into, instead of writing a file.

    Raises:
        ImportError: Matplotlib is not installed.
        ValueError: Neither or both of `path` and `ax` are given.
    """
    everything = np.concatenate([normal, anomalous])
    bins = np.geomspace(everything.min(), everything.max(), 60).tolist()
    with _canvas.axes_for(path, ax, figsize=(6, 2.8)) as axes:
        axes.hist(
            [normal, anomalous], bins, label=["normal", "anomalous"], stacked=True
        )
        if threshold is not None:
            label = f"threshold {threshold:.4g}"
            axes.axvline(threshold, color=_canvas.INK, linestyle="--", label=label)
        axes.set(xscale="log", xlabel="score", ylabel="test samples")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)


def training_curve(
    training_csv: _canvas.PathLike,
    path: _canvas.PathLike | None = None,
    *,
    ax: Axes | None = None,
) -> None:
    """Draw the training and validation losses of a run.

    Args:
        training_csv: The `training.csv` that `ae_zoo.train` wrote.
        path: File to write. The suffix selects the format.
        ax: Axes to draw into, instead of writing a file.

    Raises:
        ImportError: Matplotlib is not installed.
        ValueError: Neither or both of `path` and `ax` are given.
    """
    table = np.atleast_1d(np.genfromtxt(training_csv, delimiter=",", names=True))
    # The large losses of the first epochs would flatten the rest of the curves.
    last = [table[column][len(table) // 10 :] for column in ("loss", "val_loss")]
    margin = 0.05 * np.ptp(last) or 1.0
    with _canvas.axes_for(path, ax, figsize=(6, 3.4)) as axes:
        for column, label in (("loss", "training"), ("val_loss", "validation")):
            axes.plot(table["epoch"] + 1, table[column], label=label)
        axes.set(
            xlabel="epoch",
            ylabel="loss per sample",
            ylim=(np.min(last) - margin, np.max(last) + margin),
        )
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
