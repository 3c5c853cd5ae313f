"""Protocols that measure a model on the test split, beside a trivial baseline.

A protocol is a small object that a recipe lists; called with a model and the arrays of
the training and test splits, it returns its measurements.
"""

import dataclasses
import math

import numpy as np
import tensorflow as tf

from ae_zoo import data
from ae_zoo.corruptions import GaussianCorruption

_NOISE_SEED = (2026, 1)
_CHUNK = 1000


@dataclasses.dataclass(frozen=True)
class Measurement:
    """One row of a card's table.

    Attributes:
        metric: What was measured, with its unit.
        value: On the test split.
        baseline: The same of a trivial method, or None.
        baseline_name: Which method.
        published: The paper's number, or None.
        source: Where it was published.
        higher_is_better: Which way is up, or None where neither is.
    """

    metric: str
    value: float
    baseline: float | None = None
    baseline_name: str = ""
    published: float | None = None
    source: str = ""
    higher_is_better: bool | None = False

    def __post_init__(self):
        for field in ("value", "baseline", "published"):
            number = getattr(self, field)
            # NumPy's scalars are not JSON.
            object.__setattr__(self, field, None if number is None else float(number))


def evaluate(model, recipe, data_dir=None, samples=None):
    """Measures a model by its recipe's protocols.

    Args:
        model: An `ae_zoo.models.Autoencoder`.
        recipe: Its `Recipe`.
        data_dir: Where the datasets are; see `ae_zoo.data.load`.
        samples: Use only the first so many test samples.

    Returns:
        A list of `Measurement`, the headline first.
    """
    train = data.arrays(recipe.dataset, "train", data_dir=data_dir)
    test = data.arrays(recipe.dataset, "test", data_dir=data_dir)[:samples]
    return [row for protocol in recipe.metrics for row in protocol(model, train, test)]


