"""Autoencoders with the interfaces of scikit-learn.

`AutoencoderDetector` finds the odd rows of a table, windows of a series or images, and
says which features make them odd. `AutoencoderTransformer` maps rows to codes and back.
"""

from ae_zoo.estimators.detector import AutoencoderDetector
from ae_zoo.estimators.transformer import AutoencoderTransformer

__all__ = ["AutoencoderDetector", "AutoencoderTransformer"]
