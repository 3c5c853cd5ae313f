"""The undercomplete autoencoder: a narrow code limits the information."""

import math

import keras

from ae_zoo.models.autoencoder import Autoencoder


@keras.saving.register_keras_serializable("ae_zoo")
class UndercompleteAutoencoder(Autoencoder):
    """An autoencoder whose code is smaller than its input, d < n.

    Linear encoder and decoder trained on the Gaussian loss span the subspace of the
    first d principal components (Baldi & Hornik 1989), though not its axes.

    Args:
        encoder: See `Autoencoder`, as for all other arguments.
        decoder: Also "tied".
        **kwargs: `reconstruction_loss`, `seed`, `name`, `dtype`.

    Raises:
        ValueError: d ≥ n.

    Example:

    >>> encoder = ae_zoo.networks.dense_encoder((64,), [8])
    >>> model = ae_zoo.UndercompleteAutoencoder(encoder, "tied", "gaussian")
    >>> model.latent_dim
    8
    """

    def __init__(self, encoder, decoder, reconstruction_loss="bernoulli", **kwargs):
        super().__init__(encoder, decoder, reconstruction_loss, **kwargs)
        inputs = math.prod(self.input_shape[1:])
        if self.latent_dim >= inputs:
            raise ValueError(
                f"An undercomplete code must be smaller than the input. Received "
                f"latent_dim = {self.latent_dim} for {inputs} inputs. Narrow the code, "
                "or use a variant that regularizes an overcomplete one: "
                "DenoisingAutoencoder, SparseAutoencoder, ContractiveAutoencoder."
            )
