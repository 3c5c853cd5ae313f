"""The terms of a score, in NumPy: `ae_zoo.losses` and `ae_zoo.penalties` without Keras.

The description of a file names the terms of its model's score. The exporter has
compared their sum with the model's own score.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

_EPSILON = 1e-7  # as in Keras: keeps the logarithms finite
# An int8 zero represents all of [0, 1/512]; with 1e-7, one such pixel can cost 16 nats.
# With this value the int8 file of `denoising_mnist` scores clean digits 2.4 % higher
# than the float file.
_INT8_EPSILON = 1 / 1024

Run = Callable[..., Mapping[str, np.ndarray]]


def bernoulli(
    x: np.ndarray, reconstruction: np.ndarray, is_int8: bool = False
) -> np.ndarray:
    """−Σᵢ [xᵢ log x̂ᵢ + (1−xᵢ) log(1−x̂ᵢ)]: two of (batch, ...) to (batch,)."""
    epsilon = _INT8_EPSILON if is_int8 else _EPSILON
    reconstruction = np.clip(reconstruction, epsilon, 1 - epsilon)
    return -_sum_over_inputs(
        x * np.log(reconstruction) + (1 - x) * np.log(1 - reconstruction)
    )


def gaussian(
    x: np.ndarray, reconstruction: np.ndarray, is_int8: bool = False
) -> np.ndarray:
    """½‖x − x̂‖²: two of (batch, ...) to (batch,)."""
    return 0.5 * _sum_over_inputs(np.square(x - reconstruction))


def gaussian_kl(mean: np.ndarray, log_var: np.ndarray) -> np.ndarray:
    """KL(N(μ, diag σ²) ‖ N(0, I)): two of (batch, ...) to (batch,), in nats."""
    return 0.5 * _sum_over_inputs(np.square(mean) + np.exp(log_var) - log_var - 1)


RECONSTRUCTION = {"bernoulli": bernoulli, "gaussian": gaussian}
POSTERIOR = {"gaussian_kl": gaussian_kl}


def signatures_of(names: Collection[str]) -> set[str]:
    """Return the names of the signatures that `score` runs for the given terms."""
    return {"posterior", "decode"} if set(names) & set(POSTERIOR) else {"reconstruct"}


def score(
    names: Collection[str],
    run: Run,
    x: np.ndarray,
    draws: Mapping[str, np.ndarray],
    is_int8: bool = False,
    scaling: Mapping[str, Any] | None = None,
) -> np.ndarray:
    """Add up the terms of a score.

    Args:
        names: Names of the terms: one of `RECONSTRUCTION`, and any of `POSTERIOR`.
        run: (signature, inputs by name) → outputs by name.
        x: (batch, ...).
        draws: "eps", draws of N(0, 1) with the shape of the codes, for terms of
            `POSTERIOR`.
        is_int8: Whether reconstructions were computed in eight bits.
        scaling: The model's scaling, as the description of a file states it: the terms
            compare scaled values.

    Returns:
        (batch,), in nats (Gaussian: half the squared error).
    """
    total: Any = 0
    if signatures_of(names) == {"reconstruct"}:
        reconstruction = run("reconstruct", x=x)["reconstruction"]
    else:
        posterior = run("posterior", x=x)
        mean, log_var = posterior["mean"], posterior["log_var"]
        z = mean + np.exp(0.5 * log_var) * draws["eps"]
        reconstruction = run("decode", z=z)["reconstruction"]
        total = sum(POSTERIOR[n](mean, log_var) for n in names if n in POSTERIOR)
    x, reconstruction = scaled(x, scaling), scaled(reconstruction, scaling)
    for name in names:
        if name in RECONSTRUCTION:
            total = RECONSTRUCTION[name](x, reconstruction, is_int8) + total
    return total


def scaled(x: np.ndarray, scaling: Mapping[str, Any] | None) -> np.ndarray:
    """Return (x − shift) / width, or x without a scaling."""
    if scaling is None:
        return x
    shift, width = (np.float32(scaling[name]) for name in ("shift", "width"))
    return (x - shift) / width


def unscaled(x: np.ndarray, scaling: Mapping[str, Any] | None) -> np.ndarray:
    """Return x width + shift, or x without a scaling."""
    if scaling is None:
        return x
    shift, width = (np.float32(scaling[name]) for name in ("shift", "width"))
    return x * width + shift


def _sum_over_inputs(values: np.ndarray) -> np.ndarray:
    return values.sum(axis=tuple(range(1, values.ndim)))
