"""The batches that steps receive, and the weights of their samples and elements."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from ae_zoo import _checks

if TYPE_CHECKING:
    from ae_zoo.models.objective import Tensor

# A batch of inputs with weights but without targets, which no tuple can express.
_WEIGHTED = {"x", "sample_weight"}
_ROLES = ("x", "y", "sample_weight")


def with_weights(x: Any, sample_weight: Any) -> Any:
    """Join inputs that are their own targets with their weights, for Keras."""
    return x if sample_weight is None else {"x": x, "sample_weight": sample_weight}


def pack(x: Any, y: Any, sample_weight: Any) -> tuple[Any, ...]:
    """Join what `unpack` returns."""
    if y is None:
        return (with_weights(x, sample_weight),)
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def split(
    data: tuple[Any, Any, Any], share: float
) -> tuple[tuple[Any, Any, Any], tuple[Any, ...]]:
    """Split arrays as `validation_split` of Keras does.

    Args:
        data: x, y and sample_weight, arrays or None.
        share: The share of the samples, from the end, that validates.

    Returns:
        x, y and sample_weight to train on; what `pack` makes of those to validate on.

    Raises:
        ValueError: One of the two would have no sample.
    """
    count = len(data[0])
    first = math.floor(count * (1 - share))
    if first in (0, count):
        raise ValueError(
            f"`validation_split={share}` leaves no sample to "
            f"{'validate' if first else 'train'} on. Received {count} samples."
        )

    def part(samples: slice) -> tuple[Any, Any, Any]:
        x, y, weight = (None if v is None else v[samples] for v in data)
        return x, y, weight

    return part(slice(first)), pack(*part(slice(first, None)))


def unpack(batch: Any) -> tuple[Any, Any, Any]:
    """Return (x, y, sample_weight) of a batch; what it lacks is None.

    Args:
        batch: x, (x,), (x, y), (x, y, sample_weight), or a dictionary of "x" and
            "sample_weight" for inputs that are their own targets.

    Raises:
        TypeError: The batch is another dictionary, or a sparse or ragged tensor.
        ValueError: The batch is a tuple of another length.
    """
    parts = tuple(batch) if isinstance(batch, (tuple, list)) else (batch,)
    if not 1 <= len(parts) <= 3:
        raise ValueError(
            "A batch must be x, (x, y) or (x, y, sample_weight). Received a tuple of "
            f"{len(parts)} elements."
        )
    first = parts[0]
    if len(parts) == 1 and isinstance(first, Mapping) and set(first) == _WEIGHTED:
        parts = (first["x"], None, first["sample_weight"])
    for role, values in zip(_ROLES, parts, strict=False):
        check_is_dense(values, role)
    x, y, sample_weight = (*parts, None, None)[:3]
    return x, y, sample_weight


def check_is_dense(values: Any, role: str) -> None:
    """Raise TypeError for a dictionary, a tuple, or a sparse or ragged tensor."""
    if isinstance(values, Mapping):
        key = next(iter(values), "image")
        raise TypeError(
            f"`{role}` must be an array. Received a dictionary with the keys "
            f"{list(values)}. Choose one, as in {role}[{key!r}], or for a dataset "
            f"dataset.map(lambda batch: batch[{key!r}])."
        )
    if isinstance(values, tuple) and any(hasattr(v, "shape") for v in values):
        raise TypeError(
            f"`{role}` must be one array. Received a tuple of {len(values)}: an "
            "autoencoder has one input and one output."
        )
    if isinstance(values, (tf.RaggedTensor, tf.SparseTensor)):
        remedy = "tf.sparse.to_dense(x)"
        if isinstance(values, tf.RaggedTensor):
            remedy = "x.to_tensor(shape=...)"
        raise TypeError(
            f"`{role}` must be a dense array, in which all samples have one shape. "
            f"Received a {type(values).__name__}. Pass {remedy}."
        )


def check_tensor(
    values: Any,
    role: str,
    shape: Sequence[int | None],
    support: Sequence[float] | None,
) -> Any:
    """Check the dtype and the shape of a batch, as far as they are known.

    Args:
        values: A tensor of a graph, an array, or anything with `dtype` and `shape`.
        role, shape, support: See `ae_zoo._checks.check_array`.

    Returns:
        `values`; a tensor of unknown rank with the shape that the model expects.

    Raises:
        TypeError, ValueError: As `check_array`.
    """
    if tf.is_tensor(values) and values.shape.rank is None:
        values = tf.ensure_shape(values, [None, *shape])
    dtype = values.dtype
    dtype = np.dtype(getattr(dtype, "as_numpy_dtype", dtype))
    _checks.check_type_and_shape(dtype, values.shape, role, shape, support)
    return values


def check_weight_shape(shape: Sequence[int | None], target: Sequence[Any]) -> None:
    """Check the shape of weights of samples or of elements.

    Args:
        shape: Shape of the weights, with the batch.
        target: Shape of one target.

    Raises:
        ValueError: It is neither that of samples nor that of elements.
    """
    own, target = tuple(shape[1:]), tuple(target)
    padded = own[: len(target)]
    fits = len(own) <= len(target) and all(
        None in (size, expected) or size in (1, expected)
        for size, expected in zip(padded, target, strict=False)
    )
    if len(shape) == 0 or not fits:
        raise ValueError(
            "`sample_weight` must have the shape (batch,), for a weight of each "
            "sample, or that of the targets with or without their last axes, "
            f"{('batch', *target)}, for a weight of each element. Received "
            f"{tuple(shape)}."
        )


def is_per_sample(weight: Tensor) -> bool:
    """Whether weights have the shape (batch,) or (batch, 1)."""
    return len(weight.shape) == 1 or tuple(weight.shape[1:]) == (1,)


def per_sample(weight: Tensor) -> Tensor:
    """Return weights of samples, (batch,); 1 where `weight` weights elements."""
    weight = ops.cast(weight, "float32")
    if is_per_sample(weight):
        return ops.reshape(weight, (-1,))
    return ops.ones(ops.shape(weight)[:1])


def expand(weight: Tensor, rank: int) -> Tensor:
    """Add axes of size 1 at the end of weights, or remove such axes.

    Raises:
        ValueError: The weights have more axes than `rank`, and the last is not 1.
    """
    while len(weight.shape) < rank:
        weight = ops.expand_dims(weight, axis=-1)
    while len(weight.shape) > rank:
        if weight.shape[-1] != 1:
            raise ValueError(
                "Losses of Keras average over the last axis of the targets, so they "
                "cannot weight its elements. Received `sample_weight` of shape "
                f"{tuple(weight.shape)}. Leave out the last axis, or compile without "
                "a loss to use the model's own, which sums over all elements."
            )
        weight = ops.squeeze(weight, axis=-1)
    return weight


def product(a: Tensor | None, b: Tensor | None) -> Tensor | None:
    """Multiply weights of samples or elements; None stands for weights of 1."""
    if a is None or b is None:
        return b if a is None else a
    rank = max(len(a.shape), len(b.shape))
    b = ops.cast(b, "float32")
    return expand(ops.cast(a, "float32"), rank) * expand(b, rank)


def as_arrays(values: Any, role: str) -> Any:
    """Convert what is an array in memory to one that Keras takes; keep the rest."""
    if isinstance(values, (np.ndarray, tf.Tensor, tf.data.Dataset)):
        return values
    is_iterator = hasattr(values, "__next__") or isinstance(
        values, (keras.utils.PyDataset, tf.distribute.DistributedDataset)
    )
    is_loader = hasattr(values, "dataset") and hasattr(values, "batch_size")
    if is_iterator or is_loader or reads_from_disk(values):
        return values
    check_is_dense(values, role)
    return _checks.to_array(values, role)


def is_array(x: Any) -> bool:
    """Whether x is an array in memory or one that is read from disk in slices."""
    return isinstance(x, (np.ndarray, tf.Tensor)) or reads_from_disk(x)


def are_in_memory(data: Sequence[Any]) -> bool:
    """Whether all arrays are in memory; None stands for an array that is missing."""
    return all(
        values is None
        or (
            isinstance(values, (np.ndarray, tf.Tensor))
            and not isinstance(values, np.memmap)
        )
        for values in data
    )


def reads_from_disk(values: Any) -> bool:
    """Whether values are read in slices, such as a dataset of h5py."""
    return (
        hasattr(values, "shape")
        and hasattr(values, "dtype")
        and hasattr(values, "chunks")
        and not isinstance(values, np.ndarray)
    )


def check_weights(weight: Any, count: int, shape: tuple[Any, ...]) -> None:
    """Check weights of samples or of elements: their shape and their values.

    Args:
        weight: The weights, (batch,) or (batch, ...).
        count: Number of samples.
        shape: Shape of one target.

    Raises:
        ValueError: A weight is negative or not finite, or the shape does not fit.
    """
    weight = _checks.to_array(weight, "sample_weight")
    check_weight_shape(weight.shape, shape)
    if len(weight) != count:
        raise ValueError(
            "`sample_weight` must have one entry for each sample. Received "
            f"{len(weight)} for {count} samples."
        )
    if weight.dtype.kind not in "fiub" or not (
        np.isfinite(weight).all() and (weight >= 0).all()
    ):
        raise ValueError(
            "`sample_weight` must hold finite numbers ≥ 0. Received values between "
            f"{weight.min()} and {weight.max()}."
        )
