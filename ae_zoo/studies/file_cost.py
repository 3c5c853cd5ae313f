"""Cost of LiteRT files: size, quality, speed and memory for each quantization."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from ae_zoo import _staging, data, evaluation, lite
from ae_zoo.evaluation.protocol import measure_headline
from ae_zoo.models import Autoencoder
from ae_zoo.models.objective import Parts
from ae_zoo.studies import file_tiles, latency
from ae_zoo.training.context import RunContext
from ae_zoo.training.recipe import Recipe

CALIBRATION_SAMPLES = 500
_BATCH = 64
# Of models that take images of any size, whose files take large ones.
_LARGE_SAMPLES = 24
_LARGE_BATCH = 4
_LARGE_CALLS = 10


@dataclasses.dataclass(frozen=True)
class FileCost:
    """What was measured of one LiteRT file.

    Attributes:
        quantization: As in `export`; None is float32.
        bytes: Size of the file.
        headline: The first `evaluation.Measurement` of the card, measured on the file.
        single: Timing of one image per call, as returned by `latency.measure`.
        batch: Timing of 64 images per call, or of 4 of a model that takes images of any
            size.
    """

    quantization: str | None
    bytes: int
    headline: evaluation.Measurement
    single: dict[str, Any]
    batch: dict[str, Any]

    def relative_loss(self, before: FileCost) -> float:
        """Return how much worse the headline is than that of `before`, relative to it.

        Negative values are improvements, whether or not higher is better.
        """
        change = self.headline.value - before.headline.value
        sign = -1 if self.headline.higher_is_better else 1
        return sign * change / abs(before.headline.value)

    def card_row(self, before: FileCost) -> dict[str, Any]:
        """Return the row of the card; see `ae_zoo.zoo.tables.deployment_rows`.

        Args:
            before: The cost in float32, which the loss is relative to.
        """
        return {
            "quantization": self.quantization,
            "bytes": self.bytes,
            "metric": self.headline.metric,
            "value": self.headline.value,
            "loss": self.relative_loss(before),
            "single": self.single,
            "batch": self.batch,
        }


def calibration_data(
    model: Autoencoder,
    recipe: Recipe,
    source: data.Source,
    samples: int = CALIBRATION_SAMPLES,
) -> np.ndarray:
    """Load inputs as the model sees them in training, for `export(calibration=...)`.

    Args:
        model: An `ae_zoo.models.Autoencoder`; a denoising model corrupts the inputs.
        recipe: Its `Recipe`, which may binarize the samples or make pairs of them.
        source: The data source.
        samples: Number of samples, drawn from the training split.

    Returns:
        (samples, ...) float32. For a model that takes images of any size, patches of
        256×256 pixels, of 24 samples at most.
    """
    is_large = file_tiles.takes_any_size(model)
    if is_large:
        samples = min(samples, _LARGE_SAMPLES)
    if recipe.batches is not None:
        x = _own_samples(recipe, source, samples)
    else:
        dataset = source.load(
            "train",
            batch_size=samples,
            shuffle=True,
            seed=recipe.seed,
            binarize="fixed" if recipe.binarize else None,
            pair=recipe.pair,
            classes=recipe.classes,
        )
        x = next(iter(dataset))
    if isinstance(x, tuple):
        return file_tiles.patches(x[0].numpy()) if is_large else x[0].numpy()
    if is_large:
        x = tf.constant(file_tiles.patches(x.numpy()))
    corruption = model.spec().corruption
    return (x if corruption is None else corruption(x, (recipe.seed, 0))).numpy()


def _own_samples(recipe: Recipe, source: data.Source, samples: int) -> Any:
    """Take samples of the batches that a function of a recipe makes."""
    if recipe.batches is None or recipe.steps_per_epoch is None:
        raise ValueError("The recipe makes no batches of its own.")
    run = RunContext(
        source=source,
        data_dir=None,
        seed=recipe.seed,
        epochs=recipe.epochs,
        steps=recipe.epochs * recipe.steps_per_epoch,
    )
    batches = recipe.batches(run, 0, (0, 1))
    return next(iter(batches.unbatch().batch(samples)))


class FileModel:
    """A `.tflite` file with the methods of a model that protocols call.

    What it computes beyond the signatures of the file comes from the model's own terms,
    with the functions of the file instead of encoder and decoder.

    Args:
        filepath: The file.
        model: The model it was exported from.
    """

    def __init__(self, filepath: pathlib.Path, model: Autoencoder) -> None:
        self._file, self._model = lite.load(filepath), model
        self._is_tiled = file_tiles.takes_any_size(model)
        # Of images of any size there is no number of latent units.
        self.latent_dim = None if self._is_tiled else model.latent_dim
        self.latent_shape = model.latent_shape
        self.reconstruction_loss = model.reconstruction_loss
        self.spec, self.scaling = model.spec, model.scaling
        self._pair = None
        if model.scaling is not None:
            self._pair = {"shift": model.scaling.shift, "width": model.scaling.width}

    def reconstruct(self, x: ArrayLike) -> np.ndarray:
        x = self._in_units(x)
        if self._is_tiled:
            return self._scaled(
                file_tiles.in_tiles(self._model, self._file.reconstruct, x)
            )
        return self._scaled(self._file.reconstruct(x))

    def encode(self, x: ArrayLike) -> np.ndarray:
        return self._file.encode(self._in_units(x))

    def decode(self, z: ArrayLike) -> np.ndarray:
        return self._scaled(self._file.decode(np.asarray(z)))

    # The protocols work with scaled values, and `lite` with those of the user.

    def _in_units(self, x: ArrayLike) -> np.ndarray:
        pair = self._pair if self.scaling and self.scaling.is_bypassed else None
        return lite.terms.unscaled(np.asarray(x), pair)

    def _scaled(self, x: np.ndarray) -> np.ndarray:
        pair = self._pair if self.scaling and self.scaling.is_bypassed else None
        return lite.terms.scaled(x, pair)

    def sample(self, n: int, seed: int | None = None) -> np.ndarray:
        """As `VariationalAutoencoder.sample`, with the same draws."""
        eps = keras.random.normal((n, *self.latent_shape), seed=seed)
        drawn = self._file.run("sample", eps=np.asarray(eps))
        return self._scaled(drawn["reconstruction"])

    def score(self, x: np.ndarray, seed: int = 0) -> np.ndarray:
        draws = self._model.drawn_for_score(x, seed)
        if not draws:
            return self._file.score(self._in_units(x))
        x = self._model.scale(tf.constant(x))
        return self._model.score_of(self._parts(), x, draws).numpy()

    def _parts(self) -> Parts:
        # The objective is in scaled values, and the file in those of the user.
        scale, unscale = self._model.scale, self._model.unscale
        return Parts(
            lambda x: self.posterior(unscale(x)),
            lambda z: scale(tf.constant(self.decode(z))),
        )

    def posterior(self, x: ArrayLike) -> tuple[tf.Tensor, tf.Tensor]:
        outputs = self._file.run("posterior", x=self._in_units(x))
        return tf.constant(outputs["mean"]), tf.constant(outputs["log_var"])

    def log_likelihood(self, x: np.ndarray, samples: int, seed: int = 0) -> np.ndarray:
        """As `VariationalAutoencoder.log_likelihood`, with the same draws."""
        return self._model.log_likelihood(x, samples, seed, parts=self._parts())


def measure(
    model: Autoencoder,
    protocols: Sequence[evaluation.AnyProtocol],
    splits: evaluation.Splits,
    quantization: str | None,
    calibration: np.ndarray,
) -> FileCost:
    """Export a model and measure the file.

    The headline and the time of 64 images are measured on a second file, which differs
    only in its batch size. Files of a model that takes images of any size take
    256×256 pixels: the headline is measured in overlapping tiles, and the second file
    takes four images.

    Args:
        model: An `ae_zoo.models.Autoencoder`.
        protocols: Protocols of which the first gives the headline.
        splits: Arrays to measure on; see `evaluation.read_splits`.
        quantization: As in `export`; None is float32.
        calibration: As in `export`; see `calibration_data`.

    Returns:
        A `FileCost`.
    """
    with _staging.scratch() as folder:
        is_large = file_tiles.takes_any_size(model)
        many = _LARGE_BATCH if is_large else _BATCH
        calls = _LARGE_CALLS if is_large else latency.CALLS
        paths = {n: folder / f"{n}.tflite" for n in (1, many)}
        for batch_size, path in paths.items():
            model.export(
                path,
                format="litert",
                quantization=quantization,
                calibration=calibration,
                **file_tiles.sizes(model, batch_size),
            )
        exported: Any = FileModel(paths[1 if is_large else many], model)
        return FileCost(
            quantization=quantization,
            bytes=paths[1].stat().st_size,
            headline=measure_headline(exported, protocols, splits),
            single=latency.measure(paths[1], calls),
            batch=latency.measure(paths[many], calls),
        )
