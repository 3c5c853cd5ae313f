"""The models that the estimators build: a variant by name, or a user's function."""

from __future__ import annotations

import contextlib
import inspect
import random
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from ae_zoo import models, networks
from ae_zoo._checks import check_count, unknown_name
from ae_zoo.corruptions import GaussianCorruption
from ae_zoo.models import Autoencoder

Shape = tuple[int, ...]
Build = Callable[..., Autoencoder]

VARIANTS = (
    "undercomplete",
    "deep",
    "denoising",
    "sparse",
    "contractive",
    "convolutional",
    "variational",
)
# Of standardized values. Chosen with the other defaults of the detector; see
# docs/anomalies.md.
_NOISE = 0.5
_HIDDEN = 128
_FILTERS = (32, 64)


def build_model(
    model: str | Build, shape: Shape, latent_dim: int | None, scaling: Any, seed: int
) -> Autoencoder:
    """Build the model of an estimator. Equal seeds give equal initial weights.

    Args:
        model: A name of `VARIANTS`; or a function that takes the shape of one sample
            and returns an autoencoder. If it has a parameter `scaling`, it receives
            that, too.
        shape: Shape of one sample: (features,), (moments, features), or
            (height, width, channels).
        latent_dim: Latent size d of a named variant; None for its default.
        scaling: The scaling of a named variant; see `Autoencoder`.
        seed: Seed of the initial weights and of everything random in the model.

    Raises:
        TypeError: `model` is neither, or the function returned something else.
        ValueError: The name is unknown or does not suit the shape, or the model does
            not reconstruct samples of the shape.
    """
    if latent_dim is not None:
        check_count("latent_dim", latent_dim, " or None")
    with _seeded(seed):
        if callable(model):
            return _from_function(model, shape, scaling)
        if not isinstance(model, str):
            raise TypeError(
                "`model` must be the name of a variant, or a function that builds an "
                f"autoencoder. Received: {model!r} of type {type(model).__name__}"
            )
        if model not in VARIANTS:
            raise unknown_name("variant", model, VARIANTS)
        shared = {"reconstruction_loss": "gaussian", "scaling": scaling, "seed": seed}
        return _named(model, shape, latent_dim, shared)


def _from_function(build: Build, shape: Shape, scaling: Any) -> Autoencoder:
    takes_scaling = "scaling" in inspect.signature(build).parameters
    model: Any = build(shape, scaling=scaling) if takes_scaling else build(shape)
    if not isinstance(model, Autoencoder):
        raise TypeError(
            "The function `model` must return an ae_zoo autoencoder. Received: "
            f"{model!r} of type {type(model).__name__}"
        )
    if model.input_shape[1:] != shape or model.output_shape[1:] != shape:
        raise ValueError(
            f"The model must map samples of shape {shape} to reconstructions of the "
            f"same shape. Received a model from {model.input_shape[1:]} to "
            f"{model.output_shape[1:]}."
        )
    return model


def _named(
    name: str, shape: Shape, latent_dim: int | None, shared: dict[str, Any]
) -> Autoencoder:
    if name == "convolutional" and len(shape) != 3:
        raise ValueError(
            "model='convolutional' needs images of shape (n, height, width, channels). "
            f"Received samples of shape {shape}. Use another variant, or a function "
            "that builds a model."
        )
    size = int(np.prod(shape))
    if name == "undercomplete" and size == 1:
        raise ValueError(
            "model='undercomplete' needs at least two features, because its code is "
            "smaller than its input. Received n_features=1."
        )
    width = latent_dim or _default_width(name, size)
    if len(shape) == 3 and name not in ("sparse", "contractive"):
        coders = _convolutions(shape, width, is_variational=name == "variational")
    else:
        coders = _dense(name, shape, width)
    return _classes(width)[name](*coders, **shared)


def _classes(width: int) -> dict[str, Build]:
    def denoising(*coders: Any, **shared: Any) -> Autoencoder:
        corruption = GaussianCorruption(_NOISE, clip=None)
        return models.DenoisingAutoencoder(*coders, corruption=corruption, **shared)

    def variational(*coders: Any, **shared: Any) -> Autoencoder:
        return models.VariationalAutoencoder(*coders, **shared)

    return {
        "undercomplete": models.UndercompleteAutoencoder,
        "deep": models.DeepAutoencoder,
        "denoising": denoising,
        "sparse": models.SparseAutoencoder,
        "contractive": models.ContractiveAutoencoder,
        "convolutional": models.ConvolutionalAutoencoder,
        "variational": variational,
    }


def _default_width(name: str, size: int) -> int:
    """The default latent size: wide where the variant itself limits the information."""
    if name in ("denoising", "sparse", "contractive"):
        return _HIDDEN
    return max(1, min(size - 1, int(np.ceil(np.sqrt(size)))))


def _dense(name: str, shape: Shape, width: int) -> tuple[keras.Model, keras.Model]:
    hidden = {"deep": [_HIDDEN, _HIDDEN // 2], "undercomplete": [_HIDDEN // 2]}
    units = hidden.get(name, [_HIDDEN] if name == "variational" else [])
    activations = {"denoising": "relu", "sparse": "relu", "contractive": "sigmoid"}
    if name == "variational":  # which adds the layers for mean and variance itself
        encoder = networks.dense_encoder(shape, units, latent_activation="relu")
    else:
        last = activations.get(name, "linear")
        encoder = networks.dense_encoder(shape, [*units, width], latent_activation=last)
    decoder = networks.dense_decoder(width, units[::-1], shape, output="linear")
    return encoder, decoder


def _convolutions(
    shape: Shape, width: int, is_variational: bool
) -> tuple[keras.Model, keras.Model]:
    first = _HIDDEN if is_variational else width
    return (
        networks.convolutional_encoder(shape, _FILTERS, first),
        networks.convolutional_decoder(shape, _FILTERS, width, output="linear"),
    )


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed Keras's initial weights, and leave the user's random numbers alone."""
    # Initializers without a seed take theirs from Python's generator.
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)
