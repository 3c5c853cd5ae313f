"""The base of every variant: one loss, one training step, small hooks."""

import math

import keras
import tensorflow as tf
from keras import ops

from ae_zoo import losses, networks
from ae_zoo._checks import argument_names, check_integer, is_integer, unknown_name
from ae_zoo.distribution import replicas
from ae_zoo.distribution.keras_patches import leave_sums_to_the_step
from ae_zoo.models.checked import CheckedModel
from ae_zoo.models.endpoints import Endpoints

_GRADIENT_DTYPES = ("float32", "bfloat16")


class Autoencoder(Endpoints, CheckedModel):
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
        input_range: (low, high) that inputs lie in, which `fit` and the others check;
            None takes the range of the loss, or of a sigmoid that ends the decoder.

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
        self,
        encoder,
        decoder,
        reconstruction_loss="bernoulli",
        seed=0,
        input_range=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        seed = check_integer("seed", seed)
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
        self.input_range = _input_range(
            input_range, self.reconstruction_loss, self.decoder
        )
        self.seed = seed
        self._training_seeds = keras.random.SeedGenerator(seed)
        self._evaluation_seeds = keras.random.SeedGenerator(seed)
        self._reconstruction_tracker = keras.metrics.Mean(name="reconstruction")
        if self.penalty_name:
            self._penalty_tracker = keras.metrics.Mean(name=self.penalty_name)
        self._endpoints = {}
        self._annealed = {}
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
            x̂; the penalty that the metrics show; and what it adds to the loss. Both of
            each sample, (batch,), or of the whole batch, a scalar, or None.
        """
        code = self.encoder(x, training=training)
        reconstruction = self.decoder(
            self.bottleneck(code, training), training=training
        )
        penalty = self.penalty(x, code, sample_weight, training)
        if penalty is None:
            return reconstruction, None, None
        weight = self.annealed("penalty_weight", training)
        return reconstruction, penalty, weight * penalty

    def annealed(self, name, training):
        """An attribute, or in training what `ae_zoo.callbacks.Anneal` makes of it."""
        own = getattr(self, name)
        return self._annealed.get(name, own) if training else own

    def anneal(self, name, value):
        """Puts a variable or a number in the place of an attribute until `fit` ends."""
        self._annealed[name] = value
        self.make_train_function(force=True)  # traced with the value

    def end_annealing(self):
        """Gives the attributes back their own values."""
        if self._annealed:
            self._annealed.clear()
            self.make_train_function(force=True)

    def train_step(self, data):
        with tf.GradientTape() as tape:
            loss, batch = self._loss_of_batch(data, training=True)
            loss = self.optimizer.scale_loss(loss)
        gradients = tape.gradient(loss, self.trainable_weights)
        gradients, logs = self.shared_over_replicas(
            gradients, self.compute_metrics(*batch)
        )
        if gradients:  # none where everything is frozen
            self.optimizer.apply_gradients(
                zip(gradients, self.trainable_weights, strict=True)
            )
        return logs

    def test_step(self, data):
        _, batch = self._loss_of_batch(data, training=False)
        return self.shared_over_replicas([], self.compute_metrics(*batch))[1]

    def predict_step(self, data):
        data, size = replicas.without_empty(data)
        return super().predict_step(data)[:size]

    def _loss_of_batch(self, data, training):
        data, size = replicas.without_empty(data)
        with replicas.sharing(size) as rows:
            loss, batch = self._loss_of_rows(data, size, training)
        if rows is None:
            return loss, batch
        return loss * rows.weight, [
            None if values is None else values[:size] for values in batch
        ]

    def _loss_of_rows(self, data, size, training):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        x = ops.cast(x, "float32")
        x, y = (
            (self.corrupt(x, training), x) if y is None else (x, ops.cast(y, "float32"))
        )
        weight = sample_weight
        if weight is None:  # 0 for a row that stands in for an empty batch
            weight = tf.cast(tf.range(ops.shape(x)[0]) < size, "float32")
        y_pred, penalty, addition = self.forward(x, y, weight, training)
        # Replicas are threads that share the list of losses and take turns wherever a
        # penalty reduces over all of them: from here on none does.
        self._losses.clear()  # those of the step before
        if penalty is not None:
            self._penalty_tracker.update_state(
                weighted_mean(penalty, weight), sample_weight=size
            )
            self.add_loss(weighted_mean(addition, weight))
        loss = self.compute_loss(x, y, y_pred, sample_weight, training=training)
        # Inside a replica Keras divides the loss by the number of replicas.
        unscaled = loss * tf.distribute.get_strategy().num_replicas_in_sync
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

    def next_seed(self, training, shared=False):
        """A fresh seed for stateless draws.

        Evaluation has a sequence of its own that starts anew with every `evaluate`,
        so that two epochs are validated on equal noise.

        Args:
            training: Which of the two sequences.
            shared: Whether all replicas get the same, to draw for the global batch by
                `ae_zoo.distribution.replicas.of_global_batch`; else each gets another.
        """
        generator = self._training_seeds if training else self._evaluation_seeds
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        return tf.random.experimental.stateless_fold_in(
            generator.next(), 0 if shared else replica
        )

    def reset_metrics(self):
        super().reset_metrics()
        self._evaluation_seeds.state.assign([self.seed, 0])

    # Compiling.

    def compile(
        self,
        optimizer="adam",
        loss=None,
        *,
        jit_compile="auto",
        steps_per_execution=1,
        gradient_dtype="float32",
        **kwargs,
    ):
        """As in Keras; without a loss, the model's own reconstruction loss.

        `gradient_dtype` is what gradients are sent as from one replica to another:
        "bfloat16" halves the bytes and rounds each sum to 2 or 3 digits. It is not
        saved with the model.

        `jit_compile="auto"` compiles with XLA on accelerators only: on CPUs it halves
        the speed of convolutions. Across replicas both `jit_compile` and
        `steps_per_execution` are off, where TensorFlow fails with them.
        """
        if gradient_dtype not in _GRADIENT_DTYPES:
            raise unknown_name("gradient_dtype", gradient_dtype, _GRADIENT_DTYPES)
        self.gradient_dtype = gradient_dtype
        several = self.distribute_strategy.num_replicas_in_sync > 1
        if several:
            _check_no_accumulation(optimizer)
            jit_compile, steps_per_execution = False, 1
            _check_is_mean(loss)
        elif jit_compile == "auto" and not tf.config.list_physical_devices("GPU"):
            jit_compile = False
        super().compile(
            optimizer,
            self.reconstruction_loss if loss is None else loss,
            jit_compile=jit_compile,
            steps_per_execution=steps_per_execution,
            **kwargs,
        )
        if several:
            leave_sums_to_the_step(self.optimizer)

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    # Saving: one attribute for each constructor argument, of the same name.

    def get_config(self):
        names = argument_names(type(self), Autoencoder)
        values = {name: getattr(self, name) for name in names}
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


def _check_is_mean(loss):
    reduction = getattr(loss, "reduction", "sum_over_batch_size")
    if reduction not in ("sum_over_batch_size", "mean"):
        raise ValueError(
            "Across replicas the loss must be the mean over the samples of a batch, "
            "reduction='sum_over_batch_size'. Received a loss with "
            f"reduction={reduction!r}"
        )


def _input_range(given, loss, decoder):
    if given is None:
        ends_in_sigmoid = (
            getattr(getattr(decoder, "layers", [None])[-1], "activation", None)
            is keras.activations.sigmoid
        )
        return loss.support or ((0.0, 1.0) if ends_in_sigmoid else None)
    low, high = given
    if not low < high:
        raise ValueError(
            f"`input_range` must be (low, high) with low < high. Received: {given}"
        )
    return (low, high)


def _check_no_accumulation(optimizer):
    if getattr(optimizer, "gradient_accumulation_steps", None):
        raise ValueError(
            "Keras accumulates gradients on one replica only. Received "
            f"gradient_accumulation_steps={optimizer.gradient_accumulation_steps} and "
            "a strategy of several: each holds a part of the batch already. Leave the "
            "accumulation out, or train on one device."
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
        size is None or is_integer(size) for size in shape
    )
