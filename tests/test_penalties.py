"""Penalties compared with numbers derived by hand, NumPy, SciPy and each other."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from builders import normal
from scipy import stats

import ae_zoo
from ae_zoo import networks, penalties
from ae_zoo.layers import TransposedDense, keep_largest
from ae_zoo.models.objective import Draw

CLOSE = {"rtol": 1e-5}  # float32 sums of a few dozen terms


def test_l1_by_hand():
    code = tf.constant([[[1.0, -2.0], [0.5, 0.0]], [[0.0, 0.0], [0.0, -1.0]]])
    np.testing.assert_allclose(penalties.l1(code), [3.5, 1.0], **CLOSE)


def test_kl_sparsity_by_hand():
    """Means ½ and ¼ at ρ = ¼: KL(¼ ‖ ½) = ¼ log ½ + ¾ log 3/2, and 0."""
    code = tf.constant([[1.0, 0.5], [0.0, 0.0]])
    expected = 0.25 * np.log(0.5) + 0.75 * np.log(1.5)
    np.testing.assert_allclose(penalties.kl_sparsity(code, 0.25), expected, **CLOSE)


def test_kl_sparsity_of_a_weighted_batch():
    """Weighted mean activations; SciPy's entropy is the divergence of one unit."""
    code = np.random.default_rng(0).uniform(0.05, 0.95, (6, 2, 2)).astype("float32")
    weight = np.array([1, 0, 2, 1, 0.5, 3], "float32")
    means = np.average(code.reshape(6, 4), axis=0, weights=weight)
    expected = sum(stats.entropy([0.1, 0.9], [mean, 1 - mean]) for mean in means)
    received = penalties.kl_sparsity(tf.constant(code), 0.1, weight)
    np.testing.assert_allclose(received, expected, **CLOSE)


@pytest.mark.parametrize("activation", [0.0, 1.0])
def test_kl_sparsity_is_finite_for_dead_and_for_saturated_units(activation):
    code = tf.fill((4, 3), activation)
    with tf.GradientTape() as tape:
        tape.watch(code)
        penalty = penalties.kl_sparsity(code, 0.1)
    # log(1/ε) with Keras's ε of 1e-7 is 16: large, and far from infinite.
    assert 0.1 < float(penalty) < 3 * 17
    assert np.isfinite(tape.gradient(penalty, code)).all()


