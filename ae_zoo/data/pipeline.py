"""`load`: from a prepared set to batches of float32, without Python per element."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ae_zoo.data import catalogue, options, reading
from ae_zoo.data.dataset_info import DatasetInfo

if TYPE_CHECKING:
    import tensorflow as tf

# Decoded bytes up to which a split is held in memory and shuffled as a whole. A
# larger one is streamed and shuffled through a buffer.
MEMORY_LIMIT = 2 * 1024**3
STREAM_BUFFER = 20_000

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
    augment: Callable[[tf.Tensor], tf.Tensor] | None = None,
    pair: Callable[[tf.Tensor], tuple[Any, Any]] | None = None,
    data_dir: str | os.PathLike | None = None,
    drop_remainder: bool = False,
) -> tf.data.Dataset:
    """Loads a split as a `tf.data` pipeline of float32.

    Images are in [0, 1], channels last; `ecg5000` gives z-normalised series. The
    order is fixed unless `shuffle` is set. Everything random is drawn from `seed`
    (and, as everywhere in `tf.data`, from `tf.random.set_seed` if that was called):
    a pipeline built again repeats the same sequence of passes.

    Args:
        name: One of `names()`.
        split: "train", "validation" or "test".
        batch_size: Examples in a batch; None gives single examples.
        shuffle: Whether to draw a new order for every pass.
        seed: Seed of the order and of `binarize`, at least 0.
        labels: Whether elements are (x, label), label int64, instead of x.
        classes: Only examples with one of these labels; None gives all.
        binarize: "dynamic" draws every pixel from Bernoulli(x) anew on every pass;
            "fixed" draws it once by the seed, the same on every pass and for every
            batch size; None keeps the grey values.
        augment: Function of a batch, (batch, *shape) to the same, run in the graph
            after scaling and before dynamic binarization. A Keras layer such as
            `keras.layers.RandomTranslation(0.1, 0.1)` can be given as it is: called
            outside a model it augments, as with training=True.
        pair: Function x -> (input, target) of a batch, applied last, for instance
            from colour to (grey, colour).
        data_dir: Folder of prepared data. By default $TFDS_DATA_DIR, then
            ~/tensorflow_datasets. Nothing is ever downloaded.
        drop_remainder: Whether to leave out a last, smaller batch.

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

    size = batch_size or CHUNK
    drop = drop_remainder and batch_size is not None
    fits = _bytes(facts, split) <= MEMORY_LIMIT
    # Only the labels in memory tell how many examples the classes have.
    source = _memory if fits or classes is not None else _stream
    fixed = binarize == "fixed"
    batches, rows, count = source(
        facts, split, data_dir, classes, size, drop, shuffle, seed, fixed
    )
    divisor = 1.0 if fixed else facts.divisor

    def finish(item, noise):
        stored, label = rows(item)
        x = tf.cast(stored, tf.float32) / divisor  # (batch, *shape)
        if augment is not None:
            x = augment(x)
        if binarize == "dynamic":
            uniform = tf.random.stateless_uniform(tf.shape(x), noise)
            x = tf.cast(uniform < x, tf.float32)
        if pair is not None:
            return pair(x)
        return (x, label) if labels else x

    # A function of the caller may hold random state: batches then go through it one
    # after the other, so that the same seed gives the same images.
    parallel = None if augment or pair else tf.data.AUTOTUNE
    noise = _noise(seed) if binarize == "dynamic" else tf.data.Dataset.from_tensors(0)
    dataset = tf.data.Dataset.zip(batches, noise.repeat())
    dataset = dataset.map(finish, num_parallel_calls=parallel)
    if batch_size is None:
        cardinality = tf.data.experimental.assert_cardinality(count)
        dataset = dataset.unbatch().apply(cardinality)
    return dataset.prefetch(tf.data.AUTOTUNE)


def _bytes(facts: DatasetInfo, split: str) -> int:
    """Size of a decoded split: one byte per value of an image, four of a series."""
    width = 1 if len(facts.shape) == 3 else 4
    return facts.counts[split] * int(np.prod(facts.shape)) * width


def _noise(seed: int) -> tf.data.Dataset:
    """Endless pairs of numbers, different on every pass, to seed stateless draws."""
    import tensorflow as tf

    numbers = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True)
    return numbers.batch(2, drop_remainder=True)  # (2,)


def _memory(facts, split, data_dir, classes, size, drop, shuffle, seed, fixed):
    """Batches of row numbers, the function that gathers those rows, and their count.

    One gather per batch of a whole array, in an order drawn once per pass, is two to
    three times as fast as shuffling and batching single examples.
    """
    import tensorflow as tf

    stored, label = reading.stored_arrays(facts, split, data_dir)
    if fixed:
        stored = _bernoulli(stored, facts.divisor, seed)
    if classes is not None:
        chosen = np.isin(label, list(classes))
        stored, label = stored[chosen], label[chosen]
        options.check_found(facts, split, classes, len(label))
    count = len(label)
    with tf.device("CPU"):
        stored, label = tf.constant(stored), tf.constant(label)

    def permutation(key):
        numbers = tf.range(count, dtype=tf.int64)
        order = tf.random.experimental.stateless_shuffle(numbers, key)
        return tf.data.Dataset.from_tensor_slices(order)

    if shuffle:
        numbers = _noise(seed).take(1).flat_map(permutation)
        numbers = numbers.apply(tf.data.experimental.assert_cardinality(count))
    else:
        numbers = tf.data.Dataset.range(count)

    def rows(number):
        return tf.gather(stored, number), tf.gather(label, number)

    return numbers.batch(size, drop_remainder=drop), rows, count


def _bernoulli(stored: np.ndarray, divisor: float, seed: int) -> np.ndarray:
    """Draws every value of a whole split once, independently of any batch size."""
    # RandomState's stream is frozen for good, unlike default_rng's.
    random = np.random.RandomState(seed)
    drawn = np.empty_like(stored)
    for start in range(0, len(stored), 4096):  # bounds the memory of the float draws
        rows = stored[start : start + 4096]
        drawn[start : start + 4096] = random.random_sample(rows.shape) < rows / divisor
    return drawn


def _stream(facts, split, data_dir, classes, size, drop, shuffle, seed, fixed):
    """Batches of stored examples, decoded on the way and never all in memory."""
    import tensorflow as tf

    folder = reading.find_prepared(facts, data_dir)
    examples = reading.stream(facts, split, folder)

    def draw(number, example):
        stored, label = example
        # Keyed by the example's number: neither pass nor batch size matters.
        key = tf.stack([tf.constant(seed, tf.int64), number])
        uniform = tf.random.stateless_uniform(facts.shape, key)
        on = uniform < tf.cast(stored, tf.float32) / facts.divisor
        return tf.cast(on, stored.dtype), label

    if fixed:
        examples = examples.enumerate().map(draw, tf.data.AUTOTUNE)
    if shuffle:
        examples = examples.shuffle(STREAM_BUFFER, seed=seed)
    batches = examples.batch(size, drop_remainder=drop)
    return batches, lambda example: example, facts.counts[split]
