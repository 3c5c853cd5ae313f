"""Residual encoders and decoders that work on a grid of image patches."""

from __future__ import annotations

import math

import keras

from ae_zoo._checks import check_count, check_integer
from ae_zoo.networks import _parts
from ae_zoo.networks._parts import Activation, Shape


def residual_encoder(
    input_shape: Shape,
    patch_size: int,
    channels: int,
    blocks: int,
    units: int,
    activation: Activation = "silu",
) -> keras.Model:
    """Residual convolutions on a grid of image patches, and a dense layer.

    The first convolution reduces the image to one cell for each patch, which makes the
    following ones cheap. The dense layer is named "from_grid".

    Args:
        input_shape: (height, width, channels). Any size works.
        patch_size: Stride s of the first convolution, in pixels. Its kernel is
            s + ⌊s/2⌋ pixels wide, so that neighboring patches overlap.
        channels: Number of channels of the grid.
        blocks: Number of residual convolutions x + f(W * x) (He et al. 2016).
        units: Width d of the dense layer.
        activation: Activation f of all layers.

    Returns:
        A model that maps (batch, height, width, channels) to (batch, d).

    Example:

    >>> encoder = ae_zoo.networks.residual_encoder(
    ...     (28, 28, 1), patch_size=4, channels=32, blocks=3, units=256
    ... )
    >>> encoder.output_shape
    (None, 256)
    """
    input_shape = _parts.check_shape("input_shape", input_shape, rank=3)
    _check_grid(patch_size, channels, blocks, units)
    inputs = keras.Input(input_shape)
    width = patch_size + patch_size // 2
    x = _parts.convolution(channels, width, activation, strides=patch_size)(inputs)
    x = _residual_convolutions(x, blocks, activation)
    x = keras.layers.Flatten()(x)
    x = _parts.dense(units, activation, "from_grid")(x)
    return keras.Model(inputs, x, name="encoder")


def residual_decoder(
    latent_dim: int,
    units: int,
    output_shape: Shape,
    patch_size: int,
    channels: int,
    blocks: int,
    activation: Activation = "silu",
    output: Activation = "sigmoid",
) -> keras.Model:
    """The mirror image of `residual_encoder`, with a dense layer named "to_grid".

    The channels of the last convolution are the pixels of a patch, which are rearranged
    into an image (Shi et al. 2016, equation 4). This equals a transposed convolution
    whose kernel is three patches wide, but is faster on CPUs.

    Args:
        latent_dim: Latent size d.
        units: Width of the first dense layer.
        output_shape: (height, width, channels). Any size works.
        patch_size: The `patch_size` of the encoder.
        channels: The `channels` of the encoder.
        blocks: Number of residual convolutions.
        activation: Activation of the hidden layers.
        output: Activation of the reconstruction: "sigmoid" for the Bernoulli loss,
            "linear" for the Gaussian loss.

    Returns:
        A model that maps (batch, d) to (batch, *output_shape).

    Example:

    >>> decoder = ae_zoo.networks.residual_decoder(
    ...     40, 256, (28, 28, 1), patch_size=4, channels=32, blocks=3
    ... )
    >>> decoder.output_shape
    (None, 28, 28, 1)
    """
    latent_dim = check_count("latent_dim", latent_dim)
    output_shape = _parts.check_shape("output_shape", output_shape, rank=3)
    _check_grid(patch_size, channels, blocks, units)
    height, width, _ = output_shape
    grid = (math.ceil(height / patch_size), math.ceil(width / patch_size), channels)
    inputs = keras.Input((latent_dim,))
    x = _parts.dense(units, activation)(inputs)
    x = _parts.dense(math.prod(grid), activation, "to_grid")(x)
    x = _residual_convolutions(keras.layers.Reshape(grid)(x), blocks, activation)
    x = _pixels(x, patch_size, output_shape)
    x = _parts.reconstruction(x, output_shape, output)
    return keras.Model(inputs, x, name="decoder")


def _check_grid(patch_size: int, channels: int, blocks: int, units: int) -> None:
    check_count("patch_size", patch_size)
    check_count("channels", channels)
    check_integer("blocks", blocks, least=0)
    check_count("units", units)


def _residual_convolutions(
    x: keras.KerasTensor, blocks: int, activation: Activation
) -> keras.KerasTensor:
    for _ in range(blocks):
        change = _parts.convolution(x.shape[-1], 3, activation)(x)
        x = keras.layers.Add()([x, change])
    return x


def _pixels(
    x: keras.KerasTensor, patch_size: int, output_shape: Shape
) -> keras.KerasTensor:
    """A convolution to the pixels of each patch, arranged as an image."""
    height, width, colors = output_shape
    rows, columns = x.shape[1:3]
    x = keras.layers.Conv2D(patch_size**2 * colors, 3, padding="same")(x)
    x = keras.layers.Reshape((rows, columns, patch_size, patch_size * colors))(x)
    x = keras.layers.Permute((1, 3, 2, 4))(x)
    x = keras.layers.Reshape((rows * patch_size, columns * patch_size, colors))(x)
    return _parts.crop_to(x, (height, width))
