"""The model of a recipe: built, compiled, given initial weights, and copied."""

from __future__ import annotations

import reprlib
from typing import TYPE_CHECKING

import keras

from ae_zoo import _staging, optimizers
from ae_zoo.distribution.replicas import is_multi_worker
from ae_zoo.models import Autoencoder
from ae_zoo.training.naming import naming

if TYPE_CHECKING:
    import tensorflow as tf

    from ae_zoo.training.recipe import Recipe


def build(recipe: Recipe, dtype_policy: str | None = None) -> Autoencoder:
    """Build the model of a recipe.

    Args:
        recipe: The recipe.
        dtype_policy: Policy of the layers. Defaults to that of the recipe.

    Raises:
        TypeError: `Recipe.build` returns something else than an `Autoencoder`.
        ValueError: `Recipe.build` failed.
    """
    previous = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype_policy or recipe.dtype_policy)
    try:
        with naming("Recipe.build"):
            model = recipe.build()
    finally:
        keras.config.set_dtype_policy(previous)
    if not isinstance(model, Autoencoder):
        raise TypeError(
            "`Recipe.build` must return an ae_zoo Autoencoder. Received: "
            f"{reprlib.repr(model)} of type {type(model).__name__}"
        )
    return model


def build_and_compile(
    recipe: Recipe, optimizer_steps: int, steps_per_execution: int
) -> Autoencoder:
    """Build and compile the model of a recipe.

    Args:
        recipe: The recipe.
        optimizer_steps: Number of optimizer steps in the run.
        steps_per_execution: Number of training steps per call of the compiled graph.

    Raises:
        TypeError: A function of the recipe returns something else than it must.
        ValueError: A function of the recipe failed, or a field does not fit the model.
    """
    model = build(recipe)
    with naming("Recipe.optimizer"):
        optimizer = recipe.optimizer(optimizer_steps)
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        raise TypeError(
            "`Recipe.optimizer` must return a Keras optimizer. Received: "
            f"{reprlib.repr(optimizer)} of type {type(optimizer).__name__}"
        )
    # A LossScaleOptimizer delegates clipping and accumulation to the one it wraps.
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    if recipe.global_clipnorm is not None:
        inner.global_clipnorm = recipe.global_clipnorm
    if recipe.gradient_accumulation_steps > 1:
        optimizers.accumulate_gradients(inner, recipe.gradient_accumulation_steps)
    model.compile(
        optimizer,
        steps_per_execution=steps_per_execution,
        jit_compile=recipe.jit_compile,
        gradient_dtype=recipe.gradient_dtype,
    )
    return model


def check_same_network(
    expected: Autoencoder, received: Autoencoder, explanation: str
) -> None:
    """Check that the weights of two models have the same shapes in the same order.

    Args:
        expected: A model.
        received: Another model.
        explanation: First sentences of the error message.

    Raises:
        ValueError: The shapes differ.
    """
    shapes, others = (
        [tuple(weight.shape) for weight in model.weights]
        for model in (expected, received)
    )
    if shapes != others:
        raise ValueError(
            f"{explanation} Expected weights of shapes {shapes}; received {others}."
        )


def on_one_device(model: Autoencoder, strategy: tf.distribute.Strategy) -> Autoencoder:
    """Return a copy that the chief can evaluate and save without the other workers.

    Without other workers, returns the model itself.
    """
    if not is_multi_worker(strategy):
        return model
    with _staging.scratch() as folder:
        path = folder / "model.keras"
        model.save(path)
        return keras.saving.load_model(path)


def in_full_precision(model: Autoencoder, recipe: Recipe) -> Autoencoder:
    """Return a copy of a mixed-precision model that computes in float32.

    Half precision is slow on processors without instructions for it. A model that is
    not in mixed precision is returned as it is.
    """
    policy = keras.dtype_policies.get(recipe.dtype_policy)
    if policy.compute_dtype == policy.variable_dtype:
        return model
    exact = build(recipe, policy.variable_dtype)
    exact.set_weights(model.get_weights())
    exact.compile()
    return exact
