"""Pretrained models by name, and model folders in the format of the zoo.

Importing this package does not import TensorFlow.
"""

from ae_zoo._reading import UnsafeModelError
from ae_zoo.zoo.entry import info, list_models, load
from ae_zoo.zoo.hub import push_to_hub
from ae_zoo.zoo.pretrained import save_pretrained
from ae_zoo.zoo.writing import amend, save

__all__ = [
    "UnsafeModelError",
    "amend",
    "info",
    "list_models",
    "load",
    "push_to_hub",
    "save",
    "save_pretrained",
]
