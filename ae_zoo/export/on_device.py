"""TFLite files that can be trained on the device.

A training step is the model's objective, its gradient and Keras's own optimizer, traced
as one graph over resource variables. TFLite's builtin operators run all of it except
some gradients, which `ae_zoo.export.gradients` composes of such operators.
"""

from __future__ import annotations

import math
import os
import pathlib
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ae_zoo import _staging, lite
from ae_zoo._checks import check_count
from ae_zoo.distribution.keras_patches import clear_losses
from ae_zoo.export import arguments, gradients, litert, sidecar
from ae_zoo.models import Autoencoder
from ae_zoo.models.objective import Batch, Tensor, Terms

_TOLERANCE = 1e-3  # a wrong gradient causes a much larger error than rounding does
_ROUNDING = 1e-6  # of float32 weights, for a step that is small compared with them


def write_trainable(
    model: Autoencoder,
    filepath: str | os.PathLike[str],
    optimizer: Any = "adam",
    learning_rate: Any = None,
    batch_size: Any = 1,
    pairs: bool | None = None,
) -> None:
    """Write a TFLite file that can be trained without TensorFlow.

    All signatures are in float32 and use only builtin operators:

    - `train`: `x` → `loss`. One optimizer step on a batch, with the loss that `fit`
      minimizes: the model's reconstruction loss plus its penalty, in nats per sample,
      measured before the step. Models that learn from pairs also take the target `y`,
      so the app of a denoiser draws its own noise: x noisy, y clean. A model whose
      `corrupt` weights the elements also takes their `weight`, with the shape of `y`.
      The random inputs of an objective are inputs too: `eps` of a variational model,
      (batch_size, d) draws of N(0, 1), and `signs` of a contractive model with random
      projections, (projections, batch_size, d) draws of −1 or 1.
    - `infer`: `x` → `reconstruction`, of one sample, as `predict`.
    - `save`: () → `weights`, one vector: every array of `model.weights`, then of the
      optimizer, flattened and joined in order. An app stores it unchanged.
    - `restore`: `weights` → `steps`, the number of steps those weights were trained
      for. The inverse of `save`: training continues as if it had not stopped.

    Args:
        model: The model. It is not changed.
        filepath: A file name that ends in `.tflite` and does not exist yet.
        optimizer: Name of a Keras optimizer, such as "sgd" or "adam", or an instance,
            which is copied without its moments: `keras.optimizers.SGD(momentum=0.9)`.
        learning_rate: A number or schedule; None keeps the optimizer's own.
        batch_size: Number of samples in a batch of `train`.
        pairs: Whether `train` takes separate targets. With None, it does if the model
            corrupts its inputs or its outputs have a different shape.

    Raises:
        FileExistsError: `filepath` exists.
        ValueError: The suffix, batch size or optimizer is invalid; or the model does
            not compute in float32, has no trainable weights, or uses several importance
            samples.
        RuntimeError: TFLite lacks an operator that training the model needs, or a step
            of the written file differs from one of Keras. No file is left.
        ImportError: The package ai-edge-litert, which runs the file, is missing.

    Example:

    >>> from ae_zoo.export import on_device
    >>> model = ae_zoo.load("undercomplete_digits")
    >>> on_device.write_trainable(model, "personal.tflite", "sgd", batch_size=4)
    """
    if None in model.input_shape[1:]:
        raise ValueError(
            "A file that trains on the device has fixed sizes, and this model takes "
            f"inputs of shape {model.input_shape[1:]}. Build the same network with "
            "fixed sizes and copy the weights: fixed.set_weights(model.get_weights())."
        )
    filepath = pathlib.Path(filepath)
    _check_arguments(model, filepath, batch_size)
    learner = _Learner(model, _copy_of(optimizer, learning_rate))
    inputs = _inputs(model, batch_size, pairs)
    with (
        _staging.explained(filepath),
        _staging.scratch(filepath.parent) as private,
    ):
        written = private / filepath.name
        _convert(learner, inputs, private / "saved_model", written)
        _check_parity(learner, inputs, written)
        sidecar.publish(written, filepath)


