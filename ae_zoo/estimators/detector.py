"""An autoencoder as an outlier detector of scikit-learn."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from sklearn.base import OutlierMixin
from sklearn.utils.validation import check_is_fitted

from ae_zoo._checks import check_count, check_integer, check_number
from ae_zoo.estimators import folder, inputs
from ae_zoo.estimators.base import AutoencoderEstimator, ScalingMode
from ae_zoo.estimators.building import Build
from ae_zoo.estimators.scoring import Scorer, ScoreState, residual_scale

# Numbers that all neighbors together may have: 16 MB in float32.
_MOST_NUMBERS = 2**22


class AutoencoderDetector(OutlierMixin, AutoencoderEstimator):
    """Finds samples that differ from those it was trained on, and says in which values.

    The score of a sample is its mean distance to the nearest training samples, measured
    in its scaled values and in its reconstruction errors together: a sample is odd if
    no training sample is like it, or if the autoencoder has learned a relation between
    features that it breaks. `explain` splits this score exactly among the features, and
    exported files compute the same score. docs/anomalies.md has the formula, the data
    on which the defaults were chosen, and results on 38 public tables.

    Train it on normal samples. A few anomalies among them do little harm; give their
    share as `contamination`.

    Args:
        model: The variant: "denoising", "undercomplete", "deep", "sparse",
            "contractive", "convolutional" (images) or "variational"; or a function that
            takes the shape of one sample and returns an `ae_zoo.models.Autoencoder`. A
            function with a parameter `scaling` receives that, too.
        latent_dim: Number of values in a code. None is 128 for the denoising, sparse
            and contractive variants, and √n for n features for the others.
        n_neighbors: Number of nearest training samples in the score. 0 scores by the
            reconstruction error alone.
        residual_weight: Weight of the reconstruction errors next to the values. A
            typical error of a feature counts as much as this many standard deviations.
        max_references: The most training samples that are kept as possible neighbors; a
            random selection of more. High-dimensional samples may be fewer, so that
            they take at most 16 MB.
        contamination: Share of anomalies in the training data, in (0, 0.5]: `offset_`
            is set so that `predict` finds this share among them. "auto" takes
            `quantile`.
        quantile: With contamination="auto", the share of held-out training samples that
            count as normal. If so few are held out that none would be beyond it, all
            rows of a table count.
        window: Number of rows in a window. X is then a series, (rows, features), in
            the order of time. A row has the score of the window that ends with it, and
            the rows before the end of the first window have its score.
        scaling: How the model scales its inputs: "standard", "min_max", "robust",
            "pixels" or None; see `ae_zoo.layers.Scaling`.
        validation_fraction: Share of the samples that are held out, to stop training
            early and to set the threshold; of windows, the last ones.
        steps: The most training steps.
        batch_size: Samples of a step.
        learning_rate: Learning rate of Adam, which falls to 0 along a cosine.
        random_state: Integer for equal results of each `fit`, a
            `numpy.random.RandomState`, or None.
        verbose: As in `fit` of Keras; 0 prints nothing.

    Attributes:
        model_: The trained `ae_zoo.models.Autoencoder`. Its endpoints include `detect`.
        offset_: Threshold of `score_samples`: lower is an anomaly.
        n_features_in_, feature_names_in_: As in scikit-learn.

    Example:

    >>> random = np.random.default_rng(0)
    >>> normal = random.normal(size=(300, 1)) * [1.0, 2.0] + [0.0, 5.0]
    >>> detector = AutoencoderDetector(steps=100, random_state=0).fit(normal)
    >>> detector.predict([[0.1, 5.0], [0.1, 40.0]])
    array([ 1, -1])
    >>> detector.explain([[0.1, 40.0]]).argmax()  # the second feature is odd
    np.int64(1)
    """

    def __init__(
        self,
        model: str | Build = "denoising",
        *,
        latent_dim: int | None = None,
        n_neighbors: int = 8,
        residual_weight: float = 0.5,
        max_references: int = 5000,
        contamination: float | Literal["auto"] = "auto",
        quantile: float = 0.99,
        window: int | None = None,
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
        self.n_neighbors = n_neighbors
        self.residual_weight = residual_weight
        self.max_references = max_references
        self.contamination = contamination
        self.quantile = quantile
        self.window = window
        self.scaling = scaling
        self.validation_fraction = validation_fraction
        self.steps = steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.verbose = verbose

    def _check_parameters(self) -> None:
        super()._check_parameters()
        check_integer("n_neighbors", self.n_neighbors, 0)
        check_number("residual_weight", self.residual_weight, 0)
        check_count("max_references", self.max_references)
        if self.n_neighbors == 0:
            check_number("residual_weight", self.residual_weight, above=0)
        if self.window is not None:
            check_count("window", self.window, " or None")
        check_number("quantile", self.quantile, 0, 1)
        if self.contamination == "auto":
            return
        if isinstance(self.contamination, str):
            raise ValueError(
                "`contamination` must be 'auto', or a number in (0, 0.5]. Received: "
                f"{self.contamination!r}"
            )
        check_number("contamination", self.contamination, above=0, most=0.5)

    # Fitting.

    def fit(self, X: Any, y: Any = None) -> AutoencoderDetector:
        """Train on samples of which all, or nearly all, are normal.

        Args:
            X: (rows, features) array or DataFrame, a table or with `window` a series;
                or (n, moments, features) windows in the order of time, or
                (n, height, width, channels) images.
            y: Ignored.

        Returns:
            This object.

        Raises:
            TypeError, ValueError: X or a parameter is not valid, or a series is shorter
                than a window.
        """
        self._check_parameters()
        x = self._checked(X, is_fit=True)
        inputs.warn_about_constants(x, self._names)
        seed = self._draw_seed()
        samples = self._samples(x)
        training, held_out = self._divided(samples, seed)
        self.model_ = self._train(training, held_out, seed)
        # Neighboring windows are so alike that held-out ones may not be neighbors.
        known = training if samples.ndim == 3 else samples
        self._attach(self._fitted_state(known, seed))
        self.typical_sizes_ = inputs.typical_sizes(x)
        self.offset_ = self._threshold(x, samples, held_out)
        self._attach(self._state)
        return self

    def _threshold(
        self, x: np.ndarray, samples: np.ndarray, held_out: np.ndarray
    ) -> float:
        if self.contamination == "auto":
            # Fewer than this have none beyond the quantile. A row of a table is not
            # its own neighbor, so the scores of all rows serve as well.
            is_few = len(held_out) * (1 - self.quantile) < 1
            rows = samples if is_few and samples.ndim != 3 else held_out
            scores = -self._scorer.run("score", rows).astype("float64")
            offset = np.quantile(scores, 1 - self.quantile)
        else:
            scores = self._scores(x, samples)
            offset = np.percentile(scores, 100 * float(self.contamination))
        return float(np.float32(offset))  # exported files compare in float32

    def _divided(self, samples: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Split samples; windows so that none has rows on both sides."""
        if len(samples) == 1:  # a series of the length of a window
            return samples, samples
        training, held_out = self._split(samples, seed, is_series=samples.ndim == 3)
        if self.window is not None and len(training) > 2 * self.window:
            training = training[: -(self.window - 1) or None]
        return training, held_out

    def _fitted_state(self, known: np.ndarray, seed: int) -> ScoreState:
        size = int(np.prod(known.shape[1:]))
        most = max(1, min(self.max_references, _MOST_NUMBERS // (2 * size)))
        if len(known) > most:
            chosen = np.random.default_rng(seed).permutation(len(known))[:most]
            known = known[np.sort(chosen)]
        plain = Scorer(
            self.model_,
            ScoreState(np.ones(size, "float32"), np.empty((0, 2 * size)), 0),
        )
        coordinates = plain.run("coordinates", known)
        scale = residual_scale(coordinates[:, size:], self.residual_weight)
        coordinates[:, size:] *= scale
        memory = coordinates if self.n_neighbors else coordinates[:0]
        return ScoreState(scale, memory, self.n_neighbors)

    def _attach(self, state: ScoreState) -> None:
        """Use a state for scores, and in what `model_` exports."""
        threshold = -getattr(self, "offset_", -np.inf)
        self._state = ScoreState(
            state.residual_scale, state.memory, state.n_neighbors, threshold
        )
        self._scorer = Scorer(self.model_, self._state)
        self.model_.attach_endpoint("detect", self._scorer.endpoint())

    # Using.

    def score_samples(self, X: Any) -> np.ndarray:
        """The opposite of the anomaly score: lower is more abnormal.

        Args:
            X: As in `fit`. Columns of a DataFrame are matched by name.

        Returns:
            (rows,); the score with its sign changed, as in scikit-learn.

        Raises:
            NotFittedError: `fit` has not been called.
            TypeError, ValueError: X is not valid, differs from the data of `fit` in its
                shape or columns, or is shorter than a window.
        """
        x = self._new(X)
        return self._scores(x, self._samples(x))

    def decision_function(self, X: Any) -> np.ndarray:
        """`score_samples(X) − offset_`: negative for anomalies. Errors as there."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> np.ndarray:
        """1 for normal samples and −1 for anomalies: (rows,). Errors as above."""
        return np.where(self.decision_function(X) >= 0, 1, -1)

    def explain(self, X: Any) -> np.ndarray:
        """Return the share of each value in the score of its sample.

        Args:
            X: As in `score_samples`.

        Returns:
            An array of the shape of X, whose values for one sample are at least 0 and
            add up to 1. With `window`, the shares of a row add up those of a feature in
            all moments of its window.

        Raises:
            NotFittedError, TypeError, ValueError: As `score_samples`.
        """
        x = self._new(X)
        samples = self._samples(x)
        parts = self._scorer.run("contributions", samples).astype("float64")
        total = parts.sum(axis=1, keepdims=True)
        shares = np.divide(
            parts, total, out=np.full_like(parts, 1 / parts.shape[1]), where=total > 0
        ).reshape(samples.shape)
        if self.window is None:
            return shares
        return inputs.per_row(shares.sum(axis=1), self.window)

    def _new(self, X: Any) -> np.ndarray:
        x = self._checked(X)
        inputs.warn_about_units(x, self.typical_sizes_, self._names)
        return x

    def _samples(self, x: np.ndarray) -> np.ndarray:
        """Return x, or the windows of a series x; checked if a model is there."""
        if self.window is not None:
            if x.ndim != 2:
                raise ValueError(
                    f"With window={self.window}, X must be a series of shape (rows, "
                    f"features). Received {x.shape}. Pass window=None for windows."
                )
            inputs.check_length(len(x), self.window)
            x = inputs.windows_of(x, self.window)
        return x

    def _scores(self, x: np.ndarray, samples: np.ndarray) -> np.ndarray:
        self._check_samples(samples)
        scores = -self._scorer.run("score", samples).astype("float64")
        return scores if self.window is None else inputs.per_row(scores, self.window)

    # Saving.

    def save(self, path: str | os.PathLike[str], overwrite: bool = False) -> None:
        """Write scaling, threshold and model to one folder, for `load`.

        Args:
            path: The folder.
            overwrite: Whether to replace a folder that `save` wrote.

        Raises:
            NotFittedError: `fit` has not been called.
            FileExistsError: The folder exists and `overwrite` is False, or it holds
                something else.
            OSError: It cannot be written, for example because the disk is full. What
                was there is intact.
        """
        check_is_fitted(self)
        folder.save(self, path, overwrite)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        custom_objects: Mapping[str, object] | None = None,
    ) -> AutoencoderDetector:
        """Read a folder that `save` wrote; nothing in it can run code.

        Args:
            path: The folder.
            custom_objects: {name: class} of your own layers in the model.

        Raises:
            FileNotFoundError: There is no such folder, or a file is missing.
            UnsafeModelError: A ValueError. A file is damaged, was changed, or holds
                something that is not allowed; see `ae_zoo.load`.
        """
        return folder.load(cls, path, custom_objects)

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        state.pop("_scorer", None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "_state" in state:
            self._attach(self._state)
