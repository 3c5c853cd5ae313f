"""Regularizers of the latent code, each with the equation it implements."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from ae_zoo.distribution.replicas import sum_over_replicas

Tensor = Any


def l1(code: Tensor) -> Tensor:
    """Sum of absolute activations Σⱼ |zⱼ|: (batch, ...) to (batch,)."""
    return _sum_over_units(ops.abs(ops.cast(code, "float32")))


def kl_sparsity(
    code: Tensor, rho: float, sample_weight: Tensor | None = None
) -> Tensor:
    """KL divergence of the units' mean activations from a target.

    Σⱼ [ρ log(ρ/ρ̂ⱼ) + (1−ρ) log((1−ρ)/(1−ρ̂ⱼ))], with ρ̂ⱼ the mean of unit j over the
    batch (Ng 2011, "Sparse autoencoder", section 3). The mean is over the global batch
    of all replicas: averaging the penalties of the replicas would give another value.

    Args:
        code: Activations in [0, 1], (batch, ...).
        rho: Target mean activation ρ in (0, 1).
        sample_weight: (batch,) or None.

    Returns:
        The penalty of the batch, a scalar in nats.
    """
    code = ops.cast(code, "float32")
    units = ops.reshape(code, (-1, math.prod(code.shape[1:])))  # (batch, d)
    weight = ops.ones_like(units[:, 0]) if sample_weight is None else sample_weight
    weight = ops.reshape(ops.cast(weight, "float32"), (-1, 1))
    total = sum_over_replicas(ops.sum(weight * units, axis=0))
    count = sum_over_replicas(ops.sum(weight))
    rho_hat = ops.clip(
        ops.divide_no_nan(total, count),
        keras.config.epsilon(),
        1 - keras.config.epsilon(),
    )
    divergence = rho * ops.log(rho / rho_hat) + (1 - rho) * ops.log(
        (1 - rho) / (1 - rho_hat)
    )
    return ops.sum(divergence)


def gaussian_kl(mean: Tensor, log_var: Tensor) -> Tensor:
    """KL(N(μ, diag σ²) ‖ N(0, I)) = ½ Σⱼ (μⱼ² + σⱼ² − log σⱼ² − 1).

    Kingma & Welling 2014, appendix B.

    Args:
        mean: μ, (batch, ...).
        log_var: log σ², (batch, ...).

    Returns:
        (batch,), in nats.
    """
    mean, log_var = ops.cast(mean, "float32"), ops.cast(log_var, "float32")
    return 0.5 * _sum_over_units(ops.square(mean) + ops.exp(log_var) - log_var - 1.0)


def gaussian_entropy(log_var: Tensor) -> Tensor:
    """H(N(μ, diag σ²)) = ½ Σⱼ (1 + log 2π + log σⱼ²): (batch, ...) to (batch,)."""
    log_var = ops.cast(log_var, "float32")
    return 0.5 * _sum_over_units(log_var + 1.0 + math.log(2 * math.pi))


def jacobian_closed_form(dense: keras.layers.Dense, code: Tensor) -> Tensor:
    """‖J_f(x)‖²_F of a one-layer encoder z = f(Wᵀx + b).

    Σⱼ f'(aⱼ)² Σᵢ Wᵢⱼ² (Rifai et al. 2011, who use the sigmoid), with f'(a) written in
    terms of z = f(a).

    Args:
        dense: The encoder's only weight layer.
        code: Its output z, (batch, ..., d).

    Returns:
        (batch,).
    """
    slope = SLOPES[keras.activations.serialize(dense.activation)]
    kernel = ops.cast(dense.kernel, "float32")  # (n, d)
    repeats = math.prod(code.shape[1:]) // dense.units  # where rows share the layer
    units = ops.reshape(ops.cast(code, "float32"), (-1, repeats, dense.units))
    return _sum_over_units(ops.square(slope(units)) * ops.sum(kernel**2, axis=0))


def jacobian_exact(encode: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """‖J_f(x)‖²_F of any encoder, from the full Jacobian: (batch, ...) to (batch,).

    Costs one backward pass for each of the d latent units.

    Args:
        encode: f, a function (batch, ...) to (batch, ...).
        x: (batch, ...).
    """
    with tf.GradientTape() as tape:
        tape.watch(x)
        code = encode(x)
        code = ops.reshape(code, (-1, math.prod(code.shape[1:])))  # (batch, d)
    jacobian = tape.batch_jacobian(code, x)  # (batch, d, ...)
    return _sum_over_units(ops.square(ops.cast(jacobian, "float32")))


def jacobian_projection(
    encode: Callable[[Tensor], Tensor], x: Tensor, signs: Tensor
) -> Tensor:
    """An unbiased estimate of ‖J_f(x)‖²_F from random projections.

    E‖vᵀJ‖² = tr(J Jᵀ) for random signs v (Hutchinson 1989): one backward pass for each
    projection, regardless of the latent size.

    Args:
        encode: f, a function (batch, ...) to (batch, ...).
        x: (batch, ...).
        signs: Draws of v, −1 or 1 with equal probability, (projections, batch, ...).
            The variance of the estimate falls as 1/projections.

    Returns:
        (batch,).
    """
    projections = signs.shape[0]
    with tf.GradientTape(persistent=projections > 1) as tape:
        tape.watch(x)
        code = encode(x)
        signs = tf.cast(signs, code.dtype)
        projected = [tf.reduce_sum(code * signs[i]) for i in range(projections)]
    estimates = [
        _sum_over_units(ops.square(ops.cast(tape.gradient(p, x), "float32")))
        for p in projected
    ]
    return sum(estimates) / projections


def has_known_slope(dense: keras.layers.Dense) -> bool:
    """Whether the derivative of a layer's activation follows from its output."""
    activation = keras.activations.serialize(dense.activation)
    return isinstance(activation, str) and activation in SLOPES


# f'(a) as a function of z = f(a), by the Keras name of the activation f.
SLOPES: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": ops.ones_like,
    "relu": lambda z: ops.cast(z > 0, z.dtype),
    "sigmoid": lambda z: z * (1 - z),
    "softplus": lambda z: 1 - ops.exp(-z),
    "tanh": lambda z: 1 - z**2,
}


def _sum_over_units(values: Tensor) -> Tensor:
    return ops.sum(values, axis=tuple(range(1, len(values.shape))))
