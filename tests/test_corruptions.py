"""Corruptions: rates and moments, and when a model applies them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import ae_zoo
from ae_zoo import corruptions, networks
from ae_zoo.distribution import replicas

SEED = (3, 4)
N = 40_000
# Five standard errors: a correct corruption fails for one seed in two million, and
# the seed is fixed.
ERRORS = 5


def assert_rate(hit, rate):
    error = np.sqrt(rate * (1 - rate) / hit.size)
    assert abs(hit.mean() - rate) < ERRORS * error


def test_gaussian_moments():
    x = tf.fill((N // 4, 4), 0.25)
    noise = corruptions.GaussianCorruption(0.3, clip=None)(x, SEED).numpy() - 0.25
    assert abs(noise.mean()) < ERRORS * 0.3 / np.sqrt(N)
    # The standard error of a normal sample's deviation is σ/√(2N).
    assert abs(noise.std() - 0.3) < ERRORS * 0.3 / np.sqrt(2 * N)


def test_gaussian_clips():
    x = tf.fill((N,), 0.25)
    free = corruptions.GaussianCorruption(0.5, clip=None)(x, SEED)
    clipped = corruptions.GaussianCorruption(0.5, clip=(0.1, 0.9))(x, SEED)
    np.testing.assert_array_equal(clipped, np.clip(free, 0.1, 0.9))


def test_masking_rate():
    x = tf.fill((N // 4, 2, 2), 0.7)
    masked = corruptions.MaskingCorruption(0.3)(x, SEED).numpy()
    assert_rate(masked == 0, 0.3)
    np.testing.assert_array_equal(masked[masked != 0], np.float32(0.7))


def test_salt_and_pepper_rates():
    x = tf.fill((N // 4, 2, 2), 0.7)
    corrupted = corruptions.SaltAndPepperCorruption(0.4)(x, SEED).numpy()
    assert_rate(corrupted == 0, 0.2)
    assert_rate(corrupted == 1, 0.2)
    assert_rate(corrupted == np.float32(0.7), 0.6)


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_extreme_rates_are_exact(rate):
    x = tf.fill((N,), 0.7)
    corrupted = corruptions.MaskingCorruption(rate)(x, SEED)
    np.testing.assert_array_equal(corrupted, (1 - rate) * x)


def test_a_range_gives_every_sample_its_own_level():
    """Uniform levels in [0.1, 0.5], each measured on 10,000 values of one sample."""
    pixels, samples = 10_000, 400
    x = tf.zeros((samples, pixels))
    corrupted = corruptions.GaussianCorruption((0.1, 0.5), clip=None)(x, SEED)
    levels = corrupted.numpy().std(axis=1)
    # A level is measured to 0.5/√20000 = 0.0035.
    assert 0.1 - 0.02 < levels.min() < 0.12
    assert 0.48 < levels.max() < 0.5 + 0.02
    # The deviation of a uniform variable is its width over √12.
    assert abs(levels.mean() - 0.3) < ERRORS * 0.4 / np.sqrt(12 * samples)
    rates = corruptions.MaskingCorruption((0.1, 0.5))(x + 1, SEED).numpy() == 0
    rates = rates.mean(axis=1)
    assert rates.min() < 0.12 and rates.max() > 0.48


@pytest.mark.parametrize(
    "corruption",
    [
        corruptions.GaussianCorruption((0.1, 0.3), clip=(-1.0, 2.0)),
        corruptions.MaskingCorruption(0.3),
        corruptions.SaltAndPepperCorruption((0.2, 0.4)),
    ],
    ids=lambda corruption: type(corruption).__name__,
)
def test_saving_keeps_arguments_and_draws(corruption):
    serialized = keras.saving.serialize_keras_object(corruption)
    again = keras.saving.deserialize_keras_object(serialized)
    assert again.get_config() == corruption.get_config()
    x = tf.fill((50, 8), 0.7)
    np.testing.assert_array_equal(again(x, SEED), corruption(x, SEED))
    assert (corruption(x, SEED).numpy() != corruption(x, (3, 5)).numpy()).any()


# In the model.


@keras.saving.register_keras_serializable("ae_zoo_tests")
class Tint(corruptions.Corruption):
    """A user's own corruption, with an argument and no `get_config`."""

    def __init__(self, amount):
        self.amount = amount

    def __call__(self, x, seed):
        return x + self.amount


