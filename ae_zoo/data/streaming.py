"""Streams of TFRecord files, for sets that do not fit in memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ae_zoo._checks import check_integer
from ae_zoo.data.order import Plan, fold_in, shuffled

if TYPE_CHECKING:
    import tensorflow as tf

# Files read at once where the order is shuffled.
OPEN_FILES = 4


def tfrecords(
    files: Sequence[str | os.PathLike[str]],
    parse: Callable[[tf.Tensor], Any],
    *,
    batch_size: int,
    shuffle: bool = False,
    seed: int = 0,
    window: int = 10_000,
    drop_remainder: bool = False,
    repeat: bool = False,
    skip: int = 0,
    shard: tuple[int, int] = (0, 1),
) -> tf.data.Dataset:
    """Stream batches from TFRecord files of any total size.

    Memory holds two windows of records and a few batches. With `shuffle`, every pass
    reads the files in a new order and shuffles the records within windows.

    Args:
        files: Paths of the files, in the same order on every worker.
        parse: Function from a serialized record, a scalar string, to an example.
        batch_size: Examples in a batch, over all workers.
        shuffle: Whether to draw a new order for every pass.
        seed: Seed of the order, in [0, 2³²).
        window: Number of records that are shuffled together.
        drop_remainder: Whether to drop a last, smaller batch of a pass.
        repeat: As in `load`.
        skip: As in `load`; skipped records are read, but not parsed.
        shard: (index, number) of this worker, which reads every `number`-th file,
            beginning with file `index`, and returns its share of each batch. The
            examples of a batch therefore depend on the number of workers, and a pass
            takes longer on workers whose files have more examples: train with
            `repeat=True` and `steps_per_epoch`.

    Returns:
        Dataset of batches of what `parse` returns.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: There are fewer files than workers, options exclude each other,
            or the files of an endless sequence do not fill a batch.

    Example:

        >>> with tf.io.TFRecordWriter("images-0.tfrecord") as writer:
        ...     for image in ae_zoo.data.arrays("digits", "test"):
        ...         writer.write(image.tobytes())
        >>> def parse(record):
        ...     return tf.reshape(tf.io.decode_raw(record, tf.float32), (8, 8, 1))
        >>> train = tfrecords(["images-0.tfrecord"], parse, batch_size=8, repeat=True)
        >>> next(iter(train)).shape
        TensorShape([8, 8, 8, 1])
    """
    import tensorflow as tf

    if isinstance(files, str | bytes | os.PathLike):
        raise TypeError(
            f"`files` must be a list of paths. Received: {files!r} of type "
            f"{type(files).__name__}"
        )
    if not callable(parse):
        raise TypeError(
            "`parse` must be a function of a serialized record. Received: "
            f"{parse!r} of type {type(parse).__name__}"
        )
    window = check_integer("window", window, 1)
    plan = Plan(
        batch_size=batch_size,
        shuffle=shuffle,
        seed=seed,
        drop_remainder=drop_remainder,
        repeat=repeat,
        skip=skip,
        shard=shard,
    )
    slices = [(os.fspath(file), 0, -1) for file in files]
    batches = stream(slices, lambda record, _: parse(record), plan, window)
    return batches.map(lambda batch, _: batch).prefetch(tf.data.AUTOTUNE)


def stream(
    slices: Sequence[tuple[str, int, int]],
    parse: Callable[[tf.Tensor, tf.Tensor], Any],
    plan: Plan,
    window: int,
) -> tf.data.Dataset:
    """Stream batches from parts of TFRecord files.

    Args:
        slices: (path, records to skip, records to take or -1) of each file.
        parse: Function of (serialized record, number of the record) to an example.
            Records are numbered in the order of `slices`, unless one of them is -1.
        plan: The order of the records and the size of the batches.
        window: Number of records that are shuffled together.

    Returns:
        Dataset of (batch, key of the batch).
    """
    import tensorflow as tf

    index, workers = plan.shard
    if len(slices) < workers:
        raise ValueError(
            f"{workers} workers need at least {workers} TFRecord files to stream. "
            f"Received {len(slices)}. Write the set in more shards."
        )
    firsts = [sum(take for _, _, take in slices[:n]) for n in range(len(slices))]
    own = slices[index::workers]
    batches = plan.batches(_count(own), plan.share) if plan.skip else 0
    least = plan.share if plan.drop_remainder else 1
    if plan.repeat and _count(own, least) < least:
        # An endless sequence of passes without a batch would never return.
        raise ValueError(
            f"The TFRecord files of worker {index} must hold {least} records or more "
            f"to fill a batch. Received: {[path for path, _, _ in own]}"
        )
    paths = tf.constant([path for path, _, _ in own])
    spans = tf.constant(
        [
            (skip, take, first)
            for (_, skip, take), first in zip(own, firsts[index::workers], strict=True)
        ],
        tf.int64,
    )  # (files, 3)

    def records(file: tf.Tensor) -> tf.data.Dataset:
        # Not `tf.unstack`: tf.data crashes if its second output is the number to take.
        skip, take, first = spans[file, 0], spans[file, 1], spans[file, 2]
        part = tf.data.TFRecordDataset(paths[file]).skip(skip).take(take)
        return part.enumerate().map(lambda n, record: (record, first + n))

    def one_pass(key: tf.Tensor, first: tf.Tensor | int) -> tf.data.Dataset:
        files = tf.data.Dataset.range(len(own))
        if plan.shuffle:
            order = shuffled(tf.range(len(own), dtype=tf.int64), key)
            files = tf.data.Dataset.from_tensor_slices(order)
            found = files.interleave(records, OPEN_FILES, 1, tf.data.AUTOTUNE, True)
            found = _shuffle_windows(found, window, key)
        else:
            found = files.flat_map(records)
        found = found.skip(first * plan.share).map(
            parse, tf.data.AUTOTUNE, deterministic=True
        )
        found = found.batch(plan.share, drop_remainder=plan.drop_remainder)

        def with_key(number: tf.Tensor, batch: Any) -> tuple[Any, tf.Tensor]:
            return batch, fold_in(fold_in(key, first + number), index)

        return found.enumerate().map(with_key)

    return plan.passes(one_pass, batches)


def _shuffle_windows(
    records: tf.data.Dataset, window: int, key: tf.Tensor
) -> tf.data.Dataset:
    """Shuffle within windows; unlike `Dataset.shuffle`, it keeps no state."""
    import tensorflow as tf

    def shuffle(number: tf.Tensor, part: tuple[tf.Tensor, ...]) -> tf.data.Dataset:
        order = shuffled(tf.range(tf.shape(part[0])[0]), fold_in(key, number))
        return tf.data.Dataset.from_tensor_slices(
            tuple(tf.gather(values, order) for values in part)
        )

    batches = records.batch(window).enumerate()
    return batches.flat_map(lambda number, *part: shuffle(number, *part))


def _count(slices: Sequence[tuple[str, int, int]], most: int = -1) -> int:
    """Count records, but no more than `most` of files that must be read for it."""
    takes = [take for _, _, take in slices]
    if -1 not in takes:
        return sum(takes)
    import tensorflow as tf

    records = tf.data.TFRecordDataset([path for path, _, _ in slices]).take(most)
    return int(records.reduce(tf.constant(0, tf.int64), lambda n, _: n + 1))
