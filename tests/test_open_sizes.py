"""Models of open height and width: every size, tiles, exports, what is undefined."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from builders import normal

import ae_zoo
from ae_zoo import data, lite, networks
from ae_zoo.models import tiling
from ae_zoo.studies import file_cost, file_tiles

OPEN = (None, None, 3)
SIZES = [(16, 24), (13, 7), (1, 1), (2, 31)]


def u_net(channels=3, filters=(4, 6, 8), loss="bernoulli"):
    keras.utils.set_random_seed(0)
    encoder = networks.u_net_encoder((None, None, channels), filters)
    decoder = networks.pixel_decoder(encoder.output_shape[1:], channels)
    return ae_zoo.DenoisingAutoencoder(encoder, decoder, reconstruction_loss=loss)


def convolutional():
    keras.utils.set_random_seed(0)
    encoder = networks.convolutional_encoder(OPEN, [4, 6])
    decoder = networks.convolutional_decoder(OPEN, [4, 6])
    return ae_zoo.ConvolutionalAutoencoder(encoder, decoder)


def residual_u_net():
    keras.utils.set_random_seed(0)
    encoder = networks.residual_u_net_encoder(OPEN, [4, 6], [1, 1], features=2)
    decoder = networks.pixel_decoder(encoder.output_shape[1:], 3)
    # The last convolution of a block begins with zeros, and adds nothing.
    weights = [normal(*weight.shape) / 4 for weight in encoder.get_weights()]
    encoder.set_weights(weights)
    return ae_zoo.DenoisingAutoencoder(encoder, decoder)


def images(*size, channels=3, count=2, seed=0):
    shape = (count, *size, channels)
    return np.random.default_rng(seed).random(shape, dtype="float32")


@pytest.mark.slow
@pytest.mark.parametrize("build", [u_net, convolutional])
def test_one_model_takes_images_of_every_size(build):
    model = build()
    model.compile("adam")
    for size in SIZES:
        x = images(*size)
        assert model.predict(x, verbose=0).shape == x.shape
        np.testing.assert_allclose(
            model.reconstruct(x), model.predict(x, verbose=0), atol=1e-6
        )
        assert model.score(x).shape == (2,)
        assert np.isfinite(model.fit(x, verbose=0).history["loss"]).all()
        assert np.isfinite(model.evaluate(x, verbose=0)).all()


def test_a_multiple_of_the_grid_is_computed_as_by_the_network_of_this_size():
    x = images(16, 24)
    encoder = networks.u_net_encoder((16, 24, 3), [4, 6, 8])
    other = networks.u_net_encoder(OPEN, [4, 6, 8])
    other.set_weights(encoder.get_weights())
    np.testing.assert_allclose(other(x), encoder(x), atol=1e-6)


def test_other_sizes_are_padded_by_reflection_as_in_numpy():
    x = images(13, 7)
    encoder = networks.u_net_encoder(OPEN, [4, 6, 8])
    padded = np.pad(x, [(0, 0), (0, 3), (0, 1), (0, 0)], mode="reflect")
    expected = np.asarray(encoder(padded))[:, :13, :7]
    np.testing.assert_allclose(encoder(x), expected, atol=1e-6)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8])
def test_the_padding_layer_reflects_as_numpy_does(size):
    x = normal(2, size, 3, 1)
    layer = ae_zoo.layers.PadToMultiple(8)
    # NumPy repeats a single row.
    expected = np.pad(x, [(0, 0), (0, -size % 8), (0, 5), (0, 0)], mode="reflect")
    np.testing.assert_array_equal(layer(x), expected)
    any_size = tf.function(
        layer, input_signature=[tf.TensorSpec((None, None, None, 1))]
    )
    np.testing.assert_array_equal(any_size(x), expected)
    assert layer.compute_output_shape((None, size, None, 1)) == (None, 8, None, 1)


@pytest.mark.parametrize("multiple", [0, 10**9])
def test_the_padding_layer_is_bounded(multiple):
    with pytest.raises(ValueError, match="multiple"):
        ae_zoo.layers.PadToMultiple(multiple)


@pytest.mark.slow
def test_saturated_outputs_keep_their_gradient():
    """The loss of a cropped image still comes from the logits."""
    model = convolutional()
    model.decoder.layers[-2].bias.assign(np.full(3, 40.0))
    x = np.zeros((1, 5, 6, 3), "float32")
    model.compile(keras.optimizers.SGD(1e-3))
    loss = model.fit(x, verbose=0).history["loss"][0]
    # 40 nats for each of 90 values; from the saturated sigmoid it would be 16.
    assert loss == pytest.approx(40 * 90, rel=0.1)


def test_what_is_undefined_says_so():
    model = u_net()
    assert model.latent_shape == (None, None, 7)
    with pytest.raises(ValueError, match="takes images of any size"):
        _ = model.latent_dim
    encoder, decoder = model.encoder, model.decoder
    for build in (
        lambda: ae_zoo.UndercompleteAutoencoder(encoder, decoder),
        lambda: ae_zoo.SparseAutoencoder(encoder, decoder, sparsity="k", k=2),
        lambda: ae_zoo.SparseAutoencoder(encoder, decoder, sparsity="kl"),
        lambda: ae_zoo.ContractiveAutoencoder(encoder, decoder),
        lambda: ae_zoo.VariationalAutoencoder(encoder, decoder),
    ):
        with pytest.raises(ValueError, match="must be fixed"):
            build()


@pytest.mark.slow
def test_a_model_survives_saving(tmp_path):
    model = u_net()
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    x = images(9, 10)
    np.testing.assert_array_equal(loaded.reconstruct(x), model.reconstruct(x))


# Tiles.


@pytest.mark.slow
@pytest.mark.parametrize("build", [u_net, residual_u_net, convolutional])
@pytest.mark.parametrize("size", [(301, 170), (256, 129)])
def test_tiles_give_the_result_of_the_whole_image(build, size):
    model = build()
    field = networks.receptive_field(model.encoder, model.decoder)
    overlap = 2 * field.radius + 16
    x = images(*size, count=1)
    whole = model.reconstruct(x)
    tiled = model.reconstruct(x, tile=(2 * overlap + 4, 2 * overlap + 8))
    np.testing.assert_allclose(tiled, whole, atol=1e-5)


@pytest.mark.parametrize("length", [200, 333, 1000, 1025, 4096])
@pytest.mark.parametrize("margin", [3, 30])
def test_the_weights_of_tiles_add_up_to_one(length, margin):
    plan = tiling.Plan((192, 192), margin, 8)
    total, sizes = np.zeros(length), []
    for span, weight in tiling._spans(length, 192, plan):
        total[span] += weight
        sizes.append(span.stop - span.start)
        assert span.start % 8 == 0
        if span.start > 0:
            assert not weight[:margin].any()
        if span.stop < length:
            assert not weight[-margin:].any()
    np.testing.assert_allclose(total, 1, atol=1e-6)
    assert max(sizes) <= 192


def test_an_unknown_receptive_field_is_blended_without_seams():
    inputs = keras.Input(OPEN)
    mean = keras.layers.GlobalAveragePooling2D(keepdims=True)(inputs)
    encoder = keras.Model(inputs, keras.layers.Subtract()([inputs, mean]))
    codes = keras.Input(OPEN)
    decoder = keras.Model(codes, keras.layers.Activation("linear")(codes))
    model = ae_zoo.ConvolutionalAutoencoder(
        encoder, decoder, reconstruction_loss="gaussian"
    )
    assert networks.receptive_field(encoder, decoder) is None
    x = np.zeros((1, 700, 600, 3), "float32")
    x[:, :350] = 1
    tiled = model.reconstruct(x, tile=576)
    steps = np.abs(np.diff(tiled[0, :, 300, 0] - x[0, :, 300, 0]))
    # The mean of the tiles differs by up to one; 16 pixels blend it.
    assert 0 < steps.max() < 1 / 16 + 1e-3


@pytest.mark.slow
def test_large_images_are_tiled_and_bounded(monkeypatch):
    model = u_net()
    seen = []
    run = model._run
    monkeypatch.setattr(
        model, "_run", lambda name, x, *a: seen.append(x[0].shape) or run(name, x, *a)
    )
    monkeypatch.setattr(tiling, "PIXELS", 64 * 64)
    monkeypatch.setattr(tiling, "TILE", 128)
    model.reconstruct(images(300, 400))
    assert len(seen) > 2
    assert max(max(shape[1:3]) for shape in seen) <= 192


@pytest.mark.parametrize(
    "tile, match", [(4, "at least"), ((9, 9, 9), "one size or"), ("x", "tile")]
)
def test_bad_tiles_are_refused(tile, match):
    with pytest.raises((TypeError, ValueError), match=match):
        u_net().reconstruct(images(64, 64), tile=tile)


def test_models_of_fixed_size_are_not_tiled():
    encoder = networks.u_net_encoder((8, 8, 3), [4])
    decoder = networks.pixel_decoder((8, 8, 7), 3)
    model = ae_zoo.DenoisingAutoencoder(encoder, decoder)
    with pytest.raises(ValueError, match="open height and width"):
        model.reconstruct(images(8, 8), tile=4)


@pytest.mark.parametrize(
    "kernel, strides, dilation", [(3, 1, 1), (5, 1, 2), (4, 2, 1), (3, 2, 1)]
)
def test_the_receptive_field_bounds_what_changes(kernel, strides, dilation):
    """One changed pixel changes nothing farther away than the radius."""
    layers = keras.layers
    encoder = keras.Sequential(
        [
            keras.Input((None, None, 1)),
            layers.Conv2D(2, kernel, strides, "same", dilation_rate=dilation),
        ]
    )
    decoder = keras.Sequential(
        [
            keras.Input((None, None, 2)),
            layers.Conv2DTranspose(1, kernel, strides, "same"),
            layers.Conv2D(1, 3, padding="same"),
        ]
    )
    radius, grid = networks.receptive_field(encoder, decoder)
    assert grid == strides
    reach = 0
    for place in (64, 65):
        x = np.zeros((1, 128, 128, 1), "float32")
        before = np.asarray(decoder(encoder(x)))
        x[0, place, place] = 1
        changed = np.abs(np.asarray(decoder(encoder(x))) - before)[0, :, :, 0] > 0
        reach = max(reach, np.abs(np.argwhere(changed) - place).max())
    assert reach <= radius <= reach + strides


# Exports.


@pytest.mark.slow
@pytest.mark.parametrize("build", [u_net, convolutional])
def test_a_saved_model_takes_every_size(build, tmp_path):
    model = build()
    model.export(tmp_path / "m")
    loaded = tf.saved_model.load(str(tmp_path / "m"))
    for size in SIZES:
        x = images(*size)
        output = loaded.signatures["reconstruct"](x=x)["reconstruction"]
        np.testing.assert_allclose(output, model.reconstruct(x), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("build", [u_net, convolutional])
def test_an_onnx_file_takes_every_size(build, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    model = build()
    model.export(tmp_path / "m.onnx", format="onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"))
    for size in SIZES:
        x = images(*size)
        (output,) = session.run(None, {"x": x})
        np.testing.assert_allclose(output, model.reconstruct(x), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(16, 24), (13, 9)])
@pytest.mark.parametrize("quantization", [None, "int8"])
def test_a_litert_file_has_the_given_size(size, quantization, tmp_path):
    model = u_net(loss="gaussian")
    x = images(*size, count=4)
    model.export(
        tmp_path / "m.tflite",
        format="litert",
        input_shape=(1, *size, 3),
        quantization=quantization,
        calibration=x,
    )
    file = lite.load(tmp_path / "m.tflite")
    assert file.input_shape == (None, *size, 3)
    assert file.metadata["input_shape"] == [*size, 3]
    tolerance = 0.05 if quantization else 1e-5
    np.testing.assert_allclose(
        file.reconstruct(x), model.reconstruct(x), atol=tolerance
    )
    np.testing.assert_allclose(file.score(x), model.score(x), rtol=max(tolerance, 1e-4))


@pytest.mark.parametrize(
    "options, match",
    [
        ({}, r"Pass `input_shape`"),
        ({"input_shape": (1, None, 16, 3)}, "positive integers"),
        ({"input_shape": (16, 16, 3)}, "batch"),
        ({"input_shape": (1, 16, 16, 1)}, "does not fit"),
        ({"input_shape": (1, 16, 16, 3), "batch_size": 2}, "batch_size"),
        ({"input_shape": 16}, "input_shape"),
        ({"trainable": True}, "fixed"),
    ],
)
def test_a_litert_file_needs_a_size(options, match, tmp_path):
    with pytest.raises((TypeError, ValueError), match=match):
        u_net().export(tmp_path / "m.tflite", format="litert", **options)
    assert not list(tmp_path.iterdir())


# What a file costs.


@pytest.fixture(scope="module")
def gray_model():
    model = u_net(channels=1, loss="gaussian")
    model.corruption = ae_zoo.corruptions.GaussianCorruption(0.1, clip=None)
    return model


@pytest.mark.slow
def test_a_file_of_fixed_size_is_measured_in_tiles(gray_model, tmp_path):
    gray_model.export(
        tmp_path / "m.tflite", format="litert", **file_tiles.sizes(gray_model)
    )
    file = file_cost.FileModel(tmp_path / "m.tflite", gray_model)
    for size in [(300, 520), (40, 256)]:
        x = images(*size, channels=1)
        output = file.reconstruct(x)
        # At a border, the model sees zeros and the file, which is larger, a reflection.
        inner = (slice(None), slice(0, -20), slice(0, -20))
        np.testing.assert_allclose(
            output[inner], gray_model.reconstruct(x)[inner], atol=1e-5
        )
        assert output.shape == x.shape


def test_calibration_data_of_large_images_are_noisy_patches(gray_model):
    large = images(300, 270, channels=1, count=70) / 10
    recipe = ae_zoo.Recipe(
        build=lambda: gray_model,
        dataset=data.Arrays(large, validation_split=0.1, test_split=0.1),
        task="t",
        epochs=1,
    )
    found = file_cost.calibration_data(gray_model, recipe, recipe.dataset)
    assert found.shape == (24, 256, 256, 1)
    # Noise of 0.1 and a uniform density from 0 to 0.1.
    assert found.std() == pytest.approx(np.hypot(0.1, 0.1 / np.sqrt(12)), rel=0.01)


def test_patches_of_small_images_are_reflected():
    x = images(3, 300, channels=1)
    (first, _) = file_tiles.patches(x)
    assert first.shape == (256, 256, 1)
    np.testing.assert_array_equal(first[3], first[1])
    np.testing.assert_array_equal(first[4], first[0])
