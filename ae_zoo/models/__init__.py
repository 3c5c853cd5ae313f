"""The seven variants, one short file each."""

from ae_zoo import optimizers  # noqa: F401  (registers a schedule of saved models)
from ae_zoo.models.autoencoder import Autoencoder
from ae_zoo.models.contractive import ContractiveAutoencoder
from ae_zoo.models.convolutional import ConvolutionalAutoencoder
from ae_zoo.models.deep import DeepAutoencoder
from ae_zoo.models.denoising import DenoisingAutoencoder
from ae_zoo.models.sparse import SparseAutoencoder
from ae_zoo.models.undercomplete import UndercompleteAutoencoder
from ae_zoo.models.variational import VariationalAutoencoder

__all__ = [
    "Autoencoder",
    "ContractiveAutoencoder",
    "ConvolutionalAutoencoder",
    "DeepAutoencoder",
    "DenoisingAutoencoder",
    "SparseAutoencoder",
    "UndercompleteAutoencoder",
    "VariationalAutoencoder",
]
