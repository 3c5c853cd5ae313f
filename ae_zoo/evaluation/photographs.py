"""The protocol of papers on denoising photographs, and its baselines."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np

from ae_zoo._checks import check_boolean, check_number
from ae_zoo.evaluation.baselines import SEED, denoise_nl_means
from ae_zoo.evaluation.measures import mean_peak_snr
from ae_zoo.evaluation.protocol import AnyProtocol, Measurement, Protocol
from ae_zoo.evaluation.splits import Split, Splits
from ae_zoo.models import Autoencoder

_LEVELS = 255.0
# Training images on which the window or the strength of a baseline is chosen.
_TUNING_IMAGES = 4


@dataclasses.dataclass(frozen=True, kw_only=True)
class PhotographDenoising(Protocol):
    """Mean PSNR of denoised photographs, by the protocol of the literature.

    Gaussian noise is added to 8-bit images and is not clipped; the output is clipped to
    [0, 255]; the PSNR of each image is computed, and their mean is reported (Zhang et
    al. 2017, and earlier papers). Such noisy images are not files: those have integers
    from 0 to 255. With `as_files`, the noisy image and the output are clipped and
    rounded to such integers, which costs some tenths of a decibel at strong noise.

    The baselines are the noisy image, Wiener's filter with the local mean and variance
    of a window, and non-local means. All know the standard deviation, which the model
    does not. The window and the strength are chosen on four training images. The best
    is in the row, and the others are in its name.

    Attributes:
        stddev: Standard deviation of the noise, in levels of 255.
        as_files: Whether noisy images and outputs are clipped and rounded to 8 bits.
    """

    stddev: float = 25.0
    as_files: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number(self.argument("stddev"), self.stddev, above=0)
        check_boolean(self.argument("as_files"), self.as_files)

    @property
    def noise_levels(self) -> tuple[float, ...]:
        return (self.stddev / _LEVELS,)

    def __call__(self, model: Autoencoder, splits: Splits) -> list[Measurement]:
        noisy = self.noisy(splits.test.x)
        tuning = splits.train.x[:_TUNING_IMAGES]
        known = self.stddev / _LEVELS
        psnr = {"noisy image": self._psnr(splits.test.x, noisy)} | {
            name: self._psnr(
                splits.test.x, _tuned(method, tuning, self.noisy(tuning), known)(noisy)
            )
            for name, method in _METHODS.items()
        }
        best = max(psnr, key=psnr.__getitem__)
        others = [f"{name} {psnr[name]:.2f}" for name in psnr if name != best]
        return [
            dataclasses.replace(
                self._measured(model, splits, noisy),
                baseline=psnr[best],
                baseline_name=f"{best} ({', '.join(others)})",
            )
        ]

    def _measured(
        self, model: Autoencoder, splits: Splits, noisy: np.ndarray
    ) -> Measurement:
        kind = ", 8-bit noisy files" if self.as_files else ""
        return self.headline(
            f"mean PSNR of each photograph at noise {self.stddev:g} of 255{kind}, dB",
            self._psnr(splits.test.x, model.reconstruct(noisy)),
            higher_is_better=True,
        )

    def noisy(self, images: np.ndarray) -> np.ndarray:
        """Add noise to images, drawn with a fixed seed for each place in the batch.

        Args:
            images: (batch, height, width, channels) in [0, 1].

        Returns:
            The noisy images, of the same shape. The noise of image i is the same in
            every batch, and for every `stddev` but for its scale.
        """
        noise = np.stack(
            [
                np.random.default_rng((SEED, i)).standard_normal(image.shape, "float32")
                for i, image in enumerate(images)
            ]
        )
        noisy = images + np.float32(self.stddev / _LEVELS) * noise
        return _rounded(noisy) if self.as_files else noisy

    def _psnr(self, target: np.ndarray, output: np.ndarray) -> float:
        output = _rounded(output) if self.as_files else np.clip(output, 0, 1)
        return mean_peak_snr(target, output)

    def rehearsal(self) -> AnyProtocol:
        def measure(model: Autoencoder, splits: Splits) -> list[Measurement]:
            few = (Split(split.x[:1, :64, :64]) for split in splits)
            return self(model, Splits(*few))

        return measure

    def without_baselines(self) -> AnyProtocol:
        return lambda model, splits: [
            self._measured(model, splits, self.noisy(splits.test.x))
        ]


def _rounded(images: np.ndarray) -> np.ndarray:
    return np.round(np.clip(images, 0, 1) * np.float32(_LEVELS)) / np.float32(_LEVELS)


def _wiener(images: np.ndarray, stddev: float, size: float) -> np.ndarray:
    """Wiener's filter from the mean and the variance in windows of size × size.

    As `scipy.signal.wiener`, with images continued by reflection: SciPy continues them
    by zeros, which darkens their borders.
    """
    from scipy.ndimage import uniform_filter

    window = (1, int(size), int(size), 1)
    images = images.astype("float64")
    mean = uniform_filter(images, window, mode="mirror")
    variance = uniform_filter(images**2, window, mode="mirror") - mean**2
    share = np.maximum(1 - stddev**2 / np.maximum(variance, stddev**2), 0)
    return (mean + share * (images - mean)).astype("float32")


# Functions of (images, stddev, parameter), and the parameters to choose from.
_Method = tuple[Callable[..., np.ndarray], tuple[float, ...]]
_METHODS: dict[str, _Method] = {
    "Wiener filter": (_wiener, (3, 5, 7, 9)),
    "non-local means": (denoise_nl_means, (0.6, 0.8, 1.0)),
}


def _tuned(
    method: _Method, clean: np.ndarray, noisy: np.ndarray, stddev: float
) -> Callable[[np.ndarray], np.ndarray]:
    """Return a method with the parameter that gives the highest PSNR."""
    function, parameters = method
    best, highest = parameters[0], -math.inf
    for parameter in parameters:
        output = np.clip(function(noisy, stddev, parameter), 0, 1)
        psnr = mean_peak_snr(clean, output)
        if psnr > highest:
            best, highest = parameter, psnr
    return lambda images: function(images, stddev, best)
