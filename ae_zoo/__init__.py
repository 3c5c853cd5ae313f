"""Pretrained autoencoders for Keras 3 and TensorFlow.

>>> model = ae_zoo.load("denoising_mnist")
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

from ae_zoo import _machine

if TYPE_CHECKING:  # what editors and type checkers see
    from ae_zoo import (
        callbacks,
        corruptions,
        data,
        distribution,
        estimators,
        evaluation,
        layers,
        lite,
        losses,
        models,
        networks,
        optimizers,
        penalties,
        plots,
    )
    from ae_zoo.models import (
        ContractiveAutoencoder,
        ConvolutionalAutoencoder,
        DeepAutoencoder,
        DenoisingAutoencoder,
        SparseAutoencoder,
        UndercompleteAutoencoder,
        VariationalAutoencoder,
    )
    from ae_zoo.training import Recipe, train
    from ae_zoo.zoo import info, list_models, load

__version__ = "0.1.0"

__all__ = [
    "ContractiveAutoencoder",
    "ConvolutionalAutoencoder",
    "DeepAutoencoder",
    "DenoisingAutoencoder",
    "Recipe",
    "SparseAutoencoder",
    "UndercompleteAutoencoder",
    "VariationalAutoencoder",
    "callbacks",
    "corruptions",
    "data",
    "distribution",
    "estimators",
    "evaluation",
    "info",
    "layers",
    "list_models",
    "lite",
    "load",
    "losses",
    "models",
    "networks",
    "optimizers",
    "penalties",
    "plots",
    "train",
]

# Where the names are that are not modules themselves.
_MODULE_OF = {
    "ContractiveAutoencoder": "ae_zoo.models",
    "ConvolutionalAutoencoder": "ae_zoo.models",
    "DeepAutoencoder": "ae_zoo.models",
    "DenoisingAutoencoder": "ae_zoo.models",
    "Recipe": "ae_zoo.training",
    "SparseAutoencoder": "ae_zoo.models",
    "UndercompleteAutoencoder": "ae_zoo.models",
    "VariationalAutoencoder": "ae_zoo.models",
    "info": "ae_zoo.zoo",
    "list_models": "ae_zoo.zoo",
    "load": "ae_zoo.zoo",
    "train": "ae_zoo.training",
}

_machine.prefer_onednn()

_WITHOUT_KERAS = ("info", "list_models", "lite")

if not TYPE_CHECKING:  # or type checkers would accept any name

    def __getattr__(name: str) -> Any:
        """Import a public name on first use, so `import ae_zoo` stays light."""
        backend = os.environ.get("KERAS_BACKEND", "tensorflow")
        if name in __all__ and name not in _WITHOUT_KERAS and backend != "tensorflow":
            raise ImportError(
                "ae_zoo trains with Keras on TensorFlow. Received the environment "
                f"variable KERAS_BACKEND={backend!r}. Set it to 'tensorflow' before "
                "keras is imported."
            )
        if name in _MODULE_OF:
            return getattr(importlib.import_module(_MODULE_OF[name]), name)
        if name in __all__:
            return importlib.import_module(f"ae_zoo.{name}")
        raise AttributeError(f"module 'ae_zoo' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
