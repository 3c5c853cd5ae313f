"""Reconstruction losses, summed over the inputs and averaged over the batch.

Keras's string losses average over pixels instead, which changes the weight of any
penalty beside them by a factor n. The losses here keep the units of the papers: nats
per sample for the Bernoulli, half the squared error for the Gaussian.
"""

import math

import keras
import tensorflow as tf
from keras import ops

from ae_zoo._checks import argument_names


class ReconstructionLoss(keras.losses.Loss):
    """Negative log-likelihood of the input under the reconstruction.

    Registered with `keras.saving.register_keras_serializable`, and with an attribute of
    the same name for each constructor argument, losses of your own are saved with the
    model.

    Attributes:
        support: The closed interval a target may lie in, or None for all reals.
        output_activation: The activation that maps the reals onto the support.
    """

    support = None
    output_activation = "linear"

    def log_prob(self, x, mean):
        """Log density of `x` given the reconstruction, in nats, shape (batch,)."""
        return -self.call(x, mean)

    def get_config(self):
        own = argument_names(type(self), ReconstructionLoss)
        return {name: getattr(self, name) for name in ["name", "reduction", *own]}


@keras.saving.register_keras_serializable("ae_zoo")
class Bernoulli(ReconstructionLoss):
    """Binary cross-entropy ℓ = −Σᵢ [xᵢ log x̂ᵢ + (1−xᵢ) log(1−x̂ᵢ)], in nats.

    When x̂ comes straight out of a sigmoid, Keras works from its logits, so that
    saturated outputs keep their gradient.

    Example:

    >>> loss = Bernoulli()
    >>> float(loss([[0.0, 1.0]], [[0.5, 0.5]]))  # 2 log 2
    1.3862943649291992
    """

    support = (0.0, 1.0)
    output_activation = "sigmoid"

    def __init__(self, name="bernoulli", **kwargs):
        super().__init__(name=name, **kwargs)

    def call(self, y_true, y_pred):
        """Loss of each sample: (batch, ...) and (batch, ...) to (batch,)."""
        return _sum_over_inputs(ops.binary_crossentropy(*_as_float32(y_true, y_pred)))


@keras.saving.register_keras_serializable("ae_zoo")
class Gaussian(ReconstructionLoss):
    """Half the squared error ℓ = ½‖x − x̂‖².

    Up to the constant (n/2) log 2π this is the negative log-likelihood of a Gaussian
    of unit variance; `log_prob` includes the constant.

    Example:

    >>> float(Gaussian()([[1.0, 3.0]], [[0.0, 1.0]]))
    2.5
    """

    def __init__(self, name="gaussian", **kwargs):
        super().__init__(name=name, **kwargs)

    def call(self, y_true, y_pred):
        """Loss of each sample: (batch, ...) and (batch, ...) to (batch,)."""
        return 0.5 * _sum_over_inputs(
            ops.square(ops.subtract(*_as_float32(y_true, y_pred)))
        )

    def log_prob(self, x, mean):
        inputs = math.prod(x.shape[1:])
        return super().log_prob(x, mean) - 0.5 * inputs * math.log(2 * math.pi)


def get(identifier):
    """Returns the loss named `"bernoulli"` or `"gaussian"`, or the one passed in.

    Raises:
        ValueError: `identifier` is neither of these.
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


def _as_float32(*values):
    tensors = [ops.convert_to_tensor(value) for value in values]
    # A cast of what is float32 already would hide the logits behind a sigmoid.
    return [
        tensor if tensor.dtype == tf.float32 else ops.cast(tensor, "float32")
        for tensor in tensors
    ]


def _sum_over_inputs(values):
    return ops.sum(values, axis=tuple(range(1, len(values.shape))))
