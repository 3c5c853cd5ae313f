"""The masked autoencoder: reconstruct hidden inputs from the visible ones."""

import keras
import tensorflow as tf

from ae_zoo.distribution import replicas
from ae_zoo.models import Autoencoder


@keras.saving.register_keras_serializable("ae_zoo_tests")
class MaskedAutoencoder(Autoencoder):
    """E Σᵢ mᵢ ℓ(xᵢ, x̂ᵢ((1 − m) ⊙ x)) (He et al. 2022), m drawn for each input.

    Args:
        encoder: See `Autoencoder`.
        decoder: See `Autoencoder`.
        rate: Probability that an input is hidden.
        visible_weight: Weight of visible inputs in the loss, compared with hidden ones.
        **kwargs: See `Autoencoder`.
    """

    def __init__(self, encoder, decoder, *, rate=0.75, visible_weight=0.0, **kwargs):
        super().__init__(encoder, decoder, **kwargs)
        self.rate = rate
        self.visible_weight = visible_weight

    def corrupt(self, x, training):
        seed = self.next_seed(training, shared=True)
        hidden = replicas.of_global_batch(
            lambda x: tf.random.stateless_uniform(tf.shape(x), seed) < self.rate, x
        )
        return tf.where(hidden, 0.0, x), tf.where(hidden, 1.0, self.visible_weight)
