"""`load`: from a prepared set to batches of float32, without Python per element."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ae_zoo.data import catalogue, options, order, reading, streaming
from ae_zoo.data.dataset_info import DatasetInfo

if TYPE_CHECKING:
    import tensorflow as tf

# Decoded bytes up to which a split is held in memory and shuffled as a whole. A
# larger one is streamed and shuffled in windows.
MEMORY_LIMIT = 2 * 1024**3
STREAM_WINDOW = 20_000

# Examples handled together when the caller wants them one by one.
CHUNK = 256


def load(
    name: str,
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
    data_dir: str | os.PathLike | None = None,
    drop_remainder: bool = False,
    repeat: bool = False,
    skip: int = 0,
    shard: tuple[int, int] = (0, 1),
) -> tf.data.Dataset:
    """Loads a split as a `tf.data` pipeline of float32.

    Images are in [0, 1], channels last; `ecg5000` gives z-normalised series. The
    order is fixed unless `shuffle` is set. Everything random is drawn from `seed`: a
    pipeline built again repeats the same sequence of passes. Where it must not depend
    on how many passes were made before, as when a run resumes, set `repeat`: pass p is
    then a function of `seed` and p alone, and `skip` starts anywhere in the sequence.

    Args:
        name: One of `names()`.
        split: "train", "validation" or "test".
        batch_size: Examples in a batch, over all workers; None gives single examples.
        shuffle: Whether to draw a new order for every pass.
        seed: Seed of the order and of everything drawn, at least 0.
        labels: Whether elements are (x, label), label int64, instead of x.
        classes: Only examples with one of these labels; None gives all.
        binarize: "dynamic" draws every pixel from Bernoulli(x) anew on every pass;
            "fixed" draws it once by the seed, the same on every pass and for every
            batch size; None keeps the grey values.
        augment: Function of a batch, (batch, *shape) to the same, run in the graph
            after scaling and before dynamic binarization. If it takes a second
            argument, that is a seed for stateless draws, (2,) int64, a function of
            `seed`, pass, batch and shard; without it what the function draws is its
            own, and a resumed run goes on with other draws. A Keras layer such as
            `keras.layers.RandomTranslation(0.1, 0.1)` can be given as it is: called
            outside a model it augments, as with training=True.
        pair: Function x -> (input, target) of a batch, applied last, for instance
            from colour to (grey, colour).
        data_dir: Folder of prepared data. By default $TFDS_DATA_DIR, then
            ~/tensorflow_datasets. Nothing is ever downloaded.
        drop_remainder: Whether to leave out a last, smaller batch of a pass.
        repeat: Whether to go on pass after pass without end. No batch spans two.
        skip: How many batches of that endless sequence to leave out at its beginning,
            without work for them: equal to `load(...).skip(skip)`.
        shard: (index, number) of this worker. Together the workers' batches are those
            of one worker, images drawn by `binarize` included; what `augment` draws
            differs. A set too large for memory is dealt out by files instead: see
            `tfrecords`.

    Returns:
        Dataset of x, float32, (batch, *shape) or (*shape,); or of (x, label), or of
        what `pair` returns. Its cardinality is known.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If the set, the split or an option does not exist, or two
            options exclude each other.
        FileNotFoundError: If the set has not been prepared.

    Example:
        >>> train = load("digits", batch_size=32, shuffle=True, binarize="dynamic")
        >>> next(iter(train)).shape
        TensorShape([32, 8, 8, 1])
    """
    import tensorflow as tf

    facts = catalogue.lookup(name, caller="load")
    catalogue.check_split(facts, split, caller="load")
    catalogue.check_labels(facts, labels, caller="load")
    options.check(facts, batch_size, seed, labels, classes, binarize, augment, pair)
    options.check_sequence(batch_size, repeat, skip, shard)

    plan = order.Plan(
        batch_size=batch_size or CHUNK,
        shuffle=shuffle,
        seed=seed,
        drop_remainder=drop_remainder and batch_size is not None,
        repeat=repeat,
        skip=skip,
        shard=shard,
    )
    fits = _bytes(facts, split) <= MEMORY_LIMIT
    # Only the labels in memory tell how many examples the classes have.
    source = _memory if fits or classes is not None else _stream
    fixed = binarize == "fixed"
    batches, rows, count = source(facts, split, data_dir, classes, plan, fixed)
    divisor = 1.0 if fixed else facts.divisor
    is_seeded = augment is not None and _takes_seed(augment)

    def finish(item, key, span):
        stored, label = rows(item)
        x = tf.cast(stored, tf.float32) / divisor  # (batch, *shape)
        if augment is not None:
            own = tf.random.experimental.stateless_fold_in(key, 1 + plan.shard[0])
            x = augment(x, own) if is_seeded else augment(x)
        if binarize == "dynamic":
            x = tf.cast(_uniform(x, key, span, plan.shard) < x, tf.float32)
        if pair is not None:
            return pair(x)
        return (x, label) if labels else x

    # A function of the caller may hold random state: batches then go through it one
    # after the other, so that the same seed gives the same images.
    in_turn = pair is not None or (augment is not None and not is_seeded)
    parallel = None if in_turn else tf.data.AUTOTUNE
    dataset = batches.map(finish, num_parallel_calls=parallel)
    if batch_size is None:
        count = tf.data.INFINITE_CARDINALITY if repeat else count
        cardinality = tf.data.experimental.assert_cardinality(count)
        dataset = dataset.unbatch().apply(cardinality)
    return dataset.prefetch(tf.data.AUTOTUNE)


def _takes_seed(augment: Callable) -> bool:
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


def _uniform(x, key, span, shard):
    """Draws in [0, 1) of the shape of x: a worker's share of those of the batch."""
    import tensorflow as tf

    if shard[1] == 1:
        return tf.random.stateless_uniform(tf.shape(x), key)
    begin, end, size = tf.unstack(span)
    shape = tf.concat([[size], tf.shape(x, tf.int64)[1:]], axis=0)
    return tf.random.stateless_uniform(shape, key)[begin:end]


