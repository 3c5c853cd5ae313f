"""Deals the examples of a source into batches, from memory or from files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ae_zoo.data import order, streaming

if TYPE_CHECKING:
    import tensorflow as tf

    from ae_zoo.data.order import Plan
    from ae_zoo.data.prepared import Decode, Slice
    from ae_zoo.data.sources import Source

# Decoded bytes up to which a split is held in memory and shuffled as a whole. A
# larger one is streamed and shuffled in windows.
MEMORY_LIMIT = 2 * 1024**3
STREAM_WINDOW = 20_000


class Batches(NamedTuple):
    """A split, dealt into batches of stored examples.

    Attributes:
        dataset: Of (item, key, span): what `fetch` takes; the key of the batch, (2,)
            int64; and where the item lies in the whole batch, as (begin, end, size of
            the batch) int64.
        fetch: (item, key of the batch) → (stored, label), both with a batch dimension,
            in the graph.
        examples: Number of examples in a pass.
    """

    dataset: tf.data.Dataset
    fetch: Callable[[Any, Any], tuple[tf.Tensor, tf.Tensor]]
    examples: int


def fits_in_memory(source: Source, split: str) -> bool:
    """Tell whether a decoded split stays below `MEMORY_LIMIT`."""
    width = 1 if len(source.shape) == 3 else 4  # bytes of a pixel, of a float
    size = int(np.prod(source.stored_shape)) * width
    return source.counts[split] * size <= MEMORY_LIMIT


def in_memory(
    source: Source,
    split: str,
    plan: Plan,
    *,
    classes: Sequence[int] | None = None,
    fixed_binary: bool = False,
) -> Batches:
    """Deal a split that is held in memory, by row numbers; see `Source.batches`.

    One gather per batch of a whole array, in an order drawn once per pass, is two to
    three times as fast as shuffling and batching single examples.

    Raises:
        ValueError: No example has one of `classes`.
    """
    import tensorflow as tf

    stored, label = source.stored(split)
    if fixed_binary:
        stored = _bernoulli(stored, source.divisor, plan.seed)
    if classes is not None:
        chosen = rows_of_classes(source, split, label, classes)
        stored, label = stored[chosen], label[chosen]
    with tf.device("CPU"):
        columns = tf.constant(stored), tf.constant(label)

    def fetch(number: tf.Tensor, key: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        stored, label = columns
        return tf.gather(stored, number), tf.gather(label, number)

    return Batches(order.rows(len(label), plan), fetch, len(label))


def rows_of_classes(
    source: Source, split: str, label: np.ndarray, classes: Sequence[int]
) -> np.ndarray:
    """Return the row numbers of the examples with one of the labels `classes`.

    Raises:
        ValueError: There is none.
    """
    chosen = np.flatnonzero(np.isin(label, list(classes)))
    if not len(chosen):
        raise ValueError(
            f"Found no example of the classes {list(classes)} in the split {split!r} "
            f"of {source.name!r}, whose labels are: {source.label}."
        )
    return chosen


def streamed(
    source: Source,
    split: str,
    plan: Plan,
    slices: Sequence[Slice],
    decode: Decode,
    *,
    fixed_binary: bool = False,
) -> Batches:
    """Deal a split that is decoded while it is read, and never all in memory."""
    import tensorflow as tf

    def parse(record: tf.Tensor, number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        stored, label = decode(record)
        if not fixed_binary:
            return stored, label
        # Keyed by the example's number: neither pass nor batch size matters.
        key = tf.stack([tf.constant(plan.seed, tf.int64), number])
        uniform = tf.random.stateless_uniform(source.shape, key)
        on = uniform < tf.cast(stored, tf.float32) / source.divisor
        return tf.cast(on, stored.dtype), label

    count = source.counts[split]
    batches = streaming.stream(slices, parse, plan, STREAM_WINDOW)
    # A worker's share is a whole batch here: it draws noise of its own.
    batches = batches.map(lambda item, key: (item, key, _whole(item[0])))
    if not plan.repeat and plan.shard[1] == 1:
        size = plan.batches(count, plan.batch_size)
        batches = order.with_cardinality(batches, size)
    return Batches(batches, lambda example, key: example, count)


def _whole(stored: tf.Tensor) -> tf.Tensor:
    import tensorflow as tf

    size = tf.shape(stored, tf.int64)[0]
    return tf.stack([tf.zeros_like(size), size, size])


def _bernoulli(stored: np.ndarray, divisor: float, seed: int) -> np.ndarray:
    """Draw every value of a whole split once, independently of any batch size."""
    # RandomState's stream never changes between versions, unlike default_rng's.
    random = np.random.RandomState(seed)
    drawn = np.empty_like(stored)
    for start in range(0, len(stored), 4096):  # bounds the memory of the float draws
        rows = stored[start : start + 4096]
        drawn[start : start + 4096] = random.random_sample(rows.shape) < rows / divisor
    return drawn
