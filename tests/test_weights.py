"""Weights of samples and elements, and masks, against losses computed by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from builders import ENTRIES, compiled, normal

import ae_zoo

CLOSE = {"rtol": 1e-5}  # float32 sums in another order
SHAPE = (16, 4, 5, 3)


def color_model(loss="gaussian"):
    inputs = keras.Input(SHAPE[1:])
    code = keras.layers.Dense(6)(keras.layers.Flatten()(inputs))
    z = keras.Input((6,))
    output = keras.layers.Dense(60, "sigmoid")(z)
    decoder = keras.Model(z, keras.layers.Reshape(SHAPE[1:])(output))
    return ae_zoo.UndercompleteAutoencoder(
        keras.Model(inputs, code), decoder, reconstruction_loss=loss
    )


def bernoulli(y, p):
    return -(y * np.log(p) + (1 - y) * np.log(1 - p))


# Loss and its value for each element, or for each pixel where Keras averages channels.
LOSSES = {
    "gaussian": ("gaussian", None, lambda y, p: 0.5 * (y - p) ** 2),
    "bernoulli": ("bernoulli", None, bernoulli),
    "mse": ("gaussian", "mse", lambda y, p: ((y - p) ** 2).mean(-1)),
    "MeanAbsoluteError": (
        "gaussian",
        keras.losses.MeanAbsoluteError(),
        lambda y, p: np.abs(y - p).mean(-1),
    ),
    "binary_crossentropy": (
        "bernoulli",
        "binary_crossentropy",
        lambda y, p: bernoulli(y, p).mean(-1),
    ),
}
WEIGHTS = {
    "samples": SHAPE[:1],
    "samples, with an axis": (SHAPE[0], 1),
    "rows": SHAPE[:2],
    "pixels": SHAPE[:3],
    "pixels, with an axis": (*SHAPE[:3], 1),
    "elements": SHAPE,
}


# A loss of the package and one of Keras with all weights, the others with two.
CASES = [(loss, kind) for loss in ("gaussian", "mse") for kind in WEIGHTS]
CASES += [(loss, kind) for loss in LOSSES for kind in ("samples", "pixels")]


@pytest.mark.slow
@pytest.mark.parametrize(("loss", "kind"), sorted(set(CASES)))
def test_weights_are_those_of_a_loss_by_hand(loss, kind):
    own, keras_loss, values_of = LOSSES[loss]
    model = color_model(own)
    model.compile(keras.optimizers.SGD(0.0), keras_loss)
    random = np.random.default_rng(0)
    x, y = random.random((2, *SHAPE)).astype("float32")
    weight = random.random(WEIGHTS[kind]).astype("float32")
    run = {"sample_weight": weight, "batch_size": 8, "verbose": 0}
    if keras_loss is not None and kind == "elements":
        with pytest.raises(ValueError, match="Losses of Keras average over the last"):
            model.evaluate(x, y, **run)
        return
    values = values_of(y, model.predict(x, verbose=0))
    full = weight.reshape(weight.shape[:1]) if kind.startswith("samples,") else weight
    if keras_loss is not None and full.ndim == 4:
        full = full[..., 0]
    full = full.reshape(full.shape + (1,) * (values.ndim - full.ndim))
    # The own losses are sums over elements and means over samples, Keras's are means.
    expected = (values * full).sum() / (16 if keras_loss is None else values.size)
    found = model.evaluate(x, y, **run)[0]
    np.testing.assert_allclose(found, expected, **CLOSE)
    found = model.fit(x, y, shuffle=False, **run).history["loss"][0]
    np.testing.assert_allclose(found, expected, **CLOSE)
    dataset = tf.data.Dataset.from_tensor_slices((x, y, weight)).batch(8)
    found = model.evaluate(dataset, verbose=0)[0]
    np.testing.assert_allclose(found, expected, **CLOSE)


@pytest.mark.slow
def test_inputs_that_are_their_own_targets_may_have_weights(images):
    model = compiled(ENTRIES["denoising"](False))
    weight = np.linspace(0, 2, 32, dtype="float32")
    run = {"batch_size": 32, "verbose": 0}
    found = model.evaluate(images, sample_weight=weight, **run)[0]
    expected = np.mean(weight * model.score(images))
    np.testing.assert_allclose(found, expected, **CLOSE)
    dataset = tf.data.Dataset.from_tensors({"x": images, "sample_weight": weight})
    np.testing.assert_allclose(model.evaluate(dataset, verbose=0)[0], found, **CLOSE)
    model.compile(keras.optimizers.SGD(0.0))
    data = {"sample_weight": weight, "validation_data": (images, None, weight)}
    history = model.fit(images, **data, **run).history
    np.testing.assert_allclose(history["loss"][0], found, **CLOSE)
    np.testing.assert_allclose(history["val_loss"][0], found, **CLOSE)
    data = {"sample_weight": weight, "validation_split": 0.25}
    assert "val_loss" in model.fit(images, **data, **run).history


def test_hidden_elements_do_not_matter(images):
    """What a mask hides may hold anything."""
    model = compiled(ENTRIES["variational"](False))
    mask = np.random.default_rng(0).random(images.shape) < 0.5
    other = np.where(mask, images, 1.0)
    run = {"sample_weight": mask, "verbose": 0}
    # The metrics after the loss and its parts know no weights.
    expected = model.evaluate(images, images, **run)[0]
    assert model.evaluate(images, other, **run)[0] == expected


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.full(32, np.nan), "finite numbers ≥ 0"),
        (np.full(32, -1.0), "finite numbers ≥ 0"),
        (np.full((32, 8, 8, 1), np.inf), "finite numbers ≥ 0"),
        (np.ones((32, 8, 8, 3)), r"shape \(batch,\).*Received \(32, 8, 8, 3\)"),
        (np.ones((32, 7)), r"shape \(batch,\).*Received \(32, 7\)"),
        (np.ones(31), "one entry for each sample. Received 31 for 32"),
    ],
)
def test_wrong_weights(weight, message, images):
    model = compiled(ENTRIES["undercomplete"](True))
    for method in (model.fit, model.evaluate):
        with pytest.raises(ValueError, match=message):
            method(images, sample_weight=weight)
        with pytest.raises(ValueError, match=message):
            method(images, images, sample_weight=weight)
    with pytest.raises(ValueError, match=message):
        model.train_on_batch(images, images, sample_weight=weight)


def test_a_wrong_weight_in_the_last_batch(images):
    model = compiled(ENTRIES["undercomplete"](True))
    weight = np.ones(32, "float32")
    weight[-1] = -1
    dataset = tf.data.Dataset.from_tensor_slices((images, images, weight)).batch(8)
    with pytest.raises(ValueError, match="Step 4.*finite numbers ≥ 0"):
        model.fit(dataset, verbose=0)


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [4, 10])
@pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask")
def test_steps_hidden_by_a_masking_layer_do_not_count(batch_size):
    """Not even where the batch has as many samples as a sample has time steps."""
    x = normal(20, 10, 3)
    x[:, 6:] = 0
    inputs, z = keras.Input((10, 3)), keras.Input((10, 2))
    code = keras.layers.Dense(2)(keras.layers.Masking()(inputs))
    model = ae_zoo.UndercompleteAutoencoder(
        keras.Model(inputs, code),
        keras.Model(z, keras.layers.Dense(3)(z)),
        reconstruction_loss="gaussian",
    )
    model.compile()
    error = 0.5 * np.sum((model.predict(x, verbose=0) - x) ** 2, axis=-1)
    error[:, 6:] = 0
    loss = error.sum(axis=1)
    run = {"batch_size": batch_size, "verbose": 0}
    np.testing.assert_allclose(model.evaluate(x, **run)[0], loss.mean(), **CLOSE)
    np.testing.assert_allclose(model.score(x), loss, **CLOSE)
    weight = np.arange(20.0)
    found = model.evaluate(x, sample_weight=weight, **run)[0]
    np.testing.assert_allclose(found, (weight * loss).mean(), **CLOSE)
