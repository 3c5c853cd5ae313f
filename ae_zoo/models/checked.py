"""Keras's `fit`, `evaluate` and `predict`, with their inputs checked first."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ae_zoo import _checks
from ae_zoo.distribution.keras_patches import MultiWorkerModel
from ae_zoo.distribution.replicas import check_batch_size, is_multi_worker
from ae_zoo.losses import ReconstructionLoss


class CheckedModel(MultiWorkerModel):
    """A model that checks its inputs before it trains, evaluates or predicts.

    Without targets, the inputs are the targets.

    Dtype, shape, range and finiteness are checked before any long work starts, for all
    of an array and for the first batch of a dataset.
    """

    seed: int
    input_range: tuple[float, float] | None
    reconstruction_loss: ReconstructionLoss
    _sample_shape: tuple[Any, ...]
    _reconstruction_shape: tuple[Any, ...]

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        **kwargs: Any,
    ) -> keras.callbacks.History:
        """Train as `keras.Model.fit` does; with x alone, the target is x.

        Args:
            x: (batch, ...) array of inputs, or a dataset of x, (x, y) or
                (x, y, sample_weight) batches.
            y: Targets, if they are not the inputs: `fit(noisy, clean)`.
            batch_size: Global batch size for arrays.
            epochs: Number of passes over the data.
            **kwargs: As in Keras.

        Raises:
            TypeError: Inputs or targets have the wrong dtype, such as uint8 images.
            ValueError: Inputs or targets are empty, not finite, or have the wrong shape
                or range; or the batch size does not divide among the replicas.
        """
        x, y = _as_array(x), _as_array(y)
        self._check(x, y, batch_size or 32)
        _checks.check_weights_have_targets(y, kwargs.get("sample_weight"))
        validation_data = kwargs.get("validation_data")
        if isinstance(validation_data, (tuple, list)):
            self._check(*validation_data[:2])
        elif validation_data is not None:
            self._check(validation_data)
        if isinstance(x, (tf.data.Dataset, tf.distribute.DistributedDataset)):
            kwargs.setdefault("shuffle", False)  # Keras warns that it cannot
        elif is_multi_worker(self.distribute_strategy):
            _agree_on_the_order(self.seed)
        try:
            return super().fit(x, y, batch_size, epochs, **kwargs)
        finally:
            self.end_annealing()  # callbacks cannot, if an error ends training

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """Evaluate as `keras.Model.evaluate` does; with x alone, the target is x.

        Raises:
            TypeError, ValueError: As `fit`.
        """
        x, y = _as_array(x), _as_array(y)
        self._check(x, y, batch_size or 32)
        _checks.check_weights_have_targets(y, kwargs.get("sample_weight"))
        return super().evaluate(x, y, batch_size, *args, **kwargs)

    def predict(self, x: Any, *args: Any, **kwargs: Any) -> np.ndarray:
        """Return the reconstruction of x, as `keras.Model.predict` does.

        Raises:
            TypeError, ValueError: As `fit`.
        """
        x = _as_array(x)
        if isinstance(x, (np.ndarray, tf.Tensor)):
            self._check_input(x, is_target=False)
        return super().predict(x, *args, **kwargs)

    def _check(self, x: Any, y: Any = None, batch_size: int | None = None) -> None:
        if isinstance(x, tf.data.Dataset):
            _checks.check_dataset(x, self._check_batch_of_replicas)
        elif isinstance(x, (np.ndarray, tf.Tensor)):
            with self.distribute_strategy.scope():
                check_batch_size(batch_size)
            self._check_batch((x, y))

    def _check_batch_of_replicas(self, batch: Any) -> None:
        self._check_batch(batch)
        x, _, _ = keras.utils.unpack_x_y_sample_weight(batch)
        with self.distribute_strategy.scope():
            check_batch_size(x.shape[0])

    def _check_batch(self, batch: Any) -> None:
        x, y, _ = keras.utils.unpack_x_y_sample_weight(batch)
        self._check_input(x, is_target=y is None)
        if y is None:
            self._check_self_target()
        else:
            support = self.reconstruction_loss.support or self.input_range
            _checks.check_array(y, "y", self._reconstruction_shape, support)

    def _check_input(self, x: Any, is_target: bool) -> None:
        _checks.check_array(
            x, "x", self._sample_shape, self.input_range, noisy=not is_target
        )

    def _check_self_target(self) -> None:
        if not self._is_own_target:
            raise ValueError(
                f"This model maps {self._sample_shape} to "
                f"{self._reconstruction_shape}, so x cannot be its own target. Pass "
                "pairs: fit(x, y)."
            )

    @property
    def _is_own_target(self) -> bool:
        return self._reconstruction_shape == self._sample_shape

    def end_annealing(self) -> None:
        """Restore the values of annealed attributes."""


def _agree_on_the_order(seed: int) -> None:
    # Each worker shuffles all samples and takes its share of every batch.
    if tf.compat.v1.get_seed(None)[0] is None:  # the user has set none
        tf.random.set_seed(seed)


def _as_array(values: Any) -> Any:
    # Keras reads a list as several inputs.
    if not isinstance(values, list):
        return values
    return _checks.to_array(values, "x")
