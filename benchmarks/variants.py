"""The seven variants that the benchmarks train, in the sizes of their papers."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import keras
from keras import layers

import ae_zoo
from ae_zoo import networks

SHAPE = (28, 28, 1)


class Variant(NamedTuple):
    """A model to train.

    Attributes:
        build: Function without arguments that returns the model.
        products: Multiplications of each layer for one sample, forward, first layer
            first.
    """

    build: Callable[[], ae_zoo.models.Autoencoder]
    products: tuple[int, ...]

    @property
    def flops(self) -> int:
        """Floating-point operations of the matrix products per training sample.

        Forward, the gradient of the kernel and, except in the first layer, the gradient
        of the input cost the same; each product needs one multiplication and one
        addition.
        """
        return 2 * (3 * sum(self.products) - self.products[0])


def _dense(*widths: int) -> tuple[int, ...]:
    return tuple(a * b for a, b in pairwise(widths))


def convolutions() -> tuple[keras.Model, keras.Model]:
    """Two strided convolutions down to 7×7×8, and two transposed ones up again."""
    image = x = keras.Input(SHAPE)
    for filters in (32, 64):
        x = layers.Conv2D(filters, 3, 2, padding="same", activation="relu")(x)
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    encoder = keras.Model(image, x)
    code = x = keras.Input((7, 7, 8))
    for filters in (64, 32):
        x = layers.Conv2DTranspose(filters, 3, 2, padding="same", activation="relu")(x)
    x = layers.Conv2D(1, 3, padding="same", activation="sigmoid")(x)
    return encoder, keras.Model(code, x)


# Output positions × kernel × channels; a transposed convolution counts its inputs.
CONVOLUTIONS = (
    14 * 14 * 9 * 1 * 32,
    7 * 7 * 9 * 32 * 64,
    7 * 7 * 9 * 64 * 8,
    7 * 7 * 9 * 8 * 64,
    14 * 14 * 9 * 64 * 32,
    28 * 28 * 9 * 32 * 1,
)


def _undercomplete() -> ae_zoo.models.Autoencoder:
    return ae_zoo.UndercompleteAutoencoder(
        networks.dense_encoder(SHAPE, [1024, 32]),
        networks.dense_decoder(32, [1024], SHAPE),
    )


def _deep() -> ae_zoo.models.Autoencoder:
    return ae_zoo.DeepAutoencoder(
        networks.dense_encoder(SHAPE, [1000, 500, 250, 30]),
        networks.dense_decoder(30, [250, 500, 1000], SHAPE),
    )


def _sparse() -> ae_zoo.models.Autoencoder:
    encoder = networks.dense_encoder(SHAPE, [1000])
    return ae_zoo.SparseAutoencoder(encoder, "tied", sparsity="k", k=25)


def _contractive() -> ae_zoo.models.Autoencoder:
    encoder = networks.dense_encoder(SHAPE, [1000], latent_activation="sigmoid")
    return ae_zoo.ContractiveAutoencoder(encoder, "tied", penalty_weight=0.1)


def _variational() -> ae_zoo.models.Autoencoder:
    return ae_zoo.VariationalAutoencoder(
        networks.dense_encoder(SHAPE, [200, 200], "gelu", "gelu"),
        networks.dense_decoder(50, [200, 200], SHAPE, "gelu"),
    )


def _denoising() -> ae_zoo.models.Autoencoder:
    return ae_zoo.DenoisingAutoencoder(
        *convolutions(), corruption=ae_zoo.corruptions.GaussianCorruption(0.5)
    )


def _convolutional() -> ae_zoo.models.Autoencoder:
    return ae_zoo.ConvolutionalAutoencoder(*convolutions())


N = math.prod(SHAPE)
VARIANTS = {
    "undercomplete": Variant(_undercomplete, _dense(N, 1024, 32, 1024, N)),
    "deep": Variant(_deep, _dense(N, 1000, 500, 250, 30, 250, 500, 1000, N)),
    "sparse": Variant(_sparse, _dense(N, 1000, N)),
    "contractive": Variant(_contractive, _dense(N, 1000, N)),
    "variational": Variant(
        _variational,
        (*_dense(N, 200, 200), 2 * 200 * 50, *_dense(50, 200, 200, N)),
    ),
    "denoising": Variant(_denoising, CONVOLUTIONS),
    "convolutional": Variant(_convolutional, CONVOLUTIONS),
}
