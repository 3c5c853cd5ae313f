"""Models that go on learning on the device: one TFLite file that trains itself.

A training step is the model's forward pass, the gradient of its loss and Keras's own
optimizer, traced as one graph over resource variables. TFLite's builtin operators run
all of it but for a few gradients, which `ae_zoo.export.gradients` composes of such
operators.
"""

import math
import pathlib
import re
import tempfile

import keras
import numpy as np
import tensorflow as tf

from ae_zoo._checks import check_count
from ae_zoo.export import gradients

_TOLERANCE = 1e-3  # one wrong gradient moves far more than rounding does
_ROUNDING = 1e-6  # of float32 weights, where a step is small beside them


def write_trainable(
    model, filepath, optimizer="adam", learning_rate=None, batch_size=1, pairs=None
):
    """Writes a TFLite file that can be trained where there is no TensorFlow.

    Signatures, all float32, builtin operators only:

    - `train`: `x` → `loss`. One optimizer step on a batch, on the loss that `fit`
      minimizes: the model's reconstruction loss plus its penalty, in nats per sample,
      measured before the step. Models that learn from pairs take the target `y` too,
      so the app of a denoiser draws its own noise: x noisy, y clean. Variational
      models take `eps`, (batch_size, d) fresh draws of N(0, 1).
    - `infer`: `x` → `reconstruction`, of one sample, as `predict`.
    - `save`: () → `weights`, one vector: every array of `model.weights`, then of the
      optimizer, flattened and joined in order. An app stores it as it is.
    - `restore`: `weights` → `steps`, how many steps those weights were trained for.
      The inverse of `save`: training goes on as if it had never stopped.

    Args:
        model: An `ae_zoo.models.Autoencoder`. It stays as it is.
        filepath: A file name that ends in `.tflite` and does not exist yet.
        optimizer: Name of a Keras optimizer, such as "sgd" or "adam", or an instance,
            which is copied without its moments: `keras.optimizers.SGD(momentum=0.9)`.
        learning_rate: A number or schedule; None keeps the optimizer's own.
        batch_size: Samples in a batch of `train`.
        pairs: Whether `train` takes targets of its own. None: where the model corrupts
            its inputs, or its outputs are of another shape.

    Raises:
        FileExistsError: `filepath` exists.
        ValueError: A wrong suffix or batch size, an unknown optimizer, or a model of
            another precision than float32, without trainable weights, or with an
            objective that `train` lacks.
        RuntimeError: TFLite lacks an operator that training the model needs, or the
            written file trains otherwise than Keras. Nothing is left behind.
        ImportError: The package ai-edge-litert, which runs the file, is missing.

    Example:

    >>> from ae_zoo.export import on_device
    >>> on_device.write_trainable(model, "personal.tflite", "sgd", batch_size=4)
    """
    filepath = pathlib.Path(filepath)
    _check_arguments(model, filepath, batch_size)
    learner = _Learner(model, _copy_of(optimizer, learning_rate))
    batch = _batch_of(model, batch_size, pairs)
    filepath.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=filepath.parent, prefix=".export-") as scratch:
        written = pathlib.Path(scratch) / "model.tflite"
        written.write_bytes(_convert(learner, batch, f"{scratch}/saved_model"))
        _check_parity(learner, batch, written)
        written.rename(filepath)


def _check_arguments(model, filepath, batch_size):
    if filepath.suffix != ".tflite":
        raise ValueError(
            f"A LiteRT file name must end in '.tflite'. Received: '{filepath}'"
        )
    if filepath.exists():
        raise FileExistsError(
            f"'{filepath}' exists. Remove it first, or export to another path."
        )
    check_count("batch_size", batch_size)
    if model.compute_dtype != "float32":
        raise ValueError(
            "On-device training computes in float32, and this model in "
            f"{model.compute_dtype}. Build it in float32 and give it the weights."
        )
    if not model.trainable_weights:
        raise ValueError(
            f"Nothing in {model.name!r} can learn: all its weights are frozen. Set "
            "`trainable = True` on the model or on some of its layers."
        )
    if getattr(model, "importance_samples", 1) > 1:
        raise ValueError(
            "The importance-weighted bound decodes every sample "
            f"{model.importance_samples} times a step, and on the device each has one "
            "draw `eps`. Build the model with importance_samples=1 and its weights."
        )


def _copy_of(optimizer, learning_rate):
    optimizer = keras.optimizers.get(optimizer)
    config = optimizer.get_config()
    if learning_rate is not None:
        config["learning_rate"] = learning_rate
    return type(optimizer).from_config(config)


def _batch_of(model, batch_size, pairs):
    """What `train` takes, by name."""
    x, y = model.input_shape[1:], model.output_shape[1:]
    shapes = {"x": x}
    if pairs or (pairs is None and (hasattr(model, "corruption") or x != y)):
        shapes["y"] = y
    if hasattr(model, "posterior"):
        shapes["eps"] = model.latent_shape
    return {
        name: tf.TensorSpec((batch_size, *shape), tf.float32, name)
        for name, shape in shapes.items()
    }


