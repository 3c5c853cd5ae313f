"""ae_zoo: pretrained autoencoders for Keras 3 and TensorFlow.

>>> model = ae_zoo.load("denoising_mnist")
"""

import importlib

__version__ = "0.1.0"

# Resolved on first use, so that `import ae_zoo` does not load TensorFlow.
_LAZY = {
    "load": "ae_zoo.zoo",
    "list_models": "ae_zoo.zoo",
    "info": "ae_zoo.zoo",
    "Recipe": "ae_zoo.training",
    "train": "ae_zoo.training",
    "UndercompleteAutoencoder": "ae_zoo.models",
    "DeepAutoencoder": "ae_zoo.models",
    "DenoisingAutoencoder": "ae_zoo.models",
    "SparseAutoencoder": "ae_zoo.models",
    "ContractiveAutoencoder": "ae_zoo.models",
    "ConvolutionalAutoencoder": "ae_zoo.models",
    "VariationalAutoencoder": "ae_zoo.models",
}
_MODULES = (
    "callbacks",
    "corruptions",
    "data",
    "distribution",
    "evaluation",
    "layers",
    "lite",
    "losses",
    "models",
    "networks",
    "optimizers",
    "penalties",
    "plots",
)

__all__ = [*_LAZY, *_MODULES]


def __getattr__(name):
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"ae_zoo.{name}")
    raise AttributeError(f"module 'ae_zoo' has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])
