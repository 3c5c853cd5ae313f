"""Training of the model of an estimator, for a number of steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import keras
import numpy as np
import tensorflow as tf

from ae_zoo import optimizers

if TYPE_CHECKING:
    from ae_zoo.models import Autoencoder

_ROUNDS = 10  # after which the loss of the held-out rows is measured
_PATIENCE = 4  # rounds
_MOST_HELD_OUT = 4096  # rows whose loss is measured
_PER_EXECUTION = 20  # steps, at most


def train(
    model: Autoencoder,
    x: np.ndarray,
    held_out: np.ndarray,
    *,
    steps: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    verbose: int = 0,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> None:
    """Train a model, and keep the weights with the smallest loss on held-out rows.

    A small table and a large one take the same number of steps, because one pass over
    a hundred rows would be a single step.

    Args:
        model: The model.
        x: (rows, ...) training rows.
        held_out: (rows, ...).
        steps: The most steps. Training ends early if the loss does not fall any more.
        batch_size: Rows of a step.
        learning_rate: Of Adam; it falls to 0 along a cosine.
        seed: Seed of the order of the rows.
        verbose: As in `fit` of Keras.
        callbacks: As in `fit` of Keras.
    """
    per_round = max(1, -(-steps // _ROUNDS))
    rounds = -(-steps // per_round)
    make_optimizer = optimizers.adam(learning_rate, decay="cosine")
    model.compile(
        make_optimizer(rounds * per_round),
        steps_per_execution=_largest_divisor(per_round, _PER_EXECUTION),
    )
    few = held_out[:_MOST_HELD_OUT]
    stop = keras.callbacks.EarlyStopping(
        monitor="val_loss", patience=_PATIENCE, restore_best_weights=True
    )
    model.fit(
        _batches(x, rounds * per_round, min(batch_size, len(x)), seed),
        epochs=rounds,
        steps_per_epoch=per_round,
        validation_data=tf.data.Dataset.from_tensors(tf.constant(few, "float32")),
        callbacks=[stop, *callbacks],
        verbose=verbose,
    )


def _largest_divisor(number: int, most: int) -> int:
    """Return the largest divisor of a number that is at most `most`."""
    return next(d for d in range(min(most, number), 0, -1) if number % d == 0)


def _batches(x: np.ndarray, steps: int, size: int, seed: int) -> tf.data.Dataset:
    """A dataset of batches in an order that is drawn once, which is fast."""
    random = np.random.default_rng(seed)
    passes = -(-steps * size // len(x))
    order = np.concatenate([random.permutation(len(x)) for _ in range(passes)])
    rows = tf.constant(x, "float32")
    order = order[: steps * size].reshape(steps, size).astype("int32")
    dataset = tf.data.Dataset.from_tensor_slices(order)
    return dataset.map(lambda chosen: tf.gather(rows, chosen)).prefetch(2)
