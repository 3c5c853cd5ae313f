"""The U-Net, split into an encoder and a decoder, for restoring images."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from ae_zoo._checks import check_count
from ae_zoo.layers.padding import CropTo
from ae_zoo.networks import _parts
from ae_zoo.networks._parts import Activation, OpenShape

_LITTLE = 0.1


def u_net_encoder(
    input_shape: OpenShape, filters: Sequence[int], activation: Activation = "relu"
) -> keras.Model:
    """A U-Net without its last layer: features for each pixel, and the input itself.

    The features combine several scales of the image (Ronneberger et al. 2015). The code
    is larger than the input, so use it for restoring images, not for compressing them.
    `pixel_decoder` adds the last layer.

    Args:
        input_shape: (height, width, channels). Any size works. With None for height
            and width, one model takes images of every size: it pads them by reflection
            to a multiple of 2^(len(filters) - 1), and crops the features back.
        filters: Number of channels at full size and after each halving.
        activation: Activation of the convolutions.

    Returns:
        A model that maps (batch, height, width, channels) to
        (batch, height, width, channels + filters[0]).

    Example:

    >>> ae_zoo.networks.u_net_encoder((33, 47, 3), [16, 32, 64]).output_shape
    (None, 33, 47, 19)
    >>> encoder = ae_zoo.networks.u_net_encoder((None, None, 3), [16, 32, 64])
    >>> encoder(np.zeros((1, 33, 47, 3))).shape
    TensorShape([1, 33, 47, 19])
    """
    filters = _parts.check_counts("filters", filters)
    input_shape = _parts.check_shape("input_shape", input_shape, 3, can_be_open=True)

    def convolution(
        x: keras.KerasTensor, channels: int, strides: int = 1
    ) -> keras.KerasTensor:
        return _parts.convolution(channels, 3, activation, strides)(x)

    inputs = keras.Input(input_shape)
    x = convolution(_parts.padded(inputs, len(filters) - 1), filters[0])
    scales = [x]
    for channels in filters[1:]:
        x = convolution(convolution(x, channels, strides=2), channels)
        scales.append(x)
    for finer in scales[-2::-1]:
        x = _parts.crop_to(keras.layers.UpSampling2D()(x), finer.shape[1:3])
        x = convolution(keras.layers.Concatenate()([x, finer]), finer.shape[-1])
    if None in input_shape and len(filters) > 1:
        x = CropTo(name="crop")([x, inputs])
    features = keras.layers.Concatenate()([inputs, x])
    return keras.Model(inputs, features, name="encoder")


def pixel_decoder(
    code_shape: OpenShape,
    channels: int,
    kernel_size: int = 3,
    output: Activation = "sigmoid",
    starts_from_input: bool = False,
) -> keras.Model:
    """One convolution from the features of a U-Net to an image.

    Args:
        code_shape: (height, width, features).
        channels: Number of channels of the image.
        kernel_size: Kernel size of the convolution.
        output: Activation of the reconstruction: "sigmoid" for the Bernoulli loss,
            "linear" for the Gaussian loss.
        starts_from_input: Whether the convolution begins with the first `channels`
            features, which are the input, and a little of the others. Otherwise an
            optimizer spends its first steps, which are the least stable, on learning to
            copy the input. Needs output="linear".

    Returns:
        A model that maps (batch, height, width, features) to
        (batch, height, width, channels).

    Raises:
        ValueError: `starts_from_input` with another output than "linear", or with
            fewer features than channels.

    Example:

    >>> ae_zoo.networks.pixel_decoder((33, 47, 19), 3).output_shape
    (None, 33, 47, 3)
    """
    code_shape = _parts.check_shape("code_shape", code_shape, 3, can_be_open=True)
    channels = check_count("channels", channels)
    _parts.check_kernel(kernel_size)
    if starts_from_input and (output != "linear" or (code_shape[-1] or 0) < channels):
        raise ValueError(
            "`starts_from_input` needs output='linear' and at least as many features "
            f"as channels. Received: output={output!r}, {code_shape[-1]} features, "
            f"{channels} channels"
        )
    inputs = keras.Input(code_shape)
    convolution = keras.layers.Conv2D(channels, kernel_size, padding="same")
    x = convolution(inputs)
    if starts_from_input:
        kernel, bias = convolution.get_weights()
        kernel *= _LITTLE
        kernel[:, :, :channels] = 0
        row, column = ((size - 1) // 2 for size in convolution.kernel_size)
        kernel[row, column, :channels] = np.eye(channels)
        convolution.set_weights([kernel, bias])
    x = _parts.reconstruction(x, (*code_shape[:-1], channels), output)
    return keras.Model(inputs, x, name="decoder")
