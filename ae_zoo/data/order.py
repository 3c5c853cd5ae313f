"""The order of the examples: a function of the seed, the pass and the batch alone."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from ae_zoo._checks import check_boolean, check_integer

if TYPE_CHECKING:
    import tensorflow as tf


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """How the examples of a set are dealt out; the fields are options of `load`.

    Raises:
        TypeError: An option has the wrong type.
        ValueError: An option is out of range, or two options exclude each other.
    """

    batch_size: int
    shuffle: bool = False
    seed: int = 0
    drop_remainder: bool = False
    repeat: bool = False
    skip: int = 0
    shard: tuple[int, int] = (0, 1)

    def __post_init__(self) -> None:
        # As int: TensorFlow would give a NumPy integer a dtype of its own.
        integers = {
            "batch_size": check_integer("batch_size", self.batch_size, 1),
            "seed": check_integer("seed", self.seed, 0, 2**32 - 1),
            "skip": check_integer("skip", self.skip, 0),
        }
        if not isinstance(self.shard, tuple) or len(self.shard) != 2:
            raise TypeError(
                "`shard` must be the pair (index, number of workers), such as (0, 2). "
                f"Received: {self.shard!r}"
            )
        workers = check_integer("shard[1]", self.shard[1], 1)
        index = check_integer("shard[0]", self.shard[0], 0)
        if index >= workers:
            raise ValueError(
                "`shard` must be (index, number of workers), with the index counted "
                f"from 0. Received: {self.shard!r}"
            )
        if self.skip and not self.repeat:
            raise ValueError(
                f"Received skip={self.skip} without repeat=True: only the endless "
                "sequence has a fixed order to start within."
            )
        for name in ("shuffle", "drop_remainder", "repeat"):
            check_boolean(name, getattr(self, name))
        for name, value in integers.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "shard", (index, workers))

    @property
    def share(self) -> int:
        """Size of this worker's share of a whole batch."""
        index, workers = self.shard
        size = self.batch_size
        return size * (index + 1) // workers - size * index // workers

    def batches(self, count: int, size: int) -> int:
        """Return the number of batches of `size` in a pass over `count` examples."""
        return count // size if self.drop_remainder else math.ceil(count / size)

    def passes(
        self,
        one_pass: Callable[[tf.Tensor, tf.Tensor | int], tf.data.Dataset],
        batches: int,
    ) -> tf.data.Dataset:
        """Return one pass, or an endless sequence of passes from batch `skip` on.

        Args:
            one_pass: (key, first batch) → dataset of the batches of a pass; the key is
                an integer tensor of shape (2,) that seeds stateless draws.
            batches: Number of batches in a pass; needed only for `skip`.
        """
        import tensorflow as tf

        if not self.repeat:
            # Nothing counts these passes, so a random key replaces the pass number.
            keys = tf.data.Dataset.random(
                seed=self.seed, rerandomize_each_iteration=True
            )
            keys = keys.batch(2, drop_remainder=True).take(1)
            return keys.flat_map(lambda key: one_pass(key, 0))
        first_pass, first_batch = divmod(self.skip, batches) if self.skip else (0, 0)
        seed = tf.constant([self.seed, 0], tf.int64)

        def numbered(number: tf.Tensor) -> tf.data.Dataset:
            key = fold_in(seed, number)
            start = tf.where(number == first_pass, first_batch, 0)
            return one_pass(key, tf.cast(start, tf.int64))

        endless = tf.data.Dataset.counter(first_pass).flat_map(numbered)
        return with_cardinality(endless, tf.data.INFINITE_CARDINALITY)


def rows(count: int, plan: Plan) -> tf.data.Dataset:
    """Deal out the row numbers of a set of `count` rows.

    Returns:
        Dataset of (numbers, key, span): this worker's row numbers, (share,) int64; the
        key of the batch, (2,) int64; and where the share lies in the whole batch, as
        (begin, end, size of the batch) int64.
    """
    import tensorflow as tf

    batches = plan.batches(count, plan.batch_size)
    index, workers = plan.shard

    def one_pass(key: tf.Tensor, first: tf.Tensor | int) -> tf.data.Dataset:
        order = tf.range(count, dtype=tf.int64)
        if plan.shuffle:
            order = shuffled(order, key)

        def batch(number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            start = number * plan.batch_size
            size = tf.minimum(count - start, plan.batch_size)
            begin, end = size * index // workers, size * (index + 1) // workers
            numbers = order[start + begin : start + end]
            if plan.drop_remainder:
                numbers = tf.ensure_shape(numbers, (plan.share,))
            return numbers, fold_in(key, number), tf.stack([begin, end, size])

        return tf.data.Dataset.range(first, batches).map(batch)

    dataset = plan.passes(one_pass, batches)
    if plan.repeat:
        return dataset
    return with_cardinality(dataset, batches)


# The type stubs of TensorFlow lack some of these functions; they are called only here.


def fold_in(key: tf.Tensor, number: tf.Tensor | int) -> tf.Tensor:
    """Derive a key, (2,) int64, from another key and a number."""
    import tensorflow as tf

    return tf.random.experimental.stateless_fold_in(key, number)


def shuffled(values: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
    """Shuffle along the first axis, as a function of the key alone."""
    import tensorflow as tf

    return tf.random.experimental.stateless_shuffle(values, key)


def with_cardinality(dataset: tf.data.Dataset, size: int) -> tf.data.Dataset:
    """Declare the number of elements of a dataset, which TensorFlow cannot infer."""
    import tensorflow as tf

    return dataset.apply(tf.data.experimental.assert_cardinality(size))
