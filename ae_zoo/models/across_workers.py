"""The one place that mends what Keras 3 lacks to train across machines.

`fit`, `evaluate` and `predict` of Keras 3 fail under MultiWorkerMirroredStrategy
(keras-team/keras issue 20585): building needs the mean of batches of unequal shape, and
the logs of a step, which are scalars, are averaged over an axis that they do not have.
`tests/test_multi_worker.py` has a test that says when Keras needs no mending any more;
this module can then go.
"""

import keras
import tensorflow as tf

from ae_zoo.replicas import is_multi_worker


class AcrossWorkers(keras.Model):
    """A model of known `input_shape` and `output_shape` that trains on many machines.

    Both overrides are of private methods that Keras 3.12 to 3.15 share.
    """

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        """Builds metrics, loss and optimizer, from shapes instead of a batch."""
        if self._distribute_strategy is None:
            return  # they are built with the first step
        x, y = (keras.KerasTensor(s) for s in (self.input_shape, self.output_shape))
        with self.distribute_strategy.scope():
            self._symbolic_build(data_batch=(x, y))

    def _make_function(self, step_function):
        """A step on each replica, its logs averaged over all of them in one message."""
        strategy = self.distribute_strategy
        if not is_multi_worker(strategy):
            return super()._make_function(step_function)

        def step(data):
            logs = step_function(data)
            values = tf.stack([tf.cast(value, "float32") for value in logs.values()])
            means = tf.distribute.get_replica_context().all_reduce("MEAN", values)
            return dict(zip(logs, tf.unstack(means), strict=True))

        def run(batch):
            logs = strategy.run(step, args=(batch,))
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
