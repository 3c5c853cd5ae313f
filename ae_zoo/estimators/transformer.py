"""An autoencoder as a transformer of scikit-learn: rows to codes and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from ae_zoo._checks import check_array
from ae_zoo.estimators.base import AutoencoderEstimator, ScalingMode
from ae_zoo.estimators.building import Build


class AutoencoderTransformer(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, AutoencoderEstimator
):
    """Maps samples to the codes of an autoencoder, and codes back to samples.

    A nonlinear relative of `sklearn.decomposition.PCA`: few numbers that say most of
    what a row says, for a classifier behind it in a `Pipeline` or for a plot.

    Args:
        model: The variant: "undercomplete", "deep", "denoising", "sparse",
            "contractive", "convolutional" (images) or "variational"; or a function that
            takes the shape of one sample and returns an `ae_zoo.models.Autoencoder`. A
            function with a parameter `scaling` receives that, too.
        latent_dim: Number of values in a code. None is √n for n features, or 128 for
            the variants that limit information in another way than by a narrow code.
        scaling: How the model scales its inputs: "standard", "min_max", "robust",
            "pixels" or None; see `ae_zoo.layers.Scaling`. `inverse_transform` returns
            the units of the data.
        validation_fraction: Share of the rows that are held out to stop early.
        steps: The most training steps.
        batch_size: Rows of a step.
        learning_rate: Learning rate of Adam, which falls to 0 along a cosine.
        random_state: Integer for equal results of each `fit`, a
            `numpy.random.RandomState`, or None.
        verbose: As in `fit` of Keras; 0 prints nothing.

    Attributes:
        model_: The trained `ae_zoo.models.Autoencoder`.
        n_features_in_, feature_names_in_: As in scikit-learn.

    Example:

    >>> from sklearn.datasets import load_iris
    >>> x = load_iris().data
    >>> transformer = AutoencoderTransformer(latent_dim=2, steps=50, random_state=0)
    >>> codes = transformer.fit_transform(x)
    >>> codes.shape, transformer.inverse_transform(codes).shape
    ((150, 2), (150, 4))
    """

    def __init__(
        self,
        model: str | Build = "undercomplete",
        *,
        latent_dim: int | None = None,
        scaling: ScalingMode = "standard",
        validation_fraction: float = 0.1,
        steps: int = 2000,
        batch_size: int = 128,
        learning_rate: float = 2e-3,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.model = model
        self.latent_dim = latent_dim
        self.scaling = scaling
        self.validation_fraction = validation_fraction
        self.steps = steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> AutoencoderTransformer:
        """Train the autoencoder.

        Args:
            X: (rows, features) array or DataFrame; or (n, moments, features) windows,
                or (n, height, width, channels) images.
            y: Ignored.

        Returns:
            This object.

        Raises:
            TypeError, ValueError: X or a parameter is not valid.
        """
        self._check_parameters()
        x = self._checked(X, is_fit=True)
        seed = self._draw_seed()
        self.model_ = self._train(*self._split(x, seed), seed)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Encode samples.

        Args:
            X: As in `fit`. Columns of a DataFrame are matched by name.

        Returns:
            (rows, d), of the dtype of X if that is a float.

        Raises:
            NotFittedError: `fit` has not been called.
            TypeError, ValueError: X is not valid, or differs from the data of `fit` in
                its shape or columns.
        """
        x = self._checked(X)
        self._check_samples(x)
        codes = self.model_.encode(x.astype("float32"))
        return codes.reshape(len(x), -1).astype(x.dtype)

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Decode codes.

        Args:
            X: (rows, d), as `transform` returns them.

        Returns:
            (rows, ...) samples, in the units of the data of `fit`.

        Raises:
            NotFittedError: `fit` has not been called.
            TypeError, ValueError: X does not have d columns of finite numbers.
        """
        check_is_fitted(self)
        codes = np.asarray(X)
        check_array(codes, "X", (self._n_features_out,))
        z = codes.reshape(len(codes), *self.model_.latent_shape)
        dtype = codes.dtype if codes.dtype.kind == "f" else "float64"
        return self.model_.decode(z.astype("float32")).astype(dtype)

    @property
    def _n_features_out(self) -> int:
        return self.model_.latent_dim

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
