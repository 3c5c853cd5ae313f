"""`load` and `arrays`: from a source to batches of float32, or to whole arrays."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from ae_zoo._checks import check_boolean
from ae_zoo.data import checks, resolving
from ae_zoo.data.order import Plan, fold_in, with_cardinality

if TYPE_CHECKING:
    import tensorflow as tf

# Examples handled together when the caller wants them one by one.
CHUNK = 256


def load(
    name: Any,
    split: str = "train",
    *,
    batch_size: int | None = None,
    shuffle: bool = False,
    seed: int = 0,
    labels: bool = False,
    classes: Sequence[int] | None = None,
    binarize: str | None = None,
    augment: Callable[..., tf.Tensor] | None = None,
    pair: Callable[[tf.Tensor], tuple[Any, Any]] | None = None,
    data_dir: str | os.PathLike[str] | None = None,
    drop_remainder: bool = False,
    repeat: bool = False,
    skip: int = 0,
    shard: tuple[int, int] = (0, 1),
) -> tf.data.Dataset:
    """Load a split as a `tf.data` pipeline of float32.

    Images are in [0, 1], channels last; `ecg5000` gives z-normalized series, and
    tables and arrays of floats their own values. The
    order is fixed unless `shuffle` is set. All random numbers are drawn from `seed`: a
    pipeline that is built a second time repeats the same sequence of passes. Set
    `repeat` if the data must not depend on how many passes were made before, for
    instance when a run resumes: pass p is then a function of `seed` and p alone, and
    `skip` starts anywhere in the sequence.

    Args:
        name: One of `names()`, a `Source` such as `Images(...)`, or anything else that
            `ae_zoo.data.source` takes.
        split: "train", "validation" or "test".
        batch_size: Examples in a batch, over all workers; None gives single examples.
        shuffle: Whether to draw a new order for every pass.
        seed: Seed of the order and of everything drawn, in [0, 2³²).
        labels: Whether elements are (x, label), label int64, instead of x.
        classes: Only examples with one of these labels; None gives all.
        binarize: "dynamic" draws every pixel from Bernoulli(x) in every pass; "fixed"
            draws it once from the seed, the same in every pass and for every batch
            size; None keeps the gray values.
        augment: Function of a batch, (batch, *shape) to the same, run in the graph
            after scaling and before dynamic binarization. A second parameter receives
            a seed for stateless draws, (2,) int64, which is a function of `seed`,
            pass, batch and shard. A function without it makes its own draws, which a
            resumed run does not repeat. A Keras layer such as
            `keras.layers.RandomTranslation(0.1, 0.1)` can be passed directly: called
            outside a model it augments, as with training=True.
        pair: Function x → (input, target) of a batch, applied last, for instance
            from color to (gray, color).
        data_dir: Folder of prepared data. By default $TFDS_DATA_DIR, then
            ~/tensorflow_datasets. Nothing is ever downloaded.
        drop_remainder: Whether to drop a last, smaller batch of a pass.
        repeat: Whether to repeat passes without end. No batch spans two passes.
        skip: Number of batches of that endless sequence to leave out at its beginning,
            without work for them: equal to `load(...).skip(skip)`.
        shard: (index, number) of this worker. The batches of all workers together
            equal those of a single worker, including the images drawn by `binarize`;
            what `augment` draws differs. A set too large for memory is divided by
            files instead: see `tfrecords`.

    Returns:
        Dataset of x, float32, (batch, *shape) or (*shape,); or of (x, label), or of
        what `pair` returns; of a source of pairs, of (input, target). Its
        cardinality is known.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: The set, the split or an option does not exist, or two
            options exclude each other.
        FileNotFoundError: The set has not been prepared.

    Example:

    >>> train = load("digits", batch_size=32, shuffle=True, binarize="dynamic")
    >>> next(iter(train)).shape
    TensorShape([32, 8, 8, 1])
    """
    import tensorflow as tf

    source = resolving.source(name, data_dir)
    source.check_split(split)
    check_boolean("labels", labels)
    check_boolean("drop_remainder", drop_remainder)
    source.check_labels(labels)
    plan = Plan(
        batch_size=CHUNK if batch_size is None else batch_size,
        shuffle=shuffle,
        seed=seed,
        drop_remainder=drop_remainder and batch_size is not None,
        repeat=repeat,
        skip=skip,
        shard=shard,
    )
    if batch_size is None and (plan.skip or plan.shard[1] > 1):
        raise ValueError(
            "Received skip or shard without batch_size: both count in batches. Set "
            "batch_size."
        )
    checks.check_classes(source, classes)
    checks.check_binarize(source, binarize, augment)
    checks.check_functions(augment, pair, labels)
    checks.check_pairs(source, binarize, pair)

    fixed = binarize == "fixed"
    dataset, fetch, count = source.batches(
        split, plan, classes=classes, fixed_binary=fixed
    )
    divisor = 1.0 if fixed else source.divisor
    is_seeded = augment is not None and _takes_seed(augment)

    def finish(item: Any, key: tf.Tensor, span: tf.Tensor) -> Any:
        stored, label = fetch(item, key)
        x = tf.cast(stored, tf.float32) / divisor  # (batch, *shape)
        if augment is not None:
            own = fold_in(key, 1 + plan.shard[0])
            x = augment(x, own) if is_seeded else augment(x)
        if binarize == "dynamic":
            x = tf.cast(_uniform(x, key, span, plan.shard) < x, tf.float32)
        if pair is not None:
            return pair(x)
        if source.target_shape is not None:
            return source.divided(x)
        return (x, label) if labels else x

    # A function of the caller may have random state: it must then receive the batches
    # in order, so that the same seed gives the same images.
    in_order = pair is not None or (augment is not None and not is_seeded)
    dataset = dataset.map(
        finish, num_parallel_calls=None if in_order else tf.data.AUTOTUNE
    )
    if batch_size is None:
        count = tf.data.INFINITE_CARDINALITY if repeat else count
        dataset = with_cardinality(dataset.unbatch(), count)
    return dataset.prefetch(tf.data.AUTOTUNE)


@overload
def arrays(
    name: Any,
    split: str = ...,
    *,
    labels: Literal[False] = ...,
    data_dir: str | os.PathLike[str] | None = ...,
) -> np.ndarray: ...


@overload
def arrays(
    name: Any,
    split: str = ...,
    *,
    labels: Literal[True],
    data_dir: str | os.PathLike[str] | None = ...,
) -> tuple[np.ndarray, np.ndarray]: ...


@overload
def arrays(
    name: Any,
    split: str = ...,
    *,
    labels: bool,
    data_dir: str | os.PathLike[str] | None = ...,
) -> np.ndarray | tuple[np.ndarray, np.ndarray]: ...


def arrays(
    name: Any,
    split: str = "train",
    *,
    labels: bool = False,
    data_dir: str | os.PathLike[str] | None = None,
) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
    """Read a whole split into memory.

    Args:
        name: As for `load`.
        split: "train", "validation" or "test".
        labels: Whether to return the labels too.
        data_dir: Folder of prepared data; see `load`.

    Returns:
        x: float32, (examples, *shape): images in [0, 1], `ecg5000` z-normalized.
            With labels, the pair (x, label) with label int64, (examples,). Of a source
            of pairs, the pair (input, target).

    Raises:
        TypeError: `name` or `split` has the wrong type.
        ValueError: The set or split does not exist, or has no labels.
        FileNotFoundError: The set has not been prepared.

    Example:

    >>> arrays("digits", "test").shape
    (250, 8, 8, 1)
    """
    return resolving.source(name, data_dir).arrays(split, labels=labels)


def _takes_seed(augment: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(augment).parameters.values()
    except ValueError:  # some functions written in C
        return False
    required = [
        parameter
        for parameter in parameters
        if parameter.default is parameter.empty
        and parameter.kind
        in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    return len(required) == 2


def _uniform(
    x: tf.Tensor, key: tf.Tensor, span: tf.Tensor, shard: tuple[int, int]
) -> tf.Tensor:
    """Draws in [0, 1) of the shape of x: a worker's share of those of the batch."""
    import tensorflow as tf

    if shard[1] == 1:
        return tf.random.stateless_uniform(tf.shape(x), key)
    begin, end, size = tf.unstack(span)
    shape = tf.concat([[size], tf.shape(x, tf.int64)[1:]], axis=0)
    return tf.random.stateless_uniform(shape, key)[begin:end]
