"""Percentiles of the score over the validation inputs of a model, for its card."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from ae_zoo import evaluation
from ae_zoo.data import Source
from ae_zoo.models import typical

if TYPE_CHECKING:
    from ae_zoo.models import Autoencoder
    from ae_zoo.training.recipe import Recipe

_SAMPLES = 5000
_SEED = 2026


def kinds_of_inputs(
    model: Autoencoder, recipe: Recipe
) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Return the kinds of inputs that a model is measured on, and how to make them.

    Args:
        model: The model.
        recipe: Its recipe, whose protocols state noise levels.

    Returns:
        {name: function of clean inputs}, from clean inputs to the strongest noise; an
        empty dict for models of pairs, whose inputs are not their targets, and for
        models of anomalies, whose score says itself which inputs are unusual.
    """
    has_pairs = recipe.pair is not None or (
        isinstance(recipe.dataset, Source) and recipe.dataset.target_shape is not None
    )
    finds_anomalies = recipe.classes is not None
    if has_pairs or finds_anomalies or "score" not in model.endpoints():
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
        kinds[f"noise {level:.3g}"] = functools.partial(
            evaluation.add_noise, stddev=level
        )
    if not levels and model.corrupts:
        kinds["corrupted"] = lambda x: _corrupted(model, x)
    return kinds


def measure(
    model: Autoencoder, recipe: Recipe, validation: np.ndarray
) -> list[dict[str, Any]]:
    """Describe the validation inputs of a model, clean and corrupted.

    Args:
        model: The model.
        recipe: Its recipe.
        validation: (samples, ...) clean inputs.

    Returns:
        The field `typical_inputs` of its card; empty for models of pairs.
    """
    x = validation[:_SAMPLES]
    kinds = kinds_of_inputs(model, recipe) if len(x) else {}
    return [typical.describe(model, make(x), name) for name, make in kinds.items()]


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