def test_gaussian_kl_by_hand():
    """½(μ² + σ² − log σ² − 1): 0 for the prior; ½ for a mean of 1; and σ = e."""
    mean = tf.constant([[0.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
    log_var = tf.constant([[0.0, 0.0], [0.0, 0.0], [2.0, 0.0]])
    expected = [0.0, 0.5, 0.5 * (np.exp(2) - 3)]
    np.testing.assert_allclose(penalties.gaussian_kl(mean, log_var), expected, **CLOSE)


def test_gaussian_entropy_by_scipy():
    log_var = np.array([[0.3, -2.0, 4.0], [0.0, 1.0, -9.0]], "float32")
    expected = stats.norm(0, np.exp(log_var / 2)).entropy().sum(axis=1)
    np.testing.assert_allclose(penalties.gaussian_entropy(log_var), expected, **CLOSE)


def test_gaussian_kl_is_the_mean_log_ratio_of_its_draws():
    mean, log_var = normal(1, 3), normal(1, 3, seed=1)
    deviation = np.exp(log_var / 2)
    z = np.random.default_rng(2).normal(mean, deviation, (100_000, 3))
    ratio = (stats.norm.logpdf(z, mean, deviation) - stats.norm.logpdf(z)).sum(axis=1)
    error = ratio.std() / np.sqrt(len(ratio))
    kl = float(penalties.gaussian_kl(tf.constant(mean), tf.constant(log_var))[0])
    assert error < 0.02  # small enough to detect a missing term
    assert abs(kl - ratio.mean()) < 4 * error


# ‖J_f(x)‖²_F.


def finite_differences(encoder, x, step=1e-3):
    """Sum of squared central differences over all inputs, (batch,)."""
    flat = x.reshape(len(x), -1)
    total = np.zeros(len(x))
    for column in range(flat.shape[1]):
        shift = np.zeros_like(flat)
        shift[:, column] = step
        up = encoder((flat + shift).reshape(x.shape)).numpy().astype("float64")
        down = encoder((flat - shift).reshape(x.shape)).numpy().astype("float64")
        slope = (up - down) / (2 * step)
        total += (slope**2).reshape(len(x), -1).sum(axis=1)
    return total


@pytest.mark.parametrize("activation", sorted(penalties.SLOPES))
def test_closed_form_is_the_exact_jacobian(activation):
    encoder = networks.dense_encoder((3, 2), [5], latent_activation=activation)
    for weight in encoder.weights:
        weight.assign(normal(*weight.shape))
    x = normal(7, 3, 2, seed=1)
    dense = networks.dense_chain(encoder)[0]
    closed = penalties.jacobian_closed_form(dense, encoder(x))
    exact = penalties.jacobian_exact(encoder, tf.constant(x))
    np.testing.assert_allclose(closed, exact, rtol=1e-4, atol=1e-5)
    assert np.all(exact.numpy() > 0.01)
    # With a step of 1e-3, curvature costs 1e-6, and the rounding of float32 outputs
    # (1e-7) costs 1e-4 per slope. No kink of the ReLU is within a step of the points.
    np.testing.assert_allclose(finite_differences(encoder, x), exact, rtol=5e-3)


def test_closed_form_where_rows_share_the_layer():
    """A Dense layer on (batch, rows, n) applies the same map to every row."""
    encoder = keras.Sequential(
        [keras.Input((4, 3)), keras.layers.Dense(2, "tanh"), keras.layers.Flatten()]
    )
    x = tf.constant(normal(5, 4, 3))
    closed = penalties.jacobian_closed_form(encoder.layers[0], encoder(x))
    np.testing.assert_allclose(closed, penalties.jacobian_exact(encoder, x), rtol=1e-4)


def test_exact_jacobian_of_a_convolutional_encoder():
    encoder = networks.convolutional_encoder((4, 6, 2), [3, 2], activation="tanh")
    x = 0.5 * normal(3, 4, 6, 2)
    exact = penalties.jacobian_exact(encoder, tf.constant(x))
    np.testing.assert_allclose(finite_differences(encoder, x), exact, rtol=5e-3)


@pytest.mark.parametrize("jit", [False, True])
def test_projection_is_unbiased(jit):
    """For signs v, Var ‖vᵀJ‖² = 2 Σᵢ≠ⱼ (JJᵀ)ᵢⱼ², divided by the projections."""
    encoder = networks.dense_encoder((6,), [8, 5], "tanh", "tanh")
    x = tf.constant(normal(1, 6))
    with tf.GradientTape() as tape:
        tape.watch(x)
        code = encoder(x)
    jacobian = tape.batch_jacobian(code, x)[0].numpy()  # (5, 6)
    gram = jacobian @ jacobian.T
    variance = 2 * ((gram**2).sum() - (np.diag(gram) ** 2).sum())
    copies, projections = 4000, 2

    @tf.function(jit_compile=jit)
    def estimate():
        many = tf.repeat(x, copies, axis=0)
        signs = Draw((5,), "sign", projections).sample(many, (1, 2))
        return penalties.jacobian_projection(encoder, many, signs)

    estimates = estimate().numpy()
    error = np.sqrt(variance / projections / copies)
    assert error < 0.02 * np.trace(gram)  # small enough to detect a wrong factor
    assert abs(estimates.mean() - np.trace(gram)) < 4 * error
    # The relative error of the variance of 4000 draws is a few times √(2/4000) = 2 %.
    np.testing.assert_allclose(estimates.var(), variance / projections, rtol=0.15)


def test_seeds_differ_at_every_step_and_on_every_replica(two_replicas):
    with two_replicas.scope():
        encoder = networks.dense_encoder((6,), [8, 5])
        model = ae_zoo.ContractiveAutoencoder(encoder, "tied", jacobian="projection")
    run = two_replicas.run(lambda: [model.next_seed(True), model.next_seed(True)])
    seeds = [seed for per_replica in run for seed in per_replica.values]
    assert len({tuple(seed.numpy()) for seed in seeds}) == 4


def test_a_dropout_layer_rules_out_the_closed_form():
    encoder = keras.Sequential(
        [keras.Input((6,)), keras.layers.Dropout(0.5), keras.layers.Dense(3, "tanh")]
    )
    with pytest.raises(ValueError, match="closed_form.*single Dense.*'exact'"):
        ae_zoo.ContractiveAutoencoder(encoder, "tied", jacobian="closed_form")


# The layers.


@pytest.mark.parametrize("k", [1, 3, 11])
def test_keep_largest_keeps_exactly_the_k_largest(k):
    code = normal(20, 3, 4)  # no two values alike
    flat = code.reshape(20, 12)
    expected = np.zeros_like(flat)
    largest = np.argsort(flat, axis=1)[:, -k:]
    np.put_along_axis(
        expected, largest, np.take_along_axis(flat, largest, axis=1), axis=1
    )
    kept = keep_largest(tf.constant(code), k)
    np.testing.assert_array_equal(kept, expected.reshape(code.shape))


@pytest.mark.parametrize("k", [12, 13])
def test_keep_largest_of_few_units_keeps_all(k):
    code = tf.constant(normal(20, 3, 4))
    np.testing.assert_array_equal(keep_largest(code, k), code)


def test_keep_largest_drops_ties_for_the_last_place():
    kept = keep_largest(tf.constant([[2.0, 1.0, 2.0, 3.0]]), 2)
    np.testing.assert_array_equal(kept, [[0.0, 0.0, 0.0, 3.0]])


def test_keep_largest_takes_a_tensor():
    code = tf.constant(normal(20, 3, 4))
    for k in (1, 3, 4, 5):
        np.testing.assert_array_equal(
            keep_largest(code, tf.constant(k)), keep_largest(code, k)
        )


def test_gradients_reach_the_kept_units_only():
    code = tf.constant([[0.1, 0.9, 0.5, -1.0]])
    with tf.GradientTape() as tape:
        tape.watch(code)
        total = tf.reduce_sum(keep_largest(code, 2) ** 2)
    np.testing.assert_allclose(tape.gradient(total, code), [[0, 1.8, 1.0, 0]], **CLOSE)


def test_transposed_dense_by_numpy():
    dense = keras.layers.Dense(3)
    dense.build((None, 5))
    transposed = TransposedDense(dense, "tanh")
    z = normal(4, 3)
    transposed(z)
    transposed.bias.assign(normal(5))
    expected = np.tanh(z @ dense.kernel.numpy().T + normal(5))
    np.testing.assert_allclose(transposed(z), expected, rtol=1e-5, atol=1e-6)
    assert [w.name for w in transposed.weights] == ["bias"]
