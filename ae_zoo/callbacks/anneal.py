"""The callback that moves an attribute of the model to its value over some epochs."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from ae_zoo._checks import check_at_least, check_count


class Anneal(keras.callbacks.Callback):
    """Move an attribute of the model to its value over the first epochs.

    The attribute is `start` in the first epoch, changes linearly, and reaches the
    model's own value in epoch `epochs`. Validation always uses the model's own value.

    Common uses:

    - Starting with many active units keeps more units of a k-sparse autoencoder alive
      (Makhzani & Frey 2013, section 4.2).
    - Starting without the KL divergence keeps more latent units of a variational
      autoencoder in use (Sønderby et al. 2016).
    - Starting with few importance samples saves time, because their steps are faster.

    Args:
        name: A constructor argument that the model lists in `annealable`: "k" or
            "penalty_weight" of a `SparseAutoencoder`, "penalty_weight" of a
            `ContractiveAutoencoder`, "beta" or "importance_samples" of a
            `VariationalAutoencoder`. Every new number of importance samples traces the
            training step again.
        start: Value in the first epoch.
        epochs: Number of epochs until the model's own value is reached.

    Raises:
        TypeError: `epochs` is not an integer, or `start` is not an integer for
            "k" or "importance_samples".
        ValueError: `epochs` is less than 1; `start` is less than 0, or less than 1 for
            "k" or "importance_samples"; the model has no such attribute; or it should
            draw several importance samples but was compiled with a loss of your own.

    Example:

    >>> images = ae_zoo.data.arrays("digits", "test")
    >>> encoder = ae_zoo.networks.dense_encoder((8, 8, 1), [100])
    >>> model = ae_zoo.SparseAutoencoder(encoder, "tied", sparsity="k", k=25)
    >>> model.compile("adam")
    >>> annealing = ae_zoo.callbacks.Anneal("k", start=50, epochs=2)
    >>> history = model.fit(images, epochs=4, callbacks=[annealing], verbose=0)
    """

    def __init__(self, name: str, start: float, epochs: int) -> None:
        super().__init__()
        self._epochs = check_count("epochs", epochs)
        received: Any = start  # to mypy a float is no `numbers.Real`
        if isinstance(received, bool) or not isinstance(received, numbers.Real):
            raise TypeError(
                "`start` must be a number, for a count an integer. "
                f"Received: {start!r} of type {type(start).__name__}"
            )
        check_at_least("start", start, 0)
        self._name, self._start = name, start

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        start: Any = self._start
        self.model.anneal(self._name, start)  # which checks the name and the value
        self._end = getattr(self.model, self._name)
        self._type, self._is_static = self.model.annealable[self._name]
        if self._is_static:
            return
        # A variable, so that new values do not trace the training step again.
        start = tf.constant(start, "int32" if self._type is int else "float32")
        with self.model.distribute_strategy.scope():
            variable = tf.Variable(start, trainable=False)
        self.model.anneal(self._name, variable)

    def on_epoch_begin(
        self, epoch: int, logs: Mapping[str, float] | None = None
    ) -> None:
        share = min(epoch / self._epochs, 1)
        value = self._start + share * (self._end - self._start)
        value = round(value) if self._type is int else value
        current = self.model.annealed(self._name, training=True)
        if not self._is_static:
            current.assign(value)
        elif value != current:
            self.model.anneal(self._name, value)
