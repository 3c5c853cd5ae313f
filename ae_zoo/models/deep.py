"""The deep autoencoder: two symmetric stacks of several layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras

from ae_zoo.distribution.keras_patches import all_layers
from ae_zoo.layers import TransposedDense
from ae_zoo.models.autoencoder import Autoencoder

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ae_zoo.models.arguments import Decoder, SharedArguments


@keras.saving.register_keras_serializable("ae_zoo")
class DeepAutoencoder(Autoencoder):
    """An autoencoder whose encoder and decoder have the same depth, at least two.

    Hinton & Salakhutdinov 2006, figure 1; `decoder="tied"` is their "unrolled" network
    before fine-tuning changes the two halves separately.

    Args:
        encoder: See `Autoencoder`.
        decoder: Model with as many weight layers as the encoder; or "tied".
        **kwargs: `reconstruction_loss`, `seed`, `input_range`, `scaling`, `name`,
            `dtype`; see `Autoencoder`.

    Raises:
        ValueError: Fewer than two weight layers, or stacks of unequal depth.

    Example:

    >>> encoder = ae_zoo.networks.dense_encoder((784,), [1000, 500, 250, 30])
    >>> ae_zoo.DeepAutoencoder(encoder, "tied").latent_dim
    30
    """

    def __init__(
        self, encoder: keras.Model, decoder: Decoder, **kwargs: Unpack[SharedArguments]
    ) -> None:
        super().__init__(encoder, decoder, **kwargs)
        depths = _depth(self.encoder), _depth(self.decoder)
        if min(depths) < 2 or depths[0] != depths[1]:
            raise ValueError(
                "A deep autoencoder has at least two layers in its encoder and as many "
                f"in its decoder. Received {depths[0]} and {depths[1]}. For single "
                "layers use UndercompleteAutoencoder."
            )


def _depth(model: keras.Model) -> int:
    """Count the layers with a kernel, including shared kernels."""
    return sum(
        getattr(layer, "kernel", None) is not None or isinstance(layer, TransposedDense)
        for layer in all_layers(model)
    )
