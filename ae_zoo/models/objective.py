"""The records that the hooks of a variant take and return."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import tensorflow as tf
from keras import ops

from ae_zoo.distribution import replicas

if TYPE_CHECKING:
    import keras

Tensor = Any  # of TensorFlow or, while Keras builds a model, of Keras
Draws = Mapping[str, Tensor]


class Parts(NamedTuple):
    """The functions that encode and decode in an objective.

    Attributes:
        encode: Maps x, (batch, ...), to a code, or to the parameters of a distribution
            of codes.
        decode: Maps latent codes z, (batch, ...), to reconstructions, (batch, ...).
    """

    encode: Callable[[Tensor], Any]
    decode: Callable[[Tensor], Tensor]


class Batch(NamedTuple):
    """The samples of one step.

    Attributes:
        x: Inputs of the encoder, (batch, ...); corrupted ones where the model
            corrupts.
        y: Targets, (batch, ...).
        sample_weight: (batch,); 0 for the filler row of a replica without samples.
        element_weight: Weight of each element of `y`, or None for weights of 1.
        training: Whether this is a training step, not an evaluation step.
    """

    x: Tensor
    y: Tensor
    sample_weight: Tensor
    element_weight: Tensor | None = None
    training: bool = False


class Terms(NamedTuple):
    """The terms of the objective on one batch.

    Attributes:
        code: What `Parts.encode` returned for the inputs.
        z: Latent codes.
        reconstruction: x̂, (batch, ...).
        penalty: The regularizer without its weight: (batch,), or a scalar for the
            whole batch, or None.
        bound: (batch,) loss of each sample that replaces the weighted sum of
            reconstruction loss and penalty, or None.
    """

    code: Any
    z: Tensor
    reconstruction: Tensor
    penalty: Tensor | None = None
    bound: Tensor | None = None


class Draw(NamedTuple):
    """A random input of the objective.

    Attributes:
        shape: Shape of the values for one sample.
        distribution: "normal", for N(0, 1), or "sign", for −1 or 1 with equal
            probability.
        draws: Number of draws for each sample, on a leading axis; None is one draw
            without that axis.
    """

    shape: tuple[int, ...]
    distribution: str = "normal"
    draws: int | None = None

    def batch_shape(self, batch: Any) -> list[Any]:
        """Return the shape for a batch: (batch, ...) or (draws, batch, ...)."""
        leading = [batch] if self.draws is None else [self.draws, batch]
        return [*leading, *self.shape]

    def sample(self, x: Tensor, seed: Tensor) -> Tensor:
        """Draw values for the samples of `x`, with a seed of shape (2,)."""
        # TensorFlow would copy a whole array to find its shape.
        shape = self.batch_shape(tf.shape(x)[0] if tf.is_tensor(x) else len(x))
        if self.distribution == "sign":
            uniform = tf.random.stateless_uniform(shape, seed)
            values = tf.where(uniform < 0.5, -1.0, 1.0)
        else:
            values = tf.random.stateless_normal(shape, seed)
        return tf.ensure_shape(values, self.batch_shape(x.shape[0]))

    def sample_on_replica(self, x: Tensor, seed: Tensor) -> Tensor:
        """Draw values for the global batch; return those of this replica's samples.

        Args:
            x: The samples of this replica, (batch, ...).
            seed: A seed that all replicas share, (2,).
        """
        return replicas.of_global_batch(
            lambda x: self.sample(x, seed), x, axis=0 if self.draws is None else 1
        )


class Annealable(NamedTuple):
    """An attribute that `ae_zoo.callbacks.Anneal` can change during training.

    Attributes:
        type: float, or int for a count.
        is_static: Whether the graph of a step depends on the value, so that a new value
            needs a new graph.
    """

    type: type
    is_static: bool = False


class ModelSpec(NamedTuple):
    """A description of a model for cards, figures and exported files.

    Attributes:
        parts: Networks and other layers by their role: "encoder", "decoder", ...
        corruption: Function (x, seed) → corrupted x, if `fit(x)` corrupts its inputs
            with a function that can also be applied elsewhere; otherwise None. x is
            in the user's units.
        prior: Name of the prior of the latent codes, such as "N(0, I)", or None.
        score_terms: Names of the terms, in `ae_zoo.lite.terms`, whose sum is the
            score of a sample; None if no sum of these terms is the score.
        has_exact_zeros: Whether inactive units of the code are exactly 0.
        units_kept: The constructor argument that says how many units of a code are
            kept outside of training, or None.
        target_activation: Target of the mean activation of each unit, or None.
        shows_code: Whether a card should show the distribution of the code's values.
    """

    parts: Mapping[str, keras.layers.Layer]
    corruption: Callable[..., Tensor] | None = None
    prior: str | None = None
    score_terms: tuple[str, ...] | None = None
    has_exact_zeros: bool = False
    units_kept: str | None = None
    target_activation: float | None = None
    shows_code: bool = False


def weighted_mean(values: Tensor, sample_weight: Tensor | None) -> Tensor:
    """Mean over the batch of per-sample values, weighted as Keras weights losses.

    Args:
        values: (batch,), or a scalar for the whole batch, which is returned as it is.
        sample_weight: (batch,) or None.
    """
    values = ops.cast(values, "float32")
    if len(values.shape) == 0:
        return values
    if sample_weight is not None:
        values = values * ops.cast(ops.reshape(sample_weight, (-1,)), values.dtype)
    # An uneven last batch leaves some replicas without a sample.
    size = ops.cast(ops.shape(values)[0], values.dtype)
    return ops.divide_no_nan(ops.sum(values), size)
