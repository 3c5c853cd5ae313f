"""Figures of what a model does. They need matplotlib: pip install 'ae-zoo[plots]'."""

from ae_zoo.plots.figures import (
    code_histogram,
    filters,
    image_rows,
    manifold,
    reconstructions,
    scores,
    series,
    training_curve,
)

__all__ = [
    "code_histogram",
    "filters",
    "image_rows",
    "manifold",
    "reconstructions",
    "scores",
    "series",
    "training_curve",
]
