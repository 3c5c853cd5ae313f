"""Draw the figures of a model folder again."""

from __future__ import annotations

import os
import pathlib
from typing import Any

from ae_zoo import evaluation, plots, zoo
from ae_zoo.training.loading import load_with_data

# Drawn from the log of the run, which a model folder does not hold.
_TRAINING = "training.png"


def redraw(
    name_or_folder: str | os.PathLike[str],
    recipe: str | os.PathLike[str] | None = None,
    data_dir: str | None = None,
    data: Any = None,
) -> list[str]:
    """Draw the figures of a model folder again, except the training curve.

    Args:
        name_or_folder: A name from `ae_zoo.list_models()`, or the path of a model
            folder.
        recipe: Name or file of the recipe. The default is the recipe with the model's
            name.
        data_dir: Folder of the data sets; see `ae_zoo.data.load`.
        data: The data of the card, if they lie elsewhere than the recipe says.

    Returns:
        The file names of the figures.

    Raises:
        FileNotFoundError: There is no such model or recipe.
        ImportError: Matplotlib is not installed.
        ValueError: The model or the recipe cannot be read.

    Example:

    >>> redraw("sparse_digits")  # doctest: +SKIP
    """
    model, used = load_with_data(name_or_folder, recipe, data, data_dir)
    test = evaluation.read_split(used.dataset, "test")

    def draw(folder: pathlib.Path) -> None:
        plots.card_figures(
            model,
            test,
            folder,
            pair=used.pair,
            normal_classes=used.classes,
            threshold=evaluation.threshold_of(zoo.info(name_or_folder)["metrics"]),
        )

    old = set(zoo.info(name_or_folder).get("pictures", [])) - {_TRAINING}
    zoo.amend(name_or_folder, {}, draw, replaces=old)
    return [name for name in zoo.info(name_or_folder)["pictures"] if name != _TRAINING]
