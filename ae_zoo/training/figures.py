"""The figures of a card, drawn from the test split of a recipe."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING

from ae_zoo import data, evaluation, plots

if TYPE_CHECKING:
    from ae_zoo.models import Autoencoder
    from ae_zoo.training.recipe import Recipe


def draw_figures(
    model: Autoencoder,
    recipe: Recipe,
    folder: pathlib.Path,
    data_dir: str | None = None,
) -> None:
    """Draw all figures of a card except the training curve.

    Args:
        model: The trained model.
        recipe: Its `Recipe`.
        folder: Folder to write the PNG files to.
        data_dir: Folder of the data sets; see `ae_zoo.data.load`.

    Raises:
        ImportError: If matplotlib is not installed.
    """
    has_classes = recipe.classes is not None
    arrays = data.arrays(recipe.dataset, "test", labels=has_classes, data_dir=data_dir)
    x, labels = arrays if isinstance(arrays, tuple) else (arrays, None)
    test = evaluation.Split(x, labels)
    plots.card_figures(
        model, test, folder, pair=recipe.pair, normal_classes=recipe.classes
    )
