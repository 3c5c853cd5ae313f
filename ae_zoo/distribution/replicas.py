"""What a replica of `tf.distribute` knows about the others inside a step.

Two rules make training independent of the number of replicas that share a batch:
random numbers are drawn for the global batch, and each replica keeps those of its own
rows; and the mean over a replica's rows is weighted by their number.
"""

from __future__ import annotations

import contextlib
import threading
import typing

import tensorflow as tf
from keras import ops

if typing.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Integer: typing.TypeAlias = int | tf.Tensor

# MirroredStrategy runs each replica in its own thread, and the threads take turns
# within a step: the state of a replica cannot be an attribute of the model.
_step = threading.local()


class Rows(typing.NamedTuple):
    """The rows of the global batch that a replica holds.

    Attributes:
        first: Index of the first row.
        size: Number of rows; may be 0.
        total: Number of rows of all replicas.
    """

    first: Integer
    size: Integer
    total: Integer

    @property
    def weight(self) -> tf.Tensor:
        """Weight that turns a mean over replicas into a mean over samples.

        It is 1 if all replicas hold equal numbers of rows.
        """
        share = tf.cast(self.size, "float32") / tf.cast(self.total, "float32")
        return share * tf.distribute.get_strategy().num_replicas_in_sync


def without_empty(batch: typing.Any) -> tuple[typing.Any, Integer]:
    """Replace an empty batch by one row of zeros.

    Convolutions and Jacobians fail on empty batches. The caller must exclude the
    results of this row by `Rows.weight`, a sample weight of 0, or a slice.

    Args:
        batch: A nest of tensors (batch, ...) and None.

    Returns:
        The nest, and the number of rows that are real.
    """
    values = tf.nest.flatten(batch)[0]
    is_alone = tf.distribute.get_strategy().num_replicas_in_sync == 1
    if is_alone or values.shape[0]:  # on TPUs all shapes are static
        return batch, tf.shape(values)[0]
    size = tf.shape(values)[0]

    def fill(values: tf.Tensor | None) -> tf.Tensor | None:
        if values is None:
            return None
        missing = tf.cast(size == 0, "int32")
        row = tf.zeros(tf.concat([[missing], tf.shape(values)[1:]], 0), values.dtype)
        row = tf.ensure_shape(row, [None, *values.shape[1:]])
        return tf.concat([values, row], axis=0)

    return tf.nest.map_structure(fill, batch), size


@contextlib.contextmanager
def sharing(size: Integer) -> Iterator[Rows | None]:
    """Let `of_global_batch` and `gather` know the rows of all replicas.

    Args:
        size: Number of rows of this replica.

    Yields:
        Its `Rows`; None if there is only one replica.
    """
    _step.rows = _count_rows(size)
    try:
        yield _step.rows
    finally:
        _step.rows = None


def of_global_batch(
    random: Callable[[tf.Tensor], tf.Tensor], x: tf.Tensor, axis: int = 0
) -> tf.Tensor:
    """Call a random function on the global batch and keep the rows of this replica.

    The noise of a sample is then the same for any number of replicas. Each replica
    also draws the noise of the other replicas' rows.

    Args:
        random: Function of x that draws from a seed which all replicas share. It
            receives copies of this replica's rows in place of the other rows.
        x: (batch, ...), at least one row.
        axis: The batch axis of the result of `random`.

    Returns:
        The result of `random`, with the rows of this replica only.
    """
    rows = getattr(_step, "rows", None)
    if rows is None:
        return random(x)
    size = x.shape[0] or tf.shape(x)[0]
    # If the replica has no sample, the result for its row of zeros is never used.
    first = tf.minimum(rows.first, rows.total - size)
    copied = tf.clip_by_value(tf.range(rows.total) - first, 0, size - 1)
    drawn = random(tf.gather(x, copied))
    return tf.gather(drawn, first + tf.range(size), axis=axis)