def _check_arguments(
    model: Autoencoder, filepath: pathlib.Path, batch_size: Any
) -> None:
    arguments.check_path(filepath, litert.FORMAT)
    check_count("batch_size", batch_size)
    model.check_is_adapted()
    if model.compute_dtype != "float32":
        raise ValueError(
            "On-device training computes in float32, but this model computes in "
            f"{model.compute_dtype}. Build it in float32 and copy the weights."
        )
    if not model.trainable_weights:
        raise ValueError(
            f"{model.name!r} cannot be trained: all its weights are frozen. Set "
            "`trainable = True` on the model or on some of its layers."
        )


def _copy_of(optimizer: Any, learning_rate: Any) -> keras.optimizers.Optimizer:
    optimizer = keras.optimizers.get(optimizer)
    config = optimizer.get_config()
    if learning_rate is not None:
        config["learning_rate"] = learning_rate
    return type(optimizer).from_config(config)


def _inputs(
    model: Autoencoder, batch_size: int, pairs: bool | None
) -> dict[str, tf.TensorSpec]:
    """The inputs of `train`, by name."""
    x, y = model.input_shape[1:], model.output_shape[1:]
    shapes = {"x": (batch_size, *x)}
    if pairs or (pairs is None and (model.corrupts or x != y)):
        shapes["y"] = (batch_size, *y)
    if model.weights_elements:
        shapes["weight"] = (batch_size, *y)
    for name, draw in model.draws(training=True).items():
        shapes[name] = tuple(draw.batch_shape(batch_size))
    return {
        name: tf.TensorSpec(shape, tf.float32, name) for name, shape in shapes.items()
    }


def _loss(
    model: Autoencoder, x: Any, y: Any = None, weight: Any = None, **draws: Any
) -> tuple[Tensor, Batch, Terms]:
    """Compute the loss that `train_step` minimizes, with the given draws."""
    clear_losses(model)  # of the previous call
    x = model.scale(x)
    y = x if y is None else model.scale(y)
    batch = Batch(x, y, tf.ones(x.shape[:1]), weight, training=True)
    terms = model.terms(model.parts(training=True), batch, draws)
    if terms.bound is not None:
        raise ValueError(
            "The importance-weighted bound cannot be trained on the device. Build the "
            "model with importance_samples=1 and copy the weights."
        )
    loss = model.reconstruction_loss.per_sample(y, terms.reconstruction, weight)
    loss = tf.reduce_mean(loss) + sum(model.losses)
    added = model.added_to_reconstruction(batch, terms)
    if added is not None:
        loss += tf.reduce_mean(added)
    return loss, batch, terms


class _Learner(tf.Module):
    """The four signatures, on the variables of the model and of the optimizer."""

    def __init__(
        self, model: Autoencoder, optimizer: keras.optimizers.Optimizer
    ) -> None:
        super().__init__()
        optimizer.build(model.trainable_variables)
        self.model, self.optimizer = model, optimizer
        # tf.Module tracks the values of Keras variables, not the variables themselves.
        self.state = [v.value for v in [*model.weights, *optimizer.variables]]
        self.others = [v.value for v in model.variables]  # seeds, metrics

    def train(self, **inputs: Tensor) -> dict[str, Tensor]:
        # The override affects only `tf.gradients`, not a `tf.GradientTape`.
        graph = tf.compat.v1.get_default_graph()
        with graph.gradient_override_map(gradients.OVERRIDES):
            loss, batch, terms = _loss(self.model, **inputs)
        variables = self.model.trainable_variables
        slopes = tf.gradients(loss, [variable.value for variable in variables])
        self.optimizer.apply(slopes, variables)
        self.model.after_step(batch, terms)
        return {"loss": loss}

    def train_in_keras(self, **inputs: Tensor) -> dict[str, Tensor]:
        """Train one step with TensorFlow's own gradients and return those as well."""
        variables = self.model.trainable_variables
        with tf.GradientTape(persistent=True) as tape:
            loss, batch, terms = _loss(self.model, **inputs)
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        weights = [variable.value for variable in self.model.weights]
        zero = tf.UnconnectedGradients.ZERO
        slopes = tape.gradient(loss, weights, unconnected_gradients=zero)
        self.model.after_step(batch, terms)
        return {"loss": loss, "slopes": _flatten(slopes)}

    def infer(self, x: Tensor) -> dict[str, Tensor]:
        return {"reconstruction": tf.cast(self.model(x, training=False), tf.float32)}

    def save(self) -> dict[str, Tensor]:
        # The number of steps is exact up to 2²⁴, and Keras's Adam reads it in float32
        # too.
        return {"weights": _flatten(self.state)}

    def restore(self, weights: Tensor) -> dict[str, Tensor]:
        sizes = [math.prod(variable.shape) for variable in self.state]
        parts = tf.split(weights, sizes)
        for variable, part in zip(self.state, parts, strict=True):
            variable.assign(tf.cast(tf.reshape(part, variable.shape), variable.dtype))
        return {"steps": tf.cast(self.optimizer.iterations.value, tf.float32)}

    def signatures(self, inputs: dict[str, tf.TensorSpec]) -> dict[str, Any]:
        """The functions to export, traced, by name."""
        one = tf.TensorSpec((1, *self.model.input_shape[1:]), tf.float32, "x")
        size = sum(math.prod(variable.shape) for variable in self.state)
        specs = {
            "train": inputs,
            "infer": {"x": one},
            "save": {},
            "restore": {"weights": tf.TensorSpec((size,), tf.float32, "weights")},
        }
        return {
            name: tf.function(
                getattr(self, name), autograph=False
            ).get_concrete_function(**arguments)
            for name, arguments in specs.items()
        }


