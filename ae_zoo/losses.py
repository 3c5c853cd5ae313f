"""Reconstruction losses, summed over the inputs and averaged over the batch.

Keras's string losses average over pixels instead, which changes the relative weight of
any penalty by a factor n. The losses here keep the units of the papers: nats per sample
for the Bernoulli, half the squared error for the Gaussian.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from ae_zoo._checks import argument_names
from ae_zoo.distribution.keras_patches import logits_of, mask_of

Tensor = Any


class ReconstructionLoss(keras.losses.Loss):
    """Negative log-likelihood of the input under the reconstruction.

    A subclass defines `call`, and `elementwise` to support weights of elements. It is
    saved with the model if it is registered with
    `keras.saving.register_keras_serializable` and has an attribute of the same name for
    each constructor argument.

    Attributes:
        support: The closed interval that targets must lie in, or None for all reals.
        output_activation: The activation that maps the reals onto the support.
    """

    support: tuple[float, float] | None = None
    output_activation = "linear"

    def elementwise(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Loss of each element: (batch, ...) and (batch, ...) to the same shape."""
        raise TypeError(
            f"{type(self).__name__} must define `elementwise(y_true, y_pred)` to "
            "weight the elements of a sample."
        )

    def per_sample(
        self, y_true: Tensor, y_pred: Tensor, element_weight: Tensor | None = None
    ) -> Tensor:
        """Loss of each sample, with weighted elements: (batch, ...) to (batch,).

        Args:
            y_true: Targets, (batch, ...).
            y_pred: Reconstructions, (batch, ...).
            element_weight: Weight of each element, with the shape of `y_true`; without
                its last axes, the weight of all channels of a pixel; or None. A mask
                that a layer such as `keras.layers.Masking` has attached to `y_pred` is
                a further weight.
        """
        values = None
        for weight in (element_weight, mask_of(y_pred)):
            if weight is None:
                continue
            if values is None:
                values = self.elementwise(y_true, y_pred)
            while len(weight.shape) < len(values.shape):
                weight = ops.expand_dims(weight, axis=-1)
            values = values * ops.cast(weight, values.dtype)
        return self.call(y_true, y_pred) if values is None else _sum_over_inputs(values)

    def log_prob(self, x: Tensor, mean: Tensor) -> Tensor:
        """Log density of `x` given the reconstruction, in nats, shape (batch,)."""
        return -self.call(x, mean)

    def __call__(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> Tensor:
        """The mean over samples, weighted by sample or by element.

        Args:
            y_true: Targets, (batch, ...).
            y_pred: Reconstructions, (batch, ...).
            sample_weight: (batch,), (batch, 1), or as `element_weight` of
                `per_sample`; or None.
        """
        is_per_element = _is_per_element(sample_weight)
        if not is_per_element and mask_of(y_pred) is None:
            return super().__call__(y_true, y_pred, sample_weight)
        # Keras would apply the mask to the samples.
        values = self.per_sample(
            y_true, y_pred, sample_weight if is_per_element else None
        )
        mean = _Identity(reduction=self.reduction)
        return mean(values, values, None if is_per_element else sample_weight)

    def get_config(self) -> dict[str, Any]:
        own = argument_names(type(self), ReconstructionLoss)
        return {name: getattr(self, name) for name in ["name", "reduction", *own]}


@keras.saving.register_keras_serializable("ae_zoo")
class Bernoulli(ReconstructionLoss):
    """Binary cross-entropy ℓ = −Σᵢ [xᵢ log x̂ᵢ + (1−xᵢ) log(1−x̂ᵢ)], in nats.

    When x̂ is the direct output of a sigmoid, Keras computes the loss from the logits,
    so that saturated outputs keep their gradient.

    Example:

    >>> loss = Bernoulli()
    >>> float(loss([[0.0, 1.0]], [[0.5, 0.5]]))  # 2 log 2
    1.3862943649291992
    """

    support = (0.0, 1.0)
    output_activation = "sigmoid"

    def __init__(self, name: str = "bernoulli", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Loss of each sample: (batch, ...) and (batch, ...) to (batch,)."""
        y_true, y_pred = _as_float32(y_true, y_pred)
        logits = logits_of(y_pred)
        if logits is None or logits.shape.rank != y_true.shape.rank:
            return _sum_over_inputs(self.elementwise(y_true, y_pred))
        return _cross_entropy(y_true, logits)

    def elementwise(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return ops.binary_crossentropy(*_as_float32(y_true, y_pred))


@keras.saving.register_keras_serializable("ae_zoo")
class Gaussian(ReconstructionLoss):
    """Half the squared error ℓ = ½‖x − x̂‖².

    Up to the constant (n/2) log 2π this is the negative log-likelihood of a Gaussian
    of unit variance; `log_prob` includes the constant.

    Example:

    >>> float(Gaussian()([[1.0, 3.0]], [[0.0, 1.0]]))
    2.5
    """

    def __init__(self, name: str = "gaussian", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Loss of each sample: (batch, ...) and (batch, ...) to (batch,)."""
        return 0.5 * _sum_over_inputs(
            ops.square(ops.subtract(*_as_float32(y_true, y_pred)))
        )

    def elementwise(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return 0.5 * ops.square(ops.subtract(*_as_float32(y_true, y_pred)))

    def log_prob(self, x: Tensor, mean: Tensor) -> Tensor:
        inputs = math.prod(x.shape[1:])
        return super().log_prob(x, mean) - 0.5 * inputs * math.log(2 * math.pi)


@tf.custom_gradient
def _cross_entropy(targets: Tensor, logits: Tensor) -> tuple[Tensor, Any]:
    """Binary cross-entropy of each sample, with its gradient in three operations.

    Differentiated step by step, it takes sixteen operations on whole batches.
    """
    values = tf.nn.sigmoid_cross_entropy_with_logits(labels=targets, logits=logits)

    def gradient(upstream: Tensor) -> tuple[Tensor, Tensor]:
        factor = tf.reshape(upstream, [-1] + [1] * (logits.shape.rank - 1))
        return -factor * logits, factor * (tf.sigmoid(logits) - targets)

    return _sum_over_inputs(values), gradient


class _Identity(keras.losses.Loss):
    """Weights and averages losses of samples that are already computed."""

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return y_pred


def _is_per_element(weight: Tensor | None) -> bool:
    shape = getattr(weight, "shape", ())
    return len(shape) > 1 and tuple(shape[1:]) != (1,)


def get(identifier: str | ReconstructionLoss) -> ReconstructionLoss:
    """Return the loss named "bernoulli" or "gaussian", or the one passed in.

    Raises:
        ValueError: `identifier` is neither a name nor a reconstruction loss.
    """
    if isinstance(identifier, ReconstructionLoss):
        return identifier
    losses = {"bernoulli": Bernoulli, "gaussian": Gaussian}
    if identifier not in losses:
        raise ValueError(
            "`reconstruction_loss` must be 'bernoulli' (inputs in [0, 1]), 'gaussian' "
            "(real inputs) or an instance of a subclass of "
            f"ae_zoo.losses.ReconstructionLoss. Received: {identifier!r}"
        )
    return losses[identifier]()


def _as_float32(*values: Tensor) -> list[Tensor]:
    tensors = [ops.convert_to_tensor(value) for value in values]
    # A cast, even from float32, would hide the logits behind a sigmoid.
    return [
        tensor if tensor.dtype == tf.float32 else ops.cast(tensor, "float32")
        for tensor in tensors
    ]


def _sum_over_inputs(values: Tensor) -> Tensor:
    return ops.sum(values, axis=tuple(range(1, len(values.shape))))
