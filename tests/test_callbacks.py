"""Annealing, reviving units and logged images: effects during training and after it."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.util import event_pb2

import ae_zoo
from ae_zoo import networks
from ae_zoo.callbacks import Anneal, LogImages, ReviveUnits

SHAPE = (8, 8, 1)


def sparse():
    model = ae_zoo.SparseAutoencoder(
        networks.dense_encoder(SHAPE, [40]), "tied", sparsity="k", k=4
    )
    model.compile("sgd")
    return model


def variational():
    model = ae_zoo.VariationalAutoencoder(
        networks.dense_encoder(SHAPE, [16], "relu", "relu"),
        networks.dense_decoder(3, [16], SHAPE),
        beta=2.0,
    )
    model.compile("sgd")
    return model


def watch(model, name):
    """A list of the attribute's values per epoch, and the callback that fills it."""
    values = []

    def note(*_):
        values.append(float(np.asarray(model.annealed(name, training=True))))

    return values, keras.callbacks.LambdaCallback(on_epoch_end=note)


def test_k_falls_to_the_value_of_the_model(images):
    model = sparse()
    values, seen = watch(model, "k")
    model.fit(images, epochs=5, callbacks=[Anneal("k", 10, 3), seen], verbose=0)
    assert values == [10, 8, 6, 4, 4]
    assert model.annealed("k", training=True) == 4


def test_the_first_epoch_keeps_the_start_value_of_units(images):
    model = sparse()
    code = model.encoder(images).numpy()
    tenth = np.sort(code, axis=1)[:, -10:-9]
    kept = model.decoder(np.where(code >= tenth, code, 0))
    expected = float(model.reconstruction_loss(images, kept))
    history = model.fit(images, callbacks=[Anneal("k", 10, 3)], verbose=0).history
    # All images are one batch, so the loss is that before the only step.
    assert history["loss"][0] == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
def test_validation_uses_the_weight_of_the_model(images):
    model = variational()
    history = model.fit(
        images,
        validation_data=(images, images),
        callbacks=[Anneal("beta", 0.0, 10)],
        verbose=0,
    ).history
    assert history["loss"][0] == pytest.approx(history["reconstruction"][0], rel=1e-5)
    expected = history["val_reconstruction"][0] + 2 * history["val_kl"][0]
    assert history["val_loss"][0] == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
def test_a_later_fit_is_not_annealed(images):
    model = variational()
    model.fit(images, callbacks=[Anneal("beta", 0.0, 1)], verbose=0)
    history = model.fit(images, verbose=0).history
    expected = history["reconstruction"][0] + 2 * history["kl"][0]
    np.testing.assert_allclose(history["loss"][0], expected, rtol=1e-5)


@pytest.mark.slow
def test_annealing_can_start_with_all_units(images):
    for start in (40, 50):
        model = sparse()
        whole = model.decoder(model.encoder(images))
        expected = float(model.reconstruction_loss(images, whole))
        history = model.fit(images, callbacks=[Anneal("k", start, 3)], verbose=0)
        assert history.history["loss"][0] == pytest.approx(expected, rel=1e-5)


def test_annealing_ends_with_an_interrupted_fit(images):
    def interrupt(*_):
        raise KeyboardInterrupt

    model = sparse()
    interrupting = keras.callbacks.LambdaCallback(on_epoch_end=interrupt)
    with pytest.raises(KeyboardInterrupt):
        model.fit(images, callbacks=[Anneal("k", 10, 3), interrupting], verbose=0)
    assert model.annealed("k", training=True) == 4


@pytest.mark.slow
def test_importance_samples_rise_to_the_value_of_the_model(images):
    """Each epoch has the loss of a model with that number of samples."""
    encoder = networks.dense_encoder(SHAPE, [16], "relu", "relu")
    decoder = networks.dense_decoder(3, [16], SHAPE)

    def still(importance_samples):  # learning rate 0: weights do not change
        model = ae_zoo.VariationalAutoencoder(
            encoder, decoder, importance_samples=importance_samples
        )
        for head, seed in ((model._mean_head, 1), (model._log_var_head, 2)):
            random = np.random.default_rng(seed)
            head.set_weights([random.normal(size=(16, 3)), np.zeros(3)])
        model.compile(keras.optimizers.SGD(0.0))
        return model

    annealing = Anneal("importance_samples", start=1, epochs=2)
    model = still(3)
    losses = model.fit(images, epochs=4, callbacks=[annealing], verbose=0).history
    for epoch, k in enumerate([1, 2, 3, 3]):
        expected = still(k).fit(images, epochs=4, verbose=0).history["loss"][epoch]
        assert losses["loss"][epoch] == pytest.approx(expected, rel=1e-6)
    assert model.annealed("importance_samples", training=True) == 3


