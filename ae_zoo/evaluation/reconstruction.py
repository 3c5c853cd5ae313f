"""Protocols of the reconstruction of clean inputs."""

import dataclasses

import numpy as np

from ae_zoo.evaluation import measures
from ae_zoo.evaluation.baselines import fit_pca, pca
from ae_zoo.evaluation.protocol import Measurement, Protocol


@dataclasses.dataclass(frozen=True, kw_only=True)
class SquaredError(Protocol):
    """Squared error ‖x − x̂‖², summed over inputs and averaged over samples.

    The baseline is PCA with as many components as the model has latent units, fitted
    on the training split.
    """

    def __call__(self, model, splits):
        test = splits.test.x
        error = measures.squared_error(test, model.reconstruct(test)).mean()
        k = model.latent_dim
        if not _has_pca(splits.train.x, k):
            return [self.headline("squared error", error)]
        baseline = measures.squared_error(test, pca(splits.train.x, test, k)).mean()
        name = f"PCA, {k} components"
        return [
            self.headline("squared error", error, baseline=baseline, baseline_name=name)
        ]


@dataclasses.dataclass(frozen=True, kw_only=True)
class CrossEntropy(Protocol):
    """Binary cross-entropy per pixel of the reconstruction of clean inputs.

    The baseline is the least it can be: the entropy of the grey targets themselves.
    """

    def __call__(self, model, splits):
        test = splits.test.x
        value = measures.binary_cross_entropy(test, model.reconstruct(test).numpy())
        floor = measures.binary_cross_entropy(test, test)
        return [
            self.headline(
                "binary cross-entropy per pixel",
                value,
                baseline=floor,
                baseline_name="lower bound BCE(x, x)",
            )
        ]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageQuality(Protocol):
    """PSNR by both definitions, and SSIM, of the reconstruction of clean images.

    The baseline is PCA with as many components as the model has latent units.
    """

    def __call__(self, model, splits):
        test = splits.test.x
        outputs = {"model": np.clip(model.reconstruct(test).numpy(), 0, 1)}
        k = model.latent_dim
        if _has_pca(splits.train.x, k):
            outputs[f"PCA, {k} components"] = pca(splits.train.x, test, k)
        return image_rows(test, outputs)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PrincipalAngles(Protocol):
    """The largest angle between what a linear decoder spans and the PCA subspace.

    Both are subspaces of the inputs, of as many dimensions as the model has latent
    units; at an angle of 0 they are the same (Baldi & Hornik 1989).
    """

    def __call__(self, model, splits):
        from scipy.linalg import subspace_angles

        k = model.latent_dim
        # The columns of an affine map are its values at the unit vectors.
        points = np.concatenate([np.eye(k), np.ones((1, k)), np.zeros((1, k))])
        decoded = measures.flat(model.decode(points.astype("float32")).numpy())
        columns = decoded[:k] - decoded[-1]
        # Rounding of float32 sums; a non-linear decoder is off by its whole size.
        if not np.allclose(columns.sum(axis=0), decoded[k] - decoded[-1], atol=1e-3):
            raise ValueError(
                "PrincipalAngles compares a linear decoder with PCA. Received a "
                "decoder that is not linear."
            )
        components = fit_pca(splits.train.x, k).components_
        angles = np.rad2deg(subspace_angles(columns.T, components.T))
        # float32 weights leave the directions uncertain to about this.
        return [
            self.headline("largest principal angle, °", angles.max(), tolerance=0.01)
        ]


def image_rows(target, outputs, at=""):
    """PSNR by both definitions, and SSIM where images are large enough for it.

    Args:
        target: (batch, height, width, channels) in [0, 1].
        outputs: {name: images}, the model's first, then those of baselines, of which
            the best stands in the row.
        at: What follows the name of the metric.

    Returns:
        A list of `Measurement`.
    """
    functions = {
        f"PSNR{at}, dB": measures.peak_snr,
        f"mean PSNR of each image{at}, dB": measures.mean_peak_snr,
    }
    if min(target.shape[1:3]) >= measures.SSIM_WINDOW:
        functions[f"SSIM{at}"] = measures.structural_similarity
    return [
        beside_best(metric, function, target, outputs, higher_is_better=True)
        for metric, function in functions.items()
    ]


def beside_best(metric, function, target, outputs, higher_is_better):
    """The model's value beside that of the best baseline; see `image_rows`."""
    value, *others = (function(target, image) for image in outputs.values())
    if not others:
        return Measurement(metric, value, higher_is_better=higher_is_better)
    baseline = max(others) if higher_is_better else min(others)
    name = list(outputs)[1 + others.index(baseline)]
    return Measurement(metric, value, baseline, name, higher_is_better=higher_is_better)


def _has_pca(train, k):
    return k < min(train[0].size, len(train))
