"""Keras's `fit`, `evaluate` and `predict`, with their inputs checked first."""

import keras
import numpy as np
import tensorflow as tf

from ae_zoo import _checks
from ae_zoo.distribution.keras_patches import MultiWorkerModel
from ae_zoo.distribution.replicas import check_batch_size, is_multi_worker


class CheckedModel(MultiWorkerModel):
    """A model from `_sample_shape` to `_reconstruction_shape`; its target may be x.

    Nothing long starts before dtype, shape, range and finiteness are known to be right:
    of arrays the whole, of datasets the first batch.
    """

    def fit(self, x=None, y=None, batch_size=None, epochs=1, **kwargs):
        """As `keras.Model.fit`; with x alone, the target is x.

        Args:
            x: (batch, ...) array of inputs, or a dataset of x, (x, y) or
                (x, y, sample_weight) batches.
            y: Targets, where they are not the inputs: `fit(noisy, clean)`.
            batch_size: Global batch size for arrays.
            epochs: Passes over the data.
            **kwargs: As in Keras.

        Raises:
            TypeError: Inputs or targets of a wrong dtype, such as uint8 images.
            ValueError: Empty, not finite, of a wrong shape or range, or a batch size
                that does not divide among the replicas.
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
            self.end_annealing()  # which callbacks cannot where an error breaks it off

    def evaluate(self, x=None, y=None, batch_size=None, *args, **kwargs):
        """As `keras.Model.evaluate`; with x alone, the target is x. Errors as `fit`."""
        x, y = _as_array(x), _as_array(y)
        self._check(x, y, batch_size or 32)
        _checks.check_weights_have_targets(y, kwargs.get("sample_weight"))
        return super().evaluate(x, y, batch_size, *args, **kwargs)

    def predict(self, x, *args, **kwargs):
        """As `keras.Model.predict`: the reconstruction of x. Errors as `fit`."""
        x = _as_array(x)
        if isinstance(x, (np.ndarray, tf.Tensor)):
            self._check_input(x, is_target=False)
        return super().predict(x, *args, **kwargs)

    def _check(self, x, y=None, batch_size=None):
        if isinstance(x, tf.data.Dataset):
            _checks.check_dataset(x, self._check_batch_of_replicas)
        elif isinstance(x, (np.ndarray, tf.Tensor)):
            with self.distribute_strategy.scope():
                check_batch_size(batch_size)
            self._check_batch((x, y))

    def _check_batch_of_replicas(self, batch):
        self._check_batch(batch)
        x, _, _ = keras.utils.unpack_x_y_sample_weight(batch)
        with self.distribute_strategy.scope():
            check_batch_size(x.shape[0])

    def _check_batch(self, batch):
        x, y, _ = keras.utils.unpack_x_y_sample_weight(batch)
        self._check_input(x, is_target=y is None)
        if y is None:
            self._check_self_target()
        else:
            support = self.reconstruction_loss.support or self.input_range
            _checks.check_array(y, "y", self._reconstruction_shape, support)

    def _check_input(self, x, is_target):
        _checks.check_array(
            x,
            "x",
            self._sample_shape,
            self.input_range,
            noisy=not is_target,
        )

    def _check_self_target(self):
        if not self._is_own_target:
            raise ValueError(
                f"This model maps {self._sample_shape} to "
                f"{self._reconstruction_shape}, so x cannot be its own target. Pass "
                "pairs: fit(x, y)."
            )

    @property
    def _is_own_target(self):
        return self._reconstruction_shape == self._sample_shape


def _agree_on_the_order(seed):
    # Each worker shuffles all samples and takes its share of every batch.
    if tf.compat.v1.get_seed(None)[0] is None:  # the user has set none
        tf.random.set_seed(seed)


def _as_array(values):
    # Keras reads a list as several inputs.
    if not isinstance(values, list):
        return values
    return _checks.to_array(values, "x")
