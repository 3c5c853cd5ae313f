"""Importance sampling for a variational autoencoder: its bound and its likelihood."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import tensorflow as tf
from keras import ops

from ae_zoo.models import gaussian
from ae_zoo.models.objective import Batch, Draw, Parts, Tensor

if TYPE_CHECKING:
    from ae_zoo.models.variational import VariationalAutoencoder

_CHUNK = 50  # importance samples of the log-likelihood that are decoded at once


def bound(
    model: VariationalAutoencoder,
    parts: Parts,
    batch: Batch,
    log_var: Tensor,
    z: Tensor,
    eps: Tensor,
) -> tuple[Tensor, Tensor]:
    """The importance-weighted bound −log (1/k) Σᵢ p(x|zᵢ) (p(zᵢ)/q(zᵢ|x))^β.

    The gradient of q is that of Tucker et al. 2019, "Doubly reparameterized gradient
    estimators for Monte Carlo objectives": it has the same mean, usually less variance,
    and at β = 1 it is zero where q is the true posterior. Draw i has the weight w̃ᵢ²
    instead of w̃ᵢ; for any β, by the same derivation, w̃ᵢ (1 − β (1 − w̃ᵢ)).

    Args:
        model: The model, for its loss, prior and β.
        parts: Functions that encode and decode.
        batch: The samples.
        log_var: log σ² of q, (batch, d).
        z: k draws of q, (k, batch, d).
        eps: The draws of N(0, I) that z was computed from, (k, batch, d).

    Returns:
        The bound of each sample, (batch,), and the reconstructions of all draws,
        (k * batch, ...).
    """
    beta = model.annealed("beta", batch.training)
    scaled_gradient = _ScaledGradient()
    z = scaled_gradient(z)
    reconstructions = decode_draws(model, parts, z)
    # The density of q takes its value from ε and its gradient only from z. A floor of
    # 5e-5 for σ keeps that gradient finite.
    log_var = ops.stop_gradient(log_var)
    precision = ops.exp(-0.5 * ops.maximum(log_var, -20.0))
    eps = eps + (z - ops.stop_gradient(z)) * precision
    log_ratio = gaussian.log_prior(model.prior, z) - gaussian.log_posterior(
        eps, log_var
    )
    loss = _loss_per_draw(model, batch, reconstructions, z.shape[0])
    log_weight = beta * log_ratio - loss  # (k, batch)
    share = ops.stop_gradient(ops.softmax(log_weight, axis=0))
    factor = 1 - beta * (1 - share)
    scaled_gradient.factor = ops.reshape(factor, (z.shape[0], -1, *[1] * (z.ndim - 2)))
    value = math.log(z.shape[0]) - ops.logsumexp(log_weight, axis=0)
    return value, reconstructions


def log_likelihood(
    model: VariationalAutoencoder, parts: Parts, x: Tensor, samples: Any, seed: Tensor
) -> Tensor:
    """log (1/k) Σᵢ p(x|zᵢ) p(zᵢ)/q(zᵢ|x) of each sample, zᵢ ~ q(z|x).

    Args:
        model: The model, for its likelihood and prior.
        parts: Functions that encode and decode.
        x: (batch, ...), in the space of the loss.
        samples: k, an integer tensor.
        seed: Seed of the draws, an integer tensor of shape (2,).

    Returns:
        (batch,), in nats.
    """
    mean, log_var = code = parts.encode(x)
    draw = Draw(model.latent_shape, draws=_CHUNK)
    total = tf.fill([tf.shape(x)[0]], -math.inf)
    for first in tf.range(0, samples, _CHUNK):  # type: ignore[attr-defined]
        eps = draw.sample(mean, tf.random.fold_in(seed, first))
        z = model.bottleneck(code, draws={"eps": eps})
        log_weight = gaussian.per_draw(
            model.reconstruction_loss.log_prob, x, decode_draws(model, parts, z), _CHUNK
        )
        log_weight += gaussian.log_prior(model.prior, z) - gaussian.log_posterior(
            eps, log_var
        )
        is_wanted = tf.range(first, first + _CHUNK) < samples
        log_weight = tf.where(is_wanted[:, None], log_weight, -math.inf)
        total = tf.reduce_logsumexp(
            tf.concat([total[None], log_weight], axis=0), axis=0
        )
    return total - tf.math.log(tf.cast(samples, "float32"))


def decode_draws(model: VariationalAutoencoder, parts: Parts, z: Tensor) -> Tensor:
    """Decode (k, batch, ...) codes to (k * batch, ...) reconstructions."""
    return parts.decode(ops.reshape(z, (-1, *model.latent_shape)))


def _loss_per_draw(
    model: VariationalAutoencoder, batch: Batch, reconstructions: Tensor, k: int
) -> Tensor:
    weight = batch.element_weight
    if weight is not None:
        weight = ops.tile(weight, [k, *[1] * (len(weight.shape) - 1)])
    return gaussian.per_draw(
        lambda y, y_pred: model.reconstruction_loss.per_sample(y, y_pred, weight),
        batch.y,
        reconstructions,
        k,
    )


class _ScaledGradient:
    """An identity whose gradient is multiplied by a factor that is set later.

    The factor depends on what is computed from the output of the identity, so it is
    known only after the forward pass; the gradient reads it after that.
    """

    factor: Tensor

    def __call__(self, z: Tensor) -> Tensor:
        @tf.custom_gradient
        def identity(z: Tensor) -> tuple[Tensor, Any]:
            return tf.identity(z), lambda gradient: gradient * self.factor

        return identity(z)
