"""Scaling: the layer, and models that own one."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from builders import normal
from sklearn import preprocessing

import ae_zoo
from ae_zoo import networks
from ae_zoo.layers import Scaling

# Columns of unlike units; the last is constant.
SHIFTS = np.array([0.0, 100.0, -5e3, 1.0, 7.0])
WIDTHS = np.array([1.0, 10.0, 1e3, 1e-2, 0.0])


@pytest.fixture(scope="module")
def table():
    """Rows of five columns, of which two underlying values determine all."""
    columns = normal(300, 2) @ normal(2, 5, seed=1) + 0.1 * normal(300, 5, seed=2)
    return (columns * WIDTHS + SHIFTS).astype("float32")


def model(variant=ae_zoo.DeepAutoencoder, units=(8, 2), output="linear", **options):
    options = {"reconstruction_loss": "gaussian", "scaling": "standard"} | options
    return variant(
        networks.dense_encoder((5,), units, "tanh"),
        networks.dense_decoder(2, [8], (5,), "tanh", output),
        **options,
    )


@pytest.fixture(scope="module")
def trained(table):
    keras.utils.set_random_seed(0)
    trained = model()
    trained.scaling.adapt(table)
    trained.compile(keras.optimizers.Adam(0.01))
    trained.fit(table, epochs=5, verbose=0)
    return trained


# The layer.


@pytest.mark.parametrize(
    ("mode", "reference"),
    [
        ("standard", preprocessing.StandardScaler()),
        ("min_max", preprocessing.MinMaxScaler()),
        ("robust", preprocessing.RobustScaler()),
    ],
)
def test_it_scales_as_scikit_learn_does(mode, reference, table):
    expected = reference.fit_transform(table.astype("float64"))
    data = [table, tf.data.Dataset.from_tensor_slices((table, table)).batch(64)]
    for x in data:
        scaling = Scaling(mode)
        scaling.adapt(x)
        # float32 keeps 7 digits of a column at −5000 ± 1000.
        np.testing.assert_allclose(scaling.scale(table), expected, atol=1e-4)
        np.testing.assert_allclose(
            scaling.unscale(scaling.scale(table)), table, rtol=1e-6, atol=1e-6
        )
        np.testing.assert_array_equal(scaling.bounds(), [table.min(0), table.max(0)])


def test_a_constant_column_is_only_shifted(table):
    for mode in ("standard", "min_max", "robust"):
        scaling = Scaling(mode)
        scaling.adapt(table)
        assert scaling.width[4] == 1.0
        np.testing.assert_array_equal(scaling.scale(table)[:, 4], 0.0)


def test_a_column_of_few_other_values_has_a_robust_width():
    column = np.zeros((100, 1))
    column[:20] = 1e6  # the quartiles are equal
    scaling = Scaling("robust")
    scaling.adapt(column)
    np.testing.assert_allclose(scaling.width, column.std())


def test_one_scale_of_all_values(table):
    scaling = Scaling("min_max", axis=None)
    scaling.adapt(table)
    assert scaling.shift == table.min()
    assert scaling.shift + scaling.width == pytest.approx(
        table.max(), abs=1e-3
    )  # of 5,000
    assert scaling.scale(np.zeros((2, 3))).shape == (2, 3)


def test_pixels_need_no_data():
    scaling = Scaling("pixels")
    image = np.array([[0, 51, 255]], "uint8")
    np.testing.assert_allclose(scaling.scale(image), [[0, 0.2, 1]], rtol=1e-6)
    np.testing.assert_allclose(scaling.unscale(scaling.scale(image)), image)
    with pytest.raises(ValueError, match=r"\[0, 255\].*300"):
        scaling.adapt([[300.0]])


def test_a_spread_below_the_resolution_of_float32_is_warned_of():
    seconds = 1.7e9 + np.arange(50.0)[:, None]
    with pytest.warns(UserWarning, match="feature 0 differ by 49.*Subtract an offset"):
        Scaling("standard").adapt(seconds)


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (np.zeros((0, 3)), ValueError, "empty"),
        ([[1.0, np.nan]], ValueError, "feature 1"),
        ([[1e39, 0.0]], ValueError, "feature 0"),
        ([1.0, 2.0], ValueError, r"\(batch, ..., features\)"),
        ([["a", "b"]], TypeError, "numbers"),
        (None, TypeError, "None"),
        (tf.data.Dataset.from_tensors([[1.0]]).repeat(), ValueError, "never ends"),
    ],
)
def test_data_that_cannot_be_adapted_to(data, error, message):
    with pytest.raises(error, match=message):
        Scaling().adapt(data)


def test_wrong_arguments():
    with pytest.raises(ValueError, match="'min_max'"):
        Scaling("minmax")
    with pytest.raises(ValueError, match="`axis` must be -1"):
        Scaling(axis=0)
    with pytest.raises(TypeError, match="`scaling` must be None"):
        model(scaling=1)


# Models.


@pytest.mark.slow
def test_reconstructions_are_in_the_users_units(trained, table):
    error = trained.predict(table, verbose=0) - table
    width = trained.scaling.width
    # Five epochs explain most of each column; the constant one is reproduced.
    assert (np.sqrt(np.mean((error / width) ** 2, axis=0)) < 0.7).all()
    scaled = 0.5 * np.sum((error / width) ** 2, axis=1)
    np.testing.assert_allclose(trained.score(table), scaled, rtol=1e-3, atol=1e-5)
    loss = trained.evaluate(table, verbose=0)
    np.testing.assert_allclose(loss, trained.score(table).mean(), rtol=1e-4)


@pytest.mark.slow
def test_units_do_not_change_what_is_learned(table):
    """A model of a table equals one of the same table in other units."""
    losses = []
    for factor in (1.0, 1024.0):  # a power of two keeps all digits
        keras.utils.set_random_seed(0)
        scaled = model(ae_zoo.DenoisingAutoencoder)
        scaled.scaling.adapt(factor * table[:, :4].repeat(2, 1)[:, :5])
        scaled.compile("sgd")
        x = factor * table[:, :4].repeat(2, 1)[:, :5]
        losses.append(scaled.fit(x, epochs=2, verbose=0).history["loss"])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "use",
    [
        lambda m, x: m.fit(x),
        lambda m, x: m.predict(x, verbose=0),
        lambda m, x: m.score(x),
        lambda m, x: m.decode(np.zeros((1, 2))),
        lambda m, x: m(x),
        lambda m, x: m.export("never"),
        lambda m, x: m.fit(tf.data.Dataset.from_tensor_slices(x).batch(8)),
    ],
)
def test_it_must_be_adapted_before_use(use, table):
    unadapted = model()
    unadapted.compile()
    with pytest.raises(ValueError, match=r"not adapted.*model.scaling.adapt"):
        use(unadapted, table)


@pytest.mark.parametrize("mode", ["standard", "robust"])
def test_a_loss_or_a_sigmoid_that_does_not_suit_the_scaling(mode):
    with pytest.raises(ValueError, match="'bernoulli' needs targets"):
        model(reconstruction_loss="bernoulli", output="sigmoid", scaling=mode)
    with pytest.raises(ValueError, match="ends in a sigmoid"):
        model(output="sigmoid", scaling=mode)


def test_features_must_match(table):
    scaling = Scaling()
    scaling.adapt(table[:, :3])
    with pytest.raises(ValueError, match="3 features"):
        model(scaling=scaling)
    with pytest.raises(ValueError, match=r"\(batch, ..., 5\)"):
        model().scaling.adapt(table[:, :3])


@pytest.mark.slow
def test_bernoulli_targets_stay_in_the_range_of_the_scaling(table):
    bounded = model(
        reconstruction_loss="bernoulli", output="sigmoid", scaling="min_max"
    )
    bounded.scaling.adapt(table)
    bounded.compile()
    assert np.isfinite(bounded.fit(table, verbose=0).history["loss"]).all()
    beyond = table.copy()
    beyond[250, 2] += 2e4
    assert np.isfinite(bounded.predict(beyond, verbose=0)).all()
    with pytest.raises(ValueError, match="in feature 2, whose range is"):
        bounded.score(beyond)
    dataset = tf.data.Dataset.from_tensor_slices(beyond).batch(50)
    with pytest.raises(ValueError, match=r"(?s)Step 6.*in feature 2"):
        bounded.fit(dataset, verbose=0)


@pytest.mark.slow
def test_pixels_take_uint8_images():
    images = np.random.default_rng(0).integers(0, 256, (16, 8, 8, 3), "uint8")
    pixels = ae_zoo.ConvolutionalAutoencoder(
        networks.convolutional_encoder((8, 8, 3), [4], 6),
        networks.convolutional_decoder((8, 8, 3), [4], 6),
        scaling="pixels",
    )
    assert pixels.input_range == (0.0, 255.0)
    pixels.compile()
    pixels.fit(images, verbose=0)
    output = pixels.predict(images, verbose=0)
    assert output.max() > 100  # not in [0, 1]
    np.testing.assert_allclose(
        pixels.score(images), pixels.score(images.astype("float64"))
    )
    with pytest.raises(ValueError, match=r"\[0, 255\]"):
        pixels.score(2.0 * images)
    with pytest.warns(UserWarning, match=r"All values are in \[0, 1\]"):
        pixels.predict(images / 255, verbose=0)


@pytest.mark.slow
def test_other_units_are_warned_of_once(trained, table):
    fresh = type(trained).from_config(trained.get_config())
    fresh.set_weights(trained.get_weights())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fresh.predict(table, verbose=0)
        fresh.score(table[:1])
    with pytest.warns(UserWarning, match="Feature 0 has values.*units the same") as w:
        fresh.predict(1000 * table, verbose=0)
        fresh.score(1000 * table)
    assert len(w) == 1


def test_outliers_are_not_taken_for_other_units(trained, table):
    outliers = table.copy()
    outliers[:100] = 1e6
    assert trained.scaling.difference_of_units(outliers) is None
    assert "Feature 1" in trained.scaling.difference_of_units(table / [1, 1e3, 1, 1, 1])


def test_noise_is_added_to_scaled_values(table):
    corruption = ae_zoo.corruptions.GaussianCorruption(0.5, clip=None)
    noisy = model(ae_zoo.DenoisingAutoencoder, corruption=corruption)
    noisy.scaling.adapt(table)
    difference = noisy.spec().corruption(table, (0, 0)) - table
    # The standard error of a deviation over 300 rows is 4 %.
    np.testing.assert_allclose(
        np.std(difference, axis=0), 0.5 * noisy.scaling.width, rtol=0.2, atol=0.0
    )
    for mode, clip in [("standard", None), ("min_max", (0, 1)), ("pixels", (0, 1))]:
        clipped = model(ae_zoo.DenoisingAutoencoder, scaling=mode).corruption.clip
        assert clipped == clip
    with pytest.raises(ValueError, match="Pass clip=None"):
        corruption = ae_zoo.corruptions.GaussianCorruption(0.5)
        model(ae_zoo.DenoisingAutoencoder, corruption=corruption)


def test_large_values_keep_their_digits_in_half_precision(table):
    policy = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    try:
        half = model()
    finally:
        keras.mixed_precision.set_dtype_policy(policy)
    x = table + 1e5  # float16 ends at 65504
    half.scaling.adapt(x)
    output = half.predict(x, verbose=0)
    assert output.dtype == np.float32
    assert np.isfinite(output).all()


@pytest.mark.slow
def test_a_loaded_model_is_adapted(trained, table, tmp_path):
    trained.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.scaling.mode == "standard"
    np.testing.assert_array_equal(
        loaded.predict(table, verbose=0), trained.predict(table, verbose=0)
    )
    model().save(tmp_path / "unadapted.keras")
    unadapted = keras.saving.load_model(tmp_path / "unadapted.keras")
    assert not unadapted.scaling.is_adapted


# Files.


@pytest.mark.slow
@pytest.mark.parametrize("quantization", ["float16", "int8", "int8_io"])
def test_small_files_keep_each_feature(trained, table, tmp_path, quantization):
    """In int8 the inputs have one range, which columns of unlike units cannot share."""
    trained.export(
        tmp_path / "m.tflite", "litert", quantization=quantization, calibration=table
    )
    file = ae_zoo.lite.load(tmp_path / "m.tflite")
    assert file.metadata["scaling"]["in_file"] is False
    width = trained.scaling.width
    expected = trained.reconstruct(table)
    error = (file.reconstruct(table) - expected) / width
    # Values of about ±3 in 255 levels, and the rounding of two layers.
    assert np.sqrt(np.mean(np.square(error), axis=0)).max() < 0.05
    np.testing.assert_allclose(
        file.score(table).mean(), trained.score(table).mean(), rtol=0.1
    )
    codes = trained.encode(table)
    assert np.sqrt(np.mean((file.encode(table) - codes) ** 2)) < 0.05 * codes.std()


@pytest.mark.slow
def test_one_scale_is_part_of_an_int8_file(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (32, 8, 8, 3)).astype("float32")
    pixels = ae_zoo.ConvolutionalAutoencoder(
        networks.convolutional_encoder((8, 8, 3), [4], 6),
        networks.convolutional_decoder((8, 8, 3), [4], 6),
        scaling="pixels",
    )
    options = {"quantization": "int8", "calibration": images, "pixels": True}
    pixels.export(tmp_path / "m.tflite", "litert", **options)
    file = ae_zoo.lite.load(tmp_path / "m.tflite")
    assert file.metadata["scaling"]["in_file"] is True
    expected = pixels.reconstruct(images)
    # Two levels of 255.
    assert np.abs(file.reconstruct(images) - expected).mean() < 2
    levels = file.run("reconstruct_pixels", pixels=images.astype("uint8"))
    assert np.abs(levels["reconstruction"] - expected).mean() < 2


@pytest.mark.slow
def test_a_file_trains_on_the_device_in_the_users_units(trained, table, tmp_path):
    trained.export(tmp_path / "m.tflite", "litert", trainable=True, batch_size=8)
    with pytest.warns(UserWarning, match="unchecked"):
        file = ae_zoo.lite.load(tmp_path / "m.tflite")
    loss = file.train(x=table[:8])["loss"]
    np.testing.assert_allclose(loss, trained.score(table[:8]).mean(), rtol=1e-4)
    assert file.reconstruct(table[:1]).shape == (1, 5)


@pytest.mark.parametrize(
    "scaling",
    [
        {"mode": "standard", "shift": [0.0] * 5, "width": [0.0] * 5},
        {"mode": "standard", "shift": [0.0] * 4, "width": [1.0] * 4},
        {"mode": "standard", "shift": "0", "width": 1.0},
        {"mode": "standard", "shift": 0.0},
    ],
)
def test_a_wrong_scaling_in_a_sidecar_is_refused(scaling):
    from ae_zoo.lite import files
    from ae_zoo.zoo import UnsafeModelError

    with pytest.raises(UnsafeModelError, match="'scaling'"):
        files._check_scaling(scaling, [5])


def test_a_large_offset_does_not_hide_errors_of_other_features(table):
    from ae_zoo.export import parity

    scaling = Scaling()
    scaling.adapt(table)
    wrong = table.copy()
    wrong[:, 3] += 0.01 * scaling.width[3]  # 1e-4 beside values of 5,000
    assert parity.error(wrong, table) < 1e-4
    assert parity._scaled_error(wrong, table, None, scaling) > 1e-3


# Measures.


def test_errors_of_each_feature(trained, table):
    errors = trained.errors(table)
    np.testing.assert_array_equal(errors, np.abs(trained.reconstruct(table) - table))
    scaled = trained.errors(table, scaled=True)
    np.testing.assert_allclose(scaled * trained.scaling.width, errors, rtol=1e-6)
    squares = 0.5 * np.sum(scaled.astype("float64") ** 2, axis=1)
    np.testing.assert_allclose(trained.score(table), squares, rtol=1e-3, atol=1e-5)


def test_protocols_compare_scaled_values(trained, table):
    split = ae_zoo.evaluation.Split(table)
    splits = ae_zoo.evaluation.Splits(split, split, split)
    (row,) = ae_zoo.evaluation.evaluate(
        trained, [ae_zoo.evaluation.SquaredError()], splits
    )
    np.testing.assert_allclose(row.value, 2 * trained.score(table).mean(), rtol=1e-4)
    # So does PCA: not of the column of thousands alone.
    assert 0 < row.baseline < 1
    before = trained.reconstruct(table)
    assert np.abs(before[:, 2].mean() + 5e3) < 1e3  # in the user's units again


@pytest.mark.slow
def test_a_file_is_measured_in_scaled_values(trained, table):
    from ae_zoo.studies import file_cost

    split = ae_zoo.evaluation.Split(table)
    splits = ae_zoo.evaluation.Splits(split, split, split)
    protocols = [ae_zoo.evaluation.SquaredError()]
    expected = ae_zoo.evaluation.evaluate(trained, protocols, splits)[0].value
    for quantization in (None, "int8"):
        cost = file_cost.measure(trained, protocols, splits, quantization, table)
        assert cost.headline.value == pytest.approx(expected, rel=0.1)


def test_factors_make_features_count_more(table):
    plain, weighted = (
        Scaling("standard"),
        Scaling("standard", factors=(0.5, 1, 2, 1, 1)),
    )
    for scaling in (plain, weighted):
        scaling.adapt(table)
    np.testing.assert_allclose(
        weighted.width, plain.width * [0.5, 1, 2, 1, 1], rtol=1e-6
    )
    np.testing.assert_array_equal(weighted.shift, plain.shift)
    copy = Scaling.from_config(weighted.get_config())
    copy.adapt(table)
    np.testing.assert_array_equal(copy.width, weighted.width)
    assert "factors" not in plain.get_config()


@pytest.mark.parametrize(
    "arguments, error",
    [
        ({"factors": "2"}, TypeError),
        ({"factors": (1, 0)}, ValueError),
        ({"factors": (1, 2), "axis": None}, ValueError),
        ({"factors": (1, 2), "mode": "min_max"}, ValueError),
    ],
)
def test_wrong_factors_are_refused(arguments, error):
    with pytest.raises(error, match="factors"):
        Scaling(**arguments)


def test_factors_must_fit_the_features(table):
    with pytest.raises(ValueError, match="one value for each feature"):
        Scaling(factors=(1, 2)).adapt(table)
