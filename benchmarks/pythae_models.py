"""AE and VAE of Pythae, with the networks of `torch_variants.py`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import torch
import torch_variants
from pythae.data.datasets import BaseDataset
from pythae.models import AE, VAE, AEConfig, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from pythae.trainers.training_callbacks import ProgressBarCallback
from torch import nn

logging.disable(logging.INFO)
# It prints a line for each step.
ProgressBarCallback.on_train_step_begin = lambda *_, **__: None
LATENT_DIMS = {"undercomplete": 32, "deep": 30, "variational": 50}


class Encoder(BaseEncoder):
    """The encoder of a model in `torch_variants.py`."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.body = network.encoder
        self.mean = getattr(network, "mean", None)
        self.log_var = getattr(network, "log_var", None)

    def forward(self, x: torch.Tensor) -> ModelOutput:
        hidden = self.body(x.reshape(len(x), -1))
        if self.mean is None:
            return ModelOutput(embedding=hidden)
        return ModelOutput(
            embedding=self.mean(hidden), log_covariance=self.log_var(hidden)
        )


class Decoder(BaseDecoder):
    """The decoder of a model in `torch_variants.py`, with a sigmoid."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.body = network.decoder

    def forward(self, z: torch.Tensor) -> ModelOutput:
        return ModelOutput(reconstruction=torch.sigmoid(self.body(z)))


def fit_function(
    variant: str, folder: str, batch_size: int
) -> Callable[[Any, int], float]:
    """Make a model and return its `fit`; see `training.time_series`.

    Args:
        variant: A key of `LATENT_DIMS`.
        folder: Folder for the files that Pythae's trainer writes.
        batch_size: Samples per step.
    """
    network = torch_variants.BUILD[variant]()
    settings = {"input_dim": (784,), "latent_dim": LATENT_DIMS[variant]}
    parts = {"encoder": Encoder(network), "decoder": Decoder(network)}
    if variant == "variational":
        model = VAE(VAEConfig(reconstruction_loss="bce", **settings), **parts)
    else:
        model = AE(AEConfig(**settings), **parts)

    def fit(x: Any, epochs: int) -> float:
        rows = torch.from_numpy(x.reshape(len(x), -1))
        trainer = BaseTrainer(
            model,
            BaseDataset(rows, torch.zeros(len(rows))),
            training_config=BaseTrainerConfig(
                output_dir=folder,
                per_device_train_batch_size=batch_size,
                num_epochs=epochs,
                learning_rate=1e-3,
                no_cuda=True,
            ),
        )
        trainer.train()
        return float("nan")  # the squared error, in another unit

    return fit
