"""What type checkers must know about the public API; `make lint` checks this file.

Nothing here runs. `Any` would pass for every type, so a second group of lines states
errors: a `type: ignore` without an error is an error itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from typing_extensions import assert_type

import ae_zoo
from ae_zoo import models


def the_zoo() -> None:
    assert_type(ae_zoo.__version__, str)
    assert_type(ae_zoo.list_models(), list[str])
    assert_type(ae_zoo.load("denoising_mnist"), models.Autoencoder)
    assert_type(ae_zoo.load(Path("folder")), models.Autoencoder)


def training(recipe: ae_zoo.Recipe) -> None:
    assert_type(recipe.epochs, int)
    assert_type(recipe.seed, int)
    assert_type(ae_zoo.train(recipe), models.Autoencoder)
    assert_type(ae_zoo.train("denoising_mnist", "mirrored"), models.Autoencoder)


def every_model(model: models.Autoencoder, x: np.ndarray) -> None:
    z = model.encode(x)
    assert_type(z, np.ndarray)
    assert_type(model.decode(z), np.ndarray)
    assert_type(model.reconstruct(x), np.ndarray)
    assert_type(model.score(x), np.ndarray)
    assert_type(model.predict(x, verbose=0), np.ndarray)
    assert_type(model.latent_dim, int)
    assert_type(model.input_shape, tuple[int | None, ...])
    assert_type(model.export("folder"), None)


def variational(model: ae_zoo.VariationalAutoencoder, x: np.ndarray) -> None:
    assert_type(model.encode(x), np.ndarray)
    assert_type(model.score(x, seed=1), np.ndarray)
    assert_type(model.posterior(x), tuple[np.ndarray, np.ndarray])
    assert_type(model.sample(16, seed=1), np.ndarray)
    assert_type(model.interpolate(x[0], x[1]), np.ndarray)
    assert_type(model.log_likelihood(x, samples=100), np.ndarray)


def variants(encoder: Any, decoder: Any) -> None:
    """Constructors return their class, although `keras.Model` itself has no types."""
    assert_type(
        ae_zoo.UndercompleteAutoencoder(encoder, decoder),
        ae_zoo.UndercompleteAutoencoder,
    )
    assert_type(ae_zoo.DeepAutoencoder(encoder, "tied"), ae_zoo.DeepAutoencoder)
    assert_type(
        ae_zoo.DenoisingAutoencoder(encoder, "tied"), ae_zoo.DenoisingAutoencoder
    )
    assert_type(ae_zoo.SparseAutoencoder(encoder, "tied"), ae_zoo.SparseAutoencoder)
    assert_type(
        ae_zoo.ContractiveAutoencoder(encoder, "tied"), ae_zoo.ContractiveAutoencoder
    )
    assert_type(
        ae_zoo.ConvolutionalAutoencoder(encoder, decoder),
        ae_zoo.ConvolutionalAutoencoder,
    )
    assert_type(
        ae_zoo.VariationalAutoencoder(encoder, decoder), ae_zoo.VariationalAutoencoder
    )


def errors(
    model: models.Autoencoder,
    variational: ae_zoo.VariationalAutoencoder,
    recipe: ae_zoo.Recipe,
    x: np.ndarray,
) -> None:
    """Each line is wrong, and would pass if a type on it were `Any`."""
    ae_zoo.lode("denoising_mnist")  # type: ignore[attr-defined]
    ae_zoo.load(3)  # type: ignore[arg-type]
    ae_zoo.train(recipe, epochs="3")  # type: ignore[arg-type]
    model.encode(x, batch_size="256")  # type: ignore[arg-type]
    variational.sample("16")  # type: ignore[arg-type]
    variational.interpolate(x, x, steps=2.5)  # type: ignore[arg-type]
    variational.log_likelihood(x, samples=2.5)  # type: ignore[arg-type]

    text: str
    text = recipe.epochs  # type: ignore[assignment]
    text = model.encode(x)  # type: ignore[assignment]
    text = model.decode(x)  # type: ignore[assignment]
    text = model.reconstruct(x)  # type: ignore[assignment]
    text = model.score(x)  # type: ignore[assignment]
    text = model.predict(x)  # type: ignore[assignment]
    text = variational.sample(16)  # type: ignore[assignment]
    text = variational.interpolate(x, x)  # type: ignore[assignment]
    text = variational.log_likelihood(x)  # type: ignore[assignment]
    del text
