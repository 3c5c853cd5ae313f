"""Protocols of the reconstruction of clean inputs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from ae_zoo.evaluation import measures
from ae_zoo.evaluation.baselines import code_size, fit_pca, has_pca, pca
from ae_zoo.evaluation.protocol import AnyProtocol, Measurement, Protocol
from ae_zoo.evaluation.splits import Split, Splits
from ae_zoo.models import Autoencoder

ImageMeasure = Callable[[np.ndarray, np.ndarray], float]


@dataclasses.dataclass(frozen=True, kw_only=True)
class SquaredError(Protocol):
    """Squared error ‖x − x̂‖², summed over inputs and averaged over samples.

    The baseline is PCA, fitted to the training split, with as many components as the
    model has latent units.
    """

    def __call__(self, model: Autoencoder, splits: Splits) -> list[Measurement]:
        test = splits.test.x
        error = measures.squared_error(test, model.reconstruct(test)).mean()
        k = code_size(model, test)
        if not has_pca(splits.train.x, k):
            return [self.headline("squared error", error)]
        baseline = measures.squared_error(test, pca(splits.train.x, test, k)).mean()
        name = f"PCA, {k} components"
        return [
            self.headline("squared error", error, baseline=baseline, baseline_name=name)
        ]

    def without_baselines(self) -> AnyProtocol:
        return lambda model, splits: self(model, _without_training(splits))


@dataclasses.dataclass(frozen=True, kw_only=True)
class CrossEntropy(Protocol):
    """Binary cross-entropy per pixel of the reconstruction of clean inputs.

    The baseline is the lower bound, the entropy of the gray targets.
    """

    def __call__(self, model: Autoencoder, splits: Splits) -> list[Measurement]:
        test = splits.test.x
        value = measures.binary_cross_entropy(test, model.reconstruct(test))
        return [
            self.headline(
                "binary cross-entropy per pixel",
                value,
                baseline=measures.binary_cross_entropy(test, test),
                baseline_name="lower bound BCE(x, x)",
            )
        ]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageQuality(Protocol):
    """PSNR by both definitions, and SSIM, of the reconstruction of clean images.

    The baseline is PCA with as many components as the model has latent units.
    """

    def __call__(self, model: Autoencoder, splits: Splits) -> list[Measurement]:
        test = splits.test.x
        outputs = {"model": np.clip(model.reconstruct(test), 0, 1)}
        k = code_size(model, test)
        if has_pca(splits.train.x, k):
            outputs[f"PCA, {k} components"] = pca(splits.train.x, test, k)
        return image_rows(test, outputs)

    def without_baselines(self) -> AnyProtocol:
        return lambda model, splits: self(model, _without_training(splits))


@dataclasses.dataclass(frozen=True, kw_only=True)
class PrincipalAngles(Protocol):
    """Largest principal angle between the decoder's range and the PCA subspace.

    Both are subspaces of the inputs, of as many dimensions as the model has latent
    units. They are equal if the angle is 0 (Baldi & Hornik 1989).
    """

    def __call__(self, model: Autoencoder, splits: Splits) -> list[Measurement]:
        from scipy.linalg import subspace_angles

        k = model.latent_dim
        # The values of an affine map at the unit vectors are its columns plus the bias.
        points = np.concatenate([np.eye(k), np.ones((1, k)), np.zeros((1, k))])
        decoded = measures.flat(model.decode(points.astype("float32")))
        columns = decoded[:k] - decoded[-1]
        # Allows the rounding of float32 sums. The deviation of a nonlinear decoder is
        # of the size of its output.
        if not np.allclose(columns.sum(axis=0), decoded[k] - decoded[-1], atol=1e-3):
            raise ValueError(
                "PrincipalAngles compares a linear decoder with PCA. Received a "
                "decoder that is not linear."
            )
        components = fit_pca(splits.train.x, k).components_
        angles = np.rad2deg(subspace_angles(columns.T, components.T))
        # The directions of float32 weights are about this uncertain.
        return [
            self.headline("largest principal angle, °", angles.max(), tolerance=0.01)
        ]


def _without_training(splits: Splits) -> Splits:
    """Empty the training split, so that there is no PCA of it."""
    return splits._replace(train=Split(splits.train.x[:0]))


def image_rows(
    target: np.ndarray, outputs: Mapping[str, np.ndarray], at: str = ""
) -> list[Measurement]:
    """Measure PSNR by both definitions, and SSIM if the images are large enough.

    Args:
        target: (batch, height, width, channels) in [0, 1].
        outputs: {name: images}: those of the model first, then those of baselines, of
            which the row shows the best.
        at: Text after the name of the metric.

    Returns:
        A list of `Measurement`.
    """
    functions: dict[str, ImageMeasure] = {
        f"PSNR{at}, dB": measures.peak_snr,
        f"mean PSNR of each image{at}, dB": measures.mean_peak_snr,
    }
    if min(target.shape[1:3]) >= measures.SSIM_WINDOW:
        functions[f"SSIM{at}"] = measures.structural_similarity
    return [
        with_best_baseline(metric, function, target, outputs, higher_is_better=True)
        for metric, function in functions.items()
    ]


def with_best_baseline(
    metric: str,
    function: ImageMeasure,
    target: np.ndarray,
    outputs: Mapping[str, np.ndarray],
    higher_is_better: bool,
) -> Measurement:
    """Measure the model and the best of the baselines; see `image_rows`."""
    value, *others = (function(target, image) for image in outputs.values())
    if not others:
        return Measurement(metric, value, higher_is_better=higher_is_better)
    baseline = max(others) if higher_is_better else min(others)
    name = list(outputs)[1 + others.index(baseline)]
    return Measurement(metric, value, baseline, name, higher_is_better=higher_is_better)
