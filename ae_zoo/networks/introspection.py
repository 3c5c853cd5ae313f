"""What can be said about a network from its layers."""

from __future__ import annotations

import math

import keras

# The layers of these classes are all that the model computes. A subclass of
# `keras.Model` may compute anything in its `call`.
_LISTING = ("Functional", "Sequential")
_SHAPE_ONLY = (
    keras.layers.InputLayer,
    keras.layers.Flatten,
    keras.layers.Reshape,
    keras.layers.Dropout,
)


def dense_chain(encoder: keras.Model) -> list[keras.layers.Dense]:
    """Return the `Dense` layers of an encoder that is a plain chain of them.

    `Flatten`, `Reshape` and `Dropout` layers may stand between them.

    Args:
        encoder: Any Keras model.

    Returns:
        The layers, from the input to the latent code. An empty list if the encoder has
        any other layer or operation.

    Example:

    >>> encoder = ae_zoo.networks.dense_encoder((28, 28, 1), [500, 30])
    >>> [layer.units for layer in ae_zoo.networks.dense_chain(encoder)]
    [500, 30]
    """
    if not _lists_its_layers(encoder):
        return []
    layers = [layer for layer in encoder.layers if not isinstance(layer, _SHAPE_ONLY)]
    is_chain = all(type(layer) is keras.layers.Dense for layer in layers) and all(
        before.units == after.kernel.shape[0]
        for before, after in zip(layers, layers[1:], strict=False)
    )
    return layers if is_chain else []


def code_layer(encoder: keras.Model) -> keras.layers.Dense | None:
    """Return the `Dense` layer whose output is the latent code, (batch, d).

    Args:
        encoder: Any Keras model.

    Returns:
        The last layer of a Functional or Sequential encoder. None if that layer is not
        a `Dense` layer, or if its output is not the output of the encoder.

    Example:

    >>> encoder = ae_zoo.networks.convolutional_encoder((8, 8, 1), [4], latent_dim=5)
    >>> ae_zoo.networks.code_layer(encoder).units
    5
    """
    if type(encoder).__name__ not in _LISTING:
        return None
    last = encoder.layers[-1]
    is_code = type(last) is keras.layers.Dense and last.output is encoder.outputs[0]
    return last if is_code and len(last.output.shape) == 2 else None


def dictionary(decoder: keras.Model) -> keras.layers.Dense | None:
    """Return the only `Dense` layer of a one-layer decoder, x̂ = f(W z + b).

    Its kernel, (d, n), holds one dictionary atom for each latent unit. An atom has the
    size of a sample.

    Args:
        decoder: Any Keras model.

    Returns:
        The layer, or None if the decoder has other layers with weights or operations.

    Example:

    >>> decoder = ae_zoo.networks.dense_decoder(5, [], (8, 8, 1))
    >>> ae_zoo.networks.dictionary(decoder).name
    'to_output'
    """
    around = (*_SHAPE_ONLY, keras.layers.Activation)
    if not _lists_its_layers(decoder):
        return None
    layers = [layer for layer in decoder.layers if not isinstance(layer, around)]
    if len(layers) != 1 or type(layers[0]) is not keras.layers.Dense:
        return None
    sizes = math.prod(decoder.input_shape[1:]), math.prod(decoder.output_shape[1:])
    return layers[0] if layers[0].kernel.shape == sizes else None


def _lists_its_layers(model: keras.Model) -> bool:
    """Whether a model computes its list of layers and nothing else."""
    # Operations such as x ** 0.5 are not among the layers of a Functional model. A
    # Sequential model has no operations.
    operations = getattr(model, "operations", [])
    return type(model).__name__ in _LISTING and all(
        isinstance(operation, keras.layers.Layer) for operation in operations
    )
