"""Several steps in one call of a graph, as many as fit into a tenth of a second.

Each call of a graph from Python costs 0.3 to 1 ms. For a dense network with batches of
128, this is a tenth of a step.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import keras
import tensorflow as tf

# A progress bar looks smooth at ten updates a second, and Ctrl-C works at once.
_SECONDS_PER_CALL = 0.1
_MOST_STEPS = 100

_BATCH_HOOKS = (
    "on_batch_begin",
    "on_batch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_test_batch_begin",
    "on_test_batch_end",
)
# These act on batches only with an integer `save_freq` or `update_freq`.
_WITH_FREQUENCY = (
    keras.callbacks.BackupAndRestore,
    keras.callbacks.ModelCheckpoint,
    keras.callbacks.TensorBoard,
)
# These show or read only the last batch of a call.
_WITHOUT_BATCHES = (
    keras.callbacks.History,
    keras.callbacks.ProgbarLogger,
    keras.callbacks.TerminateOnNaN,
)


class Pace:
    """Chooses how many steps the next call makes, from the time of those before.

    The number has no influence on the results: the same steps run in the same order.
    """

    def __init__(self) -> None:
        self._fastest: float | None = None  # seconds of a step
        self._has_traced = False

    def grouped(
        self, steps: Iterator[tuple[int, int, Any]], count: int | None = None
    ) -> Iterator[tuple[int, int, Any]]:
        """Join consecutive steps to calls.

        Args:
            steps: Yields (first step, last step, data) of each step.
            count: Number of steps of each call; None adapts it.

        Yields:
            (first step, last step, data of the first step) of each call.
        """
        for first in steps:
            others = itertools.islice(steps, (count or self._next()) - 1)
            begin, end = first[0], [first, *others][-1][1]
            start = time.perf_counter()
            yield begin, end, first[2]
            self._note((time.perf_counter() - start) / (end - begin + 1))

    def _next(self) -> int:
        if self._fastest is None:
            return 1
        return max(1, min(int(_SECONDS_PER_CALL / self._fastest), _MOST_STEPS))

    def _note(self, seconds: float) -> None:
        if self._has_traced:
            self._fastest = min(seconds, self._fastest or seconds)
        self._has_traced = True


def have_batch_hooks(callbacks: Any) -> bool:
    """Whether any of the callbacks of `fit` wants to be called at every batch."""
    callbacks = getattr(callbacks, "callbacks", callbacks) or []
    callbacks = callbacks if isinstance(callbacks, (list, tuple)) else [callbacks]
    return any(map(_has_batch_hooks, callbacks))


def _has_batch_hooks(callback: keras.callbacks.Callback) -> bool:
    if isinstance(callback, _WITH_FREQUENCY):
        frequencies = (
            getattr(callback, name, "epoch") for name in ("save_freq", "update_freq")
        )
        return any(frequency != "epoch" for frequency in frequencies)
    base = keras.callbacks.Callback
    return not isinstance(callback, _WITHOUT_BATCHES) and any(
        getattr(getattr(callback, hook), "__func__", None) is not getattr(base, hook)
        for hook in _BATCH_HOOKS
    )


class ArraysInMemory:
    """All samples of a training, of which a `StepLoop` collects batches in the graph.

    tf.data would collect them in other threads, which take time from a step that uses
    all cores.

    Args:
        samples: A nest of arrays (samples, ...), as a dataset would yield batches.
        batch_size: Number of samples of a batch.
        shuffle: Whether to shuffle the samples in each epoch.
    """

    def __init__(self, samples: Any, batch_size: int, shuffle: bool) -> None:
        with tf.device("CPU:0"):  # the memory of a GPU may not hold them
            self.samples = tf.nest.map_structure(_as_tensor, samples)
        self.count = len(tf.nest.flatten(self.samples)[0])
        self.batch_size = batch_size
        count = self.count

        @tf.autograph.experimental.do_not_convert
        def order(_: tf.Tensor) -> tf.Tensor:
            numbers = tf.range(count, dtype=tf.int64)
            return tf.random.shuffle(numbers) if shuffle else numbers

        # Keras shuffles in the same way, so that a seed gives the same order.
        self._order = tf.data.Dataset.range(1).map(order)

    def deal(self) -> Iterator[tuple[int, int, Deal]]:
        """Yield (step, step, what `StepLoop` takes) of each step of an epoch."""
        order = next(iter(self._order))
        for step, first in enumerate(range(0, self.count, self.batch_size)):
            yield step, step, Deal(self, order, first)


class Deal(NamedTuple):
    """The batches of an epoch from a certain sample on.

    Attributes:
        arrays: The samples.
        order: The numbers of the samples in the order of this epoch, (samples,).
        first: The place in `order` of the first sample.
    """

    arrays: ArraysInMemory
    order: tf.Tensor
    first: int


class StepLoop:
    """A function that runs a step on the next batches of an iterator.

    Args:
        model: The model, which runs on a single replica. Its `steps_of_call` is the
            number of batches that a call takes.
        step: Its `train_step` or `test_step`.
    """

    def __init__(self, model: Any, step: Callable[[Any], Any]) -> None:
        self._model = model
        self._step = self._compiled(step)
        self._step_on_checked = self._compiled(step, is_checked=True)
        self._loop = tf.function(self._run, reduce_retracing=True, autograph=False)
        self._loop_in_memory = tf.function(self._run_in_memory, autograph=False)

    def __call__(self, data: Any) -> dict[str, tf.Tensor]:
        """Run the step, and return the logs of the last batch.

        Args:
            data: An iterator of batches, or a `Deal`.

        Raises:
            StopIteration: There is no batch left.
        """
        steps = tf.constant(self._model.steps_of_call)
        if isinstance(data, Deal):
            arrays = data.arrays
            # One graph for arrays of any length.
            loop = self._loop_in_memory.get_concrete_function(
                tf.nest.map_structure(_of_any_length, arrays.samples),
                tf.TensorSpec([None], tf.int64),
                *[tf.TensorSpec([], tf.int32)] * 3,
            )
            first, size = tf.constant(data.first), tf.constant(arrays.batch_size)
            return loop(arrays.samples, data.order, first, size, steps)
        if not isinstance(data, tf.data.Iterator):
            return self._step(next(data))  # of `train_on_batch`
        done, logs = self._loop(data, steps)
        if not int(done):
            raise StopIteration
        return logs

    def _compiled(
        self, step: Callable[[Any], Any], is_checked: bool = False
    ) -> Callable[[Any], Any]:
        def traced(batch: Any) -> Any:
            with self._model.trusting(is_checked):
                return step(_without_optionals(batch))

        return tf.function(
            traced,
            reduce_retracing=True,
            jit_compile=self._model.jit_compile,
            autograph=False,
        )

    def _run(self, iterator: Any, steps: tf.Tensor) -> tuple[tf.Tensor, Any]:
        first = iterator.get_next_as_optional()
        optional: Any = tf.experimental.Optional  # its stubs are incomplete
        nothing = optional.empty(first.element_spec)

        def is_left(done: tf.Tensor, batch: Any, logs: Any) -> tf.Tensor:
            return batch.has_value()

        def run(done: tf.Tensor, batch: Any, logs: Any) -> tuple[tf.Tensor, Any, Any]:
            logs = self._step(batch.get_value())
            done += 1
            # A batch that no step takes would be missing in the next call.
            batch = tf.cond(
                done < steps, iterator.get_next_as_optional, lambda: nothing
            )
            return done, batch, logs

        before = _empty_logs(self._step, first.get_value())
        done, _, logs = tf.while_loop(is_left, run, (tf.constant(0), first, before))
        return done, logs

    def _run_in_memory(
        self,
        samples: Any,
        order: tf.Tensor,
        first: tf.Tensor,
        size: tf.Tensor,
        steps: tf.Tensor,
    ) -> Any:
        def batch(step: tf.Tensor) -> Any:
            start = first + step * size
            numbers = order[start : start + size]
            return tf.nest.map_structure(lambda a: tf.gather(a, numbers), samples)

        def run(step: tf.Tensor, logs: Any) -> tuple[tf.Tensor, Any]:
            return step + 1, self._step_on_checked(batch(step))

        before = _empty_logs(self._step_on_checked, batch(tf.constant(0)))
        state = (tf.constant(0), before)
        return tf.while_loop(lambda step, logs: step < steps, run, state)[1]


def _empty_logs(step: Any, batch: Any) -> Any:
    logs = step.get_concrete_function(batch).structured_outputs
    return tf.nest.map_structure(lambda v: tf.zeros(v.shape, v.dtype), logs)


def _as_tensor(values: Any) -> tf.Tensor:
    tensor = tf.convert_to_tensor(values)
    return tf.cast(tensor, "float32") if tensor.dtype.is_floating else tensor


def _of_any_length(values: tf.Tensor) -> tf.TensorSpec:
    return tf.TensorSpec([None, *values.shape[1:]], values.dtype)


def _without_optionals(batch: Any) -> Any:
    """Replace what datasets yield in place of None."""
    return tf.nest.map_structure(
        lambda value: None if isinstance(value, tf.experimental.Optional) else value,
        batch,
    )
