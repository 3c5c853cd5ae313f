"""Protocols of the restoration of damaged images: noise, missing color."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from ae_zoo._checks import check_number
from ae_zoo.evaluation import measures
from ae_zoo.evaluation.baselines import add_noise, linear_denoiser, non_local_means
from ae_zoo.evaluation.protocol import Measurement, Protocol, check_tuple
from ae_zoo.evaluation.reconstruction import image_rows, with_best_baseline
from ae_zoo.evaluation.splits import Splits
from ae_zoo.models import Autoencoder

_DENOISERS = {"linear denoiser": linear_denoiser, "non-local means": non_local_means}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Denoising(Protocol):
    """Removal of Gaussian noise, clipped to [0, 1], from the test split.

    Reports the binary cross-entropy per pixel, the PSNR of the mean squared error, the
    mean PSNR of the images, and SSIM, each with the best baseline.

    Attributes:
        stddev: Standard deviation of the noise.
        published_metric: The metric that `published` belongs to, "bce" or "psnr".
        headline_metric: The metric of the first row, "bce" or "psnr".
        baselines: Any of "linear denoiser", the least-squares map from noisy to clean
            pixels, fitted to the training split; and "non-local means", which needs
            scikit-image.
    """

    stddev: float = 0.5
    published_metric: str = "bce"
    headline_metric: str = "bce"
    baselines: tuple[str, ...] = ("linear denoiser",)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number(self.argument("stddev"), self.stddev, above=0)
        metrics = [self.published_metric, self.headline_metric]
        if (
            not isinstance(self.baselines, tuple | list)
            or any(name not in list(_DENOISERS) for name in self.baselines)
            or any(metric not in ["bce", "psnr"] for metric in metrics)
        ):
            raise ValueError(
                f"Denoising.baselines must be among {list(_DENOISERS)}, and its "
                f"metrics among ['bce', 'psnr']. Received: {self}"
            )

    @property
    def noise_levels(self) -> tuple[float, ...]:
        return (self.stddev,)

    def __call__(self, model: Autoencoder, splits: Splits) -> list[Measurement]:
        test = splits.test.x
        outputs = _denoised(model, splits, self.stddev, self.baselines)
        at = _at(self.stddev)
        bce = with_best_baseline(
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

    def without_baselines(self) -> Denoising:
        return dataclasses.replace(self, baselines=())


@dataclasses.dataclass(frozen=True, kw_only=True)
class NoiseLevels(Protocol):
    """PSNR of `Denoising` at several noise levels.

    The baseline is a linear denoiser fitted for each level.

    Attributes:
        stddevs: Standard deviations of the noise, one for each row.
    """

    stddevs: tuple[float, ...] = (0.1, 0.25, 1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        positive = functools.partial(check_number, above=0)
        check_tuple(self.argument("stddevs"), self.stddevs, positive, None)

    @property
    def noise_levels(self) -> tuple[float, ...]:
        return tuple(self.stddevs)

    def __call__(self, model: Autoencoder, splits: Splits) -> list[Measurement]:
        return [
            with_best_baseline(
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
    """Prediction of the colors of the test images from their gray versions.

    Reports the mean absolute error and the PSNR of the mean squared error, both over
    all pixels and channels, the mean PSNR of the images, and SSIM. Predictions are
    clipped to [0, 1]. The baseline copies the gray image to all channels.
    """

    def __call__(self, model: Autoencoder, splits: Splits) -> list[Measurement]:
        test = splits.test.x
        gray = tf.image.rgb_to_grayscale(test).numpy()
        outputs = {
            "model": np.clip(model.reconstruct(gray), 0, 1),
            "gray copied": np.broadcast_to(gray, test.shape),
        }
        error = with_best_baseline(
            "mean absolute error",
            lambda target, image: float(np.abs(target - image).mean(dtype="float64")),
            test,
            outputs,
            higher_is_better=False,
        )
        error = dataclasses.replace(error, published=self.published, source=self.source)
        return [error, *image_rows(test, outputs)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Restoration(Protocol):
    """Outputs for the inputs of pairs, compared with their targets.

    For data that are pairs (input, target), such as noisy and clean photographs. For
    images it reports the PSNR of the mean squared error, the mean PSNR of the images,
    and SSIM, with outputs clipped to [0, 1]; for other data the squared error. The
    baseline is the input itself, where it has the shape of the target.
    """

    @property
    def takes_pairs(self) -> bool:
        return True

    def __call__(self, model: Autoencoder, splits: Splits) -> list[Measurement]:
        x, target = splits.test.x, splits.test.target
        if target is None:
            raise ValueError("Restoration needs pairs (input, target).")
        is_image = target.ndim == 4
        outputs = {"model": model.reconstruct(x)}
        if x.shape == target.shape:
            outputs["input unchanged"] = x
        if is_image:
            outputs = {name: np.clip(image, 0, 1) for name, image in outputs.items()}
            first, *others = image_rows(target, outputs)
        else:
            first, *others = [
                with_best_baseline(
                    "squared error",
                    lambda y, output: float(measures.squared_error(y, output).mean()),
                    target,
                    outputs,
                    higher_is_better=False,
                )
            ]
        first = dataclasses.replace(first, published=self.published, source=self.source)
        return [first, *others]


def _at(stddev: float) -> str:
    return f" at noise {stddev:g}"


def _denoised(
    model: Autoencoder, splits: Splits, stddev: float, baselines: Sequence[str]
) -> dict[str, np.ndarray]:
    """Denoise the test images by the model and by each baseline: {name: images}."""
    noisy = add_noise(splits.test.x, stddev)
    return {"model": np.clip(model.reconstruct(noisy), 0, 1)} | {
        name: _DENOISERS[name](splits.train.x, noisy, stddev) for name in baselines
    }
