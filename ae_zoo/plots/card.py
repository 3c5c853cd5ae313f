"""The figures of a model card."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

import numpy as np

from ae_zoo import networks
from ae_zoo.models.scaling import in_scaled_values
from ae_zoo.models.showing import shown_rows
from ae_zoo.plots.codes import code_histogram
from ae_zoo.plots.crops import LARGEST_WHOLE, image_crops
from ae_zoo.plots.curves import scores, series
from ae_zoo.plots.images import reconstructions
from ae_zoo.plots.latent import manifold
from ae_zoo.plots.timeline import timeline
from ae_zoo.plots.weights import filters

if TYPE_CHECKING:
    from ae_zoo.evaluation import Split
    from ae_zoo.models import Autoencoder

# Numbers of images shown: small ones, and crops of large ones.
_SMALL = 12
_LARGE = 5


def card_figures(
    model: Autoencoder,
    test: Split,
    folder: pathlib.Path,
    *,
    pair: Callable[[Any], tuple[Any, Any]] | None = None,
    normal_classes: Collection[int] | None = None,
    threshold: float | None = None,
) -> None:
    """Draw the figures that suit a model into a folder.

    | figure | drawn for |
    |---|---|
    | `picture.png`: inputs and reconstructions | images, vectors and series |
    | `manifold.png`: the latent space | variational models of images |
    | `filters.png`: weights | gray images and a single dense layer |
    | `code_histogram.png`: values and use of the code | sparse, contractive models |
    | `scores.png`: scores of normal and anomalous samples | given `normal_classes` |
    | `timeline.png`: scores, one after the other | given them, and windows of series |

    Those of a model with a scaling show scaled values.

    Args:
        model: An `ae_zoo.models.Autoencoder`.
        test: Test samples, an `ae_zoo.evaluation.Split`, with labels if
            `normal_classes` is given.
        folder: Folder to write the PNG files to.
        pair: Function from samples to (inputs, targets), for a model whose inputs are
            not its targets.
        normal_classes: Labels of the normal samples, for a model of anomalies.
        threshold: Score above which a sample counts as anomalous.

    Raises:
        ImportError: Matplotlib is not installed.
        ValueError: `normal_classes` is given and `test` has no labels.
    """
    with in_scaled_values(model.scaling) as scale:
        test = test._replace(x=scale(test.x))
        if test.target is not None:
            test = test._replace(target=scale(test.target))
        _draw(model, test, folder, pair, normal_classes, threshold)


def _draw(
    model: Autoencoder,
    test: Split,
    folder: pathlib.Path,
    pair: Callable[[Any], tuple[Any, Any]] | None,
    normal_classes: Collection[int] | None,
    threshold: float | None,
) -> None:
    x, labels, targets = test
    groups = {"input": x}
    if normal_classes is not None:
        if labels is None:
            raise ValueError(
                "Figures of normal and anomalous samples need labels. Received "
                f"normal_classes={normal_classes} and a `test` split without labels."
            )
        is_normal = np.isin(labels, list(normal_classes))
        groups = {"normal": x[is_normal], "anomalous": x[~is_normal]}
        normal, anomalous = (model.score(group) for group in groups.values())
        scores(normal, anomalous, folder / "scores.png", threshold)
        if len(model.input_shape) == 3:
            timeline(model.score(x), ~is_normal, folder / "timeline.png", threshold)
    if len(model.input_shape) in (2, 3):
        rows = {name: samples[:6] for name, samples in groups.items()}
        series(model, rows, folder / "picture.png")
    if len(model.input_shape) == 4:
        if "sample" in model.endpoints():
            manifold(model, x, folder / "manifold.png")
        if _has_filters(model):
            filters(model, folder / "filters.png")
        is_large = max(x.shape[1:3]) > LARGEST_WHOLE
        # Neighbors may be alike, such as scans of one page.
        every = max(1, len(x) // _LARGE) if is_large else 1
        shown = slice(0, every * _LARGE if is_large else _SMALL, every)
        target = None if targets is None else targets[shown]
        inputs, target = (x[shown], target) if pair is None else pair(x[shown])
        if is_large:
            image_crops(shown_rows(model, inputs, target), folder / "picture.png")
        else:
            reconstructions(model, inputs, folder / "picture.png", target=target)
    if model.spec().shows_code:
        inputs = x if pair is None else pair(x)[0]
        code_histogram(model, inputs, folder / "code_histogram.png")


def _has_filters(model: Autoencoder) -> bool:
    # The weights of the first of several layers look like noise: the deeper layers
    # undo what it does.
    is_shallow = len(networks.dense_chain(model.encoder)) == 1
    is_gray = model.input_shape[-1] == 1
    return is_gray and (is_shallow or networks.dictionary(model.decoder) is not None)