def measure_subset(model, recipe, data_dir=None, samples=200):
    """The headline on the first test samples, for a quick check of a card."""
    headline_only = dataclasses.replace(recipe, metrics=recipe.metrics[:1])
    headline = evaluate(model, headline_only, data_dir, samples)[0]
    return {
        "samples": samples,
        "metric": headline.metric,
        "value": headline.value,
    }


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Protocol:
    published: float | None = None
    source: str = ""

    def row(self, metric, value, **fields):
        return Measurement(
            metric, value, published=self.published, source=self.source, **fields
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class SquaredError(_Protocol):
    """Squared error ‖x − x̂‖², summed over inputs and averaged over samples.

    The baseline is PCA with as many components as the model has latent units, fitted
    on the training split.
    """

    def __call__(self, model, train, test):
        error = _squared_error(test, model.reconstruct(test)).mean()
        k = model.latent_dim
        if k >= test[0].size:
            return [self.row("squared error", error)]
        baseline = _squared_error(test, pca(train, test, k)).mean()
        name = f"PCA, {k} components"
        return [self.row("squared error", error, baseline=baseline, baseline_name=name)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class CrossEntropy(_Protocol):
    """Binary cross-entropy per pixel of the reconstruction of clean inputs.

    The baseline is the least it can be: the entropy of the grey targets themselves.
    """

    def __call__(self, model, train, test):
        value = binary_cross_entropy(test, model.reconstruct(test).numpy())
        floor = binary_cross_entropy(test, test)
        return [
            self.row(
                "binary cross-entropy per pixel",
                value,
                baseline=floor,
                baseline_name="lower bound BCE(x, x)",
            )
        ]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Denoising(_Protocol):
    """Gaussian noise, clipped to [0, 1], removed from the test split.

    Gives the binary cross-entropy per pixel and the PSNR of the mean squared error,
    each beside the best linear denoiser: least squares from noisy to clean pixels,
    fitted on the training split.

    Attributes:
        stddev: Of the noise.
        published_metric: Which of "bce" and "psnr" `published` belongs to.
    """

    stddev: float = 0.5
    published_metric: str = "bce"

    def __call__(self, model, train, test):
        noisy = add_noise(test, self.stddev)
        outputs = {
            "model": model.reconstruct(noisy).numpy(),
            "linear": linear_denoiser(train, noisy, self.stddev),
        }
        bce = {name: binary_cross_entropy(test, x) for name, x in outputs.items()}
        psnr = {name: peak_snr(test, x) for name, x in outputs.items()}
        at = f"at noise {self.stddev:g}"
        rows = [
            Measurement(f"binary cross-entropy per pixel {at}", bce["model"]),
            Measurement(f"PSNR {at}, dB", psnr["model"], higher_is_better=True),
        ]
        baselines = [bce["linear"], psnr["linear"]]
        published = [None, None]
        published[self.published_metric == "psnr"] = self.published
        return [
            dataclasses.replace(
                row,
                baseline=baseline,
                baseline_name="linear denoiser",
                published=value,
                source=self.source if value is not None else "",
            )
            for row, baseline, value in zip(rows, baselines, published, strict=True)
        ]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Colorizing(_Protocol):
    """Colours predicted from the grey test images, beside copying the grey.

    Gives the mean absolute error and the PSNR of the mean squared error, both over all
    pixels and channels; predictions are clipped to [0, 1].
    """

    def __call__(self, model, train, test):
        grey = tf.image.rgb_to_grayscale(test).numpy()
        coloured = np.clip(model.reconstruct(grey).numpy(), 0, 1)
        copied = np.broadcast_to(grey, test.shape)
        name = {"baseline_name": "grey copied"}
        errors = [float(np.abs(test - image).mean()) for image in (coloured, copied)]
        ratios = [peak_snr(test, image) for image in (coloured, copied)]
        return [
            self.row("mean absolute error", errors[0], baseline=errors[1], **name),
            Measurement(
                "PSNR, dB", ratios[0], ratios[1], **name, higher_is_better=True
            ),
        ]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Likelihood(_Protocol):
    """Importance-sampled negative log-likelihood on binarized test images, in nats.

    Each pixel is drawn from Bernoulli(x) once, by a fixed seed; the baseline models
    pixels as independent with the means of the training split.

    Attributes:
        samples: Importance samples; published figures use 5000.
    """

    samples: int = 5000

    def __call__(self, model, train, test):
        binary = (np.random.default_rng(_NOISE_SEED).random(test.shape) < test).astype(
            "float32"
        )
        nll = -model.log_likelihood(binary, samples=self.samples).numpy().mean()
        elbo = model.score(binary).numpy().mean()
        mean = np.clip(train.mean(axis=0), 1e-4, 1 - 1e-4)
        independent = test[0].size * binary_cross_entropy(
            binary, np.broadcast_to(mean, binary.shape)
        )
        independent = {"baseline": independent, "baseline_name": "independent pixels"}
        return [
            self.row(f"NLL ({self.samples} samples), nats", nll, **independent),
            Measurement("negative ELBO, nats", elbo, **independent),
            Measurement(
                "active units",
                active_units(model, binary),
                baseline=model.latent_dim,
                baseline_name="latent size",
                higher_is_better=True,
            ),
        ]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sparsity(_Protocol):
    """How sparse the codes of the test split are.

    Attributes:
        threshold: |z| above which a unit counts as active.
    """

    threshold: float = 1e-6

    def __call__(self, model, train, test):
        active = np.abs(model.encode(test).numpy()) > self.threshold
        dead = 100 * (1 - active.any(axis=0).mean())
        neutral = {"higher_is_better": None}
        units = {"baseline": model.latent_dim, "baseline_name": "code size", **neutral}
        return [
            Measurement("active units per sample", active.sum(1).mean(), **units),
            Measurement("dead units, %", dead),
        ]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contraction(_Protocol):
    """The encoder's mean Jacobian norm ‖J_f‖_F and the share of saturated units.

    A sigmoid unit counts as saturated below 0.05 or above 0.95.
    """

    def __call__(self, model, train, test):
        codes = model.encode(test).numpy()
        saturated = 100 * ((codes < 0.05) | (codes > 0.95)).mean()
        neutral = {"higher_is_better": None}
        norms = [
            np.sqrt(model.penalty(x, model.encode(x), None, training=False))
            for x in map(tf.constant, _chunks(test))
        ]
        return [
            Measurement("Jacobian norm ‖J‖", np.concatenate(norms).mean(), **neutral),
            Measurement("saturated units, %", saturated, **neutral),
        ]


def pca(train, test, components):
    """Reconstruction of `test` by principal components of `train`."""
    from sklearn.decomposition import PCA

    fitted = PCA(components, svd_solver="covariance_eigh").fit(_flat(train))
    projected = fitted.inverse_transform(fitted.transform(_flat(test)))
    return projected.reshape(test.shape)


def linear_denoiser(train, noisy, stddev):
    """The affine map from noisy to clean pixels that is best in the least squares.

    Fitted on the training split with one draw of noise; a small ridge keeps it
    solvable where pixels never vary.
    """
    inputs = _flat(add_noise(train, stddev)).astype("float64")
    targets = _flat(train).astype("float64")
    input_mean, target_mean = inputs.mean(0), targets.mean(0)
    inputs -= input_mean
    gram = inputs.T @ inputs + 1e-3 * len(inputs) * np.eye(inputs.shape[1]) * 1e-3
    weights = np.linalg.solve(gram, inputs.T @ (targets - target_mean))
    output = (_flat(noisy) - input_mean) @ weights + target_mean
    return np.clip(output, 0, 1).reshape(noisy.shape).astype("float32")


def add_noise(images, stddev):
    """Adds Gaussian noise by a fixed seed and clips to [0, 1]."""
    corruption = GaussianCorruption(stddev)
    parts = [
        corruption(tf.constant(x), (*_NOISE_SEED[:1], chunk)).numpy()
        for chunk, x in enumerate(_chunks(images))
    ]
    return np.concatenate(parts)


def peak_snr(target, image):
    """PSNR in dB of the mean squared error over all images, for a peak of 1."""
    return -10 * math.log10(np.mean(np.square(target - image), dtype="float64"))


def binary_cross_entropy(target, probability):
    """Mean binary cross-entropy per pixel, in nats, clipped as Keras does (1e-7)."""
    p = np.clip(probability.astype("float64"), 1e-7, 1 - 1e-7)
    return float(-np.mean(target * np.log(p) + (1 - target) * np.log1p(-p)))


def active_units(model, x, threshold=0.01):
    """How many latent units carry information: Var_x(E[z|x]) > 0.01.

    Burda et al. 2016, section 5.2.
    """
    return int((model.encode(x).numpy().var(axis=0) > threshold).sum())


def _squared_error(target, image):
    if target.shape != image.shape:
        raise ValueError(
            "The squared error compares outputs with inputs. Received outputs of "
            f"shape {image.shape} for inputs of {target.shape}; a model of pairs needs "
            "another protocol, such as Colorizing."
        )
    return np.square(_flat(target - np.asarray(image))).sum(axis=1)


def _flat(x):
    return np.reshape(x, (len(x), -1))


def _chunks(x):
    return [x[start : start + _CHUNK] for start in range(0, len(x), _CHUNK)]
