"""Encoders and decoders made of dense layers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras

from ae_zoo._checks import check_count
from ae_zoo.layers import TransposedDense
from ae_zoo.networks import _parts
from ae_zoo.networks._parts import Activation, Shape
from ae_zoo.networks.introspection import dense_chain


def dense_encoder(
    input_shape: Shape,
    units: Sequence[int],
    activation: Activation = "relu",
    latent_activation: Activation = "linear",
) -> keras.Model:
    """A stack of dense layers. The first one is named "from_input".

    Args:
        input_shape: Shape of one sample, without the batch dimension.
        units: Width of each layer, from the input to the latent code. The last width is
            the latent size d.
        activation: Activation of the hidden layers.
        latent_activation: Activation of the latent layer.

    Returns:
        A model that maps (batch, *input_shape) to (batch, d).

    Example:

    >>> ae_zoo.networks.dense_encoder((28, 28, 1), [1000, 500, 250, 30]).output_shape
    (None, 30)
    """
    input_shape = _parts.check_shape("input_shape", input_shape)
    units = _parts.check_counts("units", units)
    inputs = keras.Input(input_shape)
    x = keras.layers.Flatten()(inputs) if len(input_shape) > 1 else inputs
    for depth, width in enumerate(units, 1):
        name = "from_input" if depth == 1 else None
        is_latent = depth == len(units)
        x = _parts.dense(width, latent_activation if is_latent else activation, name)(x)
    return keras.Model(inputs, x, name="encoder")


def dense_decoder(
    latent_dim: int,
    units: Sequence[int],
    output_shape: Shape,
    activation: Activation = "relu",
    output: Activation = "sigmoid",
) -> keras.Model:
    """A stack of dense layers from the latent code to an image or a vector.

    The last dense layer is named "to_output".

    Args:
        latent_dim: Latent size d.
        units: Width of each hidden layer, from the latent code to the output.
        output_shape: Shape of one reconstruction, without the batch dimension.
        activation: Activation of the hidden layers.
        output: Activation of the reconstruction: "sigmoid" for the Bernoulli loss,
            "linear" for the Gaussian loss.

    Returns:
        A model that maps (batch, d) to (batch, *output_shape).

    Example:

    >>> ae_zoo.networks.dense_decoder(30, [250, 500, 1000], (28, 28, 1)).output_shape
    (None, 28, 28, 1)
    """
    latent_dim = check_count("latent_dim", latent_dim)
    units = _parts.check_counts("units", units, can_be_empty=True)
    output_shape = _parts.check_shape("output_shape", output_shape)
    inputs = keras.Input((latent_dim,))
    x = inputs
    for width in units:
        x = _parts.dense(width, activation)(x)
    x = keras.layers.Dense(math.prod(output_shape), name="to_output")(x)
    x = _parts.reconstruction(x, output_shape, output)
    return keras.Model(inputs, x, name="decoder")


def tied_decoder(encoder: keras.Model, output: Activation) -> keras.Model:
    """The transpose of a chain of dense layers, with shared kernels.

    Each decoder layer computes f(Wᵀz + b), where W is the kernel of the matching
    encoder layer and b a bias of its own. The hidden activations are those of the
    encoder in reverse order.

    Args:
        encoder: A Functional or Sequential chain of `Dense` layers. `Flatten`,
            `Reshape` and `Dropout` layers may stand between them.
        output: Activation of the reconstruction.

    Returns:
        A model that maps the encoder's output shape to its input shape.

    Raises:
        ValueError: The encoder is not such a chain.

    Example:

    >>> encoder = ae_zoo.networks.dense_encoder((28, 28, 1), [500, 30])
    >>> ae_zoo.networks.tied_decoder(encoder, "sigmoid").output_shape
    (None, 28, 28, 1)
    """
    chain = dense_chain(encoder)
    if not chain:
        raise ValueError(
            "decoder='tied' needs an encoder that is a chain of Dense layers (with "
            "optional Flatten, Reshape and Dropout layers), because the decoder uses "
            "their transposed kernels. Received an encoder with the layers: "
            f"{[type(layer).__name__ for layer in getattr(encoder, 'layers', [])]}"
        )
    inputs = x = keras.Input(encoder.output_shape[1:])
    if inputs.shape != chain[-1].output.shape:  # the encoder reshapes its code
        x = keras.layers.Reshape(chain[-1].output.shape[1:])(x)
    activations = [None, *(dense.activation for dense in chain[:-1])]
    for dense, activation in zip(reversed(chain), reversed(activations), strict=True):
        x = TransposedDense(dense, activation, dtype=_unquantized_policy(dense))(x)
    x = _parts.reconstruction(x, encoder.input_shape[1:], output)
    return keras.Model(inputs, x, name="tied_decoder")


def _unquantized_policy(layer: keras.layers.Layer) -> keras.DTypePolicy:
    """Return the dtype policy of a layer, or the one it had before `quantize`."""
    policy = layer.dtype_policy
    if policy.quantization_mode is None:
        return policy
    mixed = "mixed_" if policy.compute_dtype != policy.variable_dtype else ""
    return keras.DTypePolicy(mixed + policy.compute_dtype)
