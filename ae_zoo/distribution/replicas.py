"""What a replica of `tf.distribute` knows of the others, inside a step.

Two rules make training the same however many replicas share a batch: what is random is
drawn for the global batch, of which each replica keeps its own rows; and the mean of a
replica counts by the number of its rows.
"""

import contextlib
import threading
import typing

import tensorflow as tf
from keras import ops

# MirroredStrategy runs each replica in a thread of its own, and the threads take turns
# within a step: what belongs to a replica cannot be an attribute of the model.
_step = threading.local()


class Rows(typing.NamedTuple):
    """The rows of the global batch that a replica holds.

    Attributes:
        first: Number of the first one.
        size: How many; may be 0.
        total: How many all replicas hold together.
    """

    first: typing.Any
    size: typing.Any
    total: typing.Any

    @property
    def weight(self):
        """Turns the mean over replicas into one over samples; 1 for equal shares."""
        share = tf.cast(self.size, "float32") / tf.cast(self.total, "float32")
        return share * tf.distribute.get_strategy().num_replicas_in_sync


def without_empty(batch):
    """Gives a replica that is left without a sample one row of zeros to work on.

    Convolutions and Jacobians fail on empty batches. What the row leads to has to be
    left out again: by `Rows.weight`, a sample weight of 0, or a slice.

    Args:
        batch: A nest of tensors (batch, ...) and None.

    Returns:
        The nest, and how many rows are real.
    """
    values = tf.nest.flatten(batch)[0]
    is_alone = tf.distribute.get_strategy().num_replicas_in_sync == 1
    if is_alone or values.shape[0]:  # on TPUs all shapes are static
        return batch, tf.shape(values)[0]
    size = tf.shape(values)[0]

    def fill(values):
        if values is None:
            return None
        missing = tf.cast(size == 0, "int32")
        row = tf.zeros(tf.concat([[missing], tf.shape(values)[1:]], 0), values.dtype)
        row = tf.ensure_shape(row, [None, *values.shape[1:]])
        return tf.concat([values, row], axis=0)

    return tf.nest.map_structure(fill, batch), size


@contextlib.contextmanager
def sharing(size):
    """Tells the replicas of each other's rows, which `of_global_batch` needs to know.

    Args:
        size: How many rows this replica holds.

    Yields:
        Its `Rows`; None where there is but one replica.
    """
    _step.rows = _count_rows(size)
    try:
        yield _step.rows
    finally:
        _step.rows = None


def of_global_batch(random, x, axis=0):
    """Calls a random function on the batch of all replicas, keeps the rows of this one.

    The noise of a sample is then the same however many replicas share the batch, at
    the price of drawing that of the others too.

    Args:
        random: Function of x that draws from a seed which all replicas share. In the
            place of the others' rows it gets copies of this replica's.
        x: (batch, ...), at least one row.
        axis: Axis of the batch in what `random` returns.
    """
    rows = getattr(_step, "rows", None)
    if rows is None:
        return random(x)
    size = x.shape[0] or tf.shape(x)[0]
    # The row of a replica without samples may stand anywhere.
    first = tf.minimum(rows.first, rows.total - size)
    copied = tf.clip_by_value(tf.range(rows.total) - first, 0, size - 1)
    drawn = random(tf.gather(x, copied))
    return tf.gather(drawn, first + tf.range(size), axis=axis)


def gather(values, axis=0):
    """Collects the rows of all replicas, in the order of the global batch.

    Use it in a penalty that compares samples with each other, such as a maximum mean
    discrepancy: every replica then computes the same value for the global batch. The
    gradient with respect to this replica's rows is that of the global penalty, since
    a training step divides the loss of a replica by the number of replicas, and weighs
    it by `Rows.weight`, before the gradients are summed.

    Args:
        values: Numbers, (batch, ...). If the replica has no sample, the row that
            `without_empty` made for it is left out.
        axis: The batch axis of `values`.

    Returns:
        `values` of the global batch on each replica. With one replica, and outside of
        `sharing`, `values` unchanged.

    Example:

    >>> z = replicas.gather(z)  # (rows of this replica, d) -> (all rows, d)
    """
    rows = getattr(_step, "rows", None)
    if rows is None:
        return values
    values = ops.moveaxis(values, axis, 0)[: rows.size]
    numbers = rows.first + tf.range(rows.size)
    shape = tf.concat([[rows.total], tf.shape(values)[1:]], axis=0)
    # Zeros everywhere but in this replica's rows: their sum has the rows of all.
    placed = tf.scatter_nd(numbers[:, None], values, shape)
    return ops.moveaxis(sum_over_replicas(placed), 0, axis)


def sum_over_replicas(values):
    """The sum of a tensor over all replicas, on each of them."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return values
    return context.all_reduce(tf.distribute.ReduceOp.SUM, values)


def sum_in_one_message(tensors, dtype="float32"):
    """The sums of float tensors over all replicas, on each of them.

    A message costs time beside its bytes: on CPUs, the time of cores that compute.

    Args:
        tensors: Of any shapes, or None, which stays None.
        dtype: That they travel and are summed in.

    Returns:
        A list of tensors of the same shapes and dtypes.
    """
    present = [tf.convert_to_tensor(t) for t in tensors if t is not None]
    message = tf.concat([tf.reshape(tf.cast(t, dtype), [-1]) for t in present], 0)
    parts = tf.split(sum_over_replicas(message), [tf.size(t) for t in present])
    sums = iter(
        tf.cast(tf.reshape(part, tf.shape(t)), t.dtype)
        for part, t in zip(parts, present, strict=True)
    )
    return [None if t is None else next(sums) for t in tensors]


def is_multi_worker(strategy):
    """Whether a strategy spans several processes."""
    return (
        isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
        and strategy.extended._in_multi_worker_mode()
    )


def _count_rows(size):
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return None
    count, replica = context.num_replicas_in_sync, context.replica_id_in_sync_group
    if isinstance(context.strategy, tf.distribute.TPUStrategy):  # static equal shares
        size = tf.get_static_value(size)
        return Rows(replica * size, size, count * size)
    # float32, since GPUs keep int32 in the host's memory; exact up to 2²⁴ rows.
    own = tf.one_hot(replica, count) * tf.cast(size, "float32")
    sizes = tf.cast(sum_over_replicas(own), "int32")  # (count,)
    return Rows(tf.cumsum(sizes, exclusive=True)[replica], size, tf.reduce_sum(sizes))


def check_batch_size(batch_size: int | None) -> None:
    """Checks that the replicas of the strategy in scope can share a global batch.

    Raises:
        ValueError: If `batch_size` is not a multiple of the number of replicas.
    """
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    if batch_size is not None and batch_size % replicas:
        raise ValueError(
            f"The global batch of {batch_size} does not divide among {replicas} "
            f"replicas. Choose a multiple of {replicas}, such as "
            f"{max(batch_size // replicas, 1) * replicas}."
        )
