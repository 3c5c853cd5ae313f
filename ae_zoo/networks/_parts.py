"""Layers that several encoders and decoders share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import keras

from ae_zoo._checks import check_count
from ae_zoo.layers.padding import PadToMultiple

Shape: TypeAlias = tuple[int, ...]
# None for height and width: images of every size.
OpenShape: TypeAlias = tuple[int | None, ...]
Activation: TypeAlias = str | Callable[[keras.KerasTensor], keras.KerasTensor]


def check_shape(
    name: str, shape: object, rank: int | None = None, can_be_open: bool = False
) -> Any:
    """Check the shape of one sample.

    Args:
        name: Name of the argument, for the message.
        shape: What was received.
        rank: Number of sizes, or None for one or more.
        can_be_open: Whether all sizes but the last may be None, for images of any size.

    Returns:
        The shape as a tuple of Python integers.

    Raises:
        TypeError: It is no sequence, or a size is no integer.
        ValueError: It has another number of sizes, or a size is less than 1.
    """
    expected = {None: "such as (28, 28, 1) or (784,)", 3: "(height, width, channels)"}
    message = f"`{name}` must be the shape of one sample, {expected[rank]}"
    if rank == 3:
        _check_channels_last()
    sizes = _sequence(shape, message)
    if not sizes or rank not in (None, len(sizes)):
        raise ValueError(f"{message}. Received: {shape!r}")
    for place, size in enumerate(sizes):
        if size is not None or not can_be_open or place == len(sizes) - 1:
            sizes[place] = check_count(name, size, " in each place")
    return tuple(sizes)


def check_counts(name: str, values: object, can_be_empty: bool = False) -> list[int]:
    """Check the widths of several layers, or their numbers of channels.

    Args:
        name: Name of the argument, for the message.
        values: What was received.
        can_be_empty: Whether there may be no layer.

    Returns:
        The values as Python integers.

    Raises:
        TypeError: It is no sequence of integers.
        ValueError: It is empty, or a value is less than 1.
    """
    message = f"`{name}` must be a sequence of positive integers, such as [256, 32]"
    counts = _sequence(values, message)
    if not counts and not can_be_empty:
        raise ValueError(f"{message}. Received: {values!r}")
    return [check_count(name, value, " in each place") for value in counts]


def check_kernel(size: object) -> None:
    """Check the size of a kernel, an integer or a pair of integers."""
    sizes = size if isinstance(size, tuple | list) and len(size) == 2 else [size]
    for value in sizes:
        check_count("kernel_size", value)


def _sequence(values: object, message: str) -> list[Any]:
    if isinstance(values, str | bytes | dict) or not isinstance(values, Iterable):
        raise TypeError(
            f"{message}. Received: {values!r} of type {type(values).__name__}"
        )
    return list(values)


def _check_channels_last() -> None:
    """Check the image format that Keras is configured for.

    Raises:
        ValueError: It is not "channels_last".
    """
    if keras.config.image_data_format() != "channels_last":
        raise ValueError(
            "Images must have the shape (height, width, channels). Received "
            "keras.config.image_data_format() = "
            f"{keras.config.image_data_format()!r}. Call "
            "keras.config.set_image_data_format('channels_last')."
        )


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
    use_bias: bool = True,
) -> keras.layers.Conv2D:
    """A convolution with "same" padding and the initializer for its activation."""
    return keras.layers.Conv2D(
        channels,
        kernel_size,
        strides,
        padding="same",
        activation=activation,
        use_bias=use_bias,
        kernel_initializer=initializer(activation),
    )


def initializer(activation: Activation) -> str:
    """Name of the kernel initializer for an activation."""
    # Rectifiers pass about half of their inputs, so their kernels need twice the
    # variance (He et al. 2015).
    rectifiers = ("relu", "leaky_relu", "elu", "gelu", "silu", "swish", "selu")
    return "he_normal" if activation in rectifiers else "glorot_uniform"


def padded(x: keras.KerasTensor, halvings: int) -> keras.KerasTensor:
    """Images of open size, padded so that they can be halved; others as they are."""
    if None not in x.shape[1:3] or halvings == 0:
        return x
    return PadToMultiple(2**halvings, name="pad")(x)


def crop_to(x: keras.KerasTensor, size: Sequence[int | None]) -> keras.KerasTensor:
    """Crop feature maps at the bottom and the right to `size`, (height, width).

    Open sizes are not cropped: `padded` has made them multiples of the total stride.
    """
    if None in size:
        return x
    excess = [after - wanted for after, wanted in zip(x.shape[1:3], size, strict=True)]
    if any(excess):
        x = keras.layers.Cropping2D([(0, pixels) for pixels in excess])(x)
    return x


def reconstruction(
    x: keras.KerasTensor, output_shape: OpenShape, activation: Activation
) -> keras.KerasTensor:
    """The last layers of a decoder: a reshape to `output_shape`, and the activation."""
    if tuple(x.shape[1:]) != tuple(output_shape):
        x = keras.layers.Reshape(output_shape)(x)
    # The activation is the last layer, so that the loss can use the logits. It
    # computes in float32, also under mixed precision.
    return keras.layers.Activation(activation, dtype="float32", name="reconstruction")(
        x
    )
