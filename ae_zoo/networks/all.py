"""Encoders and decoders of ordinary shapes, as plain Keras models.

Each variant takes any encoder and decoder; these are the ones the recipes use.
"""

import math

import keras

from ae_zoo.layers import TransposedDense

_LISTING = ("Functional", "Sequential")  # subclasses may compute anything
_SHAPE_ONLY = (
    keras.layers.InputLayer,
    keras.layers.Flatten,
    keras.layers.Reshape,
    keras.layers.Dropout,
)


def dense_encoder(input_shape, units, activation="relu", latent_activation="linear"):
    """A stack of dense layers, the first named "from_input".

    Args:
        input_shape: Shape of one sample, without the batch.
        units: Widths from the input to the latent; the last is the latent size d.
        activation: Of the hidden layers.
        latent_activation: Of the latent layer.

    Returns:
        A model (batch, *input_shape) to (batch, d).

    Example:

    >>> dense_encoder((28, 28, 1), [1000, 500, 250, 30]).output_shape
    (None, 30)
    """
    inputs = keras.Input(input_shape)
    x = keras.layers.Flatten()(inputs) if len(input_shape) > 1 else inputs
    for depth, width in enumerate(units, 1):
        name = "from_input" if depth == 1 else None
        is_latent = depth == len(units)
        x = _dense(width, latent_activation if is_latent else activation, name)(x)
    return keras.Model(inputs, x, name="encoder")


def dense_decoder(latent_dim, units, output_shape, activation="relu", output="sigmoid"):
    """A stack of dense layers from the latent code to an image or a vector.

    The last of them is named "to_output".

    Args:
        latent_dim: d.
        units: Widths of the hidden layers, from the latent to the output.
        output_shape: Shape of one reconstruction, without the batch.
        activation: Of the hidden layers.
        output: Activation of the reconstruction: "sigmoid" for the Bernoulli loss,
            "linear" for the Gaussian.

    Returns:
        A model (batch, d) to (batch, *output_shape).

    Example:

    >>> dense_decoder(30, [250, 500, 1000], (28, 28, 1)).output_shape
    (None, 28, 28, 1)
    """
    inputs = keras.Input((latent_dim,))
    x = inputs
    for width in units:
        x = _dense(width, activation)(x)
    x = keras.layers.Dense(math.prod(output_shape), name="to_output")(x)
    return keras.Model(inputs, _reconstruction(x, output_shape, output), name="decoder")


def convolutional_encoder(
    input_shape, filters, latent_dim=None, kernel_size=3, activation="relu"
):
    """Convolutions that halve the image once for each entry of `filters`.

    Args:
        input_shape: (height, width, channels), of any size.
        filters: Channels after each halving.
        latent_dim: d of a dense code; None leaves the code a feature map.
        kernel_size: Of the convolutions.
        activation: Of the convolutions.

    Returns:
        A model (batch, height, width, channels) to (batch, d), or to
        (batch, ⌈height/2ˢ⌉, ⌈width/2ˢ⌉, filters[-1]) with s = len(filters).

    Example:

    >>> convolutional_encoder((33, 47, 3), [16, 32], latent_dim=10).output_shape
    (None, 10)
    """
    inputs = keras.Input(input_shape)
    x = inputs
    for channels in filters:
        x = _convolution(channels, kernel_size, activation, strides=2)(x)
    if latent_dim is not None:
        x = keras.layers.Dense(latent_dim)(keras.layers.Flatten()(x))
    return keras.Model(inputs, x, name="encoder")


