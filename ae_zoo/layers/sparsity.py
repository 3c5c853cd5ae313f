"""The selection of the largest units of a code."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf
from keras import ops

from ae_zoo._checks import is_integer


def keep_largest(inputs: tf.Tensor, k: int | tf.Tensor) -> tf.Tensor:
    """Keep the k largest values of each sample and set the others to zero.

    This is the support selection of the k-sparse autoencoder (Makhzani & Frey 2013,
    section 2.1, step 2 of the algorithm).

    Values that tie for the last places are all set to zero, so fewer than k may
    remain. In int8 models, hundreds of units tie there.

    Args:
        inputs: (batch, ...).
        k: Number of values to keep, an integer or a scalar tensor. If a sample has at
            most k values, all are kept.

    Returns:
        A tensor with the shape of `inputs`.

    Example:

    >>> ae_zoo.layers.keep_largest(keras.ops.array([[3.0, 1.0, 2.0]]), k=2).numpy()
    array([[3., 0., 2.]], dtype=float32)
    """
    sizes: list[Any] = list(inputs.shape[1:])  # all static
    d = math.prod(sizes)
    units = ops.reshape(inputs, (-1, d))  # (batch, d)
    if is_integer(k):
        if k >= d:
            return inputs
        is_kept = units > ops.top_k(units, int(k) + 1)[0][:, -1:]
    else:
        largest_dropped = ops.top_k(units, ops.minimum(k + 1, d))[0][:, -1:]
        is_kept = ops.logical_or(units > largest_dropped, k >= d)
    kept = ops.where(is_kept, units, ops.zeros_like(units))
    return ops.reshape(kept, (-1, *sizes))
