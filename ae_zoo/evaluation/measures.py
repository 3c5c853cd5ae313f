"""The numbers that protocols report, as functions of arrays."""

import math

import numpy as np
import tensorflow as tf

from ae_zoo import networks, penalties
from ae_zoo._batches import map_in_batches

# Samples worked on at once, which bounds the memory of temporary arrays.
BATCH = 1000
# Of the window that Wang et al. 2004 define structural similarity with.
SSIM_WINDOW = 11


def peak_snr(target, image):
    """PSNR in dB of the mean squared error over all images, for a peak of 1.

    `mean_peak_snr` is the other definition; they differ by decibels.

    >>> peak_snr(np.zeros((1, 4)), np.full((1, 4), 0.1))
    20.0
    """
    return -10 * math.log10(np.mean(np.square(target - image), dtype="float64"))


def mean_peak_snr(target, image):
    """The mean over images of each image's own PSNR in dB, for a peak of 1."""
    error = np.square(flat(target - image)).mean(axis=1, dtype="float64")
    return float(-10 * np.log10(error).mean())


def structural_similarity(target, image):
    """Mean SSIM over images in [0, 1], by a Gaussian window of 11×11, σ = 1.5.

    Wang et al. 2004, "Image quality assessment", as `tf.image.ssim` computes it; the
    channels of colour images are averaged.

    Args:
        target: (batch, height, width, channels), at least 11×11 pixels.
        image: The same shape.

    Raises:
        ValueError: Images smaller than the window.
    """
    if target.ndim != 4 or min(target.shape[1:3]) < SSIM_WINDOW:
        raise ValueError(
            "Structural similarity needs images (batch, height, width, channels) of at "
            f"least {SSIM_WINDOW}×{SSIM_WINDOW} pixels. Received: {target.shape}"
        )

    def ssim(target, image):
        return tf.image.ssim(target, image, max_val=1.0)

    return float(map_in_batches(ssim, [target, image], BATCH).mean(dtype="float64"))


def binary_cross_entropy(target, probability):
    """Mean binary cross-entropy per pixel, in nats, clipped as Keras does (1e-7)."""
    p = np.clip(probability.astype("float64"), 1e-7, 1 - 1e-7)
    return float(-np.mean(target * np.log(p) + (1 - target) * np.log1p(-p)))


def squared_error(target, image):
    """‖x − x̂‖² of each sample, (batch,).

    Raises:
        ValueError: Two shapes: a model of pairs is measured by another protocol.
    """
    if target.shape != image.shape:
        raise ValueError(
            "The squared error compares outputs with inputs. Received outputs of "
            f"shape {image.shape} for inputs of {target.shape}; a model of pairs needs "
            "another protocol, such as Colorizing."
        )
    return np.square(flat(target - np.asarray(image))).sum(axis=1)


def normalized_squared_error(target, image):
    """Σ‖x̂ − x‖² / Σ‖x‖², both summed over all samples: 1 for an output of zeros."""
    return float(squared_error(target, image).sum() / np.square(target).sum())


def active_units(model, x, threshold=0.01):
    """How many latent units carry information: Var_x(E[z|x]) > 0.01.

    Burda et al. 2016, section 5.2.
    """
    return int((model.encode(x).numpy().var(axis=0) > threshold).sum())


def jacobian_norm(model, x):
    """‖J_f(x)‖_F of the encoder at each sample, (batch,).

    In closed form for an encoder of one dense layer, else from the full Jacobian.

    Args:
        model: Any `ae_zoo.models.Autoencoder`.
        x: (batch, ...).
    """
    chain = networks.dense_chain(model.encoder)
    is_one_layer = len(chain) == 1 and penalties.has_known_slope(chain[0])

    @tf.function
    def squared_norm(x):
        if is_one_layer:
            return penalties.jacobian_closed_form(chain[0], model.encoder(x))
        return penalties.jacobian_exact(model.encoder, x)

    # The full Jacobian holds d gradients of each sample.
    size = BATCH if is_one_layer else 50
    return np.sqrt(map_in_batches(squared_norm, [x], size))


def frechet_distance(a, b):
    """Fréchet distance of the Gaussians fitted to two sets of feature vectors.

    ‖μ_a − μ_b‖² + tr(C_a + C_b − 2 (C_a C_b)^½) (Dowson & Landau 1982).

    Args:
        a: (samples, features).
        b: (samples, features).
    """
    a, b = np.asarray(a, "float64"), np.asarray(b, "float64")
    covariances = [np.atleast_2d(np.cov(x, rowvar=False)) for x in (a, b)]
    values, vectors = np.linalg.eigh(covariances[0])
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    # (C_a C_b)^½ has the eigenvalues of this symmetric matrix's root.
    product = np.linalg.eigvalsh(root @ covariances[1] @ root)
    traces = np.trace(covariances[0]) + np.trace(covariances[1])
    shift = np.square(a.mean(axis=0) - b.mean(axis=0)).sum()
    return float(shift + traces - 2 * np.sqrt(np.maximum(product, 0)).sum())


def flat(x):
    """(batch, ...) to (batch, n)."""
    return np.reshape(x, (len(x), -1))
