"""The base of every variant: one loss, one training step, small hooks."""

import inspect
import math

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from ae_zoo import export, losses, networks, validation


class Autoencoder(keras.Model):
    """x → z → x̂ around any encoder and any decoder.

    The loss of a batch is the mean over samples of the reconstruction loss, summed
    over the inputs, plus the variant's penalty. A variant overrides `corrupt`,
    `bottleneck` or `penalty` and inherits everything else.

    Args:
        encoder: Keras model (batch, ...) to (batch, ...).
        decoder: Keras model from the code back to the input; or "tied", the transpose
            of an encoder that is a chain of `Dense` layers, sharing its kernels.
        reconstruction_loss: "bernoulli" (nats; targets in [0, 1]), "gaussian"
            (½‖x − x̂‖²), or an `ae_zoo.losses.ReconstructionLoss`.
        seed: Seeds everything random in the model: corruption, sampling.

    Attributes:
        card: What the zoo says of a model it has loaded, read-only; else None.

    Raises:
        TypeError: Encoder or decoder is not a Keras model, or the seed no integer.
        ValueError: The models are not built, or their shapes do not fit.
    """

    penalty_name = None
    penalty_weight = 1.0
    card = None

    def __init__(
        self, encoder, decoder, reconstruction_loss="bernoulli", seed=0, **kwargs
    ):
        super().__init__(**kwargs)
        if not isinstance(seed, int):
            raise TypeError(f"`seed` must be an integer. Received: {seed!r}")
        self.reconstruction_loss = losses.get(reconstruction_loss)
        self.encoder = encoder
        input_shape = _built_input_shape(encoder, "encoder")
        self.is_tied = decoder == "tied"
        self.decoder = (
            networks.tied_decoder(encoder, self.reconstruction_loss.output_activation)
            if self.is_tied
            else decoder
        )
        self.latent_shape = _built_input_shape(self.decoder, "decoder")[1:]
        self.seed = seed
        self._training_seeds = keras.random.SeedGenerator(seed)
        self._evaluation_seeds = keras.random.SeedGenerator(seed)
        self._reconstruction_tracker = keras.metrics.Mean(name="reconstruction")
        if self.penalty_name:
            self._penalty_tracker = keras.metrics.Mean(name=self.penalty_name)
        self._endpoints = {}
        self.build((None, *input_shape[1:]))

    def build(self, input_shape):
        self._sample_shape = tuple(input_shape[1:])
        code = self.encoder(keras.Input(self._sample_shape))
        self._check_code(tuple(code.shape[1:]))
        reconstruction = self.decoder(keras.Input(self.latent_shape))
        self._reconstruction_shape = tuple(reconstruction.shape[1:])
        self.built = True

    def _check_code(self, code_shape):
        if code_shape != self.latent_shape:
            raise ValueError(
                f"The encoder ends in shape {code_shape} and the decoder starts from "
                f"{self.latent_shape}; they must be equal."
            )

    @property
    def input_shape(self):
        """Shape of a batch of inputs, with None for the batch."""
        return (None, *self._sample_shape)

    @property
    def output_shape(self):
        """Shape of a batch of reconstructions, with None for the batch."""
        return (None, *self._reconstruction_shape)

    @property
    def latent_dim(self):
        """d, the number of values in the latent code of one sample."""
        return math.prod(self.latent_shape)

    # The hooks of the variants.

    def corrupt(self, x, training):
        """x → x̃, where only x was given; pairs (x, y) are never touched."""
        return x

    def bottleneck(self, code, training=False):
        """The encoder's output → z."""
        return code

    def penalty(self, x, code, sample_weight, training):
        """The regularizer: of each sample, (batch,), or of the whole batch, a scalar.

        `penalty_weight` times its mean joins the loss.
        """
        return None

    # The one forward pass, loss and step.

    def call(self, inputs, training=False):
        code = self.encoder(inputs, training=training)
        return self.decoder(self.bottleneck(code, training), training=training)

    def forward(self, x, y, sample_weight, training):
        """The pass of a training or test step.

        Returns:
            x̂, and the scalar that `add_loss` takes, or None.
        """
        code = self.encoder(x, training=training)
        reconstruction = self.decoder(
            self.bottleneck(code, training), training=training
        )
        penalty = self.penalty(x, code, sample_weight, training)
        if penalty is None:
            return reconstruction, None
        return reconstruction, self.weigh(penalty, sample_weight, ops.shape(x)[0])

    def weigh(self, penalty, sample_weight, size):
        """`penalty_weight` times the mean penalty, which the metrics take note of."""
        mean = weighted_mean(penalty, sample_weight)
        self._penalty_tracker.update_state(mean, sample_weight=size)
        return self.penalty_weight * mean

    def train_step(self, data):
        with tf.GradientTape() as tape:
            loss, batch = self._loss_of_batch(data, training=True)
            loss = self.optimizer.scale_loss(loss)
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply_gradients(
            zip(gradients, self.trainable_weights, strict=True)
        )
        return self.compute_metrics(*batch)

    def test_step(self, data):
        _, batch = self._loss_of_batch(data, training=False)
        return self.compute_metrics(*batch)

    def _loss_of_batch(self, data, training):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        x = ops.cast(x, "float32")
        x, y = (
            (self.corrupt(x, training), x) if y is None else (x, ops.cast(y, "float32"))
        )
        y_pred, penalty = self.forward(x, y, sample_weight, training)
        # Replicas are threads that share the list of losses and take turns wherever a
        # penalty reduces over all of them: from here on none does.
        self._losses.clear()  # those of the step before
        if penalty is not None:
            self.add_loss(penalty)
        loss = self.compute_loss(x, y, y_pred, sample_weight, training=training)
        # Inside a replica Keras divides the loss by the number of replicas.
        unscaled = loss * tf.distribute.get_strategy().num_replicas_in_sync
        size = ops.shape(y_pred)[0]
        self._loss_tracker.update_state(unscaled, sample_weight=size)
        self._reconstruction_tracker.update_state(
            unscaled - sum(self.losses), sample_weight=size
        )
        return loss, (x, y, y_pred, sample_weight)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, **kwargs):
        y = x if y is None else y
        return super().compute_loss(x, y, y_pred, sample_weight, **kwargs)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        y = x if y is None else y
        return super().compute_metrics(x, y, y_pred, sample_weight)

    def next_seed(self, training):
        """A fresh seed for stateless draws, another on every replica.

        Evaluation has a sequence of its own that starts anew with every `evaluate`,
        so that two epochs are validated on equal noise.
        """
        generator = self._training_seeds if training else self._evaluation_seeds
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        return tf.random.experimental.stateless_fold_in(generator.next(), replica)

    def reset_metrics(self):
        super().reset_metrics()
        self._evaluation_seeds.state.assign([self.seed, 0])

    # Keras's own methods, with inputs checked first.

    def compile(
        self,
        optimizer="adam",
        loss=None,
        *,
        jit_compile="auto",
        steps_per_execution=1,
        **kwargs,
    ):
        """As in Keras; without a loss, the model's own reconstruction loss.

        `jit_compile="auto"` compiles with XLA on accelerators only: on CPUs it halves
        the speed of convolutions. Across replicas both `jit_compile` and
        `steps_per_execution` are off, where TensorFlow fails with them.
        """
        if self.distribute_strategy.num_replicas_in_sync > 1:
            jit_compile, steps_per_execution = False, 1
        elif jit_compile == "auto" and not tf.config.list_physical_devices("GPU"):
            jit_compile = False
        super().compile(
            optimizer,
            self.reconstruction_loss if loss is None else loss,
            jit_compile=jit_compile,
            steps_per_execution=steps_per_execution,
            **kwargs,
        )

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def fit(self, x=None, y=None, batch_size=None, epochs=1, **kwargs):
        """As `keras.Model.fit`; with x alone, the target is x.

        Args:
            x: (batch, ...) array of inputs, or a dataset of x, (x, y) or
                (x, y, sample_weight) batches.
            y: Targets, where they are not the inputs: `fit(noisy, clean)`.
            batch_size: Global batch size for arrays.
            epochs: Passes over the data.
            **kwargs: As in Keras.

        Raises:
            TypeError: Inputs or targets of a wrong dtype, such as uint8 images.
            ValueError: Empty, not finite, of a wrong shape or range, or a batch size
                that does not divide among the replicas.
        """
        x, y = _as_array(x), _as_array(y)
        self._check(x, y, batch_size or 32)
        validation.check_weights_have_targets(y, kwargs.get("sample_weight"))
        validation_data = kwargs.get("validation_data")
        if isinstance(validation_data, (tuple, list)):
            self._check(*validation_data[:2])
        elif validation_data is not None:
            self._check(validation_data)
        if isinstance(x, tf.data.Dataset):
            kwargs.setdefault("shuffle", False)  # Keras warns that it cannot
        return super().fit(x, y, batch_size, epochs, **kwargs)

    def evaluate(self, x=None, y=None, batch_size=None, *args, **kwargs):
        """As `keras.Model.evaluate`; with x alone, the target is x. Errors as `fit`."""
        x, y = _as_array(x), _as_array(y)
        self._check(x, y, batch_size or 32)
        validation.check_weights_have_targets(y, kwargs.get("sample_weight"))
        return super().evaluate(x, y, batch_size, *args, **kwargs)

    def predict(self, x, *args, **kwargs):
        """As `keras.Model.predict`: the reconstruction of x. Errors as `fit`."""
        x = _as_array(x)
        if isinstance(x, (np.ndarray, tf.Tensor)):
            self._check_input(x, is_target=False)
        return super().predict(x, *args, **kwargs)

    def _check(self, x, y=None, batch_size=None):
        if isinstance(x, tf.data.Dataset):
            validation.check_dataset(x, self._check_batch)
        elif isinstance(x, (np.ndarray, tf.Tensor)):
            with self.distribute_strategy.scope():
                validation.check_batch_size(batch_size)
            self._check_batch((x, y))

    def _check_batch(self, batch):
        x, y, _ = keras.utils.unpack_x_y_sample_weight(batch)
        self._check_input(x, is_target=y is None)
        if y is None:
            self._check_self_target()
        else:
            support = self.reconstruction_loss.support
            validation.check_array(y, "y", self._reconstruction_shape, support)

    def _check_input(self, x, is_target):
        validation.check_array(
            x,
            "x",
            self._sample_shape,
            self.reconstruction_loss.support,
            noisy=not is_target,
        )

    def _check_self_target(self):
        if not self._is_own_target:
            raise ValueError(
                f"This model maps {self._sample_shape} to "
                f"{self._reconstruction_shape}, so x cannot be its own target. Pass "
                "pairs: fit(x, y)."
            )

    @property
    def _is_own_target(self):
        return self._reconstruction_shape == self._sample_shape

    # What the parts do on their own.

    def encode(self, x, batch_size=256):
        """The latent code z, without corruption: (batch, ...) to (batch, d)."""
        self._check_eager_input(x)
        return self._run("encode", (x,), batch_size)

    def decode(self, z, batch_size=256):
        """The reconstruction x̂ of latent codes: (batch, d) to (batch, ...)."""
        if not _is_symbolic(z):
            validation.check_array(z, "z", self.latent_shape)
        return self._run("decode", (z,), batch_size)

    def reconstruct(self, x, batch_size=256):
        """`decode(encode(x))`, without corruption: (batch, ...) to (batch, ...)."""
        self._check_eager_input(x)
        return self._run("reconstruct", (x,), batch_size)

    def score(self, x, batch_size=256):
        """The loss of each sample, without corruption: the anomaly score.

        Args:
            x: (batch, ...).
            batch_size: How many samples to work on at once.

        Returns:
            (batch,), in nats (Gaussian: half the squared error).
        """
        self._check_self_target()
        if not _is_symbolic(x):
            self._check_input(x, is_target=True)
        return self._run("score", (x,), batch_size)

    def endpoints(self):
        """The functions of tensors behind these methods, by name, as exported."""
        functions = {
            "reconstruct": lambda x: self.call(x),
            "encode": lambda x: self.bottleneck(self.encoder(x, training=False)),
            "decode": lambda z: self.decoder(z, training=False),
        }
        if self._is_own_target:
            functions["score"] = self._score
        return functions

    def random_endpoints(self):
        """Further functions that draw from a seed, for formats that can: SavedModel."""
        return {}

    def _score(self, x):
        return self.reconstruction_loss.call(x, self.call(x))

    def export(self, filepath, format="tf_saved_model", **kwargs):
        """Writes the model for use without this library; see `ae_zoo.export`.

        Args:
            filepath: Directory of a SavedModel, or a `.tflite` or `.onnx` file.
            format: "tf_saved_model", "litert" or "onnx".
            **kwargs: As in `ae_zoo.export.export_model`.
        """
        export.export_model(self, filepath, format, **kwargs)

    def _check_eager_input(self, x):
        if not _is_symbolic(x):
            self._check_input(x, is_target=False)

    def _run(self, name, inputs, batch_size):
        if any(_is_symbolic(value) for value in inputs):
            return self.endpoints()[name](*inputs)
        if name not in self._endpoints:
            self._endpoints[name] = tf.function(
                self.endpoints()[name], autograph=False, reduce_retracing=True
            )
        inputs = [tf.cast(value, "float32") for value in inputs]
        parts = [
            self._endpoints[name](*(x[start : start + batch_size] for x in inputs))
            for start in range(0, inputs[0].shape[0], batch_size)
        ]
        return tf.concat(parts, axis=0)

    # Saving: one attribute for each constructor argument, of the same name.

    def get_config(self):
        names = {
            name
            for cls in type(self).__mro__[: type(self).__mro__.index(keras.Model)]
            for name, parameter in inspect.signature(cls.__init__).parameters.items()
            if parameter.kind is not parameter.VAR_KEYWORD and name != "self"
        }
        values = {name: getattr(self, name) for name in sorted(names)}
        if self.is_tied:
            values["decoder"] = "tied"
        values |= {"name": self.name, "trainable": self.trainable}
        values["dtype"] = self.dtype_policy
        return {
            name: keras.saving.serialize_keras_object(value)
            for name, value in values.items()
        }

    @classmethod
    def from_config(cls, config):
        return cls(
            **{
                name: keras.saving.deserialize_keras_object(value)
                for name, value in config.items()
            }
        )


