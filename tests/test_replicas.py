"""What replicas know about each other inside a step, compared with NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from ae_zoo.distribution import replicas

# Rows of each of two replicas: equal, uneven, and a replica without a sample.
SHARES = [(2, 2), (3, 1), (1, 3), (3, 0)]


def rows_of(shares, values):
    """Splits (total, ...) into the rows of each replica."""
    return np.split(values, [shares[0]])


def run(strategy, step, shares, values):
    """Runs `step` on the rows of each replica, in a graph.

    Returns:
        A list with the result of each replica.
    """
    parts = [tf.constant(part) for part in rows_of(shares, values)]
    parts = strategy.experimental_distribute_values_from_function(
        lambda context: parts[context.replica_id_in_sync_group]
    )

    @tf.function(reduce_retracing=True)
    def run_all(parts):
        return strategy.run(step, args=(parts,))

    return strategy.experimental_local_results(run_all(parts))


def pairs(z):
    """A penalty over pairs of rows: the mean of tanh(zᵢ·zⱼ) over all i and j."""
    return tf.reduce_mean(tf.tanh(tf.matmul(z, z, transpose_b=True)))


def pairs_gradient(z):
    """∂/∂zₖ of `pairs`, by hand: each pair counts as (k, j) and as (j, k)."""
    slope = 1 - np.tanh(z @ z.T) ** 2
    return 2 * slope @ z / len(z) ** 2


@pytest.mark.parametrize("shares", SHARES)
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_gather_returns_the_global_batch(shares, axis, two_replicas):
    values = np.random.default_rng(0).normal(size=(sum(shares), 3, 2))
    values = values.astype("float32")

    def step(x):
        x, size = replicas.without_empty(x)
        x = tf.where(tf.range(tf.shape(x)[0])[:, None, None] < size, x, np.nan)
        with replicas.sharing(size):
            moved = tf.experimental.numpy.moveaxis(x, 0, axis)
            return replicas.gather(moved, axis)

    for gathered in run(two_replicas, step, shares, values):
        np.testing.assert_array_equal(gathered, np.moveaxis(values, 0, axis))


def test_gather_keeps_integers_and_the_static_shape(two_replicas):
    shapes = []

    def step(x):
        x, size = replicas.without_empty(tf.ensure_shape(x, (None, 2)))
        with replicas.sharing(size):
            gathered = replicas.gather(x)
        shapes.append(tuple(gathered.shape))
        return gathered

    values = np.arange(8).reshape(4, 2)
    for gathered in run(two_replicas, step, (3, 1), values):
        assert gathered.dtype == values.dtype
        np.testing.assert_array_equal(gathered, values)
    assert set(shapes) == {(None, 2)}


@pytest.mark.parametrize("shares", SHARES)
def test_a_penalty_over_gathered_rows_has_the_gradient_of_one_replica(
    shares, two_replicas
):
    """The loss of a replica as the training step makes it, gradients summed."""
    values = np.random.default_rng(0).normal(size=(sum(shares), 2))

    def step(x):
        x, size = replicas.without_empty(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            with replicas.sharing(size) as rows:
                penalty = pairs(replicas.gather(x))
            # Keras divides by the number of replicas.
            loss = penalty * tf.cast(rows.weight / 2, penalty.dtype)
        return penalty, tape.gradient(loss, x)[:size]

    first, second = run(two_replicas, step, shares, values)
    expected = np.tanh(values @ values.T).mean()
    np.testing.assert_allclose([first[0], second[0]], expected, rtol=1e-6)
    gradient = np.concatenate([first[1], second[1]])
    # `Rows.weight` is a float32.
    np.testing.assert_allclose(gradient, pairs_gradient(values), rtol=1e-6)


def test_gather_leaves_the_values_of_one_replica_unchanged():
    values = tf.constant([[0.1, 0.2], [0.3, -0.4]], "float64")
    assert replicas.gather(values) is values  # outside of a step
    with tf.GradientTape() as tape:
        tape.watch(values)
        with replicas.sharing(2) as rows:
            assert rows is None
            penalty = pairs(replicas.gather(values))
    np.testing.assert_allclose(
        tape.gradient(penalty, values), pairs_gradient(values.numpy()), rtol=1e-6
    )
