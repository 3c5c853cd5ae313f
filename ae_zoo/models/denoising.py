"""The denoising autoencoder: reconstruct the clean input from a corrupted one."""

import keras

from ae_zoo.corruptions import Corruption, GaussianCorruption
from ae_zoo.distribution import replicas
from ae_zoo.models.autoencoder import Autoencoder


@keras.saving.register_keras_serializable("ae_zoo")
class DenoisingAutoencoder(Autoencoder):
    """min E[ℓ(x, x̂(x̃))], x̃ drawn from q(x̃|x) anew at every step.

    Vincent et al. 2010, section 3.1. `fit(x)` and `evaluate(x)` corrupt x and compare
    with the clean x, `evaluate` with the same noise each time it is called;
    `fit(noisy, clean)` takes your pairs as they are; `predict` never corrupts.

    Args:
        encoder: See `Autoencoder`, as for all other arguments.
        decoder: Also "tied".
        corruption: `GaussianCorruption`, `MaskingCorruption` or
            `SaltAndPepperCorruption` of `ae_zoo.corruptions`, or your own `Corruption`.
        **kwargs: `reconstruction_loss`, `seed`, `name`, `dtype`.

    Raises:
        TypeError: `corruption` is not a `Corruption`.

    Example:

    >>> encoder = ae_zoo.networks.dense_encoder((64,), [100], latent_activation="relu")
    >>> corruption = ae_zoo.corruptions.MaskingCorruption(0.3)
    >>> model = ae_zoo.DenoisingAutoencoder(encoder, "tied", corruption=corruption)
    """

    def __init__(self, encoder, decoder, corruption=None, **kwargs):
        super().__init__(encoder, decoder, **kwargs)
        self.corruption = GaussianCorruption() if corruption is None else corruption
        if not isinstance(self.corruption, Corruption):
            raise TypeError(
                "`corruption` must be an ae_zoo.corruptions.Corruption, such as "
                f"GaussianCorruption(0.5). Received: {corruption!r}"
            )

    def corrupt(self, x, training):
        seed = self.next_seed(training, shared=True)
        return replicas.of_global_batch(lambda x: self.corruption(x, seed=seed), x)
