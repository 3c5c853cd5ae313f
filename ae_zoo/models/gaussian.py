"""Densities of the variational autoencoder's latent codes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from ae_zoo.models.objective import Tensor


def log_prior(prior: Any, z: Tensor) -> Tensor:
    """log p(z): (k, batch, ...) to (k, batch).

    Args:
        prior: A layer with `log_prob`, or None for N(0, I).
        z: Latent codes.
    """
    z = ops.cast(z, "float32")
    if prior is None:
        return -0.5 * _sum_over_units(ops.square(z) + math.log(2 * math.pi))
    log_prob = prior.log_prob(ops.reshape(z, (-1, *z.shape[2:])))
    return ops.reshape(log_prob, (z.shape[0], -1))


def log_posterior(eps: Tensor, log_var: Tensor) -> Tensor:
    """log q(z|x) of z = μ + σε: (k, batch, ...) to (k, batch).

    It is computed from ε instead of (z − μ)/σ, which is 0/0 for a small σ.
    """
    eps, log_var = ops.cast(eps, "float32"), ops.cast(log_var, "float32")
    return -0.5 * _sum_over_units(ops.square(eps) + log_var + math.log(2 * math.pi))


@tf.custom_gradient
def bounded(log_var: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Limit log σ² to 20, with the gradient of the identity.

    Data that are not scaled move log σ² so far in the first steps that σ² overflows,
    before its gradient can bring it back.
    """
    return ops.minimum(log_var, 20.0), lambda gradient: gradient


def per_draw(
    loss: Callable[[Tensor, Tensor], Tensor],
    x: Tensor,
    reconstructions: Tensor,
    k: int,
) -> Tensor:
    """Apply a per-sample loss to (k * batch, ...) reconstructions: (k, batch)."""
    repeats = [k, *[1] * (len(x.shape) - 1)]
    return ops.reshape(loss(ops.tile(x, repeats), reconstructions), (k, -1))


def check_prior(prior: Any) -> None:
    """Raise TypeError unless the prior is None or a layer with its methods."""
    is_layer = isinstance(prior, keras.layers.Layer)
    needed = ("log_prob", "from_normal")
    if prior is not None and not (is_layer and all(hasattr(prior, n) for n in needed)):
        raise TypeError(
            "`prior` must be None, for N(0, I), or a Keras layer with `log_prob` and "
            "`from_normal`, such as ae_zoo.layers.RealNVP(). Received: "
            f"{type(prior).__name__}"
        )


def build_prior(prior: Any, latent_shape: tuple[int, ...]) -> None:
    """Build a prior for codes of the given shape.

    Raises:
        ValueError: It is already built for codes of another shape.
    """
    if not prior.built:
        prior.build((None, *latent_shape))
    shape = (prior.get_build_config() or {}).get("input_shape", (None, *latent_shape))
    if tuple(shape[1:]) != tuple(latent_shape):
        raise ValueError(
            f"The prior was built for codes of shape {tuple(shape[1:])}, but the codes "
            f"of this model have shape {tuple(latent_shape)}. Pass a new layer."
        )


def _sum_over_units(values: Tensor) -> Tensor:
    return ops.sum(values, axis=tuple(range(2, len(values.shape))))
