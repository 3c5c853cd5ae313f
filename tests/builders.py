"""Small models, data, and comparisons that several test files share.

`ENTRIES` and `VARIANTS` are the one list of what tests/test_contract.py checks.
"""

from __future__ import annotations

import csv
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import variants

import ae_zoo
from ae_zoo import corruptions, layers, models, networks
from ae_zoo.training.recipe import Recipe, load_recipe

SHAPE = (8, 8, 1)
# float32 sums over 64 pixels and 16 samples in a different order: a few rounding
# errors of 6e-8 each, on values up to about 50.
SAME = {"rtol": 1e-5, "atol": 1e-5}


def encoder(
    units: tuple[int, ...] = (6,), activation: str | None = "linear"
) -> keras.Model:
    return networks.dense_encoder(SHAPE, units, "tanh", activation)


def decoder(
    latent_dim: int = 6, units: tuple[int, ...] = (), activation: str = "sigmoid"
) -> keras.Model:
    return networks.dense_decoder(latent_dim, units, SHAPE, "tanh", activation)


def without_variance(noise: bool, model: models.Autoencoder) -> models.Autoencoder:
    if not noise:  # σ = e⁻¹⁵ changes no pixel.
        for weight in model.weights:
            if "log_var" in weight.path:
                weight.assign(
                    tf.fill(weight.shape, -30.0 if "bias" in weight.path else 0.0)
                )
    return model


def adapted(mode: str, axis: int | None = -1) -> layers.Scaling:
    """A scaling that was adapted to data between −0.5 and 1.5."""
    scaling = layers.Scaling(mode, axis)
    scaling.adapt(np.random.default_rng(0).uniform(-0.5, 1.5, (64, *SHAPE)))
    return scaling


COMMON = {"seed": 3, "name": "mine"}
# Models with non-default arguments. Each builder takes `noise`: if False, the model
# must compute without randomness.
ENTRIES: dict[str, Callable[[bool], models.Autoencoder]] = {
    "undercomplete": lambda noise: ae_zoo.UndercompleteAutoencoder(
        encoder(),
        decoder(activation="linear"),
        reconstruction_loss="gaussian",
        **COMMON,
    ),
    "deep_tied": lambda noise: ae_zoo.DeepAutoencoder(
        encoder((9, 7, 6)), "tied", reconstruction_loss="gaussian", **COMMON
    ),
    "deep_scaled": lambda noise: ae_zoo.DeepAutoencoder(
        encoder((9, 6)),
        decoder(units=(9,), activation="linear"),
        reconstruction_loss="gaussian",
        scaling=adapted("standard"),
        **COMMON,
    ),
    "denoising": lambda noise: ae_zoo.DenoisingAutoencoder(
        encoder((70,), "sigmoid"),
        "tied",
        corruption=corruptions.SaltAndPepperCorruption((0.1, 0.4) if noise else 0.0),
        reconstruction_loss="gaussian",
        **COMMON,
    ),
    "sparse_l1": lambda noise: ae_zoo.SparseAutoencoder(
        encoder((70,), "relu"), "tied", penalty_weight=0.01, **COMMON
    ),
    "sparse_kl": lambda noise: ae_zoo.SparseAutoencoder(
        encoder(activation="sigmoid"),
        decoder(),
        sparsity="kl",
        penalty_weight=0.5,
        rho=0.2,
        **COMMON,
    ),
    "sparse_k": lambda noise: ae_zoo.SparseAutoencoder(
        encoder((70,)), "tied", sparsity="k", k=5, k_inference=9, **COMMON
    ),
    "contractive_closed_form": lambda noise: ae_zoo.ContractiveAutoencoder(
        encoder(activation="sigmoid"),
        "tied",
        penalty_weight=0.3,
        jacobian="closed_form",
        **COMMON,
    ),
    "contractive_exact": lambda noise: ae_zoo.ContractiveAutoencoder(
        encoder((7, 6), "tanh"),
        decoder(activation="linear"),
        penalty_weight=0.3,
        jacobian="exact",
        reconstruction_loss="gaussian",
        **COMMON,
    ),
    # With one unit, vᵀJ = ±J: the estimate has no variance.
    "contractive_projection": lambda noise: ae_zoo.ContractiveAutoencoder(
        encoder((7, 6 if noise else 1), "tanh"),
        decoder(6 if noise else 1),
        penalty_weight=0.3,
        jacobian="projection",
        projections=2,
        **COMMON,
    ),
    "convolutional": lambda noise: ae_zoo.ConvolutionalAutoencoder(
        networks.convolutional_encoder(SHAPE, [3, 4], 6),
        networks.convolutional_decoder(SHAPE, [3, 4], 6, output="linear"),
        reconstruction_loss="gaussian",
        **COMMON,
    ),
    "variational": lambda noise: without_variance(
        noise,
        ae_zoo.VariationalAutoencoder(encoder(), decoder(4), beta=0.5, **COMMON),
    ),
    "variational_scaled": lambda noise: without_variance(
        noise,
        ae_zoo.VariationalAutoencoder(
            encoder(), decoder(4), scaling=adapted("min_max", None), **COMMON
        ),
    ),
    "learned_prior": lambda noise: without_variance(
        noise,
        ae_zoo.VariationalAutoencoder(
            encoder(),
            decoder(4),
            importance_samples=2 if noise else 1,
            prior=layers.RealNVP(2, 4),
            **COMMON,
        ),
    ),
    # At β = 0 the weights do not depend on the draws.
    "importance_weighted": lambda noise: without_variance(
        noise,
        ae_zoo.VariationalAutoencoder(
            encoder(),
            decoder(4, activation="linear"),
            beta=0.5 if noise else 0.0,
            importance_samples=3,
            reconstruction_loss="gaussian",
            **COMMON,
        ),
    ),
    "masked": lambda noise: variants.MaskedAutoencoder(
        encoder((70,), "tanh"),
        "tied",
        rate=0.5 if noise else 0.0,
        visible_weight=0.25 if noise else 1.0,
        **COMMON,
    ),
    "maximum_mean_discrepancy": lambda noise: variants.MMDAutoencoder(
        encoder(), decoder(), penalty_weight=3.0, variance=2.0, **COMMON
    ),
    "vector_quantized": lambda noise: variants.VectorQuantizedAutoencoder(
        encoder(), decoder(), beta=0.5, vectors=5, momentum=0.8, **COMMON
    ),
}
# The classes that `ENTRIES` covers, those of the package first.
VARIANTS: list[type[models.Autoencoder]] = [
    *(getattr(models, name) for name in models.__all__ if name != "Autoencoder"),
    *(getattr(variants, name) for name in variants.__all__),
]
# One entry per class, for the tests that start processes.
ONE_PER_VARIANT = [
    "undercomplete",
    "deep_tied",
    "denoising",
    "sparse_kl",
    "contractive_projection",
    "convolutional",
    "deep_scaled",
    "importance_weighted",
    "masked",
    "maximum_mean_discrepancy",
    "vector_quantized",
]