def _flatten(arrays: list[Tensor]) -> Tensor:
    return tf.concat(
        [tf.reshape(tf.cast(array, tf.float32), [-1]) for array in arrays], axis=0
    )


def _convert(
    learner: _Learner,
    inputs: dict[str, tf.TensorSpec],
    directory: pathlib.Path,
    filepath: pathlib.Path,
) -> None:
    signatures = learner.signatures(inputs)
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    tf.saved_model.save(learner, str(directory), signatures, options)
    litert.convert(directory, filepath, signatures, trains=True)


def _check_parity(
    learner: _Learner, inputs: dict[str, tf.TensorSpec], filepath: pathlib.Path
) -> None:
    """Take one step in the file and one in Keras, and compare all results.

    Raises:
        RuntimeError: They differ.
    """
    file = lite.open_own(filepath)
    run = {name: file.runner(name) for name in file.signatures}
    random = np.random.default_rng(0)
    batch = {
        name: tf.constant(random.random(spec.shape, dtype="float32"))
        for name, spec in inputs.items()
    }
    for name in {"x", "y"} & set(batch):
        batch[name] = learner.model.unscale(batch[name])
    start = learner.save()["weights"].numpy()
    try:
        expected = learner.infer(batch["x"][:1]) | learner.train_in_keras(**batch)
        expected = {k: v.numpy() for k, v in (expected | learner.save()).items()}
    finally:
        learner.restore(start)
    received = run["infer"](x=batch["x"][:1]) | run["train"](**batch) | run["save"]()
    # Where a slope is zero up to rounding, Adam still takes a full step along the
    # rounding error, so each step is weighted by its slope. For other slopes, Adam's
    # first step shows only the sign, but its moments show the size.
    slopes = expected.pop("slopes")
    for values in (received, expected):
        weights = values.pop("weights")
        values["step"] = slopes * (weights - start)[: len(slopes)]
        values["optimizer"] = weights[len(slopes) :]
    rounding = _ROUNDING * np.linalg.norm(slopes * start[: len(slopes)])
    for name, value in expected.items():
        error = np.linalg.norm(received[name] - value)
        tolerance = _TOLERANCE * np.linalg.norm(value) + rounding * (name == "step")
        if not error <= tolerance:
            raise RuntimeError(
                f"The {name} of the exported file differs from Keras's by {error:.2g} "
                f"(tolerance {tolerance:.2g}), so no file was written."
            )
    run["restore"](weights=start)
    if not np.array_equal(run["save"]()["weights"], start):
        raise RuntimeError("The exported `restore` does not restore the given weights.")