def gather(values: tf.Tensor, axis: int = 0) -> tf.Tensor:
    """Collect the rows of all replicas, in the order of the global batch.

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

    >>> z = tf.ones((3, 2))  # (rows of this replica, d)
    >>> gather(z).shape  # (rows of all replicas, d)
    TensorShape([3, 2])
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


def sum_over_replicas(values: tf.Tensor) -> tf.Tensor:
    """Sum a tensor over all replicas; each of them gets the sum."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return values
    return context.all_reduce(tf.distribute.ReduceOp.SUM, values)


def run_if(
    condition: tf.Tensor,
    function: Callable[..., object],
    *args: typing.Any,
    otherwise: Callable[[], object] | None = None,
) -> None:
    """Call a function in the graph of each replica if a condition holds.

    A function that assigns variables of a strategy may not be called inside `tf.cond`
    on a replica, because the replicas have to meet there.

    Args:
        condition: A boolean scalar that is equal on all replicas.
        function: Called with `args`; assigns variables and returns nothing.
        *args: Tensors of this replica.
        otherwise: Called without arguments if the condition does not hold.
    """

    def call(function: Callable[..., object] | None, *args: typing.Any) -> tf.Tensor:
        if function is not None:
            function(*args)
        return tf.constant(0)

    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        tf.cond(condition, lambda: call(function, *args), lambda: call(otherwise))
        return

    def across_replicas(
        strategy: tf.distribute.Strategy, condition: typing.Any, *args: typing.Any
    ) -> None:
        def call_on_each(function: typing.Any, args: typing.Any = ()) -> tf.Tensor:
            if function is not None:
                strategy.extended.call_for_each_replica(function, args=args)
            return tf.constant(0)

        tf.cond(
            strategy.experimental_local_results(condition)[0],
            lambda: call_on_each(function, args),
            lambda: call_on_each(otherwise),
        )

    context.merge_call(across_replicas, args=(condition, *args))


def sum_in_one_message(
    tensors: Sequence[tf.Tensor | None], dtype: str = "float32"
) -> list[tf.Tensor | None]:
    """Sum float tensors over all replicas, in one message.

    Each message has a fixed cost besides its bytes; on CPUs it occupies cores that
    compute.

    Args:
        tensors: Tensors of any shapes, or None, which stays None.
        dtype: Dtype of the message and of the sum.

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


def reduce_step(
    gradients: Sequence[tf.Tensor | None],
    logs: typing.Any,
    dtype: str = "float32",
) -> tuple[list[tf.Tensor | None], typing.Any]:
    """Sum the gradients of a step over all replicas, and average its logs.

    Args:
        gradients: Tensors or None.
        logs: Scalars, in any nest.
        dtype: Dtype in which gradients travel; logs travel with them, if there are any.

    Returns:
        The gradients and the logs, equal on all replicas.
    """
    count = tf.distribute.get_strategy().num_replicas_in_sync
    if count == 1:
        return list(gradients), logs
    values = [tf.cast(value, "float32") / count for value in tf.nest.flatten(logs)]
    sums = sum_in_one_message([*gradients, *values], dtype if gradients else "float32")
    means = sums[len(gradients) :]
    return sums[: len(gradients)], tf.nest.pack_sequence_as(logs, means)


def is_multi_worker(strategy: tf.distribute.Strategy) -> bool:
    """Whether a strategy spans several processes."""
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return False
    jobs = strategy.cluster_resolver.cluster_spec().as_dict()
    return sum(len(jobs.get(job, ())) for job in ("chief", "worker")) > 1


def _count_rows(size: Integer) -> Rows | None:
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
    """Check that the replicas of the strategy in scope can share a global batch.

    Raises:
        ValueError: `batch_size` is not a multiple of the number of replicas.
    """
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    if batch_size is not None and batch_size % replicas:
        raise ValueError(
            f"The global batch of {batch_size} does not divide among {replicas} "
            f"replicas. Choose a multiple of {replicas}, such as "
            f"{max(batch_size // replicas, 1) * replicas}."
        )
