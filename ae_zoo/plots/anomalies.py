"""The figure of a detector: a series, its scores, and the stretches it flags."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from ae_zoo.plots import _canvas

_GRAY = "#7a828c"
_MOST_COLUMNS = 8
_MOST_POINTS = 4000  # of a line; more cannot be told apart


class Detector(Protocol):
    """What the figure needs of an `ae_zoo.estimators.AutoencoderDetector`."""

    offset_: float

    def score_samples(self, X: Any) -> np.ndarray: ...

    def predict(self, X: Any) -> np.ndarray: ...

    def explain(self, X: Any) -> np.ndarray: ...


def anomalies(
    detector: Detector,
    series: Any,
    path: _canvas.PathLike,
    columns: Sequence[str] | None = None,
    first_row: int = 0,
) -> None:
    """Draw a series with its scores, the threshold, and the stretches above it.

    Where a stretch is flagged, the line of a feature is red as far as the feature has a
    larger share in the score than it would have if all had the same.

    Args:
        detector: A fitted `ae_zoo.estimators.AutoencoderDetector` of tables or series.
        series: (rows, features) array or DataFrame, in the order of time.
        path: File to write. The suffix selects the format.
        columns: Names of the features; None takes those of the training data. Of more
            than eight features, those with the largest shares in the flagged rows are
            drawn.
        first_row: Number of the first row, for the axis.

    Raises:
        ImportError: Matplotlib is not installed.
        NotFittedError, TypeError, ValueError: As `detector.score_samples`.
    """
    scores = -detector.score_samples(series)
    flagged = detector.predict(series) == -1
    shares = detector.explain(series)
    values = _in_trained_order(detector, series)
    if shares.ndim != 2:
        raise ValueError(
            "`series` must have the shape (rows, features). Received samples of shape "
            f"{shares.shape[1:]}."
        )
    names = _names(detector, shares.shape[1], columns)
    chosen = _most_to_blame(shares, flagged)
    figure, axes = _canvas.subplots(
        len(chosen) + 1,
        1,
        sharex=True,
        figsize=(9, 1.5 + 0.95 * len(chosen)),
        height_ratios=[1] * len(chosen) + [1.5],
    )
    for axis, feature in zip(axes, chosen, strict=False):
        blamed = flagged & (shares[:, feature] > 1 / shares.shape[1])
        _draw_feature(axis, values[:, feature], blamed, flagged, names[feature])
    _draw_scores(axes[-1], scores, -detector.offset_, flagged)
    for axis in axes:
        for start, stop in stretches(flagged):
            axis.axvspan(
                start - 0.5, stop - 0.5, color=_canvas.SHADE, linewidth=0, zorder=0
            )
        axis.spines[["top", "right"]].set_visible(False)
        axis.spines[["left", "bottom"]].set_color("#c9ced4")
        axis.tick_params(colors=_GRAY, labelsize=8, length=3)
    axes[0].set_xlim(-0.5, len(scores) - 0.5)
    count, parts = int(flagged.sum()), len(list(stretches(flagged)))
    figure.suptitle(
        f"{count:,} of {len(flagged):,} rows flagged, in {parts:,} "
        f"stretch{'' if parts == 1 else 'es'}",
        x=0.01,
        ha="left",
        fontsize=11,
        color=_canvas.INK,
    )
    axes[-1].xaxis.set_major_formatter(lambda x, _: f"{x + first_row:g}")
    figure.align_ylabels(axes)
    _canvas.save(figure, path)


def stretches(flagged: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield (first row, row after the last) of each run of flagged rows.

    >>> list(stretches(np.array([False, True, True, False, True])))
    [(1, 3), (4, 5)]
    """
    padded = np.concatenate([[False], flagged, [False]])
    edges = np.flatnonzero(padded[1:] != padded[:-1])
    for start, stop in edges.reshape(-1, 2):
        yield int(start), int(stop)