def _loss(model, x, y=None, eps=None):
    """The scalar that the model's `train_step` minimizes, with the noise given."""
    model._clear_losses()  # those of the call before
    if eps is None:
        code = model.encoder(x, training=True)
        z = model.bottleneck(code, training=True)
        penalty = model.penalty(x, code, None, training=True)
    else:
        mean, log_var = model.posterior(x, training=True)
        z = mean + tf.exp(0.5 * log_var) * eps
        penalty = model.kl(mean, log_var, tf.expand_dims(z, axis=0))
    reconstruction = model.decoder(z, training=True)
    loss = model.reconstruction_loss.call(x if y is None else y, reconstruction)
    loss = tf.reduce_mean(loss) + sum(model.losses)
    if penalty is None:
        return loss
    return loss + model.penalty_weight * tf.reduce_mean(penalty)


class _Learner(tf.Module):
    """The four signatures, on the variables of the model and of the optimizer."""

    def __init__(self, model, optimizer):
        super().__init__()
        optimizer.build(model.trainable_variables)
        self.model, self.optimizer = model, optimizer
        # tf.Module does not see Keras's variables unless it is handed the values.
        self.state = [v.value for v in [*model.weights, *optimizer.variables]]
        self.others = [v.value for v in model.variables]  # seeds, metrics

    def train(self, **batch):
        # The override speaks to `tf.gradients`; a GradientTape would not hear it.
        graph = tf.compat.v1.get_default_graph()
        with graph.gradient_override_map(gradients.OVERRIDES):
            loss = _loss(self.model, **batch)
        variables = self.model.trainable_variables
        slopes = tf.gradients(loss, [variable.value for variable in variables])
        self.optimizer.apply(slopes, variables)
        return {"loss": loss}

    def train_in_keras(self, **batch):
        """`train`, with TensorFlow's own gradients, which it gives too, as `save`."""
        variables = self.model.trainable_variables
        with tf.GradientTape(persistent=True) as tape:
            loss = _loss(self.model, **batch)
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        weights = [variable.value for variable in self.model.weights]
        slopes = tape.gradient(loss, weights, unconnected_gradients="zero")
        return {"loss": loss, "slopes": _flatten(slopes)}

    def infer(self, x):
        return {"reconstruction": tf.cast(self.model(x, training=False), tf.float32)}

    def save(self):
        # The count of steps stays exact up to 2²⁴, and Keras's Adam reads it in
        # float32 too.
        return {"weights": _flatten(self.state)}

    def restore(self, weights):
        sizes = [math.prod(variable.shape) for variable in self.state]
        parts = tf.split(weights, sizes)
        for variable, part in zip(self.state, parts, strict=True):
            variable.assign(tf.cast(tf.reshape(part, variable.shape), variable.dtype))
        return {"steps": tf.cast(self.optimizer.iterations.value, tf.float32)}

    def signatures(self, batch):
        """The functions to export, traced, by name."""
        one = tf.TensorSpec((1, *self.model.input_shape[1:]), tf.float32, "x")
        size = sum(math.prod(variable.shape) for variable in self.state)
        inputs = {
            "train": batch,
            "infer": {"x": one},
            "save": {},
            "restore": {"weights": tf.TensorSpec((size,), tf.float32, "weights")},
        }
        return {
            name: tf.function(
                getattr(self, name), autograph=False
            ).get_concrete_function(**specs)
            for name, specs in inputs.items()
        }


def _flatten(arrays):
    return tf.concat(
        [tf.reshape(tf.cast(array, tf.float32), [-1]) for array in arrays], axis=0
    )


def _convert(learner, batch, directory):
    signatures = learner.signatures(batch)
    tf.saved_model.save(
        learner,
        directory,
        signatures,
        tf.saved_model.SaveOptions(experimental_custom_gradients=False),
    )
    converter = tf.lite.TFLiteConverter.from_saved_model(
        directory, signature_keys=list(signatures)
    )
    converter.experimental_enable_resource_variables = True
    try:
        return converter.convert()
    except Exception as error:
        missing = re.findall(r"(?:Custom|TF Select) ops: (.+)", str(error))
        raise RuntimeError(
            "TFLite's builtin operators cannot train this model. They lack: "
            f"{', '.join(missing) or error}. Replace the layer or the penalty that "
            "needs them, or freeze the weights below it."
        ) from error


def _check_parity(learner, batch, filepath):
    """Takes one step in the file and one in Keras, and compares all that they give."""
    runners = _runners(filepath)
    random = np.random.default_rng(0)
    batch = {
        name: tf.constant(random.random(spec.shape, dtype="float32"))
        for name, spec in batch.items()
    }
    start = learner.save()["weights"].numpy()
    try:
        expected = learner.infer(batch["x"][:1]) | learner.train_in_keras(**batch)
        expected = {k: v.numpy() for k, v in (expected | learner.save()).items()}
    finally:
        learner.restore(start)
    received = runners["infer"](x=batch["x"][:1]) | runners["train"](**batch)
    received |= runners["save"]()
    # Where a slope is zero but for rounding, Adam still makes whole steps of the
    # rounding: a step counts as far as the loss feels it. Of other slopes Adam's first
    # step tells the sign alone, but its moments tell their size.
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
    runners["restore"](weights=start)
    if not np.array_equal(runners["save"]()["weights"], start):
        raise RuntimeError("The exported `restore` does not give back what it took.")


def _runners(filepath):
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise ImportError(
            "LiteRT export runs the file it wrote, which needs the package "
            "ai-edge-litert. Install it with: pip install 'ae-zoo[lite]'"
        ) from error
    interpreter = Interpreter(str(filepath))
    return {
        name: interpreter.get_signature_runner(name)
        for name in interpreter.get_signature_list()
    }