def convolutional_decoder(
    output_shape,
    filters,
    latent_dim=None,
    kernel_size=3,
    activation="relu",
    output="sigmoid",
):
    """The mirror image of `convolutional_encoder`, with transposed convolutions.

    Sizes that are not a multiple of 2ˢ are met by cropping after each doubling.

    Args:
        output_shape: (height, width, channels), of any size.
        filters: The `filters` of the encoder, in the encoder's order.
        latent_dim: As given to the encoder.
        kernel_size: Of the convolutions.
        activation: Of the hidden convolutions.
        output: Activation of the reconstruction: "sigmoid" for the Bernoulli loss,
            "linear" for the Gaussian.

    Returns:
        A model from the encoder's code to (batch, *output_shape).

    Example:

    >>> convolutional_decoder((33, 47, 3), [16, 32], latent_dim=10).output_shape
    (None, 33, 47, 3)
    """
    height, width, channels = output_shape
    sizes = [(height, width)]
    for _ in filters:
        sizes.append(tuple(math.ceil(side / 2) for side in sizes[-1]))
    code_shape = (*sizes.pop(), filters[-1])
    if latent_dim is None:
        inputs = x = keras.Input(code_shape)
    else:
        inputs = keras.Input((latent_dim,))
        x = _dense(math.prod(code_shape), activation)(inputs)
        x = keras.layers.Reshape(code_shape)(x)
    for width_after in [*filters[-2::-1], filters[0]]:
        x = keras.layers.Conv2DTranspose(
            width_after,
            kernel_size,
            strides=2,
            padding="same",
            activation=activation,
            kernel_initializer=_initializer(activation),
        )(x)
        x = _crop_to(x, sizes.pop())
    x = keras.layers.Conv2D(channels, kernel_size, padding="same")(x)
    return keras.Model(inputs, _reconstruction(x, output_shape, output), name="decoder")


def u_net_encoder(input_shape, filters, activation="relu"):
    """Features of each pixel, from coarse scales and fine ones, beside the input.

    The U-Net of Ronneberger et al. 2015 without its last layer: a code that limits
    nothing, for restoring images. One convolution makes an image of them.

    Args:
        input_shape: (height, width, channels), of any size.
        filters: Channels at full size and after each halving.
        activation: Of the convolutions.

    Returns:
        A model (batch, height, width, channels) to
        (batch, height, width, channels + filters[0]).

    Example:

    >>> u_net_encoder((33, 47, 3), [16, 32, 64]).output_shape
    (None, 33, 47, 19)
    """

    def convolution(x, channels, strides=1):
        return _convolution(channels, 3, activation, strides)(x)

    inputs = keras.Input(input_shape)
    x = convolution(inputs, filters[0])
    scales = [x]
    for channels in filters[1:]:
        x = convolution(convolution(x, channels, strides=2), channels)
        scales.append(x)
    for finer in scales[-2::-1]:
        x = _crop_to(keras.layers.UpSampling2D()(x), finer.shape[1:3])
        x = convolution(keras.layers.Concatenate()([x, finer]), finer.shape[-1])
    features = keras.layers.Concatenate()([inputs, x])
    return keras.Model(inputs, features, name="encoder")


def pixel_decoder(code_shape, channels, kernel_size=3, output="sigmoid"):
    """One convolution from the features of `u_net_encoder` to an image.

    Args:
        code_shape: (height, width, features).
        channels: Of the image.
        kernel_size: Of the convolution.
        output: As for `convolutional_decoder`.

    Returns:
        A model from (batch, height, width, features) to
        (batch, height, width, channels).

    Example:

    >>> pixel_decoder((33, 47, 19), 3).output_shape
    (None, 33, 47, 3)
    """
    inputs = keras.Input(code_shape)
    x = keras.layers.Conv2D(channels, kernel_size, padding="same")(inputs)
    shape = (*code_shape[:-1], channels)
    return keras.Model(inputs, _reconstruction(x, shape, output), name="decoder")


