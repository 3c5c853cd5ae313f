"""The convolutional autoencoder: encoder and decoder that share weights over space."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras

from ae_zoo.models.autoencoder import Autoencoder

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ae_zoo.models.arguments import Decoder, SharedArguments


@keras.saving.register_keras_serializable("ae_zoo")
class ConvolutionalAutoencoder(Autoencoder):
    """An autoencoder for images of any size, gray or color (Masci et al. 2011).

    Trained on pairs, it learns a map between images: `fit(noisy, clean)` denoises,
    `fit(gray, color)` colorizes.

    Args:
        encoder: See `Autoencoder`. Its input is (batch, height, width, channels).
        decoder: From codes to images, whose number of channels may differ from the
            input's.
        **kwargs: `reconstruction_loss`, `seed`, `input_range`, `scaling`, `name`,
            `dtype`; see `Autoencoder`.

    Raises:
        ValueError: Encoder and decoder do not map images to images of the same size.

    Example:

    >>> encoder = ae_zoo.networks.convolutional_encoder((28, 20, 1), [16, 32], 10)
    >>> decoder = ae_zoo.networks.convolutional_decoder((28, 20, 1), [16, 32], 10)
    >>> ae_zoo.ConvolutionalAutoencoder(encoder, decoder).input_shape
    (None, 28, 20, 1)
    """

    def __init__(
        self, encoder: keras.Model, decoder: Decoder, **kwargs: Unpack[SharedArguments]
    ) -> None:
        super().__init__(encoder, decoder, **kwargs)
        if (
            len(self.input_shape) != 4
            or len(self.output_shape) != 4
            or self.output_shape[:3] != self.input_shape[:3]
        ):
            raise ValueError(
                "A convolutional autoencoder maps images (height, width, channels) to "
                f"images of the same size. Received {self.input_shape[1:]} to "
                f"{self.output_shape[1:]}."
            )