def test_several_importance_samples_need_the_loss_of_the_model(images):
    model = variational()
    model.compile("sgd", loss="mse")
    with pytest.raises(ValueError, match="model's own likelihood"):
        model.fit(images, callbacks=[Anneal("importance_samples", 4, 2)], verbose=0)


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("k", 0),
        ("importance_samples", 0),
        ("beta", -1.0),
    ],
)
def test_a_start_that_is_too_small(name, start, images):
    model = sparse() if name == "k" else variational()
    with pytest.raises(ValueError, match="`start`"):
        model.fit(images, callbacks=[Anneal(name, start, 3)], verbose=0)


@pytest.mark.parametrize("start", [2.5, True])
@pytest.mark.parametrize("name", ["k", "importance_samples"])
def test_a_number_of_units_or_samples_starts_at_an_integer(name, start, images):
    model = sparse() if name == "k" else variational()
    with pytest.raises(TypeError, match="`start`"):
        model.fit(images, callbacks=[Anneal(name, start, 3)], verbose=0)


def test_an_integer_of_numpy_starts_annealing(images):
    model = sparse()
    values, seen = watch(model, "k")
    annealing = Anneal("k", np.int64(10), np.int32(3))
    model.fit(images, epochs=4, callbacks=[annealing, seen], verbose=0)
    assert values == [10, 8, 6, 4]


@pytest.mark.slow
def test_anneals_across_replicas(images, two_replicas):
    with two_replicas.scope():
        model = variational()
    values, seen = watch(model, "beta")
    annealing = Anneal("beta", 0.0, 2)
    model.fit(images, epochs=3, callbacks=[annealing, seen], verbose=0)
    assert values == [0.0, 1.0, 2.0]


def test_nothing_to_anneal(images):
    with pytest.raises(ValueError, match=r"no 'k' to anneal.*beta"):
        variational().fit(images, callbacks=[Anneal("k", 10, 3)], verbose=0)
    with pytest.raises(ValueError, match="epochs"):
        Anneal("k", 10, 0)


def dead_and_living(images):
    """A model with two dead units, and a callback that is ready to revive them."""
    model = sparse()
    kernel, bias = model.encoder.get_weights()
    bias[[3, 7]] = -1000
    model.encoder.set_weights([kernel, bias])
    alive = (model.encode(images) != 0).any(axis=0)
    assert not alive[3] and not alive[7] and alive.sum() > 5
    reviving = ReviveUnits(lambda: images, epochs=2)
    reviving.set_model(model)
    reviving.on_train_begin()
    return model, alive, reviving


def test_a_dead_unit_becomes_the_error_of_a_sample(images):
    model, alive, reviving = dead_and_living(images)
    before = model.encoder.get_weights()
    missed = (images - model.reconstruct(images)).reshape(len(images), -1)
    reviving.on_epoch_begin(1)
    kernel, bias = model.encoder.get_weights()
    np.testing.assert_array_equal(kernel[:, alive], before[0][:, alive])
    np.testing.assert_array_equal(bias[alive], before[1][alive])
    directions = missed / np.linalg.norm(missed, axis=1, keepdims=True)
    length = np.median(np.linalg.norm(before[0][:, alive], axis=0))
    for unit in np.flatnonzero(~alive):
        cosine = (directions @ kernel[:, unit]).max() / length
        assert cosine == pytest.approx(1, abs=1e-5)
        assert np.linalg.norm(kernel[:, unit]) == pytest.approx(length, rel=1e-5)
        assert bias[unit] == np.median(before[1][alive])
    revived = (model.encode(images) != 0).any(axis=0)
    assert revived.sum() > alive.sum()


def test_units_are_revived_only_before_the_given_epochs(images):
    model, _, reviving = dead_and_living(images)
    before = model.encoder.get_weights()
    for epoch in (0, 3):
        reviving.on_epoch_begin(epoch)
        np.testing.assert_array_equal(before[1], model.encoder.get_weights()[1])
    reviving.on_epoch_begin(2)
    first = model.encoder.get_weights()
    model.encoder.set_weights(before)
    reviving.on_epoch_begin(2)
    np.testing.assert_array_equal(first[0], model.encoder.get_weights()[0])