def _bytes(facts: DatasetInfo, split: str) -> int:
    """Size of a decoded split: one byte per value of an image, four of a series."""
    width = 1 if len(facts.shape) == 3 else 4
    return facts.counts[split] * int(np.prod(facts.shape)) * width


def _memory(facts, split, data_dir, classes, plan, fixed):
    """Batches of row numbers, the function that gathers those rows, and their count.

    One gather per batch of a whole array, in an order drawn once per pass, is two to
    three times as fast as shuffling and batching single examples.
    """
    import tensorflow as tf

    stored, label = reading.stored_arrays(facts, split, data_dir)
    if fixed:
        stored = _bernoulli(stored, facts.divisor, plan.seed)
    if classes is not None:
        chosen = np.isin(label, list(classes))
        stored, label = stored[chosen], label[chosen]
        options.check_found(facts, split, classes, len(label))
    count = len(label)
    with tf.device("CPU"):
        stored, label = tf.constant(stored), tf.constant(label)

    def rows(number):
        return tf.gather(stored, number), tf.gather(label, number)

    return order.rows(count, plan), rows, count


def _bernoulli(stored: np.ndarray, divisor: float, seed: int) -> np.ndarray:
    """Draws every value of a whole split once, independently of any batch size."""
    # RandomState's stream is frozen for good, unlike default_rng's.
    random = np.random.RandomState(seed)
    drawn = np.empty_like(stored)
    for start in range(0, len(stored), 4096):  # bounds the memory of the float draws
        rows = stored[start : start + 4096]
        drawn[start : start + 4096] = random.random_sample(rows.shape) < rows / divisor
    return drawn


def _stream(facts, split, data_dir, classes, plan, fixed):
    """Batches of stored examples, decoded on the way and never all in memory."""
    import tensorflow as tf

    slices, decode = reading.files(facts, split, reading.find_prepared(facts, data_dir))

    def parse(record, number):
        stored, label = decode(record)
        if not fixed:
            return stored, label
        # Keyed by the example's number: neither pass nor batch size matters.
        key = tf.stack([tf.constant(plan.seed, tf.int64), number])
        uniform = tf.random.stateless_uniform(facts.shape, key)
        on = uniform < tf.cast(stored, tf.float32) / facts.divisor
        return tf.cast(on, stored.dtype), label

    count = facts.counts[split]
    batches = streaming.stream(slices, parse, plan, STREAM_WINDOW)
    # Whose noise is its own: there is no whole batch to take a share of.
    batches = batches.map(lambda item, key: (item, key, _whole(item[0])))
    if not plan.repeat and plan.shard[1] == 1:
        size = plan.batches(count, plan.batch_size)
        batches = batches.apply(tf.data.experimental.assert_cardinality(size))
    return batches, lambda example: example, count


def _whole(stored):
    import tensorflow as tf

    size = tf.shape(stored, tf.int64)[0]
    return tf.stack([tf.zeros_like(size), size, size])
