"""The hooks of an autoencoder: what a variant overrides to be one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from ae_zoo._checks import check_count
from ae_zoo.losses import ReconstructionLoss
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
    """A model whose objective, and what else is known of it, variants define.

    Every hook has a default: the objective of an autoencoder without a penalty.
    """

    latent_shape: tuple[int, ...]
    encoder: keras.Model
    decoder: keras.Model
    reconstruction_loss: ReconstructionLoss
    penalty_name: str | None = None
    # The constructor argument that weights the penalty; without one the weight is 1.
    penalty_weight_argument: str | None = None
    # Whether the score of a sample is the sum of its loss and the penalty.
    score_includes_penalty = False
    _annealed: dict[str, Any]

    # The objective.

    def corrupt(self, x: Tensor, training: bool) -> Tensor | tuple[Tensor, Tensor]:
        """Corrupt inputs for which no targets were given; pairs (x, y) never are.

        Args:
            x: (batch, ...).
            training: Whether this is a step of training, and not of evaluation.

        Returns:
            x̃, the shape of x; or x̃ and a weight for each element of x, by which the
            reconstruction loss counts it.
        """
        return x

    def encoding(self, x: Tensor, training: bool = False) -> Any:
        """Return what the encoder says of x: by default its output, the code."""
        return self.encoder(x, training=training)

    def bottleneck(
        self, code: Any, training: bool = False, draws: Draws | None = None
    ) -> Tensor:
        """Map what `encoding` returned to the latent codes z.

        Args:
            code: What `encoding` returned.
            training: Whether this is a step of training.
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
        """Compute the regularizer, of which the weighted mean joins the loss.

        Args:
            x: Inputs of the encoder, (batch, ...).
            code: What `encoding` returned for x.
            z: Latent codes, (batch, ...).
            parts: The functions that encode and decode, for penalties that need
                their derivatives.
            draws: Random values by name, as `draws` declares them.
            sample_weight: (batch,), 0 for a row that stands in for missing samples.
            training: Whether this is a step of training.

        Returns:
            (batch,) values; or a scalar for the global batch, the same on all replicas
            (see `ae_zoo.distribution.replicas.gather`); or None.
        """
        return None

    def draws(self, training: bool) -> Mapping[str, Draw]:
        """Declare the random inputs of the objective, by name."""
        return {}

    def score_draws(self) -> Mapping[str, Draw]:
        """Declare the random inputs of the score, by name."""
        return {}

    def terms(self, parts: Parts, batch: Batch, draws: Draws) -> Terms:
        """State the objective: everything that is measured combines these terms.

        Args:
            parts: Functions that encode and decode: the model's own, or those of an
                exported file.
            batch: The samples.
            draws: Random values by name, as `draws` declares them.
        """
        terms = self.forward(parts, batch, draws)
        return terms._replace(penalty=self._penalty(parts, batch, draws, terms))

    def forward(self, parts: Parts, batch: Batch, draws: Draws) -> Terms:
        """The terms without the penalty; arguments as of `terms`."""
        code = parts.encode(batch.x)
        z = self.bottleneck(code, batch.training, draws)
        return Terms(code, z, parts.decode(z))

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
        """Act after the optimizer's step, for example to update moving averages.

        Runs on every replica. What it assigns to variables must be the same on all:
        see `ae_zoo.distribution.replicas.sum_over_replicas`.
        """

    def scale(self, x: Tensor) -> Tensor:
        """Map inputs and targets to the space in which the loss is computed."""
        return x

    def unscale(self, x: Tensor) -> Tensor:
        """Invert `scale`, for reconstructions."""
        return x

    @property
    def annealable(self) -> Mapping[str, Annealable]:
        """Attributes that `ae_zoo.callbacks.Anneal` can move, by name."""
        weight = self.penalty_weight_argument
        return {weight: Annealable(float)} if self.penalty_name and weight else {}

    def spec(self) -> ModelSpec:
        """Say what cards, figures and exported files need to know of the model."""
        loss = self.reconstruction_loss.name
        return ModelSpec(
            parts={"encoder": self.encoder, "decoder": self.decoder},
            score_terms=(loss,) if loss in ("bernoulli", "gaussian") else None,
        )

    # The forward pass.

    def parts(self, training: bool = False) -> Parts:
        """The functions of the model that its terms are made of."""
        return Parts(
            lambda x: self.encoding(x, training),
            lambda z: self.decoder(z, training=training),
        )

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        parts = self.parts(training)
        z = self.bottleneck(parts.encode(self.scale(inputs)), training)
        return self.unscale(parts.decode(z))

    # Annealing.

    def annealed(self, name: str, training: bool) -> Any:
        """An attribute, or in training the value that `Anneal` gives it."""
        own = getattr(self, name)
        return self._annealed.get(name, own) if training else own

    def anneal(self, name: str, value: Any) -> None:
        """Replace an attribute in training by a variable or a number until `fit` ends.

        Raises:
            ValueError: The model has nothing of that name to anneal.
        """
        if name not in self.annealable:
            raise ValueError(
                f"{type(self).__name__} has no {name!r} to anneal. "
                f"Available: {list(self.annealable)}"
            )
        if self.annealable[name].type is int and not isinstance(value, tf.Variable):
            value = check_count("start", value)
        self._annealed[name] = value
        self.make_train_function(force=True)  # traced with the value

    def end_annealing(self) -> None:
        """Give annealed attributes their own values again."""
        if self._annealed:
            self._annealed.clear()
            self.make_train_function(force=True)
