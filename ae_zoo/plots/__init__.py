"""Figures of models and their training. Needs: pip install 'ae-zoo[plots]'."""

from ae_zoo.plots.anomalies import anomalies
from ae_zoo.plots.card import card_figures
from ae_zoo.plots.codes import code_histogram
from ae_zoo.plots.crops import image_crops
from ae_zoo.plots.curves import scores, series, training_curve
from ae_zoo.plots.images import image_rows, reconstructions
from ae_zoo.plots.latent import interpolations, latent_scatter, manifold
from ae_zoo.plots.timeline import timeline
from ae_zoo.plots.weights import filters

__all__ = [
    "anomalies",
    "card_figures",
    "code_histogram",
    "filters",
    "image_crops",
    "image_rows",
    "interpolations",
    "latent_scatter",
    "manifold",
    "reconstructions",
    "scores",
    "series",
    "timeline",
    "training_curve",
]
