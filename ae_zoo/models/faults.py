"""Find the first step of `fit`, `evaluate` or `predict` that went wrong.

Steps run in a graph, where an assertion cannot stop a call of several steps, and where
XLA removes it. So a step sets a flag, which also holds back all later updates of the
weights, and the model reads the flag after each call.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import tensorflow as tf

if TYPE_CHECKING:
    from ae_zoo.models.objective import Tensor

_ANY_RANK: Any = None  # the stubs of TensorFlow do not know this shape
DATA, LOSS, GRADIENT = 1, 2, 3  # causes of a fault


class Fault(NamedTuple):
    """What went wrong first.

    Attributes:
        cause: `DATA`, `LOSS` or `GRADIENT`.
        step: Number of the step, from 1.
        batch: The data of this step as NumPy arrays; None if they were not kept.
    """

    cause: int
    step: int
    batch: Any


class FaultFlag:
    """The flag that steps set on the device.

    Args:
        strategy: The strategy that the steps run under.
        input_shape: Shape of a batch of inputs, with None for the batch.
        output_shape: Shape of a batch of targets.
    """

    def __init__(
        self,
        strategy: tf.distribute.Strategy,
        input_shape: tuple[int | None, ...],
        output_shape: tuple[int | None, ...],
    ) -> None:
        self._strategy = strategy
        with tf.init_scope(), strategy.scope():
            # Number of the last step; cause and number of the first faulty step. They
            # are equal on all replicas.
            self._state = tf.Variable(
                tf.zeros(3, "int64"),
                trainable=False,
                synchronization=tf.VariableSynchronization.ON_READ,
                aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
            )
            # x, y and sample_weight of the faulty step; without rows if it has none.
            self._kept = [
                tf.Variable(
                    tf.zeros([0, *(size or 0 for size in shape[1:])]),
                    shape=shape if shape else tf.TensorShape(_ANY_RANK),
                    trainable=False,
                )
                for shape in (input_shape, output_shape, ())
            ]

    def reset(self) -> None:
        """Forget the last fault, and count steps from 1 again."""
        self._state.assign([0, 0, 0])

    def update(self, cause: Tensor) -> tuple[Tensor, Tensor]:
        """Count a step and set the flag; part of the graph of a step.

        Args:
            cause: The cause of a fault in this step, or 0; a scalar that is equal on
                all replicas.

        Returns:
            Whether there has been no fault yet, and whether this step has the first
            one, two boolean scalars.
        """
        step, first_cause, first_step = tf.unstack(tf.identity(self._state))
        step, cause = step + 1, tf.cast(cause, "int64")
        is_first = (first_cause == 0) & (cause != 0)
        first_cause = tf.where(is_first, cause, first_cause)
        first_step = tf.where(is_first, step, first_step)
        self._state.assign(tf.stack([step, first_cause, first_step]))
        return first_cause == 0, is_first

    def keep(self, batch: Sequence[Tensor | None]) -> None:
        """Keep the batch of a faulty step; part of the graph of a step.

        Args:
            batch: x, y and sample_weight.
        """
        for kept, values in zip(self._kept, batch, strict=True):
            if values is None:
                shape = kept.shape if kept.shape.rank else (0,)
                values = tf.zeros([0, *(size or 0 for size in shape[1:])])
            kept.assign(tf.cast(values, "float32"))

    def read(self) -> Fault | None:
        """Return the first fault since the last `reset`, or None."""
        state = self._strategy.experimental_local_results(self._state)[0]
        _, cause, step = (int(value) for value in state.numpy())
        if not cause:
            return None
        batch = [kept.numpy() for kept in self._kept]
        if not len(batch[0]):
            return Fault(cause, step, None)
        return Fault(cause, step, [v if len(v) else None for v in batch])


def are_valid(
    values: Tensor, interval: Sequence[float] | None, margin: float
) -> Tensor:
    """Whether all values are finite, and not outside an interval by over a margin."""
    # Minima and maxima may skip NaN, sums do not.
    are_finite = tf.math.is_finite(tf.reduce_sum(values))
    if interval is None:
        return are_finite
    are_above = tf.reduce_min(values) >= interval[0] - margin
    are_below = tf.reduce_max(values) <= interval[1] + margin
    return are_finite & are_above & are_below


def are_finite(gradients: Sequence[Any]) -> Tensor:
    """Whether the gradients of a step are finite, judged from a part of each.

    The gradient of a kernel is a sum of products aᵀδ of what enters and what leaves
    its layer. A NaN or infinity in a spoils a row, and one in δ a column. One row and
    one column show both. Reading whole kernels would take 5 % of a step. What is not
    found is a product of finite numbers that exceeds the range of float32.

    Args:
        gradients: Tensors, or None for weights that the loss does not depend on.
    """
    sums: list[Tensor] = []
    for gradient in gradients:
        if gradient is None:
            continue
        values = getattr(gradient, "values", gradient)  # of IndexedSlices
        parts = (
            [values] if len(values.shape) < 2 else [values[..., 0, :], values[..., 0]]
        )
        sums.extend(tf.reduce_sum(tf.cast(part, "float32")) for part in parts)
    return tf.math.is_finite(tf.add_n(sums)) if sums else tf.constant(True)
