"""The optimizers that recipes share."""

import keras
import numpy as np
import pytest

import ae_zoo
from ae_zoo import optimizers

needs_muon = pytest.mark.skipif(
    tuple(map(int, keras.__version__.split(".")[:2])) < (3, 13),
    reason="the Muon of Keras before 3.13 does not train on TensorFlow",
)


@pytest.mark.parametrize("steps, warmup", [(10_000, 200), (50, 5)])
def test_the_warmup_ends_at_the_peak_and_the_cosine_at_zero(steps, warmup):
    optimizer = optimizers.adam(2e-3, "cosine", warmup=True)(steps)

    def rate(step):
        optimizer.iterations.assign(step)
        return float(optimizer.learning_rate)

    rates = [rate(step) for step in range(warmup + 2)]
    assert rates[0] == pytest.approx(1e-5)
    assert max(rates) == rates[warmup] == pytest.approx(2e-3)
    # Keras counts the steps of the cosine from the end of the warm-up.
    assert rate(warmup + steps) == pytest.approx(0, abs=1e-9)


def rates(make_optimizer, steps, at):
    optimizer = make_optimizer(steps)
    for step in at:
        optimizer.iterations.assign(step)
        yield float(optimizer.learning_rate)


@pytest.mark.parametrize(
    "options, middle, last",
    [
        ({}, 0.5, 0.5),
        ({"decay": "cosine"}, 0.25, 0.0),
        ({"decay": "cosine", "alpha": 0.5}, 0.375, 0.25),
        ({"decay": "exponential", "alpha": 1 / 4}, 0.25, 0.125),
    ],
)
def test_the_learning_rate_spans_the_run(options, middle, last):
    makers = [optimizers.adam(0.5, **options)]
    if tuple(map(int, keras.__version__.split(".")[:2])) >= (3, 13):
        makers.append(optimizers.muon(0.5, **options))
    for make_optimizer in makers:
        received = list(rates(make_optimizer, 100, at=(0, 50, 100)))
        assert received == pytest.approx([0.5, middle, last], abs=1e-7)


def test_a_held_rate_does_not_depend_on_the_length_of_the_run():
    make_optimizer = optimizers.adam(0.5, "cosine", hold=0.6)
    for steps in (100, 1000):
        received = list(rates(make_optimizer, steps, at=(0, 59, 60)))
        assert received == [0.5, 0.5, 0.5]
    warmed = optimizers.adam(0.5, "cosine", warmup=True, hold=0.6)
    received = list(rates(warmed, 1000, at=(0, 99, 199, 599)))
    assert received == pytest.approx([0.5 / 200, 0.25, 0.5, 0.5])
    # Halfway down the cosine, and at its end.
    received = list(rates(make_optimizer, 100, at=(80, 100)))
    assert received == pytest.approx([0.25, 0.0], abs=1e-7)


@needs_muon
def test_training_ends_with_averaged_weights():
    x = np.random.default_rng(0).random((8, 6), dtype="float32")

    def weights(make_optimizer, epochs):
        keras.utils.set_random_seed(0)
        encoder = ae_zoo.networks.dense_encoder((6,), [3])
        decoder = ae_zoo.networks.dense_decoder(3, [], (6,))
        model = ae_zoo.UndercompleteAutoencoder(encoder, decoder)
        model.compile(make_optimizer(epochs))
        model.fit(x, batch_size=8, epochs=epochs, verbose=0)
        return np.concatenate([weight.ravel() for weight in model.get_weights()])

    one, two = (weights(optimizers.adam(0.1), epochs) for epochs in (1, 2))
    # The average begins with the weights after the first step.
    average = weights(optimizers.adam(0.1, ema_momentum=0.75), 2)
    np.testing.assert_allclose(average, 0.75 * one + 0.25 * two, rtol=1e-4)
    muon = optimizers.muon(0.1, ema_momentum=0.75)(2)
    assert muon.use_ema and muon.ema_momentum == 0.75


@pytest.mark.parametrize(
    "options",
    [
        {"hold": 0.5},
        {"decay": "exponential", "alpha": 0.1, "hold": 0.5},
        {"decay": "cosine", "hold": 1.5},
        {"ema_momentum": 1.5},
    ],
)
def test_options_that_do_not_go_together_are_refused(options):
    with pytest.raises(ValueError, match="`hold`|`ema_momentum`"):
        optimizers.adam(0.5, **options)