def weighted_mean(values, sample_weight):
    """Mean over the batch of per-sample values, weighted as Keras weighs losses.

    Args:
        values: (batch,), or a scalar that already speaks for the batch.
        sample_weight: (batch,) or None.
    """
    if len(values.shape) == 0:
        return values
    if sample_weight is not None:
        values = values * ops.cast(ops.reshape(sample_weight, (-1,)), values.dtype)
    # An uneven last batch leaves some replicas without a sample.
    size = ops.cast(ops.shape(values)[0], values.dtype)
    return ops.divide_no_nan(ops.sum(values), size)


def _as_array(values):
    # Keras reads a list as several inputs.
    if not isinstance(values, list):
        return values
    return validation.to_array(values, "x")


def _is_symbolic(x):
    return isinstance(x, keras.KerasTensor) or (
        tf.is_tensor(x) and not hasattr(x, "numpy")
    )


def _built_input_shape(model, role):
    if not isinstance(model, keras.Model):
        tied = ' or "tied"' if role == "decoder" else ""
        raise TypeError(
            f"`{role}` must be a Keras model{tied}. Received: {type(model).__name__}"
        )
    shape = getattr(model, "input_shape", None)
    if shape is None:
        # A subclassed model has no `input_shape`, but remembers what built it.
        shape = (model.get_build_config() or {}).get("input_shape")
    if not isinstance(shape, tuple) and not _is_flat_list(shape):
        raise ValueError(
            f"`{role}` must be a model of one input of known shape. Begin it with "
            "keras.Input(shape), or call it once on keras.Input(shape). Received: "
            f"{model.name!r} with input shape {shape}"
        )
    return tuple(shape)


def _is_flat_list(shape):
    return isinstance(shape, list) and all(
        size is None or isinstance(size, int) for size in shape
    )
