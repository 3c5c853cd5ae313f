"""Whether the inputs of a card's data are told from others; see `models.typical`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ae_zoo import evaluation, zoo
from ae_zoo.data import Source
from ae_zoo.models import typical
from ae_zoo.training.loading import load_with_data
from ae_zoo.training.typical_inputs import kinds_of_inputs, measure

if TYPE_CHECKING:
    from ae_zoo.models import Autoencoder
    from ae_zoo.training.recipe import Recipe


class FalseAlarms(NamedTuple):
    """How many test samples would be called unusual.

    Attributes:
        input: What the samples are: "clean", "noise 0.5".
        samples: Their number.
        unusual: Number of those that are called unusual.
    """

    input: str
    samples: int
    unusual: int


def false_alarms(
    model: Autoencoder, recipe: Recipe, source: Source, field: Sequence[Any]
) -> list[FalseAlarms]:
    """Count the test samples that would be called unusual, for each kind of inputs."""
    kinds = kinds_of_inputs(model, recipe)
    x = evaluation.read_split(source, "test").x if kinds else np.zeros(0)
    rows = []
    for name, make in kinds.items():
        inputs = make(x)
        values = {
            typical.score_name(model): typical.size_free(
                model, model.score(inputs), inputs
            ),
            "roughness": typical.roughness(inputs),
        }
        unusual = typical.are_unusual(field, values)
        rows.append(FalseAlarms(name, len(x), int(unusual.sum())))
    return rows


def typical_inputs(
    name_or_folder: str | os.PathLike[str],
    recipe: str | os.PathLike[str] | None = None,
    data_dir: str | os.PathLike[str] | None = None,
    write: bool = False,
    data: Any = None,
) -> tuple[list[dict[str, Any]], list[FalseAlarms]]:
    """Measure the typical inputs of a model, and false alarms on its test split.

    Args:
        name_or_folder: A name from `ae_zoo.list_models()`, or a model folder.
        recipe: Name or file of its recipe. The default is the recipe with its name.
        data_dir: Folder of prepared data; see `ae_zoo.data.load`.
        write: Write the percentiles to the model's card.
        data: The data of the card, if they lie elsewhere than the recipe says.

    Returns:
        (the field of the card, the false alarms); both empty for models of pairs
        and of anomalies.

    Example:

    >>> field, alarms = typical_inputs("deep_digits")
    >>> alarms[0].input
    'clean'
    """
    model, used = load_with_data(name_or_folder, recipe, data, data_dir)
    source = used.dataset
    field = measure(model, used, evaluation.read_split(source, "validation").x)
    alarms = false_alarms(model, used, source, field)
    if write and field:
        zoo.amend(name_or_folder, {typical.FIELD: field})
    return field, alarms