def test_after_other_layers_a_dead_unit_becomes_their_output_for_the_error(images):
    encoder = networks.convolutional_encoder(SHAPE, [3], latent_dim=30)
    decoder = networks.dense_decoder(30, [], SHAPE, output="linear")
    model = ae_zoo.SparseAutoencoder(
        encoder, decoder, sparsity="k", k=4, reconstruction_loss="gaussian"
    )
    model.compile("sgd")
    code, dictionary = encoder.layers[-1], decoder.get_layer("to_output")
    code.bias.assign(np.where(np.arange(30) == 7, -1000, code.bias))
    dictionary.bias.assign(np.linspace(-1, 1, 64))
    alive = (model.encode(images) != 0).any(axis=0)
    before = [code.kernel.numpy(), dictionary.kernel.numpy()]
    reconstructions = model.reconstruct(images)
    features = keras.Sequential(encoder.layers[:-1])
    missed = (images - reconstructions).reshape(len(images), -1)
    seen = features(images).numpy() - features(reconstructions).numpy()

    reviving = ReviveUnits(lambda: images, epochs=1)
    reviving.set_model(model)
    reviving.on_train_begin()
    reviving.on_epoch_begin(1)

    kernel, atoms = code.kernel.numpy().T, dictionary.kernel.numpy()
    np.testing.assert_array_equal(kernel[alive], before[0].T[alive])
    np.testing.assert_array_equal(atoms[alive], before[1][alive])
    np.testing.assert_array_equal(dictionary.bias, np.linspace(-1, 1, 64, dtype="f"))
    length = np.median(np.linalg.norm(before[1][alive], axis=1))
    atom = missed * (length / np.linalg.norm(missed, axis=1, keepdims=True))
    sample = np.abs(atom - atoms[7]).max(axis=1).argmin()
    np.testing.assert_allclose(atoms[7], atom[sample], rtol=1e-4, atol=1e-6)
    length = np.median(np.linalg.norm(before[0][:, alive], axis=0))
    expected = seen[sample] * (length / np.linalg.norm(seen[sample]))
    np.testing.assert_allclose(kernel[7], expected, rtol=1e-4, atol=1e-6)
    assert code.bias[7] == np.median(code.bias.numpy()[alive])


def test_with_a_deep_decoder_only_the_encoder_changes(images):
    model = ae_zoo.SparseAutoencoder(
        networks.dense_encoder(SHAPE, [40]),
        networks.dense_decoder(40, [30], SHAPE),
        sparsity="k",
        k=4,
    )
    model.compile(keras.optimizers.SGD(0.0))
    model.encoder.layers[-1].bias.assign(np.where(np.arange(40) == 3, -1000.0, 0))
    before = model.decoder.get_weights()
    model.fit(images, epochs=2, callbacks=[ReviveUnits(lambda: images, 1)], verbose=0)
    assert model.encoder.layers[-1].bias[3] > -1000
    for weights, unchanged in zip(model.decoder.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weights, unchanged)


def convolutional():
    return networks.convolutional_encoder(SHAPE, [4])


def of_two_axes():
    inputs = keras.Input(SHAPE)
    rows = keras.layers.Reshape((8, 8))(inputs)
    return keras.Model(inputs, keras.layers.Dense(5)(rows))


def rectified():
    inputs = keras.Input(SHAPE)
    code = keras.layers.Dense(5)(keras.layers.Flatten()(inputs))
    return keras.Model(inputs, keras.ops.relu(code))


def without_bias():
    dense = keras.layers.Dense(5, use_bias=False)
    return keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten(), dense])


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        (convolutional, r"last operation is a Dense layer.*Conv2D"),
        (of_two_axes, r"last operation is a Dense layer.*\(batch, units\)"),
        (rectified, "last operation is a Dense layer"),
        (without_bias, "use_bias=True"),
    ],
)
def test_encoders_whose_units_cannot_be_revived(encoder, message):
    encoder = encoder()
    code = keras.Input(encoder.output_shape[1:])
    x = keras.layers.Dense(64)(keras.layers.Flatten()(code))
    decoder = keras.Model(code, keras.layers.Reshape(SHAPE)(x))
    reviving = ReviveUnits(lambda: np.zeros((1, *SHAPE)), 1)
    reviving.set_model(ae_zoo.SparseAutoencoder(encoder, decoder, sparsity="k", k=4))
    with pytest.raises(ValueError, match=message):
        reviving.on_train_begin()


@pytest.mark.parametrize(("start", "is_dead"), [(40, False), (4, True)])
def test_a_unit_is_dead_if_training_never_selects_it(images, start, is_dead):
    """Inference keeps all 40 units here, so the k of training decides."""
    model = ae_zoo.SparseAutoencoder(
        networks.dense_encoder(SHAPE, [40]), "tied", sparsity="k", k=4, k_inference=40
    )
    model.compile(keras.optimizers.SGD(0.0))
    kernel, bias = model.encoder.get_weights()
    kernel[:, 3], bias[:] = 0, np.where(np.arange(40) == 3, 1e-3, 10)
    model.encoder.set_weights([kernel, bias])
    model.fit(
        images,
        epochs=2,
        callbacks=[Anneal("k", start, 1000), ReviveUnits(lambda: images, 1)],
        verbose=0,
    )
    assert model.encoder.get_weights()[0][:, 3].any() == is_dead


