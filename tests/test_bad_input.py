"""Errors for invalid input and arguments."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf

import ae_zoo
from ae_zoo import layers, networks

NAN = float("nan")


def encoder(units=(3,), **kwargs):
    return networks.dense_encoder((4, 4, 1), units, **kwargs)


def decoder(latent_dim=3, units=()):
    return networks.dense_decoder(latent_dim, units, (4, 4, 1))


def compiled(loss="bernoulli"):
    model = ae_zoo.DenoisingAutoencoder(encoder(), "tied", reconstruction_loss=loss)
    model.compile()
    return model


@pytest.fixture(scope="module")
def bernoulli():
    return compiled()


@pytest.fixture(scope="module")
def gaussian():
    return compiled("gaussian")


def x(*shape):
    return np.full(shape or (6, 4, 4, 1), 0.5, "float32")


def with_one(value):
    images = x()
    images[2, 1, 1, 0] = value
    return images


METHODS = ["fit", "evaluate", "predict", "encode", "reconstruct", "score"]
WRONG = {
    "another size": (x(6, 5, 4, 1), ValueError, ["(batch, 4, 4, 1)", "(6, 5, 4, 1)"]),
    "no channel axis": (x(6, 4, 4), ValueError, ["(6, 4, 4)", "x[..., None]"]),
    "no batch axis": (x(4, 4, 1), ValueError, ["(4, 4, 1)", "x[None]"]),
    "uint8": (
        (x() * 255).astype("uint8"),
        TypeError,
        ["[0, 1]", "uint8 between 127 and 127", "x.astype('float32') / 255"],
    ),
    "0 to 255": (x() * 400, ValueError, ["[0, 1]", "200", "`x / 255`"]),
    "NaN": (with_one(NAN), ValueError, ["finite", "1 NaN or infinite", "of 96"]),
    "infinite": (with_one(np.inf), ValueError, ["finite", "1 NaN or infinite"]),
    "objects": (x().astype(object), TypeError, ["numbers", "object"]),
    "text": (x().astype(str), TypeError, ["numbers", "<U"]),
    "empty": (x(0, 4, 4, 1), ValueError, ["empty", "at least one sample"]),
    "ragged": (
        [[1.0], [1.0, 2.0]],
        TypeError,
        ["equal shape", "list whose rows"],
    ),
}


def assert_says(error, parts):
    for part in parts:
        assert part in str(error.value), str(error.value)


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("method", METHODS)
def test_wrong_input(bernoulli, method, case):
    value, kind, parts = WRONG[case]
    with pytest.raises(kind) as error:
        getattr(bernoulli, method)(value)
    assert_says(error, parts)


@pytest.mark.parametrize("method", ["fit", "evaluate", "score"])
def test_targets_of_the_bernoulli_loss_are_in_the_unit_interval(bernoulli, method):
    with pytest.raises(ValueError) as error:
        getattr(bernoulli, method)(with_one(-0.5))
    assert_says(error, ["[0, 1]", "-0.5 and 0.5", "reconstruction_loss='gaussian'"])


def test_noisy_inputs_may_be_outside_the_unit_interval(bernoulli):
    noisy = with_one(-0.5)
    bernoulli.fit(noisy, x(), verbose=0)
    assert bernoulli.predict(noisy, verbose=0).shape == noisy.shape


def test_the_gaussian_loss_accepts_all_real_numbers(gaussian):
    real = with_one(-7.0)
    gaussian.fit(real, verbose=0)
    assert np.isfinite(gaussian.score(real)).all()
    with pytest.raises(ValueError, match="finite"):
        gaussian.fit(with_one(NAN))


@pytest.mark.parametrize(
    ("y", "kind", "parts"),
    [
        (x(6, 4, 4), ValueError, ["`y`", "(batch, 4, 4, 1)", "(6, 4, 4)"]),
        (with_one(1.5), ValueError, ["`y`", "[0, 1]", "1.5"]),
        (with_one(NAN), ValueError, ["`y`", "finite"]),
        (x().astype("int64"), TypeError, ["`y`", "int64"]),
    ],
)
def test_wrong_targets(bernoulli, y, kind, parts):
    with pytest.raises(kind) as error:
        bernoulli.fit(x(), y)
    assert_says(error, parts)
    with pytest.raises(kind) as error:
        bernoulli.fit(tf.data.Dataset.from_tensor_slices((x(), y)).batch(6))
    assert_says(error, parts)


@pytest.mark.parametrize("case", ["another size", "uint8", "NaN", "0 to 255"])
def test_wrong_datasets_and_validation_data(bernoulli, case):
    value, kind, parts = WRONG[case]
    dataset = tf.data.Dataset.from_tensor_slices(value).batch(6)
    for validation in (value, (value,), (value, value), dataset):
        with pytest.raises(kind) as error:
            bernoulli.fit(x(), validation_data=validation)
        assert_says(error, parts)
    for method in (bernoulli.fit, bernoulli.evaluate):
        with pytest.raises(kind) as error:
            method(dataset)
        assert_says(error, parts)


def test_empty_datasets(bernoulli):
    dataset = tf.data.Dataset.from_tensor_slices(x()).batch(8, drop_remainder=True)
    with pytest.raises(ValueError, match="dataset is empty.*drop_remainder"):
        bernoulli.fit(dataset)


def test_wrong_codes(bernoulli):
    with pytest.raises(ValueError, match=r"`z`.*\(batch, 3\).*\(6, 4\)"):
        bernoulli.decode(x(6, 4))
    with pytest.raises(ValueError, match="`z` must be finite"):
        bernoulli.decode(np.full((1, 3), NAN))


def test_batches_that_do_not_divide_among_replicas(two_replicas):
    with two_replicas.scope():
        model = compiled()
    message = "batch of 3 does not divide among 2 replicas.*multiple of 2, such as 2"
    for method in (model.fit, model.evaluate):  # users call them outside the scope
        with pytest.raises(ValueError, match=message):
            method(x(), batch_size=3)
    summed = keras.losses.MeanSquaredError(reduction="sum")
    with two_replicas.scope(), pytest.raises(ValueError, match="the mean.*'sum'"):
        model.compile(loss=summed)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float16", "float64", "bool", "bfloat16"])
def test_other_dtypes_are_accepted(dtype):
    """The importance-weighted objective combines inputs and outputs of two dtypes."""
    model = ae_zoo.VariationalAutoencoder(encoder(), decoder(), importance_samples=2)
    model.compile()
    values = tf.cast(x() > 0.4, dtype)
    dataset = tf.data.Dataset.from_tensors(values)
    expected = model.evaluate(np.ones((6, 4, 4, 1)), verbose=0)
    np.testing.assert_allclose(model.evaluate(dataset, verbose=0), expected, rtol=1e-6)
    np.testing.assert_allclose(model.evaluate(values, verbose=0), expected, rtol=1e-6)


def test_lists_are_accepted(bernoulli):
    images = x()
    np.testing.assert_array_equal(
        bernoulli.predict(images.tolist(), verbose=0),
        bernoulli.predict(images, verbose=0),
    )
    np.testing.assert_array_equal(
        bernoulli.encode(images.tolist()), bernoulli.encode(images)
    )
    assert bernoulli.evaluate(list(images), verbose=0) == bernoulli.evaluate(
        images, verbose=0
    )


# Constructor arguments.

Undercomplete = ae_zoo.UndercompleteAutoencoder
Sparse = ae_zoo.SparseAutoencoder
Contractive = ae_zoo.ContractiveAutoencoder
Variational = ae_zoo.VariationalAutoencoder
Convolutional = ae_zoo.ConvolutionalAutoencoder
CONV = networks.convolutional_encoder, networks.convolutional_decoder


def unbuilt():
    return keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3)])


def two_inputs():
    inputs = [keras.Input((3,)), keras.Input((3,))]
    return keras.Model(inputs, keras.layers.Add()(inputs))


def built_prior(d):
    prior = layers.RealNVP()
    prior.build((None, d))
    return prior


BUILDS = {
    "d = n": (
        lambda: Undercomplete(encoder((16,)), "tied"),
        ["latent_dim = 16 for 16 inputs", "SparseAutoencoder"],
    ),
    "one layer": (
        lambda: ae_zoo.DeepAutoencoder(encoder(), "tied"),
        ["at least two layers", "1 and 1", "UndercompleteAutoencoder"],
    ),
    "unequal depths": (
        lambda: ae_zoo.DeepAutoencoder(encoder((5, 3)), decoder(3, (4, 5))),
        ["as many", "2 and 3"],
    ),
    "sparsity": (
        lambda: Sparse(encoder(), "tied", sparsity="l2"),
        ["`sparsity`", "'l1', 'kl', 'k'", "'l2'"],
    ),
    "rho": (
        lambda: Sparse(encoder(), "tied", sparsity="kl", rho=1.0),
        ["`rho`", "between 0 and 1", "1.0"],
    ),
    "prior of one unit": (
        lambda: Variational(encoder((1,)), decoder(1), prior=layers.RealNVP()),
        ["at least two units", "(None, 1)"],
    ),
    "prior of another model": (
        lambda: Variational(encoder(), decoder(), prior=built_prior(5)),
        ["codes of shape (5,)", "have shape (3,)"],
    ),
    "couplings": (
        lambda: layers.RealNVP(couplings=0),
        ["`couplings`", "0"],
    ),
    "L1 weight": (
        lambda: Sparse(encoder(), "tied", penalty_weight=-1),
        ["`penalty_weight`", "-1"],
    ),
    "NaN weight": (
        lambda: Sparse(encoder(), "tied", penalty_weight=NAN),
        ["`penalty_weight`", "nan"],
    ),
    "k": (
        lambda: Sparse(encoder(), "tied", sparsity="k", k=4),
        ["`k`", "1 and the 3 units", "4"],
    ),
    "k of zero": (
        lambda: Sparse(encoder(), "tied", sparsity="k", k=0),
        ["`k`", "1 and the 3 units", "0"],
    ),
    "k_inference": (
        lambda: Sparse(encoder(), "tied", sparsity="k", k=2, k_inference=9),
        ["`k_inference`", "3 units", "9"],
    ),
    "contraction weight": (
        lambda: Contractive(encoder(), "tied", penalty_weight=-0.1),
        ["`penalty_weight`", "-0.1"],
    ),
    "projections": (
        lambda: Contractive(encoder(), "tied", projections=0),
        ["`projections`", "0"],
    ),
    "jacobian": (
        lambda: Contractive(encoder(), "tied", jacobian="full"),
        ["`jacobian`", "'closed_form', 'exact', 'projection'", "'full'"],
    ),
    "no closed form": (
        lambda: Contractive(encoder((5, 3)), "tied", jacobian="closed_form"),
        ["single Dense layer", "'exact'"],
    ),
    "no known slope": (
        lambda: Contractive(
            encoder(latent_activation="gelu"), "tied", jacobian="closed_form"
        ),
        ["'relu', 'sigmoid'", "'exact'"],
    ),
    "beta": (lambda: Variational(encoder(), decoder(), beta=-1), ["`beta`", "-1"]),
    "NaN beta": (lambda: Variational(encoder(), decoder(), beta=NAN), ["`beta`"]),
    "importance_samples": (
        lambda: Variational(encoder(), decoder(), importance_samples=0),
        ["`importance_samples`", "0"],
    ),
    "tied variational": (
        lambda: Variational(encoder(), "tied"),
        ["decoder='tied' has no meaning", "Pass a decoder"],
    ),
    "vectors": (
        lambda: Convolutional(
            networks.dense_encoder((16,), [3]), networks.dense_decoder(3, [], (16,))
        ),
        ["(height, width, channels)", "(16,) to (16,)"],
    ),
    "another image size": (
        lambda: Convolutional(CONV[0]((8, 8, 1), [4]), CONV[1]((7, 8, 1), [4])),
        ["same size", "(8, 8, 1) to (7, 8, 1)"],
    ),
    "tied convolutions": (
        lambda: Undercomplete(CONV[0]((8, 8, 1), [4], 3), "tied"),
        ["'tied' needs", "chain of Dense", "'Conv2D'"],
    ),
    "mismatch": (
        lambda: Undercomplete(encoder(), decoder(4)),
        ["encoder ends in shape (3,)", "decoder starts from (4,)"],
    ),
    "unbuilt encoder": (
        lambda: Undercomplete(unbuilt(), decoder()),
        ["`encoder`", "keras.Input(shape)"],
    ),
    "two inputs": (
        lambda: Undercomplete(encoder(), two_inputs()),
        ["`decoder`", "one input"],
    ),
    "loss": (
        lambda: Undercomplete(encoder(), "tied", reconstruction_loss="mse"),
        ["`reconstruction_loss`", "'bernoulli'", "'gaussian'", "'mse'"],
    ),
}


@pytest.mark.parametrize("case", BUILDS)
def test_arguments_out_of_range(case):
    build, parts = BUILDS[case]
    with pytest.raises(ValueError) as error:
        build()
    assert_says(error, parts)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Undercomplete("dense", decoder()), "`encoder`.*Keras model.*str"),
        (lambda: Undercomplete(encoder(), 3), '`decoder`.*Keras model or "tied".*int'),
        (lambda: Undercomplete(lambda x: x, "tied"), "`encoder`.*function"),
        (
            lambda: Variational(encoder(), decoder(), prior="real_nvp"),
            r"`prior`.*`log_prob` and `from_normal`.*layers.RealNVP\(\).*str",
        ),
        (lambda: Undercomplete(encoder(), "tied", seed=None), "`seed`.*None"),
        (lambda: Undercomplete(encoder(), "tied", seed=0.5), "`seed`.*0.5"),
        (
            lambda: Variational(encoder(), decoder(), importance_samples=2.5),
            "`importance_samples` must be an integer.*2.5 of type float",
        ),
    ],
)
def test_arguments_of_a_wrong_type(build, message):
    with pytest.raises(TypeError, match=message):
        build()


def test_methods_of_the_variational_autoencoder():
    model = Variational(encoder(), decoder(), importance_samples=2)
    with pytest.raises(ValueError, match="importance-weighted.*without a loss"):
        model.compile(loss="mse")
    with pytest.raises(ValueError, match="`n` must be an integer ≥ 1. Received: 0"):
        model.sample(0)
    with pytest.raises(ValueError, match="`steps` must be an integer ≥ 2.*Received: 1"):
        model.interpolate(x()[0], x()[1], steps=1)
    with pytest.raises(
        ValueError, match="`samples` must be an integer ≥ 1. Received: 0"
    ):
        model.log_likelihood(x(), samples=0)
    with pytest.raises(ValueError, match=re.escape("[0, 1]")):
        model.log_likelihood(with_one(2.0))
