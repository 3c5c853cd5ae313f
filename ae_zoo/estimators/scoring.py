"""The score of a detector: one TensorFlow computation that Python and files share."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from ae_zoo.models.endpoints import Endpoint, tensor_specs

if TYPE_CHECKING:
    from ae_zoo.models import Autoencoder

_LARGEST = 1e6  # scaled values are clipped here, so that squares stay finite
_OWN_COPY = 1e-4  # mean difference below which a neighbor is the row itself
_WIDE = 4096  # coordinates above which a batch is smaller


@dataclasses.dataclass(frozen=True)
class ScoreState:
    """What a score needs besides the model.

    Attributes:
        residual_scale: (n,), by which scaled residuals are multiplied.
        memory: (rows, 2n), scaled training rows and their residuals; (0, 2n) without
            neighbors.
        n_neighbors: Number of neighbors; 0 scores by the weighted residuals alone.
        threshold: Rows with a larger score are anomalies.
    """

    residual_scale: np.ndarray
    memory: np.ndarray
    n_neighbors: int
    threshold: float = np.inf


class Scorer:
    """Scores samples by their mean distance to the nearest training samples.

    The coordinates of a sample are its values x and its weighted reconstruction errors
    a (x − x̂) / σ, all in the scaled space of the model, where σ is the typical error of
    a value: a sample is far from the training samples if its values differ from
    theirs, or if the model reconstructs it with another error. The nearest samples are
    those at the smallest Euclidean distance. The score is the mean over them of the sum
    of absolute differences of coordinates, so it is a sum of contributions of values. A
    training sample is not its own neighbor, so that scores of training and of new
    samples compare.

    Args:
        model: An autoencoder of samples of fixed shape.
        state: A `ScoreState`.
    """

    def __init__(self, model: Autoencoder, state: ScoreState) -> None:
        self.model = model
        self.state = state
        self.size = int(np.prod(model.sample_shape))
        self.batch_size = 256 if self.size <= _WIDE else 32
        self._traced: dict[str, Any] = {}

    # In the graph.

    def coordinates(self, x: tf.Tensor) -> tf.Tensor:
        """Scaled values and scaled residuals: (batch, ...) to (batch, 2n)."""
        model = self.model
        x = tf.clip_by_value(
            tf.cast(model.scale(tf.cast(x, "float32")), "float32"), -_LARGEST, _LARGEST
        )
        parts = model.parts()
        reconstruction = parts.decode(model.bottleneck(parts.encode(x)))
        residual = x - tf.cast(reconstruction, "float32")
        flat = tf.reshape(x, (-1, self.size))
        weighted = tf.reshape(residual, (-1, self.size)) * self.state.residual_scale
        return tf.concat([flat, weighted], axis=1)

    def contributions(self, x: tf.Tensor) -> tf.Tensor:
        """The part of each value in the score: (batch, ...) to (batch, n)."""
        coordinates = self.coordinates(x)
        if not len(self.state.memory):
            return tf.abs(coordinates[:, self.size :])
        differences = self._differences(coordinates)  # (batch, candidates, 2n)
        weights = self._weights(tf.reduce_sum(differences, axis=2))
        total = tf.reduce_sum(differences * weights[:, :, None], axis=1)
        return total[:, : self.size] + total[:, self.size :]

    def _differences(self, coordinates: tf.Tensor) -> tf.Tensor:
        """Absolute differences from the nearest rows of the memory, nearest first."""
        memory = self.state.memory
        count = min(self.state.n_neighbors + 1, len(memory))
        # |m|² − 2 x·m orders the rows as the Euclidean distance does.
        lengths = np.sum(np.square(memory, dtype="float64"), axis=1).astype("float32")
        near = 2 * tf.matmul(coordinates, memory.T) - lengths
        _, chosen = tf.math.top_k(near, count)
        differences = tf.abs(coordinates[:, None] - tf.gather(memory, chosen))
        # Rounding may have changed the order of neighbors at almost equal distances.
        _, order = tf.math.top_k(-tf.reduce_sum(tf.square(differences), axis=2), count)
        return tf.gather(differences, order, batch_dims=1)

    def _weights(self, distances: tf.Tensor) -> tf.Tensor:
        """Weights of a mean that leaves out a copy of the sample, or the farthest."""
        count: Any = distances.shape[1]
        if count <= self.state.n_neighbors:
            return tf.ones_like(distances) / count
        is_copy = tf.cast(distances[:, :1] <= _OWN_COPY * 2 * self.size, "float32")
        middle = tf.ones_like(distances[:, 1:-1])
        return tf.concat([1 - is_copy, middle, is_copy], axis=1) / (count - 1)

    def endpoint(self) -> Endpoint:
        """Return `detect`: x to the score and the label, 1 normal and −1 anomaly."""

        def detect(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            score = tf.reduce_sum(self.contributions(x), axis=1)
            is_normal = score <= tf.constant(self.state.threshold, "float32")
            return score, tf.where(is_normal, 1, -1)

        outputs = tensor_specs({"score": (None,)})
        outputs |= tensor_specs({"label": (None,)}, "int32")
        return Endpoint(
            detect, tensor_specs({"x": (None, *self.model.sample_shape)}), outputs
        )

    # On arrays.

    def run(self, name: str, x: np.ndarray) -> np.ndarray:
        """Call `coordinates`, `contributions` or `score` on an array.

        All batches have one size, the last is filled up, so that the result of a
        sample does not depend on how many others there are.
        """
        if name not in self._traced:
            shape = (self.batch_size, *self.model.sample_shape)
            # TensorFlow takes the same method of another object for the same function,
            # and would warn that it is traced again and again.
            self._traced[name] = tf.function(
                functools.partial(getattr(self, name)),
                input_signature=[tf.TensorSpec(shape, "float32")],
                autograph=False,
            )
        results = []
        for start in range(0, len(x), self.batch_size):
            batch = np.asarray(x[start : start + self.batch_size], "float32")
            missing = self.batch_size - len(batch)
            filled = np.concatenate([batch, np.repeat(batch[:1], missing, axis=0)])
            results.append(self._traced[name](filled).numpy()[: len(batch)])
        return np.concatenate(results)

    def score(self, x: tf.Tensor) -> tf.Tensor:
        """The score: (batch, ...) to (batch,)."""
        return tf.reduce_sum(self.contributions(x), axis=1)


def residual_scale(residuals: np.ndarray, weight: float) -> np.ndarray:
    """Return a / σ for each value, where σ is its typical residual.

    σ² is drawn toward the mean over all values, as if two more rows had it, because a
    few rows say little about it; and it is at least a hundredth of that mean.

    Args:
        residuals: (rows, n).
        weight: a.
    """
    squares = np.mean(np.square(residuals, dtype="float64"), axis=0)
    mean, rows = squares.mean(), len(residuals)
    variance = (rows * squares + 2 * mean) / (rows + 2) + 0.01 * mean + 1e-8
    return (weight / np.sqrt(variance)).astype("float32")