def test_a_unit_stays_dead_if_other_layers_hide_the_errors(images):
    inputs = keras.Input(SHAPE)
    hidden = keras.layers.Dense(
        6, "relu", bias_initializer=keras.initializers.Constant(-1e4)
    )
    code = keras.layers.Dense(5)(hidden(keras.layers.Flatten()(inputs)))
    model = ae_zoo.SparseAutoencoder(
        keras.Model(inputs, code),
        networks.dense_decoder(5, [], SHAPE),
        sparsity="k",
        k=2,
    )
    model.encoder.layers[-1].bias.assign(np.arange(5) - 2.0)
    reviving = ReviveUnits(lambda: images, 1)
    reviving.set_model(model)
    reviving.on_train_begin()
    before = model.get_weights()
    reviving.on_epoch_begin(1)
    for weights, unchanged in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weights, unchanged)


def test_only_sparse_models_have_dead_units(images):
    model = variational()
    with pytest.raises(ValueError, match="Received: VariationalAutoencoder"):
        model.fit(images, callbacks=[ReviveUnits(lambda: images, 1)], verbose=0)


# Images for TensorBoard.


def logged(folder):
    """Steps by tag, and the last picture of each tag, from the logs in a folder."""
    steps, pictures = {}, {}
    for path in sorted(folder.iterdir()):
        for record in tf.data.TFRecordDataset(str(path)):
            event = event_pb2.Event.FromString(record.numpy())
            for value in event.summary.value:
                steps.setdefault(value.tag, []).append(event.step)
                values = tf.make_ndarray(value.tensor)
                if value.metadata.plugin_data.plugin_name == "images":
                    pictures[value.tag] = tf.io.decode_png(values[2]).numpy()
    return steps, pictures


def test_images_are_logged_every_n_epochs(images, tmp_path):
    model = variational()
    log = LogImages(tmp_path / "logs", images, every=2, images=4)
    model.fit(images, epochs=5, callbacks=[log], verbose=0)
    steps, pictures = logged(tmp_path / "logs")
    assert set(steps) == {"reconstructions", "samples", "codes"}
    assert all(found == [0, 2, 4] for found in steps.values())
    # Eight pixels for each of four images in a row.
    assert pictures["reconstructions"].shape == (16, 32, 1)
    assert pictures["samples"].shape == (8, 32, 1)
    shown = np.concatenate(list(images[:4]), axis=1)
    # A logged value has 8 bits.
    np.testing.assert_allclose(pictures["reconstructions"][:8] / 255, shown, atol=4e-3)


def test_a_resumed_training_continues_the_log(images, tmp_path):
    model = variational()
    log = LogImages(tmp_path, images, every=2)
    model.fit(images, initial_epoch=3, epochs=4, callbacks=[log], verbose=0)
    assert logged(tmp_path)[0]["codes"] == [3, 4]


def test_logged_images_of_a_denoiser_with_targets(images, tmp_path):
    model = ae_zoo.DenoisingAutoencoder(
        networks.dense_encoder(SHAPE, [8]), networks.dense_decoder(8, [], SHAPE)
    )
    model.compile("sgd")
    log = LogImages(tmp_path, images, target=images, images=3)
    model.fit(images, epochs=1, callbacks=[log], verbose=0)
    picture = logged(tmp_path)[1]["reconstructions"]
    assert picture.shape == (32, 24, 1)  # clean, corrupted, denoised, target
    np.testing.assert_array_equal(picture[:8], picture[24:])
    assert np.abs(picture[:8].astype(int) - picture[8:16]).mean() > 10


def test_what_can_be_logged(images, tmp_path):
    with pytest.raises(ValueError, match=r"images.*\(32, 64\)"):
        LogImages(tmp_path, images.reshape(32, 64))
    with pytest.raises(TypeError, match="every"):
        LogImages(tmp_path, images, every=1.5)
    with pytest.raises(ValueError, match="images"):
        LogImages(tmp_path, images, images=0)


def test_gray_inputs_stand_next_to_colored_outputs(images, tmp_path):
    log = LogImages(tmp_path, images[:2])
    colored = np.tile(images[:2], 3) * [1, 0, 0]
    picture = log._tiled([images[:2], colored])
    assert picture.shape == (1, 16, 16, 3)
    np.testing.assert_array_equal(picture[0, :8, :8, 2], images[0, :, :, 0])
    np.testing.assert_array_equal(picture[0, 8:, :8, 2], 0)
