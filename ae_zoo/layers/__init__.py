"""Layers of autoencoders that Keras lacks.

They tie weights, keep the largest units, learn a prior, and scale inputs.
"""

from ae_zoo.layers.flow import RealNVP
from ae_zoo.layers.scaling import Scaling
from ae_zoo.layers.sparsity import keep_largest
from ae_zoo.layers.tied import TransposedDense

__all__ = ["RealNVP", "Scaling", "TransposedDense", "keep_largest"]