@keras.saving.register_keras_serializable("ae_zoo_tests")
class DenseEncoder(keras.Model):
    def __init__(self, units: int = 6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.flatten = keras.layers.Flatten()
        self.hidden = keras.layers.Dense(9, "tanh")
        self.code = keras.layers.Dense(units, "sigmoid")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return self.code(self.hidden(self.flatten(x)))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"units": self.units}


@keras.saving.register_keras_serializable("ae_zoo_tests")
class DenseDecoder(keras.Model):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.hidden = keras.layers.Dense(9, "tanh")
        self.pixels = keras.layers.Dense(64, "sigmoid")
        self.image = keras.layers.Reshape(SHAPE)

    def call(self, z: tf.Tensor) -> tf.Tensor:
        return self.image(self.pixels(self.hidden(z)))


def subclassed() -> tuple[keras.Model, keras.Model]:
    """An encoder and a decoder that subclass `keras.Model`, with 5 latent values."""
    parts = DenseEncoder(units=5), DenseDecoder()
    parts[0](keras.Input(SHAPE))
    parts[1](keras.Input((5,)))
    return parts


def sequential() -> tuple[keras.Model, keras.Model]:
    """An encoder and a decoder from `keras.Sequential`, with 5 latent values."""
    layers = keras.layers
    return (
        keras.Sequential(
            [
                keras.Input(SHAPE),
                layers.Flatten(),
                layers.Dense(9, "tanh"),
                layers.Dense(5),
            ]
        ),
        keras.Sequential(
            [
                keras.Input((5,)),
                layers.Dense(9, "tanh"),
                layers.Dense(64, "sigmoid"),
                layers.Reshape(SHAPE),
            ]
        ),
    )


def compiled(
    model: models.Autoencoder, learning_rate: float = 0.01
) -> models.Autoencoder:
    model.compile(
        keras.optimizers.SGD(learning_rate), metrics=[keras.metrics.MeanAbsoluteError()]
    )
    return model


def config_of(model: keras.Model) -> dict[str, Any]:
    return json.loads(json.dumps(keras.saving.serialize_keras_object(model)["config"]))


def through_file(model: keras.Model, folder: Path) -> keras.Model:
    """Saves the model to a file and loads it again."""
    model.save(folder / "model.keras")
    return keras.saving.load_model(folder / "model.keras")


def assert_same_weights(a: keras.Model, b: keras.Model) -> None:
    for mine, theirs in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, **SAME)


def digits_recipe(**changes: Any) -> Recipe:
    """The recipe of `undercomplete_digits`, which trains in seconds, with changes."""
    return dataclasses.replace(load_recipe("undercomplete_digits")[1], **changes)


def training_log(output_dir: Path) -> list[dict[str, str]]:
    """The rows of the table that a training run writes."""
    with open(output_dir / "training.csv", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    """Standard normal float32 values that are the same on every call."""
    return np.random.default_rng(seed).normal(size=shape).astype("float32")
