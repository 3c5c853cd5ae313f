"""Layers of autoencoders that Keras lacks.

They tie weights, keep the largest units, learn a prior, scale inputs, and pad images
of any size.
"""

from ae_zoo.layers.flow import RealNVP
from ae_zoo.layers.padding import CropTo, PadToMultiple
from ae_zoo.layers.scaling import Scaling
from ae_zoo.layers.sparsity import keep_largest
from ae_zoo.layers.tied import TransposedDense

__all__ = [
    "CropTo",
    "PadToMultiple",
    "RealNVP",
    "Scaling",
    "TransposedDense",
    "keep_largest",
]
