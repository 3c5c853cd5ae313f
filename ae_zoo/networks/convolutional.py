"""Encoders and decoders made of convolutions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras

from ae_zoo._checks import check_count
from ae_zoo.networks import _parts
from ae_zoo.networks._parts import Activation, OpenShape


def convolutional_encoder(
    input_shape: OpenShape,
    filters: Sequence[int],
    latent_dim: int | None = None,
    kernel_size: int = 3,
    activation: Activation = "relu",
) -> keras.Model:
    """A stack of convolutions with stride 2, one for each entry of `filters`.

    Args:
        input_shape: (height, width, channels). Any size works. With None for height
            and width and without `latent_dim`, one model takes images of every size: it
            pads them by reflection to a multiple of 2^len(filters).
        filters: Number of channels of each convolution.
        latent_dim: Latent size d of a final dense layer. None leaves the code a feature
            map.
        kernel_size: Kernel size of the convolutions.
        activation: Activation of the convolutions.

    Returns:
        A model that maps (batch, height, width, channels) to (batch, d), or without
        `latent_dim` to (batch, ⌈height/2ˢ⌉, ⌈width/2ˢ⌉, filters[-1]), s = len(filters).

    Example:

    >>> shape = (33, 47, 3)
    >>> encoder = ae_zoo.networks.convolutional_encoder(shape, [16, 32], latent_dim=10)
    >>> encoder.output_shape
    (None, 10)
    """
    input_shape = _parts.check_shape(
        "input_shape", input_shape, 3, can_be_open=latent_dim is None
    )
    filters = _parts.check_counts("filters", filters)
    _parts.check_kernel(kernel_size)
    if latent_dim is not None:
        latent_dim = check_count("latent_dim", latent_dim, " or None")
    inputs = keras.Input(input_shape)
    x = _parts.padded(inputs, len(filters))
    for channels in filters:
        x = _parts.convolution(channels, kernel_size, activation, strides=2)(x)
    if latent_dim is not None:
        x = keras.layers.Dense(latent_dim)(keras.layers.Flatten()(x))
    return keras.Model(inputs, x, name="encoder")


def convolutional_decoder(
    output_shape: OpenShape,
    filters: Sequence[int],
    latent_dim: int | None = None,
    kernel_size: int = 3,
    activation: Activation = "relu",
    output: Activation = "sigmoid",
) -> keras.Model:
    """The mirror image of `convolutional_encoder`, with transposed convolutions.

    Each transposed convolution doubles the size. The result is cropped where the
    encoder rounded a size up.

    Args:
        output_shape: (height, width, channels). Any size works. With None for height
            and width and without `latent_dim`, the output has the size to which the
            encoder padded the image; an autoencoder crops it to the image.
        filters: The `filters` of the encoder, in the same order.
        latent_dim: The `latent_dim` of the encoder.
        kernel_size: Kernel size of the convolutions.
        activation: Activation of the hidden layers.
        output: Activation of the reconstruction: "sigmoid" for the Bernoulli loss,
            "linear" for the Gaussian loss.

    Returns:
        A model that maps the encoder's code to (batch, *output_shape).

    Example:

    >>> shape = (33, 47, 3)
    >>> decoder = ae_zoo.networks.convolutional_decoder(shape, [16, 32], latent_dim=10)
    >>> decoder.output_shape
    (None, 33, 47, 3)
    """
    output_shape = _parts.check_shape(
        "output_shape", output_shape, 3, can_be_open=latent_dim is None
    )
    filters = _parts.check_counts("filters", filters)
    _parts.check_kernel(kernel_size)
    if latent_dim is not None:
        latent_dim = check_count("latent_dim", latent_dim, " or None")
    height, width, channels = output_shape
    sizes = [(height, width)]
    for _ in filters:
        height, width = _half(height), _half(width)
        sizes.append((height, width))
    code_shape: Any = (*sizes.pop(), filters[-1])
    if latent_dim is None:
        inputs = x = keras.Input(code_shape)
    else:
        inputs = keras.Input((latent_dim,))
        x = _parts.dense(math.prod(code_shape), activation)(inputs)
        x = keras.layers.Reshape(code_shape)(x)
    for width_after in [*filters[-2::-1], filters[0]]:
        x = keras.layers.Conv2DTranspose(
            width_after,
            kernel_size,
            strides=2,
            padding="same",
            activation=activation,
            kernel_initializer=_parts.initializer(activation),
        )(x)
        x = _parts.crop_to(x, sizes.pop())
    x = keras.layers.Conv2D(channels, kernel_size, padding="same")(x)
    x = _parts.reconstruction(x, output_shape, output)
    return keras.Model(inputs, x, name="decoder")


def _half(size: int | None) -> int | None:
    return None if size is None else math.ceil(size / 2)
