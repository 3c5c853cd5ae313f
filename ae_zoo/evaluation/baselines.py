"""The trivial methods that a model has to beat, fitted on the training split."""

import numpy as np
import tensorflow as tf

from ae_zoo._batches import slices
from ae_zoo.corruptions import GaussianCorruption
from ae_zoo.evaluation.measures import BATCH, flat

SEED = 2026
# Images that the strength of non-local means is chosen on.
_TUNING_IMAGES = 50


def add_noise(images, stddev):
    """Adds Gaussian noise by a fixed seed and clips to [0, 1]."""
    corruption = GaussianCorruption(stddev)
    parts = [
        corruption(tf.constant(images[rows]), (SEED, number)).numpy()
        for number, rows in enumerate(slices(len(images), BATCH))
    ]
    return np.concatenate(parts)


def pca(train, test, components):
    """Reconstruction of `test` by principal components of `train`."""
    fitted = fit_pca(train, components)
    projected = fitted.inverse_transform(fitted.transform(flat(test)))
    return projected.reshape(test.shape)


def fit_pca(train, components):
    """scikit-learn's PCA of the flattened samples."""
    from sklearn.decomposition import PCA

    # The covariance has at most as many directions as there are samples.
    many = len(train) >= train[0].size
    solver = "covariance_eigh" if many else "full"
    return PCA(components, svd_solver=solver).fit(flat(train))


def linear_denoiser(train, noisy, stddev):
    """The affine map from noisy to clean pixels that is best in the least squares.

    Fitted on the training split in expectation over the noise; a small ridge keeps it
    solvable where pixels never vary.
    """
    clean = flat(train).astype("float64")
    mean, square = _clipped_moments(clean, stddev)
    # Given the clean image, the noise of two pixels is independent: it adds to the
    # diagonal of the covariance alone.
    diagonal = (square - mean**2).sum(axis=0) + 1e-6 * len(clean)
    input_mean, target_mean = mean.mean(axis=0), clean.mean(axis=0)
    centred, targets = mean - input_mean, clean - target_mean
    if len(clean) < clean.shape[1]:  # the same solution from the smaller matrix
        scaled = centred / diagonal
        gram = np.eye(len(clean)) + scaled @ centred.T
        weights = scaled.T @ np.linalg.solve(gram, targets)
    else:
        gram = centred.T @ centred + np.diag(diagonal)
        weights = np.linalg.solve(gram, centred.T @ targets)
    output = (flat(noisy) - input_mean) @ weights + target_mean
    return np.clip(output, 0, 1).reshape(noisy.shape).astype("float32")


def _clipped_moments(x, stddev):
    """E[y] and E[y²] of y = clip(x + σ ε, 0, 1), ε ~ N(0, 1), each the shape of x."""
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


def non_local_means(train, noisy, stddev):
    """Non-local means (Buades et al. 2005) of scikit-image, told σ.

    Its strength h is chosen among multiples of σ on training images.

    Raises:
        ImportError: scikit-image is not installed.
    """
    images = train[:_TUNING_IMAGES]
    examples = add_noise(images, stddev)
    errors = {
        strength: np.square(_nlm(examples, stddev, strength) - images).mean()
        for strength in (0.4, 0.6, 0.8, 1.0, 1.2)
    }
    return _nlm(noisy, stddev, min(errors, key=errors.get))


def _nlm(images, stddev, strength):
    try:
        from skimage.restoration import denoise_nl_means
    except ImportError as error:
        raise ImportError(
            "Non-local means needs scikit-image. Install it with: "
            "pip install 'ae-zoo[images]'"
        ) from error
    denoised = [
        denoise_nl_means(
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
    # It drops a single channel.
    return np.reshape(denoised, images.shape).astype("float32")
