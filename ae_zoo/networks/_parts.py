"""Layers that several encoders and decoders share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import keras

Shape: TypeAlias = tuple[int, ...]
Activation: TypeAlias = str | Callable[[keras.KerasTensor], keras.KerasTensor]


def dense(
    units: int, activation: Activation, name: str | None = None
) -> keras.layers.Dense:
    """A dense layer with the initializer that suits its activation."""
    return keras.layers.Dense(
        units,
        activation=activation,
        kernel_initializer=initializer(activation),
        name=name,
    )


def convolution(
    channels: int,
    kernel_size: int | tuple[int, int],
    activation: Activation,
    strides: int = 1,
) -> keras.layers.Conv2D:
    """A convolution with "same" padding and the initializer for its activation."""
    return keras.layers.Conv2D(
        channels,
        kernel_size,
        strides,
        padding="same",
        activation=activation,
        kernel_initializer=initializer(activation),
    )


def initializer(activation: Activation) -> str:
    """Name of the kernel initializer for an activation."""
    # Rectifiers pass about half of their inputs, so their kernels need twice the
    # variance (He et al. 2015).
    rectifiers = ("relu", "leaky_relu", "elu", "gelu", "silu", "swish", "selu")
    return "he_normal" if activation in rectifiers else "glorot_uniform"


def crop_to(x: keras.KerasTensor, size: Sequence[int]) -> keras.KerasTensor:
    """Crop feature maps at the bottom and the right to `size`, (height, width)."""
    excess = [after - wanted for after, wanted in zip(x.shape[1:3], size, strict=True)]
    if any(excess):
        x = keras.layers.Cropping2D([(0, pixels) for pixels in excess])(x)
    return x


def reconstruction(
    x: keras.KerasTensor, output_shape: Shape, activation: Activation
) -> keras.KerasTensor:
    """The last layers of a decoder: a reshape to `output_shape`, and the activation."""
    if tuple(x.shape[1:]) != tuple(output_shape):
        x = keras.layers.Reshape(output_shape)(x)
    # The activation is the last layer, so that the loss can use the logits. It
    # computes in float32, also under mixed precision.
    return keras.layers.Activation(activation, dtype="float32", name="reconstruction")(
        x
    )