@keras.saving.register_keras_serializable("ae_zoo_tests")
class Recorder(keras.layers.Layer):
    """Returns its input unchanged and records it."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seen = []

    def call(self, x):
        tf.py_function(lambda value: self.seen.append(value.numpy()), [x], [])
        return tf.identity(x)


def recording(corruption):
    """A denoising model, and a list of the batches that its encoder received."""
    inputs = keras.Input((6,))
    recorder = Recorder()
    encoder = keras.Model(inputs, keras.layers.Dense(4)(recorder(inputs)))
    decoder = networks.dense_decoder(4, [], (6,))
    model = ae_zoo.DenoisingAutoencoder(encoder, decoder, corruption=corruption)
    model.compile()
    recorder.seen.clear()
    return model, recorder.seen


@pytest.fixture
def x():
    return np.random.default_rng(0).uniform(0.2, 0.8, (8, 6)).astype("float32")


def test_every_training_step_draws_new_noise(x):
    model, seen = recording(corruptions.GaussianCorruption(0.1))
    model.fit(x, batch_size=4, epochs=3, shuffle=False, verbose=0)
    assert len(seen) == 6
    noise = [batch - x[i % 2 * 4 :][:4] for i, batch in enumerate(seen)]
    assert all((step != 0).all() for step in noise)
    assert len({step.tobytes() for step in noise}) == 6


@pytest.mark.slow
def test_evaluate_repeats_its_noise_and_varies_it_over_batches(x):
    model, seen = recording(corruptions.MaskingCorruption(0.5))
    same = np.repeat(x[:4], 2, axis=0)
    same = np.concatenate([same[:4], same[:4]])
    first = model.evaluate(same, batch_size=4, verbose=0)
    model.fit(x, verbose=0, epochs=2)  # advances the training seeds
    del seen[2:]
    model.evaluate(same, batch_size=4, verbose=0)
    a, b, again_a, again_b = seen
    np.testing.assert_array_equal(a, again_a)
    np.testing.assert_array_equal(b, again_b)
    assert (a != b).any()
    assert np.isfinite(first).all()


@pytest.mark.slow
def test_validation_in_fit_uses_the_noise_of_evaluate(x):
    model, seen = recording(corruptions.GaussianCorruption(0.1))
    model.fit(x, validation_data=x[:4], batch_size=8, epochs=2, verbose=0)
    train, validation, train_again, validation_again = seen
    np.testing.assert_array_equal(validation, validation_again)
    model.evaluate(x[:4], batch_size=8, verbose=0)
    np.testing.assert_array_equal(seen[4], validation)


@pytest.mark.slow
def test_pairs_are_not_corrupted(x):
    model, seen = recording(corruptions.SaltAndPepperCorruption(1.0))
    noisy = 1 - x
    model.fit(noisy, x, batch_size=8, shuffle=False, verbose=0)
    model.evaluate(noisy, x, verbose=0)
    np.testing.assert_array_equal(seen, [noisy, noisy])
    pairs = tf.data.Dataset.from_tensors((noisy, x))
    model.evaluate(pairs, verbose=0)
    np.testing.assert_array_equal(seen[2], noisy)


def test_the_target_of_x_alone_is_the_clean_x(x):
    """The model returns its bias, so ℓ depends on the target only."""
    model, _ = recording(corruptions.MaskingCorruption(1.0))
    for weight in model.weights:
        weight.assign(tf.zeros_like(weight))
    loss = model.evaluate(x, verbose=0, return_dict=True)["loss"]
    assert loss == pytest.approx(6 * np.log(2), rel=1e-5)  # x̂ = ½ everywhere
    bias = model.decoder.weights[-1]
    bias.assign(np.log(x[0] / (1 - x[0])))  # x̂ = x[0]
    entropy = -np.sum(x[0] * np.log(x[0]) + (1 - x[0]) * np.log(1 - x[0]))
    loss = model.evaluate(x[:1], verbose=0, return_dict=True)["loss"]
    assert loss == pytest.approx(entropy, rel=1e-5)


def test_nothing_else_corrupts(x):
    model, seen = recording(corruptions.SaltAndPepperCorruption(1.0))
    model.predict(x, verbose=0)
    model.encode(x)
    model.reconstruct(x)
    model.score(x)
    model(x)
    assert len(seen) == 5
    np.testing.assert_array_equal(seen, [x] * 5)


def test_own_corruptions_are_saved_with_their_arguments(x, tmp_path):
    encoder = networks.dense_encoder((6,), [4])
    model = ae_zoo.DenoisingAutoencoder(encoder, "tied", corruption=Tint(0.25))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded.corruption) is Tint
    np.testing.assert_array_equal(loaded.corrupt(x, training=True), x + 0.25)


def test_replicas_share_the_noise_of_one_batch(two_replicas):
    """Replicas with three and two rows corrupt them as one device corrupts all five."""

    def build():
        encoder = networks.dense_encoder((6,), [4])
        corruption = corruptions.SaltAndPepperCorruption((0.2, 0.8))
        return ae_zoo.DenoisingAutoencoder(encoder, "tied", corruption=corruption)

    with two_replicas.scope():
        model = build()
    x = tf.fill((5, 6), 0.5)
    shares = two_replicas.experimental_distribute_values_from_function(
        lambda context: [x[:3], x[3:]][context.replica_id_in_sync_group]
    )

    def corrupt(x):
        with replicas.sharing(x.shape[0]):
            return model.corrupt(x, training=True)

    parts = two_replicas.run(corrupt, args=(shares,)).values
    alone = build().corrupt(x, training=True)
    np.testing.assert_array_equal(tf.concat(parts, axis=0), alone)
    assert len(np.unique(alone, axis=0)) == 5  # no two rows have the same noise


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: corruptions.GaussianCorruption(-0.1), "`stddev`.*Received: -0.1"),
        (lambda: corruptions.GaussianCorruption((0.5, 0.1)), "`stddev`.*low ≤ high"),
        (lambda: corruptions.GaussianCorruption(float("nan")), "`stddev`.*nan"),
        (lambda: corruptions.GaussianCorruption(0.1, (1, 0)), "`clip`.*low < high"),
        (lambda: corruptions.MaskingCorruption(1.1), r"`rate`.*\[0, 1\].*1.1"),
        (lambda: corruptions.MaskingCorruption(-0.1), r"`rate`.*\[0, 1\].*-0.1"),
        (lambda: corruptions.SaltAndPepperCorruption((0.1, 2)), "`rate`.*high ≤ 1"),
    ],
)
def test_arguments_out_of_range(build, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        build()


def test_other_types_are_refused():
    encoder = networks.dense_encoder((6,), [4])
    with pytest.raises(TypeError, match="`corruption`.*GaussianCorruption.*0.3"):
        ae_zoo.DenoisingAutoencoder(encoder, "tied", corruption=0.3)
    with pytest.raises(TypeError, match=r"Corruption must implement `__call__"):
        corruptions.Corruption()(tf.ones((1, 2)), SEED)