def residual_encoder(
    input_shape, patch_size, channels, blocks, units, activation="silu"
):
    """Convolutions that add to their input, on a grid of patches of the image.

    One convolution makes the grid, so that the others are cheap; a dense layer, named
    "from_grid", ends it.

    Args:
        input_shape: (height, width, channels), of any size.
        patch_size: s, pixels from one patch to the next; a patch is half as wide again.
        channels: Of the grid.
        blocks: How many convolutions x + f(W * x) follow (He et al. 2016).
        units: d, width of the dense layer.
        activation: f, of all layers.

    Returns:
        A model (batch, height, width, channels) to (batch, d).

    Example:

    >>> residual_encoder((28, 28, 1), 4, channels=32, blocks=3, units=256).output_shape
    (None, 256)
    """
    inputs = keras.Input(input_shape)
    width = patch_size + patch_size // 2
    x = _convolution(channels, width, activation, strides=patch_size)(inputs)
    x = _residual_convolutions(x, blocks, activation)
    x = keras.layers.Flatten()(x)
    x = _dense(units, activation, "from_grid")(x)
    return keras.Model(inputs, x, name="encoder")


def residual_decoder(
    latent_dim,
    units,
    output_shape,
    patch_size,
    channels,
    blocks,
    activation="silu",
    output="sigmoid",
):
    """The mirror image of `residual_encoder`, with a dense layer named "to_grid".

    The last convolution makes the pixels of a patch as its channels, which are then
    laid out as an image (Shi et al. 2016, equation 4): a transposed convolution of
    three patches' width, but faster on CPUs.

    Args:
        latent_dim: d.
        units: Width of the first dense layer.
        output_shape: (height, width, channels), of any size.
        patch_size: As given to the encoder, as the arguments below.
        channels: Of the grid.
        blocks: How many convolutions add to their input.
        activation: Of the hidden layers.
        output: As for `convolutional_decoder`.

    Returns:
        A model (batch, d) to (batch, *output_shape).

    Example:

    >>> residual_decoder(40, 256, (28, 28, 1), 4, channels=32, blocks=3).output_shape
    (None, 28, 28, 1)
    """
    height, width, colours = output_shape
    grid = (math.ceil(height / patch_size), math.ceil(width / patch_size), channels)
    inputs = keras.Input((latent_dim,))
    x = _dense(units, activation)(inputs)
    x = _dense(math.prod(grid), activation, "to_grid")(x)
    x = _residual_convolutions(keras.layers.Reshape(grid)(x), blocks, activation)
    x = keras.layers.Conv2D(patch_size**2 * colours, 3, padding="same")(x)
    rows, columns = grid[0] * patch_size, grid[1] * patch_size
    x = keras.layers.Reshape((*grid[:2], patch_size, patch_size * colours))(x)
    x = keras.layers.Permute((1, 3, 2, 4))(x)
    x = keras.layers.Reshape((rows, columns, colours))(x)
    x = _crop_to(x, (height, width))
    return keras.Model(inputs, _reconstruction(x, output_shape, output), name="decoder")


def tied_decoder(encoder, output):
    """The transpose of a chain of dense layers, sharing their kernels.

    Layer i of the decoder computes f(Wᵀz + b) with the kernel W of the encoder's layer
    and a bias of its own; hidden activations mirror the encoder's.

    Args:
        encoder: A Functional or Sequential chain of `Dense` layers, with `Flatten` or
            `Reshape` before the first of them where the input is an image.
        output: Activation of the reconstruction.

    Returns:
        A model from the encoder's output shape to its input shape.

    Raises:
        ValueError: The encoder is not such a chain.

    Example:

    >>> encoder = dense_encoder((28, 28, 1), [500, 30])
    >>> tied_decoder(encoder, "sigmoid").output_shape
    (None, 28, 28, 1)
    """
    chain = dense_chain(encoder)
    if not chain:
        raise ValueError(
            "decoder='tied' needs an encoder that is a chain of Dense layers (Flatten, "
            "Reshape and Dropout may stand between them), because their transposed "
            f"kernels make the decoder. Received the layers: "
            f"{[type(layer).__name__ for layer in getattr(encoder, 'layers', [])]}"
        )
    inputs = x = keras.Input(encoder.output_shape[1:])
    if inputs.shape != chain[-1].output.shape:  # a Reshape or Flatten of the code
        x = keras.layers.Reshape(chain[-1].output.shape[1:])(x)
    activations = [None, *(dense.activation for dense in chain[:-1])]
    for dense, activation in zip(reversed(chain), reversed(activations), strict=True):
        x = TransposedDense(dense, activation, dtype=dense.dtype_policy)(x)
    x = _reconstruction(x, encoder.input_shape[1:], output)
    return keras.Model(inputs, x, name="tied_decoder")