def _in_trained_order(detector: Detector, series: Any) -> np.ndarray:
    names = getattr(detector, "feature_names_in_", None)
    if names is not None:
        if hasattr(series, "select"):  # tables of Polars and Arrow
            series = series.select(list(names))
        elif hasattr(series, "columns"):
            series = series[list(names)]
    return np.asarray(series, "float64")


def _names(detector: Detector, count: int, columns: Sequence[str] | None) -> list[str]:
    known = getattr(detector, "feature_names_in_", None)
    names = columns if columns is not None else known
    if names is None:
        return [f"feature {number}" for number in range(count)]
    if len(names) != count:
        raise ValueError(
            f"`columns` must name the {count} features. Received: {list(names)}"
        )
    return [str(name) for name in names]


def _most_to_blame(shares: np.ndarray, flagged: np.ndarray) -> np.ndarray:
    """The features to draw, in their own order."""
    blame = shares[flagged].sum(axis=0) if flagged.any() else shares.sum(axis=0)
    return np.sort(np.argsort(-blame, kind="stable")[:_MOST_COLUMNS])


def _draw_feature(
    axis: Any, values: np.ndarray, blamed: np.ndarray, flagged: np.ndarray, name: str
) -> None:
    axis.plot(*_thinned(values), color=_canvas.BLUE, linewidth=0.9)
    for start, stop in stretches(blamed):
        rows = slice(max(start - 1, 0), stop)  # a single row would have no line
        x = np.arange(len(values))[rows]
        axis.plot(x, values[rows], color=_canvas.RED, linewidth=1.3)
        if not flagged[rows.start : stop + 1].sum() > 1:  # a line would be too short
            axis.plot(start, values[start], ".", color=_canvas.RED, markersize=4)
    short = name if len(name) <= 18 else f"{name[:17]}…"
    axis.set_ylabel(
        short, rotation=0, ha="right", va="center", fontsize=8.5, color=_canvas.INK
    )
    axis.locator_params(axis="y", nbins=3)


def _draw_scores(
    axis: Any, scores: np.ndarray, threshold: float, flagged: np.ndarray
) -> None:
    axis.plot(*_thinned(scores, np.maximum), color=_canvas.INK, linewidth=0.9)
    rows = np.arange(len(scores))
    axis.fill_between(
        rows,
        threshold,
        scores,
        where=flagged,
        color=_canvas.RED,
        alpha=0.55,
        linewidth=0,
    )
    axis.axhline(threshold, color=_canvas.RED, linewidth=0.9, linestyle=(0, (5, 3)))
    axis.annotate(
        "threshold",
        (1, threshold),
        xycoords=("axes fraction", "data"),
        xytext=(-2, 3),
        textcoords="offset points",
        ha="right",
        va="bottom",
        fontsize=8,
        color=_canvas.RED,
    )
    # Anomalies may be hundreds of times farther away than normal rows.
    if scores.max() > 20 * max(threshold, 1e-12) and scores.min() > 0:
        axis.set_yscale("log")
    else:
        axis.set_ylim(0, None)
    axis.set_ylabel(
        "score", rotation=0, ha="right", va="center", fontsize=8.5, color=_canvas.INK
    )
    axis.set_xlabel("row", fontsize=8.5, color=_GRAY)


def _thinned(
    values: np.ndarray, reduce: np.ufunc | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Rows and values of a line, of long series only as many as can be seen.

    Args:
        values: (rows,).
        reduce: `np.maximum` keeps the peaks; None keeps both ends of each interval.
    """
    rows = np.arange(len(values))
    if len(values) <= _MOST_POINTS:
        return rows, values
    starts = np.linspace(0, len(values), _MOST_POINTS // 2, endpoint=False).astype(int)
    high = np.maximum.reduceat(values, starts)
    if reduce is not None:
        return rows[starts], high
    low = np.minimum.reduceat(values, starts)
    return np.repeat(rows[starts], 2), np.stack([low, high], axis=1).ravel()
