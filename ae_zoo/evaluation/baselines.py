"""Simple methods that a model should beat, fitted to the training split."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from ae_zoo._batches import slices
from ae_zoo.corruptions import GaussianCorruption
from ae_zoo.evaluation.measures import CHUNK, flat

if TYPE_CHECKING:
    from sklearn.decomposition import PCA

    from ae_zoo.models import Autoencoder

SEED = 2026
# Images on which the strength of non-local means is tuned.
_TUNING_IMAGES = 50


def add_noise(images: np.ndarray, stddev: float) -> np.ndarray:
    """Add Gaussian noise, drawn with a fixed seed, and clip to [0, 1].

    Args:
        images: (batch, ...) in [0, 1].
        stddev: Standard deviation of the noise.

    Returns:
        The noisy images, of the same shape.

    Example:

    >>> add_noise(np.full((2, 8, 8, 1), 0.5, "float32"), stddev=0.1).shape
    (2, 8, 8, 1)
    """
    corruption = GaussianCorruption(stddev)
    parts = [
        corruption(tf.constant(images[rows]), (SEED, chunk)).numpy()
        for chunk, rows in enumerate(slices(len(images), CHUNK))
    ]
    return np.concatenate(parts)


def pca(train: np.ndarray, test: np.ndarray, components: int) -> np.ndarray:
    """Reconstruct test samples from their principal components.

    Args:
        train: (samples, ...), to fit to.
        test: (batch, ...), to reconstruct.
        components: Number of principal components; see `has_pca`.

    Returns:
        The reconstructions, of the shape of `test`.
    """
    fitted = fit_pca(train, components)
    projected = fitted.inverse_transform(fitted.transform(flat(test)))
    return projected.reshape(test.shape)


def fit_pca(train: np.ndarray, components: int) -> PCA:
    """Fit scikit-learn's PCA to the flattened samples."""
    from sklearn.decomposition import PCA

    # With fewer samples than inputs, decomposing the samples is faster.
    many = len(train) >= train[0].size
    solver = "covariance_eigh" if many else "full"
    return PCA(components, svd_solver=solver).fit(flat(train))


def code_size(model: Autoencoder, x: np.ndarray) -> int:
    """Number of values in the code of one sample, also of images of any size."""
    try:
        return model.latent_dim
    except ValueError:
        return int(np.size(model.encode(x[:1])))


def has_pca(train: np.ndarray, components: int) -> bool:
    """Return whether PCA with this many components reduces the dimension."""
    return components < min(math.prod(train.shape[1:]), len(train))


def linear_denoiser(train: np.ndarray, noisy: np.ndarray, stddev: float) -> np.ndarray:
    """Denoise images by the least-squares affine map from noisy to clean pixels.

    The map is fitted to the training split, in expectation over the noise. A small
    ridge keeps the problem solvable if some pixels never vary.

    Args:
        train: (samples, ...) clean images in [0, 1], to fit to.
        noisy: (batch, ...) images as returned by `add_noise`.
        stddev: Standard deviation of the noise.

    Returns:
        The denoised images, clipped to [0, 1], of the shape of `noisy`.
    """
    clean = flat(train).astype("float64")
    mean, square = _clipped_moments(clean, stddev)
    # Given the clean image, the noise of different pixels is independent, so it adds
    # only to the diagonal of the covariance.
    diagonal = (square - mean**2).sum(axis=0) + 1e-6 * len(clean)
    input_mean, target_mean = mean.mean(axis=0), clean.mean(axis=0)
    centered, targets = mean - input_mean, clean - target_mean
    if len(clean) < clean.shape[1]:  # the same solution from a smaller matrix
        scaled = centered / diagonal
        gram = np.eye(len(clean)) + scaled @ centered.T
        weights = scaled.T @ np.linalg.solve(gram, targets)
    else:
        gram = centered.T @ centered + np.diag(diagonal)
        weights = np.linalg.solve(gram, centered.T @ targets)
    output = (flat(noisy) - input_mean) @ weights + target_mean
    return np.clip(output, 0, 1).reshape(noisy.shape).astype("float32")


def _clipped_moments(x: np.ndarray, stddev: float) -> tuple[np.ndarray, np.ndarray]:
    """Compute E[y] and E[y²] of y = clip(x + σ ε, 0, 1), ε ~ N(0, 1)."""
    from scipy.stats import norm

    low, high = -x / stddev, (1 - x) / stddev
    at_one, inside = norm.sf(high), norm.cdf(high) - norm.cdf(low)
    slope = norm.pdf(low) - norm.pdf(high)
    mean = at_one + x * inside + stddev * slope
    square = (
        at_one
        + (x**2 + stddev**2) * inside
        + 2 * stddev * x * slope
        + stddev**2 * (low * norm.pdf(low) - high * norm.pdf(high))
    )
    return mean, square


def non_local_means(train: np.ndarray, noisy: np.ndarray, stddev: float) -> np.ndarray:
    """Denoise images by scikit-image's non-local means (Buades et al. 2005).

    The method is given σ. Its strength h is chosen among multiples of σ on training
    images.

    Args:
        train: (samples, height, width, channels) clean images in [0, 1].
        noisy: (batch, height, width, channels) images as returned by `add_noise`.
        stddev: Standard deviation σ of the noise.

    Returns:
        The denoised images, of the shape of `noisy`.

    Raises:
        ImportError: scikit-image is not installed.
    """
    images = train[:_TUNING_IMAGES]
    examples = add_noise(images, stddev)
    errors = {
        strength: np.square(
            denoise_nl_means(examples, stddev, strength) - images
        ).mean()
        for strength in (0.4, 0.6, 0.8, 1.0, 1.2)
    }
    return denoise_nl_means(noisy, stddev, min(errors, key=errors.__getitem__))


def denoise_nl_means(images: np.ndarray, stddev: float, strength: float) -> np.ndarray:
    """Denoise images by scikit-image's function of this name.

    Args:
        images: (batch, height, width, channels).
        stddev: Standard deviation σ of the noise.
        strength: The strength h of the method, as a multiple of σ.

    Returns:
        The denoised images, of the shape of `images`.

    Raises:
        ImportError: scikit-image is not installed.
    """
    try:
        from skimage import restoration
    except ImportError as error:
        raise ImportError(
            "Non-local means needs scikit-image. Install it with: "
            "pip install 'ae-zoo[images]'"
        ) from error
    denoised = [
        restoration.denoise_nl_means(
            image,
            patch_size=5,
            patch_distance=6,
            h=strength * stddev,
            sigma=stddev,
            fast_mode=True,
            channel_axis=-1,
        )
        for image in images
    ]
    # scikit-image drops a single channel.
    return np.reshape(denoised, images.shape).astype("float32")
