"""Protocols of damaged images that a model restores: noise, lost colour."""

import dataclasses

import numpy as np
import tensorflow as tf

from ae_zoo.evaluation import measures
from ae_zoo.evaluation.baselines import add_noise, linear_denoiser, non_local_means
from ae_zoo.evaluation.protocol import Protocol
from ae_zoo.evaluation.reconstruction import beside_best, image_rows

_DENOISERS = {"linear denoiser": linear_denoiser, "non-local means": non_local_means}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Denoising(Protocol):
    """Gaussian noise, clipped to [0, 1], removed from the test split.

    Gives the binary cross-entropy per pixel, the PSNR of the mean squared error, the
    mean PSNR of the images and SSIM, each beside the best baseline.

    Attributes:
        stddev: Of the noise.
        published_metric: Which of "bce" and "psnr" `published` belongs to.
        headline_metric: Which of the two stands first.
        baselines: Any of "linear denoiser", least squares from noisy to clean pixels
            fitted on the training split; and "non-local means", which needs
            scikit-image.
    """

    stddev: float = 0.5
    published_metric: str = "bce"
    headline_metric: str = "bce"
    baselines: tuple = ("linear denoiser",)

    def __post_init__(self):
        unknown = set(self.baselines) - set(_DENOISERS)
        metrics = {self.published_metric, self.headline_metric}
        if unknown or metrics - {"bce", "psnr"}:
            raise ValueError(
                f"Denoising takes `baselines` among {list(_DENOISERS)} and metrics "
                f"among ['bce', 'psnr']. Received: {self}"
            )

    def __call__(self, model, splits):
        test = splits.test.x
        outputs = _denoised(model, splits, self.stddev, self.baselines)
        at = _at(self.stddev)
        bce = beside_best(
            f"binary cross-entropy per pixel{at}",
            measures.binary_cross_entropy,
            test,
            outputs,
            higher_is_better=False,
        )
        psnr, *others = image_rows(test, outputs, at)
        rows = {"bce": bce, "psnr": psnr}
        if self.published is not None:
            rows[self.published_metric] = dataclasses.replace(
                rows[self.published_metric],
                published=self.published,
                source=self.source,
            )
        first = rows.pop(self.headline_metric)
        return [first, *rows.values(), *others]


@dataclasses.dataclass(frozen=True, kw_only=True)
class NoiseLevels(Protocol):
    """The PSNR of `Denoising` at several noise levels, by one model.

    Each stands beside the linear denoiser made for that level alone.

    Attributes:
        stddevs: Of the noise, a row each.
    """

    stddevs: tuple = (0.1, 0.25, 1.0)

    def __post_init__(self):
        if not isinstance(self.stddevs, tuple | list) or not self.stddevs:
            raise ValueError(
                "NoiseLevels takes a tuple of standard deviations, `stddevs`. "
                f"Received: {self.stddevs!r}"
            )

    def __call__(self, model, splits):
        return [
            beside_best(
                f"PSNR{_at(stddev)}, dB",
                measures.peak_snr,
                splits.test.x,
                _denoised(model, splits, stddev, ["linear denoiser"]),
                higher_is_better=True,
            )
            for stddev in self.stddevs
        ]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Colorizing(Protocol):
    """Colours predicted from the grey test images, beside copying the grey.

    Gives the mean absolute error, the PSNR of the mean squared error, both over all
    pixels and channels, the mean PSNR of the images and SSIM; predictions are clipped
    to [0, 1].
    """

    def __call__(self, model, splits):
        test = splits.test.x
        grey = tf.image.rgb_to_grayscale(test).numpy()
        outputs = {
            "model": np.clip(model.reconstruct(grey).numpy(), 0, 1),
            "grey copied": np.broadcast_to(grey, test.shape),
        }
        error = beside_best(
            "mean absolute error",
            lambda target, image: float(np.abs(target - image).mean(dtype="float64")),
            test,
            outputs,
            higher_is_better=False,
        )
        error = dataclasses.replace(error, published=self.published, source=self.source)
        return [error, *image_rows(test, outputs)]


def _at(stddev):
    return f" at noise {stddev:g}"


def _denoised(model, splits, stddev, baselines):
    """The noisy test images as the model and each baseline restore them, by name."""
    noisy = add_noise(splits.test.x, stddev)
    return {"model": np.clip(model.reconstruct(noisy).numpy(), 0, 1)} | {
        name: _DENOISERS[name](splits.train.x, noisy, stddev) for name in baselines
    }
