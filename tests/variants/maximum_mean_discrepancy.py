"""The Wasserstein autoencoder: codes that are distributed as the prior."""

import keras
from keras import ops

from ae_zoo.distribution import replicas
from ae_zoo.models import Autoencoder


@keras.saving.register_keras_serializable("ae_zoo_tests")
class MMDAutoencoder(Autoencoder):
    """ℓ + λ MMD²(q(z), N(0, I)) with a Gaussian kernel (Tolstikhin et al. 2018).

    The penalty is one of all pairs of the global batch. Means over the prior are in
    closed form.

    Args:
        encoder: See `Autoencoder`.
        decoder: See `Autoencoder`.
        penalty_weight: λ.
        variance: s² of the kernel exp(−‖a − b‖²/2s²).
        **kwargs: See `Autoencoder`.
    """

    penalty_name = "mmd"
    penalty_weight_argument = "penalty_weight"

    def __init__(self, encoder, decoder, *, penalty_weight=1.0, variance=1.0, **kwargs):
        super().__init__(encoder, decoder, **kwargs)
        self.penalty_weight = penalty_weight
        self.variance = variance

    def penalty(self, x, code, z, *, sample_weight, **step):
        z = replicas.gather(ops.cast(ops.reshape(z, (-1, self.latent_dim)), "float32"))
        weight = replicas.gather(sample_weight)
        weight = ops.divide_no_nan(weight, ops.sum(weight))  # (batch,)
        squares = ops.sum(ops.square(z), axis=1)
        distances = squares[:, None] + squares - 2 * ops.matmul(z, ops.transpose(z))
        within = weight[:, None] * weight * self._kernel(distances, 0)
        across = weight * self._kernel(squares, 1)
        return ops.sum(within) - 2 * ops.sum(across) + self._kernel(0.0, 2)

    def _kernel(self, distance, normals):
        """The mean kernel at ‖a − b‖² if `normals` of a and b are further N(0, I)."""
        total = self.variance + normals
        scale = (self.variance / total) ** (0.5 * self.latent_dim)
        return scale * ops.exp(-0.5 * distance / total)