def test_adam_is_that_of_keras():
    """The same classes with the same configurations, so that saved models load."""
    cosine = keras.optimizers.schedules.CosineDecay(1e-3, 100)
    pairs = [
        (optimizers.adam(1e-3, "cosine"), keras.optimizers.Adam(cosine)),
        (
            optimizers.adam(1e-3, "cosine", weight_decay=0.02),
            keras.optimizers.AdamW(cosine, weight_decay=0.02),
        ),
    ]
    for make_optimizer, expected in pairs:
        received = make_optimizer(100)
        assert type(received) is type(expected)
        named = {"name": expected.name}  # numbered by Keras
        assert received.get_config() | named == expected.get_config()


@pytest.mark.parametrize(
    "options, message",
    [
        ({"decay": "linear"}, "must be 'cosine', 'exponential' or None.*'linear'"),
        ({"decay": "exponential"}, "`alpha` must be > 0.*alpha=0.0"),
        (
            {"decay": "exponential", "alpha": 0.1, "warmup": True},
            "needs decay='cosine'",
        ),
        ({"warmup": True}, "needs decay='cosine'.*decay=None"),
    ],
)
def test_wrong_decays_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        optimizers.adam(1e-3, **options)


@needs_muon
def test_muon_decays_no_weight():
    layer = keras.layers.Dense(3, kernel_initializer="ones", bias_initializer="ones")
    layer.build((None, 4))
    optimizer = optimizers.muon(0.1)(steps=1)
    optimizer.build(layer.trainable_variables)
    still = [keras.ops.zeros_like(weight) for weight in layer.trainable_variables]
    optimizer.apply(still)
    for weight in layer.trainable_variables:
        np.testing.assert_array_equal(weight, 1)


@needs_muon
def test_muon_leaves_chosen_layers_to_adam():
    """The first step of Adam has the size of the learning rate in each weight."""
    layer = keras.layers.Dense(3, name="from_pixels", kernel_initializer="zeros")
    layer.build((None, 4))
    optimizer = optimizers.muon(0.1, exclude_layers=["pixels"])(steps=1)
    optimizer.build(layer.trainable_variables)
    gradient = np.arange(1, 13, dtype="float32").reshape(4, 3)
    optimizer.apply([gradient, np.ones(3, "float32")])
    np.testing.assert_allclose(layer.kernel, -0.1, rtol=1e-4)


@needs_muon
def test_muon_handles_the_kernel_of_a_convolution_as_a_matrix():
    """Its first step equals that of a dense layer on patches."""
    convolution, dense = keras.layers.Conv2D(5, 3), keras.layers.Dense(5)
    convolution.build((None, 7, 7, 2))
    dense.build((None, 18))
    gradient = np.random.default_rng(0).normal(size=(3, 3, 2, 5)).astype("float32")
    steps = []
    for layer in (convolution, dense):
        before = layer.kernel.numpy()
        optimizer = optimizers.muon(0.1)(steps=1)
        optimizer.build(layer.trainable_variables)
        shaped = np.reshape(gradient, before.shape)
        optimizer.apply([shaped, np.ones(5, "float32")])
        steps.append((before - layer.kernel.numpy()).reshape(18, 5))
    np.testing.assert_allclose(steps[0], steps[1], rtol=1e-4, atol=1e-6)
    # Newton-Schulz brings every singular value near 1, here times 0.1 · 0.2 √18.
    values = np.linalg.svd(steps[0], compute_uv=False) / (0.02 * np.sqrt(18))
    assert (np.abs(values - 1) < 0.4).all()


@needs_muon
@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.PReLU(alpha_initializer="zeros"),
        keras.layers.DepthwiseConv2D(3, depthwise_initializer="zeros", use_bias=False),
        keras.layers.Conv2D(
            4, 3, name="excluded", kernel_initializer="zeros", use_bias=False
        ),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_muon_leaves_other_shapes_to_adam(layer):
    """The first step of Adam has the size of the learning rate in each weight."""
    layer.build((None, 7, 7, 3))
    (weight,) = layer.trainable_variables
    optimizer = optimizers.muon(0.1, exclude_layers=["excluded"])(steps=1)
    optimizer.build([weight])
    gradient = np.random.default_rng(0).normal(size=weight.shape).astype("float32")
    optimizer.apply([gradient])
    np.testing.assert_allclose(weight, -0.1 * np.sign(gradient), rtol=1e-3)


def test_old_keras_is_refused(monkeypatch):
    monkeypatch.setattr(keras, "__version__", "3.12.4")
    with pytest.raises(RuntimeError, match="Upgrade Keras.*Received: Keras 3.12.4"):
        optimizers.muon(1e-3)(steps=1)


def test_a_string_instead_of_a_list_is_refused():
    """Keras would search for each of its characters."""
    with pytest.raises(TypeError, match="must be a list of strings.*'pixels'"):
        optimizers.muon(1e-3, exclude_layers="pixels")
