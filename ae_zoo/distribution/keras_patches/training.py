"""How `fit` and `evaluate` run: steps, callbacks, workers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf

from ae_zoo.distribution.replicas import is_multi_worker
from ae_zoo.distribution.step_loop import ArraysInMemory, Pace, StepLoop

# The argument by which `Model.fit` tells `Model.evaluate` that it validates.
FROM_FIT = "_use_cached_eval_dataset"


class MultiWorkerModel(keras.Model):
    """A model that trains on several machines.

    `fit` and `evaluate` of Keras fail under `MultiWorkerMirroredStrategy` (issue 20585
    of keras-team/keras): they build the model from the mean of the replicas' first
    batches, which may differ in shape, and they average the logs of a step over axis 0,
    though logs are scalars.

    Private parts: overrides `Model._maybe_symbolic_build`, calls
    `Model._symbolic_build`.

    Subclasses have an `input_shape` and an `output_shape`, and their steps return the
    same logs on all replicas.
    """

    train_function: Callable[..., Any] | None
    test_function: Callable[..., Any] | None
    _arrays_in_memory: ArraysInMemory | None = None
    _trusts_data = False
    _adapts_steps = False
    _has_batch_hooks = False
    steps_of_call = 1

    @contextlib.contextmanager
    def trusting(self, is_checked: bool) -> Iterator[None]:
        """Let a step know, while it is traced, that its data are checked before."""
        before, self._trusts_data = self._trusts_data, is_checked
        try:
            yield
        finally:
            self._trusts_data = before

    def _maybe_symbolic_build(
        self, iterator: Any = None, data_batch: Any = None
    ) -> None:
        """Build metrics, loss and optimizer from shapes, before a step is traced.

        Keras leaves this to the first step if there is no strategy. If that step fails
        because of its data, the optimizer is then half built, and no later step works.
        """
        x, y = (keras.KerasTensor(s) for s in (self.input_shape, self.output_shape))
        with self.distribute_strategy.scope():
            self._symbolic_build(data_batch=(x, y))

        if iterator is not None and self._runs_in_loop:
            plan_calls(iterator, self)

    def make_train_function(self, force: bool = False) -> None:
        if self._runs_in_loop:
            self.train_function = StepLoop(self, self.train_step)
        elif is_multi_worker(self.distribute_strategy):
            self.train_function = self._replicated(self.train_step)
        else:
            super().make_train_function(force)

    def make_test_function(self, force: bool = False) -> None:
        if self._runs_in_loop:
            self.test_function = StepLoop(self, self.test_step)
        elif is_multi_worker(self.distribute_strategy):
            self.test_function = self._replicated(self.test_step)
        else:
            super().make_test_function(force)

    @property
    def _runs_in_loop(self) -> bool:
        with self.distribute_strategy.scope():
            return not (tf.distribute.has_strategy() or self.run_eagerly)

    def _replicated(self, step: Callable) -> Callable[[Iterator], dict[str, tf.Tensor]]:
        """Run a step on each replica and return the logs of the first local one."""
        strategy = self.distribute_strategy

        def run(batch: Any) -> dict[str, tf.Tensor]:
            logs = strategy.run(step, args=(batch,))
            return tf.nest.map_structure(
                lambda value: strategy.experimental_local_results(value)[0], logs
            )

        def run_next(
            iterator: tf.distribute.DistributedIterator,
        ) -> dict[str, tf.Tensor]:
            return run(iterator.get_next())

        if not self.run_eagerly:
            run = tf.function(run, reduce_retracing=True)
            run_next = tf.function(run_next, reduce_retracing=True)

        def function(iterator: Iterator) -> dict[str, tf.Tensor]:
            if isinstance(iterator, tf.distribute.DistributedIterator):
                return run_next(iterator)
            return run(next(iterator))  # from `train_on_batch` and `test_on_batch`

        return function


def plan_calls(epoch_iterator: Any, model: MultiWorkerModel) -> None:
    """Choose how many steps `fit` or `evaluate` makes in each call of the graph.

    Keras makes `steps_per_execution` steps in each call, a number that is a constant of
    its graph, and makes more steps than asked for if it does not divide
    `steps_per_epoch`. While the number of batches is unknown, an adapted call makes
    one step.

    Private parts: `EpochIterator._enumerate_iterator`, `EpochIterator.num_batches`,
    `EpochIterator.steps_per_execution`.
    """
    if "_enumerate_iterator" in vars(epoch_iterator):
        return  # the validations of `fit` use one iterator again and again
    pace = Pace()
    # The arrays are those of the first iterator of `fit`, not those of its validations.
    arrays, model._arrays_in_memory = model._arrays_in_memory, None
    fixed = None if model._adapts_steps else model.steps_per_execution
    if model._has_batch_hooks and fixed is None:
        fixed = 1
    epoch_iterator.steps_per_execution = 1

    def enumerate_calls() -> Iterator[tuple[int, int, Any]]:
        if arrays is not None:
            steps, count = arrays.deal(), fixed
        else:
            steps = type(epoch_iterator)._enumerate_iterator(epoch_iterator)
            count = fixed or (1 if epoch_iterator.num_batches is None else None)
        try:
            for begin, end, data in pace.grouped(steps, count):
                model.steps_of_call = end - begin + 1
                yield begin, end, data
        finally:
            model.steps_of_call = 1

    epoch_iterator._enumerate_iterator = enumerate_calls


def set_initial_epoch(model: keras.Model, epoch: int | None) -> None:
    """Set the epoch that `fit` starts from; for callbacks, in `on_train_begin`.

    None returns the choice to the argument `initial_epoch` of `fit`.

    Private part: sets `Model._initial_epoch`, as `keras.callbacks.BackupAndRestore`.
    """
    model._initial_epoch = epoch


# What callbacks of Keras remember from epoch to epoch: they have no method that returns
# it, and some of the attributes are private.
CALLBACK_STATE: dict[type[keras.callbacks.Callback], tuple[str, ...]] = {
    keras.callbacks.EarlyStopping: (
        "best",
        "best_epoch",
        "best_weights",
        "stopped_epoch",
        "wait",
    ),
    keras.callbacks.ModelCheckpoint: (
        "best",
        "_batches_seen_since_last_saving",
        "_last_batch_seen",
    ),
    keras.callbacks.ReduceLROnPlateau: ("best", "cooldown_counter", "wait"),
    keras.callbacks.SwapEMAWeights: ("_ema_weights_in_model",),
}


def enable_heartbeats(workers: int, timeout: int) -> None:
    """Make the workers of a cluster report to the first one that they are alive.

    To be called before `tf.distribute.MultiWorkerMirroredStrategy`, whose constructor
    would start the same service with a fixed timeout.

    Private parts: `tensorflow.python.eager.context` and a protocol buffer.

    Args:
        workers: Number of workers, all of the job "worker".
        timeout: Seconds of silence after which a worker counts as lost.
    """
    from tensorflow.compiler.xla.tsl.protobuf import coordination_config_pb2
    from tensorflow.python.eager import context  # type: ignore[attr-defined]

    job = coordination_config_pb2.CoordinatedJob(  # type: ignore[attr-defined]
        name="worker", num_tasks=workers
    )
    context.context().configure_coordination_service(
        "standalone",
        "/job:worker/replica:0/task:0",
        heartbeat_timeout_in_ms=1000 * timeout,
        coordinated_jobs=[job],
    )
