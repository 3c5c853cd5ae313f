"""Optimizers: what they update, and how."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf
from keras import ops

if TYPE_CHECKING:
    from keras.optimizers.schedules import LearningRateSchedule


class MatrixMuon(keras.optimizers.Muon):
    """Muon that treats the kernel of a convolution as a matrix.

    The matrix maps a patch to the filters. Keras's Muon leaves all kernels that are not
    matrices to Adam. Depthwise kernels, which have one filter, stay with Adam.

    Private parts: overrides `Muon._should_use_adamw`, and `lr_adjust` and
    `zeropower_via_newtonschulz5`, which Keras does not document. Needs Keras 3.13:
    in 3.12, Muon fails on TensorFlow.
    """

    def _should_use_adamw(self, variable: keras.Variable) -> bool:
        if len(variable.shape) <= 2:
            return super()._should_use_adamw(variable)
        is_kernel = variable.path.endswith("/kernel") and variable.shape[-1] > 1
        return not is_kernel or any(
            re.search(name, variable.path) for name in self.exclude_layers
        )

    def zeropower_via_newtonschulz5(self, x: tf.Tensor, steps: int) -> tf.Tensor:
        matrix = ops.reshape(x, (-1, x.shape[-1]))
        update = super().zeropower_via_newtonschulz5(matrix, steps)
        return ops.reshape(update, x.shape)

    def lr_adjust(self, x: tf.Tensor) -> tf.Tensor:
        matrix = super().lr_adjust(ops.reshape(x, (-1, x.shape[-1])))
        return ops.reshape(matrix, x.shape)


@contextlib.contextmanager
def fused_update(optimizer: keras.optimizers.Optimizer) -> Iterator[None]:
    """Let Adam and AdamW update a weight by one kernel, while a step is traced.

    Keras composes the update of ten operations, each of which reads and writes whole
    weights: 3.7 ms for 1.7 million weights on two cores, of which the kernel takes 1.5.
    The kernel computes 1 − β in float32, so that results differ from those of Keras in
    the fifth digit of each update. The state of the optimizer is the same.

    Private parts: replaces `Optimizer.update_step` of an instance, reads
    `Adam._momentums`, `Adam._velocities` and `Optimizer._get_variable_index`.

    Args:
        optimizer: Any optimizer. Those of other classes work as they are.
    """
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    is_adam = type(optimizer) in (keras.optimizers.Adam, keras.optimizers.AdamW)
    if not is_adam or optimizer.amsgrad:
        yield
        return
    compose = optimizer.update_step

    def update_step(gradient: Any, variable: tf.Variable, learning_rate: Any) -> None:
        if isinstance(gradient, tf.IndexedSlices):
            compose(gradient, variable, learning_rate)
            return
        index = optimizer._get_variable_index(variable)
        numbers = (optimizer.beta_1, optimizer.beta_2, optimizer.epsilon, learning_rate)
        beta_1, beta_2, epsilon, rate = (tf.cast(n, variable.dtype) for n in numbers)
        step = tf.cast(optimizer.iterations + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=optimizer._momentums[index].value.handle,
            v=optimizer._velocities[index].value.handle,
            beta1_power=beta_1**step,
            beta2_power=beta_2**step,
            lr=rate,
            beta1=beta_1,
            beta2=beta_2,
            epsilon=epsilon,
            grad=tf.cast(gradient, variable.dtype),
        )

    # Not through Keras, which would track the attribute.
    vars(optimizer)["update_step"] = update_step
    try:
        yield
    finally:
        vars(optimizer).pop("update_step", None)


def disable_gradient_sum(optimizer: keras.optimizers.Optimizer) -> None:
    """Make an optimizer take gradients that are already summed over all replicas.

    Keras sums gradients after it has clipped them and has checked them for infinities,
    so each replica would clip by the norm of its own share.

    Private part: replaces `Optimizer._all_reduce_sum_gradients`.
    """
    innermost = getattr(optimizer, "inner_optimizer", optimizer)  # if losses are scaled
    innermost._all_reduce_sum_gradients = list


def learning_rate_or_schedule(
    optimizer: keras.optimizers.Optimizer,
) -> keras.Variable | LearningRateSchedule:
    """Return the learning rate of an optimizer, or the schedule it was given.

    `optimizer.learning_rate` is the current value of a schedule, not the schedule.

    Private part: reads `Optimizer._learning_rate`.
    """
    return optimizer._learning_rate


def weights_without_optimizer(model: keras.Model) -> list[str]:
    """Return the paths of trainable weights that were not when the optimizer was built.

    Private part: reads `Optimizer._trainable_variables`.
    """
    optimizer = model.optimizer
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    if not optimizer.built:
        return []
    known = {id(variable) for variable in optimizer._trainable_variables}
    return [w.path for w in model.trainable_weights if id(w) not in known]
