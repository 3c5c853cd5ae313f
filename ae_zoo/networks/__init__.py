"""Encoders and decoders of common architectures, as plain Keras models.

Every variant takes any encoder and decoder. The recipes use the ones in this package.
"""

from ae_zoo.networks.convolutional import convolutional_decoder, convolutional_encoder
from ae_zoo.networks.dense import dense_decoder, dense_encoder, tied_decoder
from ae_zoo.networks.introspection import code_layer, dense_chain, dictionary
from ae_zoo.networks.receptive_field import receptive_field
from ae_zoo.networks.residual import residual_decoder, residual_encoder
from ae_zoo.networks.residual_u_net import residual_u_net_encoder
from ae_zoo.networks.u_net import pixel_decoder, u_net_encoder

__all__ = [
    "code_layer",
    "convolutional_decoder",
    "convolutional_encoder",
    "dense_chain",
    "dense_decoder",
    "dense_encoder",
    "dictionary",
    "pixel_decoder",
    "receptive_field",
    "residual_decoder",
    "residual_encoder",
    "residual_u_net_encoder",
    "tied_decoder",
    "u_net_encoder",
]
