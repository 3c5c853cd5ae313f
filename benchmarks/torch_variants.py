"""The models of `variants.py`, written in plain PyTorch."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F


def bernoulli(logits: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Sum the cross-entropy over the pixels and average it over the batch."""
    total = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    return total / len(x)


class Dense(nn.Module):
    """Dense layers with ReLU, except after the code and the output."""

    def __init__(self, encoder: list[int], decoder: list[int]) -> None:
        super().__init__()
        self.encoder = dense(encoder)
        self.decoder = dense(decoder)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return bernoulli(self.decoder(self.encoder(x)), x)


def dense(widths: list[int], activation: type[nn.Module] = nn.ReLU) -> nn.Sequential:
    """Make dense layers with an activation between them."""
    made: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        made += [nn.Linear(inputs, outputs), activation()]
    return nn.Sequential(*made[:-1])


class Tied(nn.Module):
    """One hidden layer whose kernel the decoder shares."""

    def __init__(self, units: int = 1000) -> None:
        super().__init__()
        self.encoder = nn.Linear(784, units)
        self.bias = nn.Parameter(torch.zeros(784))

    def loss(self, code: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return bernoulli(code @ self.encoder.weight + self.bias, x)


class Sparse(Tied):
    """Keeps the 25 largest of 1000 units."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        code = self.encoder(x)
        largest_dropped = torch.topk(code, 26).values[:, -1:]
        return self.loss(torch.where(code > largest_dropped, code, 0.0), x)


class Contractive(Tied):
    """Adds 0.1 ‖J‖² of sigmoid units, in closed form."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        code = torch.sigmoid(self.encoder(x))
        slope = code * (1 - code)
        penalty = slope.square() @ self.encoder.weight.square().sum(1)
        return self.loss(code, x) + 0.1 * penalty.mean()


class Variational(nn.Module):
    """A Gaussian posterior and prior, with GELU in the hidden layers."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(dense([784, 200, 200], nn.GELU), nn.GELU())
        self.mean = nn.Linear(200, 50)
        self.log_var = nn.Linear(200, 50)
        self.decoder = dense([50, 200, 200, 784], nn.GELU)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.encoder(x)
        mean, log_var = self.mean(hidden), self.log_var(hidden)
        z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
        kl = 0.5 * (log_var.exp() + mean.square() - 1 - log_var).sum(1).mean()
        return bernoulli(self.decoder(z), x) + kl


class Convolutional(nn.Module):
    """The ConvNet, with Gaussian noise on the input if `noise` > 0."""

    is_convolutional = True

    def __init__(self, noise: float = 0.0) -> None:
        super().__init__()
        self.noise = noise
        self.layers = nn.Sequential(
            nn.Conv2d(1, 32, 3, 2, 1),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3, 2, 1),
            nn.ReLU(),
            nn.Conv2d(64, 8, 3, 1, 1),
            nn.ReLU(),
            nn.ConvTranspose2d(8, 64, 3, 2, 1, 1),
            nn.ReLU(),
            nn.ConvTranspose2d(64, 32, 3, 2, 1, 1),
            nn.ReLU(),
            nn.Conv2d(32, 1, 3, 1, 1),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        corrupted = x
        if self.noise:
            corrupted = (x + self.noise * torch.randn_like(x)).clamp(0, 1)
        return bernoulli(self.layers(corrupted), x)


BUILD = {
    "undercomplete": lambda: Dense([784, 1024, 32], [32, 1024, 784]),
    "deep": lambda: Dense([784, 1000, 500, 250, 30], [30, 250, 500, 1000, 784]),
    "sparse": Sparse,
    "contractive": Contractive,
    "variational": Variational,
    "denoising": lambda: Convolutional(0.5),
    "convolutional": Convolutional,
}
