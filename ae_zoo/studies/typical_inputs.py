"""Percentiles of the score over the validation inputs of a model, for its card."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import tensorflow as tf

from ae_zoo import evaluation, zoo
from ae_zoo.data import Source
from ae_zoo.models import typical
from ae_zoo.training.loading import load_with_data

if TYPE_CHECKING:
    from ae_zoo.models import Autoencoder
    from ae_zoo.training.recipe import Recipe

FIELD = "typical_inputs"
_SAMPLES = 5000
_SEED = 2026


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


def kinds_of_inputs(
    model: Autoencoder, recipe: Recipe
) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Return the kinds of inputs that a model is measured on, and how to make them.

    Args:
        model: The model.
        recipe: Its recipe, whose protocols state noise levels.

    Returns:
        {name: function of clean inputs}, from clean inputs to the strongest noise; an
        empty dict for models of pairs, whose inputs are not their targets.
    """
    has_pairs = recipe.pair is not None or (
        isinstance(recipe.dataset, Source) and recipe.dataset.target_shape is not None
    )
    if has_pairs or "score" not in model.endpoints():
        return {}
    kinds: dict[str, Callable[[np.ndarray], np.ndarray]] = {"clean": lambda x: x}
    if recipe.binarize:
        kinds["binarized"] = _binarized
    levels = sorted(
        {
            level
            for protocol in recipe.metrics or ()
            for level in getattr(protocol, "noise_levels", ())
        }
    )
    for level in levels:
        kinds[f"noise {level:g}"] = functools.partial(
            evaluation.add_noise, stddev=level
        )
    if not levels and model.corrupts:
        kinds["corrupted"] = lambda x: _corrupted(model, x)
    return kinds


def measure(model: Autoencoder, recipe: Recipe, source: Source) -> list[dict[str, Any]]:
    """Describe the validation inputs of a model, clean and corrupted.

    Args:
        model: The model.
        recipe: Its recipe.
        source: Its data.

    Returns:
        The field `typical_inputs` of its card; empty for models of pairs.
    """
    kinds = kinds_of_inputs(model, recipe)
    if not kinds:
        return []
    x = evaluation.read_split(source, "validation").x[:_SAMPLES]
    return [typical.describe(model, make(x), name) for name, make in kinds.items()]


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
        (the field of the card, the false alarms); both empty for models of pairs.

    Example:

    >>> field, alarms = typical_inputs("deep_digits")
    >>> alarms[0].input
    'clean'
    """
    model, used = load_with_data(name_or_folder, recipe, data, data_dir)
    source = used.dataset
    field = measure(model, used, source)
    alarms = false_alarms(model, used, source, field)
    if write and field:
        zoo.amend(name_or_folder, {FIELD: field})
    return field, alarms


def _binarized(x: np.ndarray) -> np.ndarray:
    draws = np.random.default_rng(_SEED).random(x.shape, dtype="float32")
    return (draws < x).astype("float32")


def _corrupted(model: Autoencoder, x: np.ndarray) -> np.ndarray:
    corruption = model.spec().corruption
    if corruption is None:  # a variant of the user's own
        corrupted = model.corrupt(tf.constant(x), training=False)
        parts = corrupted if isinstance(corrupted, tuple) else (corrupted,)
        return np.asarray(parts[0])
    return np.asarray(corruption(tf.constant(x), seed=(_SEED, 0)))
