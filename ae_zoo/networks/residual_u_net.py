"""A U-Net of residual blocks that starts below full size, for large photographs."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from ae_zoo._checks import check_count
from ae_zoo.layers.padding import CropTo
from ae_zoo.networks import _parts
from ae_zoo.networks._parts import Activation, OpenShape


def residual_u_net_encoder(
    input_shape: OpenShape,
    filters: Sequence[int],
    blocks: Sequence[int],
    features: int = 16,
    activation: Activation = "relu",
) -> keras.Model:
    """A U-Net whose first convolution halves the image, without its last layer.

    No convolution between the first and the last works at full size, so the network
    computes a quarter of what `u_net_encoder` computes with the same filters. Its
    blocks add W2 * f(W1 * x) to x (He et al. 2016) and begin as the identity, which
    lets deep networks train at high learning rates. Skips between the two halves are
    added, not concatenated. Layers have no bias. With a rectifier as activation, the
    features of an image that is twice as bright are twice as large, which helps with
    noise of unseen strength (Mohan et al. 2020, "Robust and interpretable blind image
    denoising via bias-free convolutional neural networks"). `pixel_decoder` adds the
    last layer.

    Args:
        input_shape: (height, width, channels). Any size works. With None for height
            and width, one model takes images of every size: it pads them by reflection
            to a multiple of 2^len(filters), and crops the features back.
        filters: Number of channels at half size and after each further halving.
        blocks: Number of residual blocks at each of these sizes, on the way down and
            on the way up; those of the last size are there once.
        features: Number of features for each pixel at full size.
        activation: Activation f.

    Returns:
        A model that maps (batch, height, width, channels) to
        (batch, height, width, channels + features).

    Raises:
        ValueError: `filters` and `blocks` have different lengths.

    Example:

    >>> encoder = ae_zoo.networks.residual_u_net_encoder(
    ...     (None, None, 1), filters=[16, 32], blocks=[1, 2]
    ... )
    >>> encoder(np.zeros((1, 33, 47, 1))).shape
    TensorShape([1, 33, 47, 17])
    """
    input_shape = _parts.check_shape("input_shape", input_shape, 3, can_be_open=True)
    filters = _parts.check_counts("filters", filters)
    blocks = _parts.check_counts("blocks", blocks)
    features = check_count("features", features)
    if len(filters) != len(blocks):
        raise ValueError(
            "`blocks` must have one number for each of `filters`. Received: "
            f"filters={filters}, blocks={blocks}"
        )
    inputs = keras.Input(input_shape)
    x = _parts.padded(inputs, len(filters))
    # As wide as a 3×3 convolution of cells of 2×2 pixels.
    x = _parts.convolution(filters[0], 6, "linear", 2, use_bias=False)(x)
    scales = []
    for level, channels in enumerate(filters):
        if level > 0:
            x = _parts.convolution(channels, 2, "linear", 2, use_bias=False)(x)
        x = _blocks(x, blocks[level], activation)
        scales.append(x)
    for level, finer in reversed([*enumerate(scales[:-1])]):
        x = _upsampled(x, finer.shape[-1], "linear")
        x = _parts.crop_to(x, finer.shape[1:3])
        x = _blocks(keras.layers.Add()([x, finer]), blocks[level], activation)
    x = _upsampled(x, features, activation)
    x = CropTo(name="crop")([x, inputs])
    outputs = keras.layers.Concatenate()([inputs, x])
    return keras.Model(inputs, outputs, name="encoder")


def _blocks(
    x: keras.KerasTensor, blocks: int, activation: Activation
) -> keras.KerasTensor:
    for _ in range(blocks):
        change = _parts.convolution(x.shape[-1], 3, activation, use_bias=False)(x)
        change = keras.layers.Conv2D(
            x.shape[-1],
            3,
            padding="same",
            use_bias=False,
            kernel_initializer="zeros",
        )(change)
        x = keras.layers.Add()([x, change])
    return x


def _upsampled(
    x: keras.KerasTensor, channels: int, activation: Activation
) -> keras.KerasTensor:
    """Twice the size: each cell gives 2×2 cells of its own."""
    return keras.layers.Conv2DTranspose(
        channels,
        2,
        strides=2,
        padding="same",
        activation=activation,
        use_bias=False,
        kernel_initializer=_parts.initializer(activation),
    )(x)
