"""Steps that run in a loop of the graph, and the arrays that they take batches from."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import ae_zoo
from ae_zoo import networks
from ae_zoo.distribution import step_loop


def small_model(optimizer="adam", **settings):
    keras.utils.set_random_seed(0)
    model = ae_zoo.UndercompleteAutoencoder(
        networks.dense_encoder((6,), [4, 2]), networks.dense_decoder(2, [4], (6,))
    )
    model.compile(optimizer, **settings)
    return model


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).random((23, 6), dtype="float32")


class Batches(keras.callbacks.Callback):
    """Records the batches that it is called at."""

    def __init__(self):
        super().__init__()
        self.ends = []

    def on_train_batch_end(self, batch, logs=None):
        self.ends.append(batch)


class Calls(keras.callbacks.Callback):
    """Records the number of optimizer steps after each epoch."""

    def __init__(self):
        super().__init__()
        self.steps = []

    def on_epoch_end(self, epoch, logs=None):
        self.steps.append(int(self.model.optimizer.iterations))


@pytest.mark.slow
def test_any_number_of_steps_in_a_call_gives_the_same_weights(x):
    # 23 samples in batches of 4: five full batches and one of 3.
    results = []
    for settings in ({"steps_per_execution": 1}, {"steps_per_execution": 4}, {}):
        model = small_model(**settings)
        history = model.fit(x, batch_size=4, epochs=3, verbose=0).history
        assert int(model.optimizer.iterations) == 18
        results.append([history["loss"], *model.get_weights()])
    for result in results[1:]:
        for value, expected in zip(result, results[0], strict=True):
            np.testing.assert_array_equal(value, expected)


@pytest.mark.slow
@pytest.mark.parametrize("shuffle", [False, True])
def test_arrays_are_dealt_in_the_order_of_keras(x, shuffle):
    # With a number of steps, Keras deals the batches itself.
    weights = []
    for steps in (None, 6):
        model = small_model()
        model.fit(
            x, batch_size=4, epochs=2, shuffle=shuffle, steps_per_epoch=steps, verbose=0
        )
        weights.append(model.get_weights())
    for own, expected in zip(*weights, strict=True):
        np.testing.assert_array_equal(own, expected)


@pytest.mark.slow
def test_a_callback_with_batch_hooks_sees_every_batch(x):
    batches = Batches()
    small_model().fit(x, batch_size=4, epochs=2, callbacks=[batches], verbose=0)
    assert batches.ends == [0, 1, 2, 3, 4, 5] * 2


@pytest.mark.parametrize(
    "callback, expected",
    [
        (None, False),
        (keras.callbacks.History(), False),
        (keras.callbacks.EarlyStopping(), False),
        (keras.callbacks.TerminateOnNaN(), False),
        (keras.callbacks.ModelCheckpoint("a.keras"), False),
        (keras.callbacks.ModelCheckpoint("a.keras", save_freq=3), True),
        (keras.callbacks.LambdaCallback(on_epoch_end=print), False),
        (keras.callbacks.LambdaCallback(on_train_batch_end=print), True),
        (keras.callbacks.CallbackList([Batches()]), True),
        (Batches(), True),
        (keras.callbacks.ReduceLROnPlateau(), False),
    ],
)
def test_batch_hooks_are_found(callback, expected):
    assert step_loop.have_batch_hooks(callback) is expected


def test_endless_data_give_no_more_steps_than_asked_for(x):
    endless = tf.data.Dataset.from_tensor_slices(x).batch(4).repeat()
    calls = Calls()
    small_model().fit(
        endless, steps_per_epoch=7, epochs=2, callbacks=[calls], verbose=0
    )
    assert calls.steps == [7, 14]


@pytest.mark.slow
def test_data_of_unknown_size_are_used_whole_in_each_epoch(x):
    unknown = tf.data.Dataset.from_tensor_slices(x).batch(4).filter(lambda batch: True)
    calls = Calls()
    with pytest.warns(UserWarning, match="ran out of data"):  # of Keras
        small_model().fit(unknown, epochs=2, callbacks=[calls], verbose=0)
    assert calls.steps == [6, 12]


@pytest.mark.slow
def test_validation_uses_its_own_samples(x):
    model = small_model()
    other = np.zeros((5, 6), "float32")
    history = model.fit(x, validation_data=other, verbose=0).history
    # Both are means of the same float32 losses, in one batch.
    np.testing.assert_allclose(
        history["val_loss"][0], np.mean(model.score(other)), rtol=1e-6
    )


@pytest.mark.slow
def test_validation_split_takes_the_last_samples(x):
    model = small_model()
    history = model.fit(x, validation_split=0.25, batch_size=32, verbose=0).history
    assert int(model.optimizer.iterations) == 1
    np.testing.assert_allclose(
        history["val_loss"][0], np.mean(model.score(x[17:])), rtol=1e-6
    )
    with pytest.raises(ValueError, match="leaves no sample to train on"):
        model.fit(x[:1], validation_split=0.5)


@pytest.mark.slow
def test_arrays_of_other_lengths_use_the_same_graph(x, monkeypatch):
    model = small_model()
    tracings = []
    terms = ae_zoo.UndercompleteAutoencoder.terms
    monkeypatch.setattr(
        ae_zoo.UndercompleteAutoencoder,
        "terms",
        lambda *args: tracings.append(1) or terms(*args),
    )
    model.fit(x, batch_size=4, verbose=0)
    assert len(tracings) == 1
    model.fit(x[:9], batch_size=3, verbose=0)
    assert len(tracings) == 1


def test_the_pace_fits_calls_into_a_tenth_of_a_second(monkeypatch):
    clock = iter(np.cumsum([0, 5] + [0.01, 0.02] * 50))  # tracing; then 20 ms a call
    monkeypatch.setattr(step_loop.time, "perf_counter", lambda: next(clock))
    steps = ((step, step, None) for step in range(20))
    calls = [(begin, end) for begin, end, _ in step_loop.Pace().grouped(steps)]
    assert calls[:2] == [(0, 0), (1, 1)]
    assert calls[2] == (2, 6)  # 100 ms of 20 ms each
    assert calls[-1][1] == 19


@pytest.mark.slow
@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: keras.optimizers.Adam(0.01, beta_1=0.8, beta_2=0.99, epsilon=1e-3),
        lambda: keras.optimizers.AdamW(0.01, weight_decay=0.1),
        lambda: keras.optimizers.Adam(
            keras.optimizers.schedules.ExponentialDecay(0.01, 5, 0.5), clipnorm=1.0
        ),
    ],
    ids=["adam", "adamw", "schedule"],
)
def test_the_fused_update_is_that_of_keras(x, optimizer, monkeypatch):
    own = small_model(optimizer())
    own.fit(x, batch_size=4, epochs=3, shuffle=False, verbose=0)

    class Plain(type(optimizer())):  # another class, which keeps its own update
        pass

    expected = small_model(Plain.from_config(optimizer().get_config()))
    expected.fit(x, batch_size=4, epochs=3, shuffle=False, verbose=0)
    # 1 − β₂ has four digits in float32, and eighteen steps add up.
    for a, b in zip(own.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
    for a, b in zip(own.optimizer.variables, expected.optimizer.variables, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-3, atol=1e-6)


@pytest.mark.slow
def test_the_fused_update_leaves_frozen_weights(x):
    model = small_model()
    model.encoder.trainable = False
    model.compile("adam")
    before = [w.numpy() for w in model.encoder.weights]
    model.fit(x, epochs=2, verbose=0)
    for weight, value in zip(model.encoder.weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), value)


def test_the_gradient_of_the_cross_entropy_is_that_of_its_formula():
    logits = tf.constant([[-30.0, -2.0, 0.5], [1.0, 40.0, 3.0]])
    targets = tf.constant([[0.0, 0.3, 1.0], [0.5, 1.0, 0.0]])
    weights = tf.constant([2.0, 0.5])
    loss = ae_zoo.losses.Bernoulli()

    @tf.function
    def gradients():
        with tf.GradientTape(persistent=True) as outer:
            outer.watch([logits, targets])
            with tf.GradientTape() as inner:
                inner.watch(logits)
                total = tf.reduce_sum(loss.call(targets, tf.sigmoid(logits)) * weights)
            first = inner.gradient(total, logits)
        return first, outer.gradient(first, logits), outer.gradient(total, targets)

    first, second, of_targets = gradients()
    p = 1 / (1 + np.exp(-logits.numpy().astype("float64")))
    scale = weights.numpy()[:, None]
    # float32: 6e-8 of the largest terms, which are of size 1.
    np.testing.assert_allclose(first, scale * (p - targets), atol=1e-6)
    np.testing.assert_allclose(second, scale * p * (1 - p), atol=1e-6)
    np.testing.assert_allclose(of_targets, -scale * logits, rtol=1e-6)


@pytest.mark.slow
def test_a_compiled_model_that_is_saved_keeps_the_adapted_number_of_steps(x, tmp_path):
    model = small_model()
    model.fit(x, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    calls = []
    function_of = step_loop.StepLoop.__call__
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            step_loop.StepLoop,
            "__call__",
            lambda loop, data: (
                calls.append(loop._model.steps_of_call) or function_of(loop, data)
            ),
        )
        loaded.fit(x, batch_size=1, epochs=2, verbose=0)
    assert sum(calls) == 46 and max(calls) > 1
