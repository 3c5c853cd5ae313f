"""The one place that mends what Keras 3 lacks to train on many replicas and machines.

- `fit`, `evaluate` and `predict` fail under MultiWorkerMirroredStrategy
  (keras-team/keras issue 20585): building needs the mean of batches of unequal shape,
  and the logs of a step, which are scalars, are averaged over an axis that they do not
  have. `tests/test_multi_worker.py` has a test that says when Keras needs no mending
  any more.
- Optimizers sum the gradients of all replicas after they have clipped them and looked
  for infinities, so that each replica clips by the norm of its own share.
  `tests/test_recipe_options.py` has the test of that.
"""

import keras
import tensorflow as tf

from ae_zoo.distribution.replicas import is_multi_worker, sum_in_one_message


class AcrossWorkers(keras.Model):
    """A model of known `input_shape` and `output_shape` that trains on many machines.

    The overrides are of private methods that Keras 3.12 to 3.15 share.
    """

    gradient_dtype = "float32"

    def shared_over_replicas(self, gradients, logs):
        """The sums of the gradients and the means of the logs of all replicas."""
        count = tf.distribute.get_strategy().num_replicas_in_sync
        if count == 1:
            return gradients, logs
        values = [tf.cast(value, "float32") for value in tf.nest.flatten(logs)]
        sums = sum_in_one_message(
            [*gradients, *(value / count for value in values)],
            self.gradient_dtype if gradients else "float32",
        )
        means = sums[len(gradients) :]
        return sums[: len(gradients)], tf.nest.pack_sequence_as(logs, means)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        """Builds metrics, loss and optimizer, from shapes instead of a batch."""
        if self._distribute_strategy is None:
            return  # they are built with the first step
        x, y = (keras.KerasTensor(s) for s in (self.input_shape, self.output_shape))
        with self.distribute_strategy.scope():
            self._symbolic_build(data_batch=(x, y))

    def _make_function(self, step_function):
        """A step on each replica, whose logs are those of all."""
        strategy = self.distribute_strategy
        if not is_multi_worker(strategy):
            return super()._make_function(step_function)

        def run(batch):
            logs = strategy.run(step_function, args=(batch,))
            return tf.nest.map_structure(
                lambda value: strategy.experimental_local_results(value)[0], logs
            )

        def run_next(iterator):
            return run(iterator.get_next())

        if not self.run_eagerly:
            run = tf.function(run, reduce_retracing=True)
            run_next = tf.function(run_next, reduce_retracing=True)

        def function(iterator):
            if isinstance(iterator, tf.distribute.DistributedIterator):
                return run_next(iterator)
            return run(next(iterator))  # `train_on_batch`

        return function


def leave_sums_to_the_step(optimizer):
    """Has an optimizer take gradients as they are: already summed over all replicas."""
    innermost = getattr(optimizer, "inner_optimizer", optimizer)  # of loss scaling
    innermost._all_reduce_sum_gradients = list
