"""The hooks of an autoencoder: the methods that a variant overrides."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ae_zoo._checks import check_count
from ae_zoo.distribution.keras_patches import with_logits
from ae_zoo.layers import Scaling
from ae_zoo.layers.padding import crop_to
from ae_zoo.losses import ReconstructionLoss
from ae_zoo.models import inputs
from ae_zoo.models.checked import CheckedModel
from ae_zoo.models.objective import (
    Annealable,
    Batch,
    Draw,
    Draws,
    ModelSpec,
    Parts,
    Tensor,
    Terms,
)


class Hooks(CheckedModel):
    """A model whose objective and description are defined by overriding methods.

    The defaults define an autoencoder without corruption or penalty.
    """

    latent_shape: tuple[Any, ...]
    encoder: keras.Model
    decoder: keras.Model
    reconstruction_loss: ReconstructionLoss
    scaling: Scaling | None
    penalty_name: str | None = None
    # The constructor argument that weights the penalty; without one the weight is 1.
    penalty_weight_argument: str | None = None
    # Whether the score of a sample is the sum of its loss and the penalty.
    score_includes_penalty = False
    _annealed: dict[str, Any]
    _has_warned = False

    # The objective.

    def corrupt(self, x: Tensor, training: bool) -> Tensor | tuple[Tensor, Tensor]:
        """Corrupt the inputs of `fit(x)` and `evaluate(x)`, but not those of pairs.

        Args:
            x: (batch, ...), scaled if the model has a scaling.
            training: Whether this is a training step, not an evaluation step.

        Returns:
            x̃, with the shape of x; or x̃ and the weight of each element of x in the
            reconstruction loss.
        """
        return x

    @property
    def corrupts(self) -> bool:
        """Whether `fit(x)` corrupts its inputs."""
        return type(self).corrupt is not Hooks.corrupt

    @property
    def weights_elements(self) -> bool:
        """Whether `corrupt` returns a weight for each element, too."""
        if not self.corrupts:
            return False
        # Traced only, so that no seed is consumed.
        corrupt = tf.function(lambda x: self.corrupt(x, training=True), autograph=False)
        x = tf.TensorSpec((1, *self.input_shape[1:]), tf.float32)
        return isinstance(corrupt.get_concrete_function(x).structured_outputs, tuple)

    def encoding(self, x: Tensor, training: bool = False) -> Any:
        """Encode x: by default, return the output of the encoder."""
        return self.encoder(x, training=training)

    def bottleneck(
        self, code: Any, training: bool = False, draws: Draws | None = None
    ) -> Tensor:
        """Map what `encoding` returned to the latent codes z.

        Args:
            code: What `encoding` returned.
            training: Whether this is a training step.
            draws: Random values by name, as `draws` declares them; None outside of
                training and evaluation.
        """
        return code

    def penalty(
        self,
        x: Tensor,
        code: Any,
        z: Tensor,
        *,
        parts: Parts,
        draws: Draws,
        sample_weight: Tensor,
        training: bool,
    ) -> Tensor | None:
        """Compute the regularizer, whose weighted mean is added to the loss.

        Args:
            x: Inputs of the encoder, (batch, ...).
            code: What `encoding` returned for x.
            z: Latent codes, (batch, ...).
            parts: The functions that encode and decode, for penalties that need
                their derivatives.
            draws: Random values by name, as `draws` declares them.
            sample_weight: (batch,); 0 for the filler row of a replica without samples.
            training: Whether this is a training step.

        Returns:
            (batch,) values; or a scalar for the global batch, the same on all replicas
            (see `ae_zoo.distribution.replicas.gather`); or None.
        """
        return None

    def draws(self, training: bool) -> Mapping[str, Draw]:
        """Declare the random inputs of the objective, by name."""
        return {}

    def score_draws(self) -> Mapping[str, Draw]:
        """Declare the random inputs of the score, by name: one draw for each sample."""
        return {}

    def terms(self, parts: Parts, batch: Batch, draws: Draws) -> Terms:
        """Compute the terms that training, evaluation, scores and files combine.

        Args:
            parts: Functions that encode and decode: the model's own, or those of an
                exported file.
            batch: The samples.
            draws: Random values by name, as `draws` declares them.
        """
        terms = self.forward(parts, batch, draws)
        return terms._replace(penalty=self._penalty(parts, batch, draws, terms))

    def forward(self, parts: Parts, batch: Batch, draws: Draws) -> Terms:
        """Compute the terms without the penalty; the arguments are those of `terms`."""
        code = parts.encode(batch.x)
        z = self.bottleneck(code, batch.training, draws)
        return Terms(code, z, self.cropped(parts.decode(z), batch.x))

    def _penalty(
        self, parts: Parts, batch: Batch, draws: Draws, terms: Terms
    ) -> Tensor | None:
        return self.penalty(
            batch.x,
            terms.code,
            terms.z,
            parts=parts,
            draws=draws,
            sample_weight=batch.sample_weight,
            training=batch.training,
        )

    def after_step(self, batch: Batch, terms: Terms) -> None:
        """Run after each optimizer step, for example to update moving averages.

        Called on every replica. It must assign the same values to variables on all of
        them; see `ae_zoo.distribution.replicas.sum_over_replicas`.
        """

    def scale(self, x: Tensor) -> Tensor:
        """Map inputs and targets to the space in which the loss is computed."""
        return x if self.scaling is None else self.scaling.scale(x)

    def unscale(self, x: Tensor) -> Tensor:
        """Invert `scale`, for reconstructions."""
        return x if self.scaling is None else self.scaling.unscale(x)

    @property
    def annealable(self) -> Mapping[str, Annealable]:
        """Attributes that `ae_zoo.callbacks.Anneal` can change, by name."""
        weight = self.penalty_weight_argument
        return {weight: Annealable(float)} if self.penalty_name and weight else {}

    def spec(self) -> ModelSpec:
        """Describe the model for cards, figures and exported files."""
        loss = self.reconstruction_loss.name
        return ModelSpec(
            parts={"encoder": self.encoder, "decoder": self.decoder},
            score_terms=(loss,) if loss in ("bernoulli", "gaussian") else None,
        )

    # Checks.

    fixed_arguments: tuple[str, ...] = (
        "encoder",
        "decoder",
        "reconstruction_loss",
        "scaling",
        "seed",
    )

    def check_arguments(self) -> None:
        """Check the constructor arguments, which are attributes of the same names.

        Called at the end of a constructor, and when an argument is changed later.
        A variant extends it, and lists in `fixed_arguments` what cannot be changed.

        Raises:
            TypeError, ValueError: An argument is not valid.
        """

    def warn_about_targets(self, x: Any, y: Any) -> None:
        if not self.corrupts or self._has_warned:
            return
        if isinstance(x, tf.data.Dataset):
            for batch in x.take(1):
                x, y, _ = inputs.unpack(batch)
        elif isinstance(x, keras.utils.PyDataset):
            x, y, _ = inputs.unpack(x[0])
        if y is None or not _are_equal(x, y):
            return
        self._has_warned = True
        warnings.warn(
            "The targets are the inputs, and pairs are not corrupted, so this "
            f"{type(self).__name__} trains without noise. Call fit(x) to let it "
            "corrupt x, or pass your own pairs: fit(noisy, clean).",
            stacklevel=3,
        )

    # The forward pass.

    def parts(self, training: bool = False) -> Parts:
        """Return the model's own functions that encode and decode."""
        return Parts(
            lambda x: self.encoding(x, training),
            lambda z: self.decoder(z, training=training),
        )

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        parts = self.parts(training)
        z = self.bottleneck(parts.encode(self.scale(inputs)), training)
        return self.unscale(self.cropped(parts.decode(z), inputs))

    def cropped(self, reconstruction: Tensor, x: Tensor) -> Tensor:
        """Crop images that an encoder of open size has padded to the size of x."""
        if len(self.input_shape) != 4 or len(self.output_shape) != 4:
            return reconstruction
        if None not in self.input_shape[1:3] + self.output_shape[1:3]:
            return reconstruction
        return with_logits(reconstruction, lambda images: crop_to(images, x))

    # Annealing.

    def annealed(self, name: str, training: bool) -> Any:
        """Return an attribute, or in training the value that `Anneal` has set."""
        own = getattr(self, name)
        return self._annealed.get(name, own) if training else own

    def anneal(self, name: str, value: Any) -> None:
        """Replace an attribute by a variable or a number in training, until `fit` ends.

        Raises:
            ValueError: `annealable` has no such attribute.
        """
        if name not in self.annealable:
            raise ValueError(
                f"{type(self).__name__} has no {name!r} to anneal. "
                f"Available: {list(self.annealable)}"
            )
        if self.annealable[name].type is int and not isinstance(value, tf.Variable):
            value = check_count("start", value)
        self._annealed[name] = value
        self.make_train_function(force=True)  # the old one has traced the old value

    def end_annealing(self) -> None:
        """Restore the values of annealed attributes."""
        if self._annealed:
            self._annealed.clear()
            self.make_train_function(force=True)


def _are_equal(x: Any, y: Any) -> bool:
    """Whether the first samples of two arrays are equal."""
    if x is y:
        return True
    try:
        return np.array_equal(np.asarray(x[:32]), np.asarray(y[:32]))
    except TypeError:  # an iterator
        return False
