"""What both estimators share: parameters, training, pickling and export."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Literal

import keras
import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ae_zoo._checks import check_count, check_number
from ae_zoo.estimators import fitting, folder, inputs
from ae_zoo.estimators.building import Build, build_model
from ae_zoo.models import Autoencoder

_MODEL = "model_"
ScalingMode = Literal["standard", "min_max", "robust", "pixels"] | None


class AutoencoderEstimator(BaseEstimator):
    """Trains an autoencoder on the rows that `fit` receives.

    Subclasses define `__init__` with the parameters below; scikit-learn reads its
    signature.
    """

    model: str | Build
    latent_dim: int | None
    scaling: ScalingMode
    validation_fraction: float
    steps: int
    batch_size: int
    learning_rate: float
    random_state: Any
    verbose: int
    model_: Autoencoder
    # No parameter, because copies and pickles do not need it.
    _callbacks: Sequence[keras.callbacks.Callback] = ()

    def _check_parameters(self) -> None:
        check_number("validation_fraction", self.validation_fraction, 0, 0.9)
        check_number("validation_fraction", self.validation_fraction, above=0)
        check_count("steps", self.steps)
        check_count("batch_size", self.batch_size)
        check_number("learning_rate", self.learning_rate, above=0)

    def _draw_seed(self) -> int:
        generator = check_random_state(self.random_state)
        return int(generator.randint(np.iinfo(np.int32).max))

    def _train(self, x: np.ndarray, held_out: np.ndarray, seed: int) -> Autoencoder:
        """Build a model for samples such as x, (rows, ...), and train it."""
        model = build_model(
            self.model, x.shape[1:], self.latent_dim, self.scaling, seed
        )
        if model.scaling is not None and not model.scaling.is_adapted:
            model.scaling.adapt(x)
        fitting.train(
            model,
            x,
            held_out,
            steps=self.steps,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            seed=seed,
            verbose=self.verbose,
            callbacks=self._callbacks,
        )
        return model

    def _split(
        self, x: np.ndarray, seed: int, is_series: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Split rows into those that train and those that are held out.

        The last windows of a series are held out, because neighboring windows share
        most of their values. At least one row is on each side.
        """
        count = min(len(x) - 1, max(1, round(self.validation_fraction * len(x))))
        order = np.arange(len(x))
        if not is_series:
            order = np.random.default_rng(seed).permutation(len(x))
        return x[order[:-count]], x[order[-count:]]

    def _check_samples(self, x: np.ndarray) -> None:
        """Check that new samples have the shape of those in `fit`."""
        check_is_fitted(self)
        expected = self.model_.sample_shape
        if x.shape[1:] != expected:
            raise ValueError(
                f"X must have the shape (n, {', '.join(map(str, expected))}), as in "
                f"fit. Received {x.shape}."
            )

    @property
    def _names(self) -> list[str] | None:
        names = getattr(self, "feature_names_in_", None)
        return None if names is None else [*map(str, names)]

    def export(
        self,
        filepath: str | os.PathLike[str],
        format: str = "tf_saved_model",
        **kwargs: Any,
    ) -> None:
        """Write the fitted model for use without this library.

        Args:
            filepath: Directory of a SavedModel, or a `.tflite` or `.onnx` file.
            format: "tf_saved_model", "litert" or "onnx".
            **kwargs: As in `ae_zoo.export.export_model`.

        Raises:
            NotFittedError: `fit` has not been called.
        """
        check_is_fitted(self)
        self.model_.export(filepath, format, **kwargs)

    # A pickle holds the model as the bytes of a `.keras` file, which is checked when it
    # is loaded like any other.

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if _MODEL in state:
            state[_MODEL] = folder.to_bytes(state[_MODEL])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        if _MODEL in state:
            state[_MODEL] = folder.from_bytes(state[_MODEL])
        super().__setstate__(state)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, _MODEL)

    def _checked(self, x: Any, is_fit: bool = False) -> np.ndarray:
        if not is_fit:
            check_is_fitted(self)
        return inputs.checked(self, x, is_fit)
