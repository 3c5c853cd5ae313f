"""The undercomplete autoencoder: a narrow code limits the information."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import keras

from ae_zoo.models.arguments import check_fixed_sizes
from ae_zoo.models.autoencoder import Autoencoder

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ae_zoo.models.arguments import Decoder, SharedArguments


@keras.saving.register_keras_serializable("ae_zoo")
class UndercompleteAutoencoder(Autoencoder):
    """An autoencoder whose code is smaller than its input, d < n.

    A linear encoder and decoder trained with the Gaussian loss span the subspace of the
    first d principal components, but not necessarily along its axes (Baldi & Hornik
    1989).

    Args:
        encoder: See `Autoencoder`.
        decoder: See `Autoencoder`; also "tied".
        **kwargs: `reconstruction_loss`, `seed`, `input_range`, `scaling`, `name`,
            `dtype`; see `Autoencoder`.

    Raises:
        ValueError: d ≥ n.

    Example:

    >>> encoder = ae_zoo.networks.dense_encoder((64,), [8])
    >>> model = ae_zoo.UndercompleteAutoencoder(
    ...     encoder, "tied", reconstruction_loss="gaussian"
    ... )
    >>> model.latent_dim
    8
    """

    def __init__(
        self, encoder: keras.Model, decoder: Decoder, **kwargs: Unpack[SharedArguments]
    ) -> None:
        super().__init__(encoder, decoder, **kwargs)
        check_fixed_sizes(self, "An undercomplete code must be smaller than the input")
        inputs = math.prod(self._sample_shape)
        if self.latent_dim >= inputs:
            raise ValueError(
                "An undercomplete code must be smaller than the input. Received "
                f"latent_dim = {self.latent_dim} for {inputs} inputs. Narrow the code, "
                "or use a variant that regularizes an overcomplete one: "
                "DenoisingAutoencoder, SparseAutoencoder, ContractiveAutoencoder."
            )
