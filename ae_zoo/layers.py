"""Layers of autoencoders that Keras lacks: tied weights and k-sparsity."""

import math

import keras
from keras import ops


class TransposedDense(keras.layers.Layer):
    """A dense layer that shares the kernel of another: x̂ = f(Wᵀ z + b).

    The kernel stays the property of the layer it is taken from: it is saved, trained
    and frozen there. This layer owns the bias alone. Rebuilt, not deserialized: see
    `ae_zoo.networks.tied_decoder`.

    Args:
        dense: The built `keras.layers.Dense` whose kernel is shared, W: (n, d).
        activation: As in `keras.layers.Dense`.

    Example:

    >>> dense = keras.layers.Dense(2)
    >>> z = dense(keras.ops.ones((1, 5)))
    >>> TransposedDense(dense)(z).shape
    TensorShape([1, 5])
    """

    def __init__(self, dense, activation=None, **kwargs):
        super().__init__(**kwargs)
        # A closure, because an attribute would make Keras save the kernel twice.
        self._shared_kernel = lambda: dense.kernel
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        self.bias = self.add_weight(
            shape=(self._shared_kernel().shape[0],), initializer="zeros", name="bias"
        )

    def call(self, inputs):
        kernel = ops.cast(self._shared_kernel(), self.compute_dtype)
        outputs = ops.matmul(inputs, ops.transpose(kernel)) + self.bias
        return self.activation(outputs)


def keep_largest(inputs, k):
    """Keeps the k largest values of each sample and sets the others to zero.

    The support selection of the k-sparse autoencoder (Makhzani & Frey 2013, step 2
    of the algorithm in section 2.1).

    Args:
        inputs: (batch, ...).
        k: How many to keep, an integer or a scalar tensor; all where a sample has no
            more than k. Of values that tie for the last places none is kept: in int8
            files hundreds of units tie there.

    Returns:
        The shape of `inputs`.
    """
    d = math.prod(inputs.shape[1:])
    units = ops.reshape(inputs, (-1, d))  # (batch, d)
    if isinstance(k, int):
        if k >= d:
            return inputs
        is_kept = units > ops.top_k(units, k + 1)[0][:, -1:]
    else:
        largest_dropped = ops.top_k(units, ops.minimum(k + 1, d))[0][:, -1:]
        is_kept = ops.logical_or(units > largest_dropped, k >= d)
    kept = ops.where(is_kept, units, ops.zeros_like(units))
    return ops.reshape(kept, (-1, *inputs.shape[1:]))
