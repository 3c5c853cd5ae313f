"""The numbers that protocols report, as functions of arrays."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from ae_zoo import networks, penalties
from ae_zoo._batches import map_in_batches

if TYPE_CHECKING:
    from ae_zoo.models import Autoencoder

# Samples that are processed at once, to bound the size of temporaries.
CHUNK = 1000
# Width in pixels of the window in the definition by Wang et al. 2004.
SSIM_WINDOW = 11


def peak_snr(target: np.ndarray, image: np.ndarray) -> float:
    """Compute the PSNR in dB of the mean squared error over all images.

    The peak is 1. `mean_peak_snr` is the other common definition; the two differ by
    several decibels.

    Args:
        target: (batch, ...) in [0, 1].
        image: The same shape.

    Example:

    >>> peak_snr(np.zeros((1, 4)), np.full((1, 4), 0.1))
    20.0
    """
    return -10 * math.log10(np.mean(np.square(target - image), dtype="float64"))


def mean_peak_snr(target: np.ndarray, image: np.ndarray) -> float:
    """Compute the mean of the PSNR in dB of each image, for a peak of 1.

    Args:
        target: (batch, ...) in [0, 1].
        image: The same shape.
    """
    error = np.square(flat(target - image)).mean(axis=1, dtype="float64")
    return float(-10 * np.log10(error).mean())


def structural_similarity(target: np.ndarray, image: np.ndarray) -> float:
    """Compute the mean SSIM of images in [0, 1].

    Wang et al. 2004, "Image quality assessment", with a Gaussian window of 11×11,
    σ = 1.5, as computed by `tf.image.ssim`. Color channels are averaged.

    Args:
        target: (batch, height, width, channels), at least 11×11 pixels.
        image: The same shape.

    Raises:
        ValueError: The images are smaller than the window.
    """
    if target.ndim != 4 or min(target.shape[1:3]) < SSIM_WINDOW:
        raise ValueError(
            "Structural similarity needs images (batch, height, width, channels) of at "
            f"least {SSIM_WINDOW}×{SSIM_WINDOW} pixels. Received: {target.shape}"
        )
    similarity = map_in_batches(
        lambda *pair: tf.image.ssim(*pair, max_val=1.0), [target, image], CHUNK
    )
    return float(similarity.mean(dtype="float64"))


def binary_cross_entropy(target: np.ndarray, probability: np.ndarray) -> float:
    """Compute the mean binary cross-entropy per pixel, in nats.

    Probabilities are clipped to [1e-7, 1 − 1e-7], as in Keras.

    Args:
        target: (batch, ...) in [0, 1].
        probability: The same shape.
    """
    p = np.clip(probability.astype("float64"), 1e-7, 1 - 1e-7)
    return float(-np.mean(target * np.log(p) + (1 - target) * np.log1p(-p)))


def squared_error(target: np.ndarray, image: np.ndarray | tf.Tensor) -> np.ndarray:
    """Compute ‖x − x̂‖² of each sample, (batch,).

    Args:
        target: (batch, ...).
        image: The same shape.

    Raises:
        ValueError: The shapes differ, as for a model whose target is not its input.
    """
    if target.shape != image.shape:
        raise ValueError(
            "The squared error compares outputs with inputs. Received outputs of "
            f"shape {image.shape} for inputs of shape {target.shape}. A model whose "
            "target is not its input needs another protocol, such as Colorizing."
        )
    return np.square(flat(target - np.asarray(image))).sum(axis=1)


def normalized_squared_error(
    target: np.ndarray, image: np.ndarray | tf.Tensor
) -> float:
    """Compute Σ‖x̂ − x‖² / Σ‖x‖², both summed over all samples.

    It is 1 for an output of zeros. Arguments and errors as for `squared_error`.
    """
    return float(squared_error(target, image).sum() / np.square(target).sum())


def active_units(model: Autoencoder, x: np.ndarray, threshold: float = 0.01) -> int:
    """Count the latent units with Var_x(E[z|x]) > 0.01: those that carry information.

    Burda et al. 2016, section 5.2.

    Args:
        model: An `ae_zoo.models.Autoencoder`.
        x: (batch, ...).
        threshold: The variance above which a unit counts as active.
    """
    return int((model.encode(x).var(axis=0) > threshold).sum())


def jacobian_norm(model: Autoencoder, x: np.ndarray) -> np.ndarray:
    """Compute ‖J_f(x)‖_F of the encoder at each sample, (batch,).

    An encoder of one dense layer uses the closed form, others the full Jacobian.

    Args:
        model: An `ae_zoo.models.Autoencoder`.
        x: (batch, ...).
    """
    chain = networks.dense_chain(model.encoder)
    is_one_layer = len(chain) == 1 and penalties.has_known_slope(chain[0])

    @tf.function
    def squared_norm(x: tf.Tensor) -> tf.Tensor:
        if is_one_layer:
            return penalties.jacobian_closed_form(chain[0], model.encoder(x))
        return penalties.jacobian_exact(model.encoder, x)

    # The full Jacobian needs d gradients of each sample at once.
    return np.sqrt(map_in_batches(squared_norm, [x], CHUNK if is_one_layer else 50))


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Compute the Fréchet distance of the Gaussians fitted to two sets of features.

    ‖μ_a − μ_b‖² + tr(C_a + C_b − 2 (C_a C_b)^½) (Dowson & Landau 1982).

    Args:
        a: (samples, features).
        b: (samples, features).
    """
    a, b = np.asarray(a, "float64"), np.asarray(b, "float64")
    covariances = [np.atleast_2d(np.cov(x, rowvar=False)) for x in (a, b)]
    values, vectors = np.linalg.eigh(covariances[0])
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    # The eigenvalues of (C_a C_b)^½ are the square roots of those of this symmetric
    # matrix.
    product = np.linalg.eigvalsh(root @ covariances[1] @ root)
    traces = np.trace(covariances[0]) + np.trace(covariances[1])
    shift = np.square(a.mean(axis=0) - b.mean(axis=0)).sum()
    return float(shift + traces - 2 * np.sqrt(np.maximum(product, 0)).sum())


def flat(x: np.ndarray) -> np.ndarray:
    """Reshape (batch, ...) to (batch, n)."""
    return np.reshape(x, (len(x), -1))
