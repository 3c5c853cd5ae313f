"""Variants that only the tests have: they use the hooks, and change no package file."""

from variants.masked import MaskedAutoencoder
from variants.maximum_mean_discrepancy import MMDAutoencoder
from variants.vector_quantized import VectorQuantizedAutoencoder

__all__ = ["MMDAutoencoder", "MaskedAutoencoder", "VectorQuantizedAutoencoder"]
