"""Encoders and decoders of common architectures, as plain Keras models.

Each variant takes any encoder and decoder; these are the ones the recipes use.
"""

from ae_zoo.networks.all import (
    code_layer,
    convolutional_decoder,
    convolutional_encoder,
    dense_chain,
    dense_decoder,
    dense_encoder,
    dictionary,
    pixel_decoder,
    residual_decoder,
    residual_encoder,
    tied_decoder,
    u_net_encoder,
)

__all__ = [
    "code_layer",
    "convolutional_decoder",
    "convolutional_encoder",
    "dense_chain",
    "dense_decoder",
    "dense_encoder",
    "dictionary",
    "pixel_decoder",
    "residual_decoder",
    "residual_encoder",
    "tied_decoder",
    "u_net_encoder",
]
