"""Layers of autoencoders that Keras lacks: tied weights, k-sparsity, a flow."""

import math

import keras
from keras import ops

from ae_zoo._checks import check_count


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


@keras.saving.register_keras_serializable("ae_zoo")
class RealNVP(keras.layers.Layer):
    """A density on latent codes: N(0, I) carried through affine couplings.

    Each coupling keeps one half of a code and shifts and scales the other,
    u₂ = z₂ exp(s(z₁)) + t(z₁), by a small dense network of the half it keeps; the
    halves take turns (Dinh et al. 2017, "Density estimation using Real NVP", equations
    7 and 8). |s| stays below 2. It begins as N(0, I), and computes in float32 whatever
    the model does.

    As the prior of a variational autoencoder it learns the shape of the aggregate
    posterior, which N(0, I) would hold back. The halves are those of a code's last
    axis; places along the others share the networks and are independent.

    Args:
        couplings: How many; one alone would leave the first half N(0, I).
        units: Width of the two hidden layers of each network.

    Raises:
        ValueError: `couplings` or `units` is no integer ≥ 1, or the last axis of the
            codes has a single unit.

    Example:

    >>> prior = RealNVP(couplings=4, units=32)
    >>> prior.build((None, 2))
    >>> round(float(prior.log_prob(keras.ops.zeros((1, 2)))[0]), 4)  # log 1/2π
    -1.8379
    """

    def __init__(self, couplings=8, units=128, **kwargs):
        check_count("couplings", couplings)
        check_count("units", units)
        super().__init__(**kwargs | {"dtype": "float32"})
        self.couplings = couplings
        self.units = units

    def build(self, input_shape):
        d = input_shape[-1]
        if d < 2:
            raise ValueError(
                "RealNVP carries one half of a code on by the other, so a code needs "
                f"two units or more on its last axis. Received: shape {input_shape}"
            )
        self._networks = []
        for index in range(self.couplings):
            kept = d // 2 if index % 2 == 0 else d - d // 2
            network = keras.Sequential(
                [
                    keras.layers.Dense(self.units, "gelu", dtype="float32"),
                    keras.layers.Dense(self.units, "gelu", dtype="float32"),
                    keras.layers.Dense(
                        2 * (d - kept), kernel_initializer="zeros", dtype="float32"
                    ),
                ]
            )
            network.build((None, *input_shape[1:-1], kept))
            self._networks.append(network)

    def call(self, inputs):
        """u of codes z: (batch, ..., d) to the same shape."""
        return self._to_normal(inputs)[0]

    def log_prob(self, z):
        """log p(z): (batch, ..., d) to (batch,), in nats."""
        u, log_det = self._to_normal(z)
        axes = tuple(range(1, len(u.shape)))
        return log_det - 0.5 * ops.sum(ops.square(u) + math.log(2 * math.pi), axes)

    def from_normal(self, eps):
        """The codes of draws of N(0, I), the inverse of a call; same shape."""
        kept, changed = self._halves(ops.cast(eps, "float32"), self.couplings)
        for network in reversed(self._networks):
            kept, changed = changed, kept
            log_scale, shift = _scale_and_shift(network(kept))
            changed = (changed - shift) * ops.exp(-log_scale)
        return ops.concatenate([kept, changed], axis=-1)

    def _to_normal(self, z):
        kept, changed = self._halves(ops.cast(z, "float32"), 0)
        log_det = 0.0
        for network in self._networks:
            log_scale, shift = _scale_and_shift(network(kept))
            changed = changed * ops.exp(log_scale) + shift
            log_det += ops.sum(log_scale, axis=tuple(range(1, len(log_scale.shape))))
            kept, changed = changed, kept
        halves = [kept, changed] if self.couplings % 2 == 0 else [changed, kept]
        return ops.concatenate(halves, axis=-1), log_det

    def _halves(self, code, turns):
        halves = ops.split(code, [code.shape[-1] // 2], axis=-1)
        return halves if turns % 2 == 0 else halves[::-1]

    def get_config(self):
        return super().get_config() | {
            "couplings": self.couplings,
            "units": self.units,
        }


def _scale_and_shift(outputs):
    log_scale, shift = ops.split(outputs, 2, axis=-1)
    return 2 * ops.tanh(0.5 * log_scale), shift