def dense_chain(encoder):
    """The `Dense` layers of an encoder that is nothing but a chain of them.

    Returns:
        The layers from input to latent; empty where the encoder is anything else.
    """
    if not _lists_its_layers(encoder):
        return []
    layers = [layer for layer in encoder.layers if not isinstance(layer, _SHAPE_ONLY)]
    is_chain = all(type(layer) is keras.layers.Dense for layer in layers) and all(
        before.units == after.kernel.shape[0]
        for before, after in zip(layers, layers[1:], strict=False)
    )
    return layers if is_chain else []


def code_layer(encoder):
    """The `Dense` layer whose output is the code, (batch, d).

    Returns:
        The layer; None where another computes the code, or nothing says which.
    """
    if type(encoder).__name__ not in _LISTING:
        return None
    last = encoder.layers[-1]
    is_code = type(last) is keras.layers.Dense and last.output is encoder.outputs[0]
    return last if is_code and len(last.output.shape) == 2 else None


def dictionary(decoder):
    """The `Dense` layer of a decoder that is nothing else: x̂ = f(W z + b).

    Returns:
        The layer, whose kernel holds an atom of the size of a sample for each unit of
        the code; None where the decoder is anything else.
    """
    around = (*_SHAPE_ONLY, keras.layers.Activation)
    if not _lists_its_layers(decoder):
        return None
    layers = [layer for layer in decoder.layers if not isinstance(layer, around)]
    if len(layers) != 1 or type(layers[0]) is not keras.layers.Dense:
        return None
    sizes = math.prod(decoder.input_shape[1:]), math.prod(decoder.output_shape[1:])
    return layers[0] if layers[0].kernel.shape == sizes else None


def _lists_its_layers(model):
    """Whether a model computes what its list of layers says, and nothing more."""
    # Operations such as x ** 0.5 are none of its layers; a Sequential has none.
    operations = getattr(model, "operations", [])
    return type(model).__name__ in _LISTING and all(
        isinstance(operation, keras.layers.Layer) for operation in operations
    )


def _dense(units, activation, name=None):
    return keras.layers.Dense(
        units,
        activation=activation,
        kernel_initializer=_initializer(activation),
        name=name,
    )


def _convolution(channels, kernel_size, activation, strides=1):
    return keras.layers.Conv2D(
        channels,
        kernel_size,
        strides,
        padding="same",
        activation=activation,
        kernel_initializer=_initializer(activation),
    )


def _initializer(activation):
    # He's variance for half-dead rectifiers, Glorot's for the others.
    rectifiers = ("relu", "leaky_relu", "elu", "gelu", "silu", "swish", "selu")
    return "he_normal" if activation in rectifiers else "glorot_uniform"


def _residual_convolutions(x, blocks, activation):
    for _ in range(blocks):
        change = _convolution(x.shape[-1], 3, activation)(x)
        x = keras.layers.Add()([x, change])
    return x


def _crop_to(x, size):
    excess = [after - wanted for after, wanted in zip(x.shape[1:3], size, strict=True)]
    if any(excess):
        x = keras.layers.Cropping2D([(0, pixels) for pixels in excess])(x)
    return x


def _reconstruction(x, output_shape, activation):
    if tuple(x.shape[1:]) != tuple(output_shape):
        x = keras.layers.Reshape(output_shape)(x)
    # Last, so that the loss can work from the logits; float32 under mixed precision.
    return keras.layers.Activation(activation, dtype="float32", name="reconstruction")(
        x
    )
