"""A learned density of latent codes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from ae_zoo._checks import check_count


@keras.saving.register_keras_serializable("ae_zoo")
class RealNVP(keras.layers.Layer):
    """A learned density of latent codes: N(0, I) transformed by affine couplings.

    Each coupling keeps one half of a code, z₁, and scales and shifts the other half,
    u₂ = z₂ exp(s(z₁)) + t(z₁). A small dense network computes s and t. The halves
    alternate (Dinh et al. 2017, "Density estimation using Real NVP", equations 7
    and 8). |s| is below 2. The initial density is N(0, I). The layer always computes in
    float32.

    As the prior of a variational autoencoder, it learns the shape of the aggregate
    posterior, which a fixed N(0, I) would restrict. The halves are those of the last
    axis of a code. Positions along other axes share the networks and are independent.

    Args:
        couplings: Number of couplings. With only one, the first half stays N(0, I).
        units: Width of the two hidden layers of each network.

    Raises:
        TypeError: `couplings` or `units` is not an integer.
        ValueError: `couplings` or `units` is less than 1, or the last axis of the
            codes has only one unit.

    Example:

    >>> prior = ae_zoo.layers.RealNVP(couplings=4, units=32)
    >>> prior.build((None, 2))
    >>> round(float(prior.log_prob(keras.ops.zeros((1, 2)))[0]), 4)  # log 1/2π
    -1.8379
    """

    def __init__(self, couplings: int = 8, units: int = 128, **kwargs: Any) -> None:
        super().__init__(**kwargs | {"dtype": "float32"})
        self.couplings = check_count("couplings", couplings)
        self.units = check_count("units", units)

    def build(self, input_shape: Sequence[int | None]) -> None:
        d = input_shape[-1]
        if d is None or d < 2:
            raise ValueError(
                "RealNVP transforms one half of a code depending on the other, so the "
                f"last axis of a code needs at least two units. Received: {input_shape}"
            )
        self._first_half = d // 2
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

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Transform codes z to u, which is N(0, I) if z follows the prior.

        Args:
            inputs: Codes, (batch, ..., d).

        Returns:
            A tensor of the same shape.
        """
        return self._to_normal(inputs)[0]

    def log_prob(self, z: tf.Tensor) -> tf.Tensor:
        """Compute log p(z) in nats.

        Args:
            z: Codes, (batch, ..., d).

        Returns:
            A tensor of shape (batch,).
        """
        u, log_det = self._to_normal(z)
        axes = tuple(range(1, len(u.shape)))
        return log_det - 0.5 * ops.sum(ops.square(u) + math.log(2 * math.pi), axes)

    def from_normal(self, eps: tf.Tensor) -> tf.Tensor:
        """Transform samples of N(0, I) to codes, the inverse of calling the layer.

        Args:
            eps: (batch, ..., d).

        Returns:
            Codes, a tensor of the same shape.
        """
        kept, changed = self._halves(ops.cast(eps, "float32"), self.couplings)
        for network in reversed(self._networks):
            kept, changed = changed, kept
            log_scale, shift = _scale_and_shift(network(kept))
            changed = (changed - shift) * ops.exp(-log_scale)
        return ops.concatenate([kept, changed], axis=-1)

    def _to_normal(self, z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """u of codes z, and log |det ∂u/∂z|, (batch,)."""
        kept, changed = self._halves(ops.cast(z, "float32"), 0)
        log_det: Any = 0.0  # a tensor after the first coupling
        for network in self._networks:
            log_scale, shift = _scale_and_shift(network(kept))
            changed = changed * ops.exp(log_scale) + shift
            log_det += ops.sum(log_scale, axis=tuple(range(1, len(log_scale.shape))))
            kept, changed = changed, kept
        halves = [kept, changed] if self.couplings % 2 == 0 else [changed, kept]
        return ops.concatenate(halves, axis=-1), log_det

    def _halves(self, code: tf.Tensor, turns: int) -> Sequence[tf.Tensor]:
        """The half that coupling number `turns` keeps, and the half that it changes."""
        halves = ops.split(code, [self._first_half], axis=-1)
        return halves if turns % 2 == 0 else halves[::-1]

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "couplings": self.couplings,
            "units": self.units,
        }


def _scale_and_shift(outputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    log_scale, shift = ops.split(outputs, 2, axis=-1)
    return 2 * ops.tanh(0.5 * log_scale), shift
