"""What quantization costs: size, quality, speed and memory of LiteRT files."""

import dataclasses
import pathlib
import tempfile

import numpy as np
import tensorflow as tf

from ae_zoo import data, evaluation, lite
from ae_zoo.data import source
from ae_zoo.models.objective import Parts
from ae_zoo.studies import latency

CALIBRATION_SAMPLES = 500
_BATCH = 64


@dataclasses.dataclass(frozen=True)
class FileReport:
    """What was measured of one kind of file.

    Attributes:
        quantization: As in `export`; None is float32.
        bytes: Of the file.
        headline: The `evaluation.Measurement` that the card names first.
        single: What `latency.measure` returns for one image a call.
        batch: The same for 64 images a call.
    """

    quantization: str | None
    bytes: int
    headline: evaluation.Measurement
    single: dict
    batch: dict

    def loss(self, before):
        """How much worse the headline is than that of `before`, relative to it."""
        change = self.headline.value - before.headline.value
        sign = -1 if self.headline.higher_is_better else 1
        return sign * change / abs(before.headline.value)

    def row(self, before):
        """What a card holds of it; see `ae_zoo.zoo.tables.deployment_rows`."""
        return {
            "quantization": self.quantization,
            "bytes": self.bytes,
            "metric": self.headline.metric,
            "value": self.headline.value,
            "loss": self.loss(before),
            "single": self.single,
            "batch": self.batch,
        }


def calibration_data(model, recipe, data_dir=None, samples=CALIBRATION_SAMPLES):
    """Inputs as the model meets them in training, for `export(calibration=...)`.

    Args:
        model: An `ae_zoo.models.Autoencoder`; one that denoises corrupts them.
        recipe: Its `Recipe`; what it binarizes or pairs is binarized and paired.
        data_dir: Where the datasets are; see `ae_zoo.data.load`.
        samples: The first so many of the training split.

    Returns:
        (samples, ...) float32.
    """
    dataset = data.load(
        recipe.dataset,
        batch_size=samples,
        binarize=recipe.binarize and "fixed",
        pair=recipe.pair,
        classes=recipe.classes,
        data_dir=data_dir,
    )
    x = next(iter(dataset))
    if isinstance(x, tuple):
        return x[0].numpy()
    corruption = model.spec().corruption
    return (x if corruption is None else corruption(x, (recipe.seed, 0))).numpy()


class FileModel:
    """A `.tflite` file with the methods of a model that protocols call.

    What it computes beyond the signatures of the file comes from the model's own terms,
    with the functions of the file in the place of encoder and decoder.

    Args:
        filepath: The file.
        model: The model it was exported from.
    """

    def __init__(self, filepath, model):
        self._file, self._model = lite.load(filepath), model
        self.latent_dim, self.latent_shape = model.latent_dim, model.latent_shape
        self.reconstruction_loss = model.reconstruction_loss
        self.spec = model.spec

    def reconstruct(self, x):
        return tf.constant(self._file.reconstruct(np.asarray(x)))

    def encode(self, x):
        return tf.constant(self._file.encode(np.asarray(x)))

    def decode(self, z):
        return tf.constant(self._file.decode(np.asarray(z)))

    def score(self, x, seed=0):
        draws = self._model.drawn_for_score(x, seed)
        if not draws:
            return tf.constant(self._file.score(np.asarray(x)))
        return self._model.score_of(self._parts(), tf.constant(x), draws)

    def _parts(self):
        return Parts(self.posterior, self.decode)

    def posterior(self, x):
        outputs = self._file.run("posterior", x=np.asarray(x))
        return tf.constant(outputs["mean"]), tf.constant(outputs["log_var"])

    def log_likelihood(self, x, samples, seed=0):
        """As `VariationalAutoencoder.log_likelihood`, with the same draws."""
        return self._model.log_likelihood(x, samples, seed, parts=self._parts())


def measure(model, recipe, quantization, calibration, data_dir=None, samples=None):
    """Exports a model and measures the file.

    The headline and the time of 64 images are those of a second file, which differs in
    its batch size alone.

    Args:
        model: An `ae_zoo.models.Autoencoder`.
        recipe: Its `Recipe`, whose first protocol gives the headline.
        quantization: As in `export`.
        calibration: As in `export`.
        data_dir: Where the datasets are; see `ae_zoo.data.load`.
        samples: Use only the first so many test samples.

    Returns:
        A `FileReport`.
    """
    splits = evaluation.read_splits(source(recipe.dataset, data_dir), samples)
    with tempfile.TemporaryDirectory() as folder:
        paths = {n: pathlib.Path(folder) / f"{n}.tflite" for n in (1, _BATCH)}
        for batch_size, path in paths.items():
            model.export(
                path,
                format="litert",
                batch_size=batch_size,
                quantization=quantization,
                calibration=calibration,
            )
        exported = FileModel(paths[_BATCH], model)
        return FileReport(
            quantization=quantization,
            bytes=paths[1].stat().st_size,
            headline=evaluation.evaluate(exported, recipe.metrics[:1], splits)[0],
            single=latency.measure(paths[1]),
            batch=latency.measure(paths[_BATCH]),
        )
