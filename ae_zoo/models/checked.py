"""Keras's `fit`, `evaluate` and `predict`, with their inputs and results checked."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ae_zoo import _checks
from ae_zoo.distribution.keras_patches import FROM_FIT, weights_without_optimizer
from ae_zoo.distribution.replicas import check_batch_size, is_multi_worker
from ae_zoo.distribution.step_loop import ArraysInMemory, have_batch_hooks
from ae_zoo.models import inputs, scaling
from ae_zoo.models.guarded import GuardedModel


class CheckedModel(GuardedModel):
    """A model that checks its inputs and does not train on after a fault.

    Without targets, the inputs are the targets.

    Dtype and shape are checked before any long work starts, and the values of arrays
    and of the first batch of a dataset. Each step checks the values of its batch, so
    that all kinds of data are checked alike. After a faulty step, the weights are those
    of the step before.
    """

    _inputs_are_known = False
    _has_warned_of_units = False

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        **kwargs: Any,
    ) -> keras.callbacks.History:
        """Train as `keras.Model.fit` does; with x alone, the target is x.

        Args:
            x: (batch, ...) array of inputs, or a dataset of x, (x, y) or
                (x, y, sample_weight) batches, or of dictionaries of "x" and
                "sample_weight".
            y: Targets, if they are not the inputs: `fit(noisy, clean)`.
            batch_size: Global batch size for arrays.
            epochs: Number of passes over the data.
            verbose: As in Keras.
            callbacks: As in Keras.
            validation_split: Share of the samples, from the end, to validate on.
            validation_data: As in Keras; also x alone.
            shuffle: As in Keras.
            class_weight: Not supported, since an autoencoder has no classes.
            sample_weight: Weights ≥ 0 of samples, (batch,), or of elements, with the
                shape of the targets or without its last axes. The penalty of a sample
                has the weight of the sample, and 1 if elements are weighted.
            **kwargs: As in Keras.

        Raises:
            TypeError: Inputs or targets have the wrong dtype, such as uint8 images.
            ValueError: Inputs, targets or weights are empty, not finite, or have the
                wrong shape or range, in any batch; or the batch size does not divide
                among the replicas.
            FloatingPointError: The loss or its gradient became NaN or infinite. With
                `keras.callbacks.TerminateOnNaN`, training ends without this error.
        """
        self._check_settings(batch_size, epochs, validation_split, class_weight)
        x, y, sample_weight = self._checked_data(x, y, sample_weight, batch_size or 32)
        self.warn_about_targets(x, y)
        self._check_optimizer()
        if validation_data is not None:
            validation_data = self._checked_validation_data(validation_data)
        elif validation_split and inputs.is_array(x):
            (x, y, sample_weight), validation_data = inputs.split(
                (x, y, sample_weight), validation_split
            )
            validation_split = 0.0
        if not kwargs.get("steps_per_epoch"):
            x, y, sample_weight = self._held(x, y, sample_weight, batch_size, shuffle)
        if y is None:
            x, sample_weight = inputs.with_weights(x, sample_weight), None
        if isinstance(x, (tf.data.Dataset, tf.distribute.DistributedDataset)):
            shuffle = False  # Keras warns that it cannot
        elif is_multi_worker(self.distribute_strategy):
            _agree_on_the_order(self.seed)
        self._inputs_are_known = True  # the model learns what they are
        self._begin("train")
        self._has_batch_hooks = have_batch_hooks(callbacks)
        self._ends_at_nan = _has_terminate_on_nan(callbacks)
        try:
            return super().fit(
                x,
                y,
                batch_size=batch_size,
                epochs=epochs,
                verbose=verbose,
                callbacks=callbacks,
                validation_split=validation_split,
                validation_data=validation_data,
                shuffle=shuffle,
                sample_weight=sample_weight,
                **kwargs,
            )
        finally:
            self._ends_at_nan = False
            self._arrays_in_memory = None
            self.end_annealing()  # callbacks cannot, if an error ends training

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Evaluate as `keras.Model.evaluate` does; with x alone, the target is x.

        Raises:
            TypeError, ValueError: As `fit`.
        """
        if not kwargs.get(FROM_FIT):  # or `fit` has checked the data
            self._check_settings(batch_size)
            x, y, sample_weight = self._checked_data(
                x, y, sample_weight, batch_size or 32
            )
            if not kwargs.get("steps"):
                x, y, sample_weight = self._held(x, y, sample_weight, batch_size)
            if y is None:
                x, sample_weight = inputs.with_weights(x, sample_weight), None
        self._begin("test")
        hooks = self._has_batch_hooks
        if not kwargs.get(FROM_FIT):
            self._has_batch_hooks = have_batch_hooks(kwargs.get("callbacks"))
        try:
            return super().evaluate(x, y, batch_size, verbose, sample_weight, **kwargs)
        finally:
            self._has_batch_hooks = hooks

    def predict(
        self, x: Any, batch_size: int | None = None, *args: Any, **kwargs: Any
    ) -> np.ndarray:
        """Return the reconstruction of x, as `keras.Model.predict` does.

        Raises:
            TypeError, ValueError: As `fit`.
        """
        self._check_settings(batch_size)
        x = inputs.as_arrays(x, "x")
        if isinstance(x, tf.data.Dataset):
            _checks.check_dataset(x, self._check_first)
        elif inputs.is_array(x):
            self._check_first(x)
        self._begin("predict")
        return super().predict(x, batch_size, *args, **kwargs)

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Train on one batch, as `keras.Model.train_on_batch` does.

        Raises:
            TypeError, ValueError, FloatingPointError: As `fit`.
        """
        self._check_settings(class_weight=class_weight)
        x, y, sample_weight = self._as_batch(x, y, sample_weight)
        self._check_optimizer()
        self._begin("train")
        return super().train_on_batch(x, y, sample_weight, return_dict=return_dict)

    def test_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Evaluate one batch, as `keras.Model.test_on_batch` does.

        Raises:
            TypeError, ValueError: As `fit`.
        """
        x, y, sample_weight = self._as_batch(x, y, sample_weight)
        self._begin("test")
        return super().test_on_batch(x, y, sample_weight, return_dict)

    def predict_on_batch(self, x: Any) -> np.ndarray:
        """Return the reconstruction of one batch.

        Raises:
            TypeError, ValueError: As `fit`.
        """
        x = _checks.to_array(x, "x")
        self._check_input(x, is_target=False)
        self._begin("predict")
        return super().predict_on_batch(x)

    def __call__(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the reconstruction of arrays or tensors; checks eager ones."""
        if tf.executing_eagerly() and not isinstance(x, keras.KerasTensor):
            x = x if tf.is_tensor(x) else inputs.as_arrays(x, "x")
            self._check_input(x, is_target=False)
        return super().__call__(x, *args, **kwargs)

    # Checks before any work starts.

    def _check_settings(
        self,
        batch_size: Any = None,
        epochs: Any = 1,
        validation_split: Any = 0.0,
        class_weight: Any = None,
    ) -> None:
        if batch_size is not None:
            _checks.check_count("batch_size", batch_size)
        _checks.check_integer("epochs", epochs, 0)
        if not 0 <= validation_split < 1:
            raise ValueError(
                "`validation_split` must be in [0, 1), a share of the samples. "
                f"Received: {validation_split}"
            )
        if class_weight is not None:
            raise ValueError(
                "`class_weight` weights classes, and an autoencoder has none: its "
                "targets are images or features. Pass `sample_weight` instead."
            )

    def _checked_data(
        self, x: Any, y: Any, sample_weight: Any, batch_size: int | None
    ) -> tuple[Any, Any, Any]:
        x = inputs.as_arrays(x, "x")
        y = None if y is None else inputs.as_arrays(y, "y")
        if sample_weight is not None:
            sample_weight = inputs.as_arrays(sample_weight, "sample_weight")
        if not inputs.is_array(x) and not (y is None and sample_weight is None):
            raise ValueError(
                "`y` and `sample_weight` go with arrays. A dataset yields them in its "
                "batches: (x, y), (x, y, sample_weight), or a dictionary of 'x' and "
                f"'sample_weight'. Received a {type(x).__name__}."
            )
        if isinstance(x, tf.data.Dataset):
            _checks.check_dataset(x, self._check_batch_of_replicas)
        elif inputs.is_array(x):
            with self.distribute_strategy.scope():
                check_batch_size(batch_size)
            self._check_batch((x, y, sample_weight))
        self._forget_graphs_of_other_weights(sample_weight)
        return x, y, sample_weight

    def _held(
        self,
        x: Any,
        y: Any,
        sample_weight: Any,
        batch_size: int | None,
        shuffle: bool | str = False,
    ) -> tuple[Any, Any, Any]:
        """Hold arrays for the steps, and return the numbers of their samples for Keras.

        Data that are not in memory, or not shuffled in the usual way, are returned.
        """
        data = (x, y, sample_weight)
        self._arrays_in_memory = None
        if (
            not (self._runs_in_loop and inputs.are_in_memory(data))
            or shuffle == "batch"
        ):
            return data
        self._arrays_in_memory = ArraysInMemory(
            inputs.pack(*data), batch_size or 32, bool(shuffle)
        )
        return np.arange(len(x)), None, None

    def _check_optimizer(self) -> None:
        if self.compiled and self.optimizer is None:
            raise ValueError(
                "The model was compiled with optimizer=None, so it can be evaluated "
                "but not trained. Call compile(optimizer)."
            )
        unknown = self.compiled and weights_without_optimizer(self)
        if unknown:
            raise ValueError(
                "Some weights became trainable after the optimizer was built: "
                f"{', '.join(unknown[:5])}{', …' if len(unknown) > 5 else ''}. Call "
                "compile again to train them."
            )

    def _as_batch(self, *batch: Any) -> tuple[Any, Any, Any]:
        roles = ("x", "y", "sample_weight")
        x, y, sample_weight = (
            None if values is None and role != "x" else _checks.to_array(values, role)
            for role, values in zip(roles, batch, strict=True)
        )
        self._check_batch((x, y, sample_weight))
        self._forget_graphs_of_other_weights(sample_weight)
        return x, y, sample_weight

    def _forget_graphs_of_other_weights(self, sample_weight: Any) -> None:
        # Keras would trace the steps again for weights of unknown rank.
        rank = np.ndim(sample_weight) if hasattr(sample_weight, "shape") else None
        if rank and rank != self._weight_rank:
            self.train_function = self.test_function = None
            self._weight_rank = rank

    def _checked_validation_data(self, data: Any) -> Any:
        if isinstance(data, list) and not data:
            raise ValueError(
                "`validation_data` must be x, (x, y), (x, y, sample_weight) or a "
                "dataset. Received an empty list."
            )
        if not isinstance(data, (tuple, list)) or (
            isinstance(data, list) and not hasattr(data[0], "shape")
        ):
            data = (data,)
        x, y, sample_weight = inputs.unpack(tuple(data))
        x, y, sample_weight = self._checked_data(x, y, sample_weight, None)
        if inputs.is_array(x):
            return inputs.pack(x, y, sample_weight)
        return x

    def _check_first(self, batch: Any) -> None:
        x, _, _ = inputs.unpack(batch)
        self._check_input(x, is_target=False)
        self.warn_about_inputs(x)

    def _check_batch_of_replicas(self, batch: Any) -> None:
        self._check_batch(batch)
        x, _, _ = inputs.unpack(batch)
        with self.distribute_strategy.scope():
            check_batch_size(x.shape[0])

    def _check_batch(self, batch: Any) -> None:
        x, y, sample_weight = inputs.unpack(batch)
        self._check_input(x, is_target=y is None)
        if y is None:
            self._check_self_target()
        else:
            _checks.check_array(y, "y", self._reconstruction_shape, self._target_range)
            self._check_scaled_target(y, "y")
            if len(x) != len(y):
                raise ValueError(
                    "`x` and `y` must have the same number of samples. Received "
                    f"{len(x)} and {len(y)}."
                )
        if sample_weight is not None:
            inputs.check_weights(sample_weight, len(x), self._reconstruction_shape)

    def _check_input(self, x: Any, is_target: bool) -> None:
        self.check_is_adapted()
        if not inputs.reads_from_disk(x):
            _checks.check_array(
                x, "x", self._sample_shape, self.input_range, noisy=not is_target
            )
            if is_target:
                self._check_scaled_target(x, "x")
            self._compare_units(x)
            return
        inputs.check_tensor(x, "x", self._sample_shape, self.input_range)
        if not len(x):
            raise ValueError("`x` is empty: expected at least one sample.")

    def _check_scaled_target(self, y: Any, role: str) -> None:
        if self.scaling is not None and self._scaled_target_range is not None:
            scaling.check_target(self.scaling, self.reconstruction_loss, y, role)

    def _compare_units(self, x: Any) -> None:
        """Warn once if inputs seem to have other units than the training data."""
        if self.scaling is not None and not self._has_warned_of_units:
            self._has_warned_of_units = scaling.warn_about_units(self.scaling, x)

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

    # What the classes built on this one define.

    def warn_about_inputs(self, x: Any) -> None:
        """Warn if x is far from what the model was made for."""

    def warn_about_targets(self, x: Any, y: Any) -> None:
        """Warn if targets make the model ignore its corruption."""

    def end_annealing(self) -> None:
        """Restore the values of annealed attributes."""


def _agree_on_the_order(seed: int) -> None:
    # Each worker shuffles all samples and takes its share of every batch.
    if tf.compat.v1.get_seed(None)[0] is None:  # the user has set none
        tf.random.set_seed(seed)


def _has_terminate_on_nan(callbacks: Any) -> bool:
    callbacks = getattr(callbacks, "callbacks", callbacks) or []
    callbacks = callbacks if isinstance(callbacks, (list, tuple)) else [callbacks]
    return any(isinstance(c, keras.callbacks.TerminateOnNaN) for c in callbacks)
