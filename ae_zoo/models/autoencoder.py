"""The base class of all variants: an encoder, a decoder, and small hooks."""

from __future__ import annotations

import math
import os
import types
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from ae_zoo import losses, networks
from ae_zoo._checks import (
    SEED_LIMIT,
    argument_names,
    check_count,
    check_integer,
    unknown_name,
)
from ae_zoo.distribution.keras_patches import disable_gradient_sum
from ae_zoo.models import typical
from ae_zoo.models.arguments import (
    built_input_shape,
    check_dtypes,
    check_interval,
    check_is_mean,
    check_loss,
    check_no_accumulation,
    check_scaling,
    check_serializable,
    valid_range,
    valid_scaling,
)
from ae_zoo.models.changes import TracedState
from ae_zoo.models.endpoints import Endpoints
from ae_zoo.models.faults import FaultFlag
from ae_zoo.models.origin import Origin, fingerprint
from ae_zoo.models.training_step import TrainingStep

if TYPE_CHECKING:
    from ae_zoo.layers import Scaling
    from ae_zoo.models.arguments import Decoder, Loss, ScalingMode

_GRADIENT_DTYPES = ("float32", "bfloat16")


class Autoencoder(Endpoints, TrainingStep):
    """x → z → x̂ with any encoder and any decoder.

    The loss of a batch is the mean over samples of the reconstruction loss, summed
    over the inputs, plus the variant's penalty. A variant overrides some of the hooks
    `corrupt`, `encoding`, `bottleneck`, `penalty`, `draws`, `terms` and `after_step`,
    and inherits everything else.

    Args:
        encoder: Keras model, (batch, ...) to (batch, ...).
        decoder: Keras model from the code back to the input; or "tied", the transpose
            of the encoder with shared kernels, if the encoder is a chain of `Dense`
            layers.
        reconstruction_loss: "bernoulli" (nats; targets in [0, 1]), "gaussian"
            (½‖x − x̂‖²), or an `ae_zoo.losses.ReconstructionLoss`.
        seed: Integer that seeds everything random in the model, such as corruption and
            sampling.
        input_range: (low, high), the interval of valid inputs, which `fit` and the
            other methods check. None uses the range of the loss, or [0, 1] if the
            decoder ends in a sigmoid; with a scaling, [0, 255] for "pixels" and no
            limits for other modes.
        scaling: An `ae_zoo.layers.Scaling`, or one of its modes: "standard", "min_max",
            "robust" or "pixels". Inputs and reconstructions are then in the user's
            units, and encoder, decoder, corruption, losses, metrics and scores see
            scaled values. Call `model.scaling.adapt(x)` with the training data first.
            None uses values as they are.
        **kwargs: `name`, `dtype` and `trainable`, as in `keras.Model`.

    Raises:
        TypeError: Encoder or decoder is not a Keras model, or the seed is not an
            integer.
        ValueError: The models are not built, or their shapes do not match.
    """

    _origin: Origin | None = None

    def __init__(
        self,
        encoder: keras.Model,
        decoder: Decoder,
        *,
        reconstruction_loss: Loss = "bernoulli",
        seed: int = 0,
        input_range: tuple[float, float] | None = None,
        scaling: Scaling | ScalingMode | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.seed = check_integer("seed", seed, 0, SEED_LIMIT - 1)
        self.reconstruction_loss = losses.get(reconstruction_loss)
        self.encoder = encoder
        input_shape = built_input_shape(encoder, "encoder")
        self.is_tied = isinstance(decoder, str) and decoder == "tied"
        self.decoder = (
            networks.tied_decoder(encoder, self.reconstruction_loss.output_activation)
            if self.is_tied
            else decoder
        )
        self.latent_shape = built_input_shape(self.decoder, "decoder")[1:]
        check_dtypes(self, self.encoder, self.decoder)
        self.scaling = valid_scaling(scaling)
        self.input_range = valid_range(
            input_range, self.reconstruction_loss, self.decoder, self.scaling
        )
        self._training_seeds = keras.random.SeedGenerator(self.seed)
        self._evaluation_seeds = keras.random.SeedGenerator(self.seed)
        self._reconstruction_tracker = keras.metrics.Mean(name="reconstruction")
        self._penalty_tracker = (
            keras.metrics.Mean(name=self.penalty_name) if self.penalty_name else None
        )
        self._endpoints: dict[str, Callable[..., Any]] = {}
        self._traced_state = TracedState(Autoencoder)
        self._fault_flags: dict[str, FaultFlag] = {}
        self._annealed: dict[str, Any] = {}
        self.build((None, *input_shape[1:]))
        if self.scaling is not None:
            self._build_scaling(self.scaling)

    def _build_scaling(self, scaling: Scaling) -> None:
        scaling.build(self.input_shape)
        check_scaling(
            scaling,
            self.reconstruction_loss,
            self.decoder,
            (self._sample_shape, self._reconstruction_shape),
        )
        # Large values lose digits in float16, so they are scaled before they are cast.
        self.autocast = False

    def __setattr__(self, name: str, value: Any) -> None:
        """Check a constructor argument that is changed after construction."""
        is_changed = (
            name in vars(self)
            and name in argument_names(type(self), Autoencoder)
            and value is not vars(self)[name]
        )
        if not is_changed:
            super().__setattr__(name, value)
            return
        if name in self.fixed_arguments:
            raise AttributeError(
                f"`{name}` of a {type(self).__name__} cannot be changed. Build a new "
                "model with another one."
            )
        before = vars(self)[name]
        super().__setattr__(name, value)
        try:
            self.check_arguments()
        except BaseException:
            super().__setattr__(name, before)
            raise

    def check_arguments(self) -> None:
        check_interval("input_range", self.input_range)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self._sample_shape: tuple[Any, ...] = tuple(input_shape[1:])
        code = self.encoder(keras.Input(self._sample_shape))
        self._check_code(tuple(code.shape[1:]))
        reconstruction = self.decoder(keras.Input(self.latent_shape))
        self._reconstruction_shape = tuple(reconstruction.shape[1:])
        self.built = True

    def _check_code(self, code_shape: tuple[int | None, ...]) -> None:
        if code_shape != self.latent_shape:
            raise ValueError(
                f"The encoder ends in shape {code_shape} and the decoder starts from "
                f"{self.latent_shape}; they must be equal."
            )

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """Shape of a batch of inputs, with None for the batch."""
        return (None, *self._sample_shape)

    @property
    def sample_shape(self) -> tuple[Any, ...]:
        """Shape of one input, without the batch."""
        return self._sample_shape

    @property
    def output_shape(self) -> tuple[int | None, ...]:
        """Shape of a batch of reconstructions, with None for the batch."""
        return (None, *self._reconstruction_shape)

    def warn_about_inputs(self, x: Any) -> None:
        if self._inputs_are_known:
            return
        self._inputs_are_known = True
        text = self.unusual_inputs(x)
        if text:
            warnings.warn(text, stacklevel=5)

    def unusual_inputs(self, x: Any) -> str:
        """Say whether inputs are far from those the model was made for.

        The card of a model of the zoo holds percentiles of the score and the roughness
        of validation inputs, clean and corrupted. A few of the inputs are compared with
        these.

        Args:
            x: (batch, ...).

        Returns:
            A message, or an empty string: also if the card says nothing of it.
        """
        kinds = (self.card or {}).get(typical.FIELD)
        if not kinds or not self._is_own_target:
            return ""
        step = max(1, len(x) // typical.SAMPLES)
        few = np.asarray(x[: typical.SAMPLES * step : step], "float32")
        unusual = typical.are_unusual(kinds, typical.measure(self, few))
        if not typical.is_alarming(unusual):
            return ""
        card = self.card or {}
        return typical.message(card["name"], card.get("limits"), unusual)

    @property
    def latent_dim(self) -> int:
        """d, the number of values in the latent code of one sample.

        Raises:
            ValueError: The model takes images of any size, and the size of the code
                depends on that of the image.
        """
        if None in self.latent_shape:
            raise ValueError(
                "`latent_dim` is undefined: this model takes images of any size, and "
                f"its code, of shape {self.latent_shape}, grows with the image. For "
                "one image it is `model.encode(image[None]).size`; `latent_shape` "
                "shows the sizes that are fixed."
            )
        return math.prod(self.latent_shape)

    # The zoo.

    @property
    def card(self) -> Mapping[str, Any] | None:
        """The read-only card of a model that `ae_zoo.load` returned.

        None for other models, and when weights or arguments are no longer those that
        were loaded: name, task and figures of the card are not those of a model that
        was trained further.
        """
        if self._origin is None:
            return None
        is_unchanged = fingerprint(self, Autoencoder) == self._origin.fingerprint
        return self._origin.card if is_unchanged else None

    @property
    def origin(self) -> Origin | None:
        """Card and checksum of the folder that the model was loaded from.

        Also of a model that was trained further; None if `ae_zoo.load` did not load it.
        """
        return self._origin

    def remember_origin(self, card: Mapping[str, Any], sha256: str) -> None:
        """Record the folder that the model has just been loaded from.

        Args:
            card: Its card.
            sha256: Hexadecimal digest of its `model.keras`.
        """
        card = types.MappingProxyType(dict(card))
        self._origin = Origin(card, sha256, fingerprint(self, Autoencoder))

    # Compiling.

    def compile(
        self,
        optimizer: Any = "adam",
        loss: Any = None,
        *,
        jit_compile: bool | str = "auto",
        steps_per_execution: int | str = "auto",
        gradient_dtype: str = "float32",
        **kwargs: Any,
    ) -> None:
        """Configure training as in Keras; the default loss is the model's own.

        What makes training fast is chosen for you: `Adam` and `AdamW` update each
        weight by one fused kernel, `fit` collects the batches of arrays in the graph
        and makes several steps in each call, and on x86 processors TensorFlow uses
        oneDNN if `ae_zoo` is imported before it. To turn the last one off, set the
        environment variable `TF_ENABLE_ONEDNN_OPTS=0`.

        Args:
            optimizer: As in Keras.
            loss: As in Keras; None uses the model's reconstruction loss.
            jit_compile: Whether to compile with XLA. "auto" does so on accelerators
                only: on CPUs it halves the speed of convolutions.
            steps_per_execution: As in Keras. "auto" makes as many steps in a call of
                the graph as take a tenth of a second, and one if a callback acts on
                batches. The results are the same for any number. With several replicas
                it is always 1 and `jit_compile` is False, because TensorFlow fails
                otherwise.
            gradient_dtype: Dtype in which replicas exchange gradients. "bfloat16"
                halves the bytes and rounds each sum to 2 or 3 digits. It is not saved
                with the model.
            **kwargs: As in Keras.
        """
        if gradient_dtype not in _GRADIENT_DTYPES:
            raise unknown_name("gradient_dtype", gradient_dtype, _GRADIENT_DTYPES)
        check_loss(loss)
        if steps_per_execution != "auto":
            check_count("steps_per_execution", steps_per_execution)
        self.gradient_dtype = gradient_dtype
        self._adapts_steps = steps_per_execution == "auto"
        several = self.distribute_strategy.num_replicas_in_sync > 1
        if several:
            check_no_accumulation(optimizer)
            jit_compile, steps_per_execution = False, 1
            check_is_mean(loss)
        elif jit_compile == "auto" and not tf.config.list_physical_devices("GPU"):
            jit_compile = False
        super().compile(
            optimizer,
            self.reconstruction_loss if loss is None else loss,
            jit_compile=jit_compile,
            steps_per_execution=1 if self._adapts_steps else steps_per_execution,
            **kwargs,
        )
        if several:
            disable_gradient_sum(self.optimizer)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        settings = keras.saving.deserialize_keras_object(config)
        if settings.get("steps_per_execution") == 1:  # Keras does not save "auto"
            settings["steps_per_execution"] = "auto"
        self.compile(**settings)
        self.optimizer.build(self.trainable_variables)

    def quantize(self, mode: str | None = None, **kwargs: Any) -> None:
        """Quantize encoder and decoder in place, as `keras.Model.quantize` does.

        Other layers, such as the heads of a `VariationalAutoencoder`, stay as they are.

        Raises:
            ValueError: The decoder is tied, and cannot use kernels of this mode.
        """
        if self.is_tied and mode not in ("int8", "float8"):
            raise ValueError(
                "A tied decoder shares the kernels of the encoder, which it can use in "
                f"int8 and float8 only. Received mode={mode!r}. Build the model with a "
                "decoder of its own."
            )
        self.encoder.quantize(mode, **kwargs)
        if not self.is_tied:
            self.decoder.quantize(mode, **kwargs)

    # Saving: one attribute for each constructor argument, of the same name.

    def save(
        self,
        filepath: str | os.PathLike[str],
        overwrite: bool = True,
        zipped: bool | None = None,
        **kwargs: Any,
    ) -> None:
        """Save the model as a `.keras` file, as `keras.Model.save` does.

        Raises:
            ValueError: `filepath` ends in `.h5` or `.hdf5`, a format that cannot hold
                the parts of an autoencoder.
        """
        if os.fspath(filepath).lower().endswith((".h5", ".hdf5")):
            raise ValueError(
                "An autoencoder cannot be saved in Keras's old HDF5 format. Use a name "
                f"that ends in '.keras'. Received: {os.fspath(filepath)!r}"
            )
        check_serializable(self, argument_names(type(self), Autoencoder))
        super().save(filepath, overwrite=overwrite, zipped=zipped, **kwargs)

    def get_config(self) -> dict[str, Any]:
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
    def from_config(cls, config: dict[str, Any]) -> Autoencoder:
        return cls(
            **{
                name: keras.saving.deserialize_keras_object(value)
                for name, value in config.items()
            }
        )
