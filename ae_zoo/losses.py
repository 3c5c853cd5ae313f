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
                its last axis, the weight of all channels of a pixel; or None.
        """
        if element_weight is None:
            return self.call(y_true, y_pred)
        values = self.elementwise(y_true, y_pred)
        if len(element_weight.shape) < len(values.shape):
            element_weight = ops.expand_dims(element_weight, axis=-1)
        return _sum_over_inputs(values * ops.cast(element_weight, values.dtype))

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
        if _is_per_element(sample_weight):
            weighted = _ElementWeighted(self, sample_weight)
            return weighted(y_true, y_pred)
        return super().__call__(y_true, y_pred, sample_weight)

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
        return _sum_over_inputs(self.elementwise(y_true, y_pred))

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


class _ElementWeighted(keras.losses.Loss):
    """A reconstruction loss with a weight for each element of one batch."""

    def __init__(self, loss: ReconstructionLoss, element_weight: Tensor) -> None:
        super().__init__(reduction=loss.reduction)
        self._loss, self._element_weight = loss, element_weight

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return self._loss.per_sample(y_true, y_pred, self._element_weight)


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
