"""The figure of scores in the order of the samples."""

from __future__ import annotations

import numpy as np

from ae_zoo.plots import _canvas
from ae_zoo.plots.anomalies import stretches

_ROWS = 6000  # of a panel


def timeline(
    scores: np.ndarray,
    is_anomalous: np.ndarray,
    path: _canvas.PathLike,
    threshold: float | None = None,
) -> None:
    """Draw scores in their order, with the anomalies shaded.

    Long series are continued in a panel below.

    Args:
        scores: (samples,), above 0.
        is_anomalous: (samples,) booleans.
        path: File to write. The suffix selects the format.
        threshold: Score above which a sample counts as anomalous.

    Raises:
        ImportError: Matplotlib is not installed.
        ValueError: The arguments have different lengths.
    """
    if len(scores) != len(is_anomalous):
        raise ValueError(
            "`scores` and `is_anomalous` must have the same length. Received "
            f"{len(scores)} and {len(is_anomalous)}."
        )
    starts = range(0, len(scores), _ROWS)
    figure, axes = _canvas.subplots(
        len(starts),
        1,
        figsize=(9, 1.2 + 1.2 * len(starts)),
        sharey=True,
        squeeze=False,
    )
    for start, axis in zip(starts, axes[:, 0], strict=True):
        rows = np.arange(start, min(start + _ROWS, len(scores)))
        for first, last in stretches(is_anomalous[rows]):
            axis.axvspan(start + first, start + last, color=_canvas.SHADE, linewidth=0)
        axis.plot(rows, scores[rows], color=_canvas.BLUE, linewidth=0.7)
        if threshold is not None:
            axis.axhline(
                threshold, color=_canvas.RED, linewidth=0.9, linestyle=(0, (5, 3))
            )
        axis.set_yscale("log")
        axis.set_xlim(start, start + min(_ROWS, len(scores)))
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=8, length=3)
    axes[-1, 0].set_xlabel("test sample, in the order of the split", fontsize=8.5)
    figure.supylabel("score", fontsize=8.5)
    _canvas.save(figure, path)
