"""Reconstruction losses against hand-worked numbers and SciPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from ae_zoo import losses

# Sums of at most a few dozen float32 terms of size 1, each good to 6e-8.
CLOSE = {"rtol": 1e-5}


def test_bernoulli_by_hand():
    """Sample 1: −log ½ − log ½; sample 2: −¼ log 0.2 − ¾ log 0.8, and −log 0.9."""
    x = [[0.0, 1.0], [0.25, 1.0]]
    mean = [[0.5, 0.5], [0.2, 0.9]]
    expected = [
        2 * np.log(2),
        -0.25 * np.log(0.2) - 0.75 * np.log(0.8) - np.log(0.9),
    ]
    loss = losses.Bernoulli()
    np.testing.assert_allclose(
        loss.call(tf.constant(x), tf.constant(mean)), expected, **CLOSE
    )
    np.testing.assert_allclose(loss(x, mean), np.mean(expected), **CLOSE)


def test_gaussian_by_hand():
    """½(1² + 2²) = 2.5 and ½ 3² = 4.5, with the mean 3.5."""
    x = tf.constant([[1.0, 3.0], [0.0, 3.0]])
    mean = tf.constant([[0.0, 1.0], [0.0, 0.0]])
    np.testing.assert_allclose(losses.Gaussian().call(x, mean), [2.5, 4.5], **CLOSE)
    np.testing.assert_allclose(losses.Gaussian()(x, mean), 3.5, **CLOSE)


def test_images_are_summed_over_all_their_axes():
    x, mean = tf.zeros((2, 3, 4, 5)), tf.fill((2, 3, 4, 5), 0.5)
    bits = losses.Bernoulli().call(x, mean) / np.log(2)
    np.testing.assert_allclose(bits, [60, 60], **CLOSE)
    np.testing.assert_allclose(losses.Gaussian().call(x, mean), [7.5, 7.5], **CLOSE)


def test_sample_weight_multiplies_samples_and_does_not_change_the_divisor():
    x, mean = [[2.0], [4.0]], [[0.0], [0.0]]  # ℓ = 2 and 8
    loss = losses.Gaussian()(x, mean, sample_weight=[3.0, 0.0])
    np.testing.assert_allclose(loss, 3 * 2 / 2, **CLOSE)


def test_log_prob_against_scipy():
    random = np.random.default_rng(0)
    x, mean = random.normal(size=(2, 5, 3, 4)).astype("float32")
    expected = stats.norm.logpdf(x, mean, 1).sum(axis=(1, 2))
    np.testing.assert_allclose(
        losses.Gaussian().log_prob(tf.constant(x), tf.constant(mean)), expected, **CLOSE
    )
    p = random.uniform(0.1, 0.9, (5, 7)).astype("float32")
    bits = (random.random((5, 7)) < 0.5).astype("float32")
    np.testing.assert_allclose(
        losses.Bernoulli().log_prob(tf.constant(bits), tf.constant(p)),
        stats.bernoulli.logpmf(bits, p).sum(axis=1),
        **CLOSE,
    )


@pytest.mark.parametrize("in_graph", [False, True])
def test_a_saturated_sigmoid_keeps_its_loss_and_gradient(in_graph):
    """At logit a = −60 and x = 1: ℓ = log(1 + e⁶⁰) = 60 and dℓ/da = σ(a) − 1 = −1."""
    logits = tf.Variable([[-60.0]])

    def step():
        with tf.GradientTape() as tape:
            mean = keras.activations.sigmoid(logits)
            loss = losses.Bernoulli()(tf.ones((1, 1)), mean)
        return loss, tape.gradient(loss, logits)

    loss, gradient = (tf.function(step) if in_graph else step)()
    np.testing.assert_allclose(loss, 60, **CLOSE)
    np.testing.assert_allclose(gradient, [[-1]], **CLOSE)


@pytest.mark.parametrize("name", ["bernoulli", "gaussian"])
def test_losses_are_found_by_name_and_survive_their_config(name):
    loss = losses.get(name)
    assert loss.name == name
    assert losses.get(loss) is loss
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(loss)
    )
    assert type(again) is type(loss)
    assert again.reduction == loss.reduction


def test_a_user_defined_loss_keeps_its_arguments():
    @keras.saving.register_keras_serializable("tests")
    class Laplace(losses.ReconstructionLoss):
        def __init__(self, scale=1.0, name="laplace", **kwargs):
            super().__init__(name=name, **kwargs)
            self.scale = scale

        def call(self, y_true, y_pred):
            return keras.ops.sum(keras.ops.abs(y_true - y_pred), axis=-1) / self.scale

    @keras.saving.register_keras_serializable("tests")
    class Weighted(Laplace):
        def __init__(self, weight=1.0, **kwargs):
            super().__init__(**kwargs)
            self.weight = weight

    loss = Weighted(weight=2.0, scale=0.1, reduction="sum")
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(loss)
    )
    assert (again.scale, again.weight) == (0.1, 2.0)
    assert (again.name, again.reduction) == ("laplace", "sum")


@pytest.mark.parametrize("loss", ["mse", None, keras.losses.MeanSquaredError()])
def test_unknown_losses_are_named(loss):
    with pytest.raises(ValueError, match="'bernoulli'.*'gaussian'.*Received: "):
        losses.get(loss)
