"""The vector-quantized autoencoder: codes from a learned table."""

import keras
import tensorflow as tf
from keras import ops

from ae_zoo.distribution import replicas
from ae_zoo.models import Autoencoder


@keras.saving.register_keras_serializable("ae_zoo_tests")
class VectorQuantizedAutoencoder(Autoencoder):
    """ℓ + β‖f(x) − e‖², e the nearest of k vectors (van den Oord et al. 2017).

    The vectors are moving averages of the codes nearest to them (appendix A.1).

    `beta` weights the commitment ‖f(x) − e‖²; there are `vectors` vectors.
    """

    penalty_name = "commitment"
    penalty_weight_argument = "beta"

    def __init__(
        self, encoder, decoder, *, beta=0.25, vectors=8, momentum=0.9, **kwargs
    ):
        self.vectors = vectors  # `build` needs it
        super().__init__(encoder, decoder, **kwargs)
        self.beta, self.momentum = beta, momentum

    def build(self, input_shape):
        normal = keras.initializers.RandomNormal(stddev=1.0, seed=self.seed)
        options = {"trainable": False, "aggregation": "mean"}
        self.sums = self.add_weight(
            (self.vectors, *self.latent_shape), normal, **options
        )
        self.counts = self.add_weight((self.vectors, 1), "ones", **options)
        super().build(input_shape)

    def bottleneck(self, code, training=False, draws=None):
        nearest = ops.matmul(self._nearest(code), self.sums / self.counts)
        return code + ops.stop_gradient(ops.cast(nearest, code.dtype) - code)

    def penalty(self, x, code, z, **step):
        return ops.sum(ops.square(code - ops.stop_gradient(z)), axis=1)

    def after_step(self, batch, terms):
        code = replicas.gather(ops.cast(terms.code, "float32"))
        nearest = self._nearest(code) * replicas.gather(batch.sample_weight)[:, None]
        sums = ops.matmul(ops.transpose(nearest), code)
        counts = ops.sum(ops.transpose(nearest), axis=1, keepdims=True)
        size = ops.cast(ops.shape(code)[0], "float32")
        for average, total in (self.sums, sums), (self.counts, counts):
            average.assign_add((1 - self.momentum) * (total / size - average))

    def _nearest(self, code):  # (batch, d) to one-hot rows, (batch, k)
        table = self.sums / self.counts
        products = ops.matmul(ops.cast(code, table.dtype), ops.transpose(table))
        distances = ops.sum(ops.square(table), axis=1) - 2 * products
        # Not `ops.argmin`, which TFLite lacks an operator of.
        return tf.one_hot(tf.argmin(distances, axis=1), self.vectors, dtype=table.dtype)
