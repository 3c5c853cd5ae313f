"""What quantization costs: size, quality, speed and memory of LiteRT files."""

import dataclasses
import pathlib
import tempfile

import tensorflow as tf

from ae_zoo import data, evaluation, lite
from ae_zoo._batches import slices
from ae_zoo.data import source
from ae_zoo.models import VariationalAutoencoder
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
    corruption = getattr(model, "corruption", None)
    return (x if corruption is None else corruption(x, (recipe.seed, 0))).numpy()


class LiteRTModel:
    """A `.tflite` file with the methods that the protocols of `evaluation` call.

    Args:
        filepath: The file.
        model: The model it was exported from, for shapes and loss.
    """

    def __init__(self, filepath, model):
        self._file = lite.load(filepath)
        self.latent_dim = model.latent_dim
        self.latent_shape = model.latent_shape
        self.reconstruction_loss = model.reconstruction_loss
        self.prior = getattr(model, "prior", None)
        self.kl = getattr(model, "kl", None)

    def reconstruct(self, x):
        return self._run("reconstruct", x=x)["reconstruction"]

    def encode(self, x):
        return self._run("encode", x=x)["z"]

    def decode(self, z):
        return self._run("decode", z=z)["reconstruction"]

    def posterior(self, x):
        outputs = self._run("posterior", x=x)
        return outputs["mean"], outputs["log_var"]

    def log_likelihood(self, x, samples, seed=0):
        """As `VariationalAutoencoder.log_likelihood`, with the same draws."""
        estimates = [
            VariationalAutoencoder._log_likelihood(
                self,
                tf.constant(x[rows]),
                tf.constant(samples),
                tf.constant([seed, rows.start]),
            )
            for rows in slices(len(x), _BATCH)
        ]
        return tf.concat(estimates, axis=0)

    def score(self, x, seed=0):
        """As the models' own, from the parts that a file of int8 has too."""
        if "posterior" not in self._file.signatures:
            return self.reconstruction_loss.call(x, self.reconstruct(x))
        mean, log_var = self.posterior(x)
        eps = tf.random.stateless_normal(mean.shape, (seed, 0))
        z = mean + tf.exp(0.5 * log_var) * eps
        kl = self.kl(mean, log_var, z[tf.newaxis])
        return kl + self.reconstruction_loss.call(x, self.decode(z))

    def _decode_all(self, z):
        return self.decode(tf.reshape(z, (-1, *self.latent_shape)))

    def _run(self, name, **inputs):
        outputs = self._file.run(name, **inputs)
        return {key: tf.constant(value) for key, value in outputs.items()}


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
        exported = LiteRTModel(paths[_BATCH], model)
        return FileReport(
            quantization=quantization,
            bytes=paths[1].stat().st_size,
            headline=evaluation.evaluate(exported, recipe.metrics[:1], splits)[0],
            single=latency.measure(paths[1]),
            batch=latency.measure(paths[_BATCH]),
        )
