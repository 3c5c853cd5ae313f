"""Every way in is checked alike, and a faulty step leaves the weights as they were."""

import io
import os
import re
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from builders import ENTRIES, ONE_PER_VARIANT, decoder, encoder

import ae_zoo
from ae_zoo import networks

NAN = float("nan")
BATCH = 8


def model_of(**kwargs):
    model = ae_zoo.UndercompleteAutoencoder(encoder(), decoder(), **kwargs)
    model.compile(keras.optimizers.Adam(0.01))
    return model


@pytest.fixture(scope="module")
def model():
    return model_of()


# Ways in: each makes data of the kind from an array. The fault is in the last batch,
# which no check of the first batch sees.


class Sequence(keras.utils.PyDataset):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def __len__(self):
        return len(self.x) // BATCH

    def __getitem__(self, index):
        return self.x[BATCH * index : BATCH * (index + 1)]


def generator(x):
    return ((x[i : i + BATCH],) for i in range(0, len(x), BATCH))


def hdf5(x):
    h5py = pytest.importorskip("h5py")
    file = h5py.File(io.BytesIO(), "w")
    file.create_dataset("x", data=x, chunks=True)
    return file["x"]


class TorchTensor:
    """What a tensor of PyTorch offers to NumPy."""

    def __init__(self, x):
        self.x = x

    def detach(self):
        return self

    def cpu(self):
        return self.x


slices = tf.data.Dataset.from_tensor_slices
KINDS = {
    "array": lambda x: x,
    "tensor": tf.constant,
    "list": lambda x: x.tolist(),
    "torch": TorchTensor,
    "hdf5": hdf5,
    "dataset": lambda x: slices(x).batch(BATCH),
    "unknown rank": lambda x: tf.data.Dataset.from_generator(
        lambda: (x[i : i + BATCH] for i in range(0, len(x), BATCH)),
        output_types=tf.as_dtype(x.dtype),
    ),
    "PyDataset": Sequence,
    "generator": generator,
}
# `make quick` takes the kinds that are checked in different places.
QUICK = ["array", "dataset", "generator"]
SOME_KINDS = [
    kind if kind in QUICK else pytest.param(kind, marks=pytest.mark.slow)
    for kind in KINDS
]
METHODS = {
    "fit": lambda model, data: model.fit(
        data, batch_size=BATCH, shuffle=False, verbose=0
    ),
    "evaluate": lambda model, data: model.evaluate(data, batch_size=BATCH, verbose=0),
    "predict": lambda model, data: model.predict(data, batch_size=BATCH, verbose=0),
}
VALUES = {
    "NaN": (NAN, "`x` must be finite"),
    "infinite": (np.inf, "`x` must be finite"),
    "too large": (200.0, r"`x` must be in \[0, 1\].*`x / 255`"),
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`shuffle=True` was passed", "ignore:Your input ran")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", SOME_KINDS)
def test_wrong_values_in_the_last_batch(model, kind, method, images):
    for value, message in VALUES.values():
        x = images.copy()
        x[-1, 3, 3, 0] = value
        before = model.get_weights()
        with pytest.raises(ValueError, match=message):
            METHODS[method](model, KINDS[kind](x))
        assert all(np.isfinite(weight).all() for weight in model.get_weights())
        if method != "fit":
            for mine, theirs in zip(model.get_weights(), before, strict=True):
                np.testing.assert_array_equal(mine, theirs)
    METHODS[method](model, KINDS[kind](images))  # good data still work


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`shuffle=True` was passed", "ignore:Your input ran")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", SOME_KINDS)
def test_wrong_dtypes_and_shapes(model, kind, method, images):
    with pytest.raises(TypeError, match=r"`x` must hold floats in \[0, 1\]|integer"):
        METHODS[method](model, KINDS[kind]((255 * images).astype("uint8")))
    with pytest.raises(ValueError, match=r"`x` must have the shape \(batch, 8, 8, 1\)"):
        METHODS[method](model, KINDS[kind](images[:, :4]))
    METHODS[method](model, KINDS[kind](images))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", ["array", "tensor", "list", "hdf5", "dataset"])
def test_empty_data(model, kind, method, images):
    with pytest.raises(ValueError, match="empty|shape"):
        METHODS[method](model, KINDS[kind](images[:0]))


@pytest.mark.slow
@pytest.mark.parametrize(
    "call",
    [
        lambda model, x: model(x),
        lambda model, x: model.train_on_batch(x),
        lambda model, x: model.test_on_batch(x),
        lambda model, x: model.predict_on_batch(x),
        lambda model, x: model.encode(x),
        lambda model, x: model.reconstruct(x),
        lambda model, x: model.score(x),
        lambda model, x: model.fit(np.zeros_like(x), validation_data=x, verbose=0),
        lambda model, x: model.fit(np.zeros_like(x), x, verbose=0),
    ],
)
def test_calls_with_one_batch(model, call, images):
    for value, _ in VALUES.values():
        x = images.copy()
        x[-1, 3, 3, 0] = value
        with pytest.raises(ValueError, match="must be"):
            call(model, x)
    with pytest.raises(TypeError, match="uint8"):
        call(model, (255 * images).astype("uint8"))
    call(model, images)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "Received None"),
        ({"image": np.zeros((4, 8, 8, 1))}, r"dictionary.*\['image'\].*x\['image'\]"),
        (np.float32(0.5), r"\(batch, 8, 8, 1\). Received \(\)"),
        (tf.ragged.constant([[1.0], [1.0, 2.0]]), "RaggedTensor.*to_tensor"),
        (tf.sparse.from_dense(np.eye(3)), "SparseTensor.*to_dense"),
        ((np.zeros((4, 8, 8, 1)), np.zeros((4, 8, 8, 1))), "one array.*tuple of 2"),
        (slices({"image": np.zeros((4, 8, 8, 1))}).batch(2), r"batch\['image'\]"),
        (slices((np.zeros((4, 8, 8, 1)),) * 4).batch(2), "tuple of 4"),
    ],
)
def test_what_is_no_array(data, message, images):
    """The model can be fitted afterwards, although the failure was in its first fit."""
    model = model_of()
    for method in METHODS.values():
        with pytest.raises((TypeError, ValueError), match=message):
            method(model, data)
    model.fit(images, verbose=0)


def test_labels_are_refused_with_the_way_to_drop_them(model, images):
    labeled = slices((images, np.arange(32))).batch(BATCH)
    with pytest.raises(ValueError, match=r"no labels.*dataset.map\(lambda x, y: x\)"):
        model.fit(labeled)


@pytest.mark.slow
def test_integers_are_accepted_where_the_range_is_that_of_integers(images):
    inputs = keras.Input((8, 8, 1))
    code = keras.layers.Dense(6)(
        keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    )
    model = ae_zoo.UndercompleteAutoencoder(
        keras.Model(inputs, code), decoder(), input_range=(0, 255)
    )
    model.compile()
    model.fit((255 * images).astype("uint8"), images, verbose=0)


# Faults of the loss and its gradient.


@pytest.mark.slow
@pytest.mark.parametrize("entry", ONE_PER_VARIANT)
def test_a_step_with_a_loss_of_nan_changes_nothing(entry, images):
    """Also not the statistics that the forward pass of the step assigns."""
    model = ENTRIES[entry](True)
    model.compile(keras.optimizers.Adam(0.01))
    model.fit(images, batch_size=16, verbose=0)
    bias = model.decoder.trainable_weights[-1]
    bias.assign(np.full(bias.shape, NAN))
    weights = [*model.weights, *model.optimizer.variables]
    before = [np.array(weight) for weight in weights]
    with pytest.raises(FloatingPointError, match=r"step 1\..*layer.*clip") as error:
        model.fit(images, batch_size=16, verbose=0)
    assert bias.path.split("/")[-2] in str(error.value)
    for weight, value in zip(weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)


def exploding(x, **kwargs):
    """Fit a model until its loss explodes, or to the end of x."""
    keras.utils.set_random_seed(0)
    model = ae_zoo.UndercompleteAutoencoder(
        encoder(), decoder(activation="linear"), reconstruction_loss="gaussian"
    )
    model.compile(keras.optimizers.SGD(1e12), **kwargs)
    error = None
    try:
        model.fit(x, batch_size=BATCH, shuffle=False, verbose=0)
    except FloatingPointError as caught:
        error = str(caught)
    return model, error


@pytest.mark.slow
@pytest.mark.parametrize("steps_per_execution", [1, 4])
def test_an_explosion_keeps_the_weights_of_the_step_before(steps_per_execution, images):
    model, error = exploding(images, steps_per_execution=steps_per_execution)
    step = int(re.search(r"in step (\d)", error).group(1))
    assert 1 < step < 4  # not the last one of a call
    expected, error = exploding(images[: BATCH * (step - 1)])
    assert error is None
    for mine, theirs in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.slow
def test_a_gradient_of_nan_behind_a_finite_loss(images):
    inputs = keras.Input((8, 8, 1))
    code = keras.layers.Dense(6)(keras.layers.Flatten()(inputs))
    code += keras.layers.Lambda(lambda z: tf.sqrt(0.0 * z), name="root")(code)
    model = ae_zoo.UndercompleteAutoencoder(keras.Model(inputs, code), decoder())
    model.compile(keras.optimizers.Adam())
    before = model.get_weights()
    assert np.isfinite(model.evaluate(images, verbose=0)).all()
    with pytest.raises(FloatingPointError, match=r"gradient.*step 1\..*dense.*kernel"):
        model.fit(images, verbose=0)
    for mine, theirs in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_terminate_on_nan_ends_training_without_an_error(images):
    model = model_of()
    model.encoder.trainable_weights[0].assign(np.full((64, 6), NAN))
    history = model.fit(
        images, epochs=3, callbacks=[keras.callbacks.TerminateOnNaN()], verbose=0
    )
    assert len(history.epoch) == 1


def test_steps_that_a_loss_scaling_optimizer_skips_are_no_fault(images):
    model = ae_zoo.UndercompleteAutoencoder(encoder(), decoder())
    optimizer = keras.optimizers.SGD(1e-3)
    model.compile(keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=1e36))
    before = model.get_weights()
    heavy = np.full(len(images), 1e6)
    model.fit(images, batch_size=32, sample_weight=heavy, verbose=0)  # one step
    for mine, theirs in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.slow
def test_faults_on_two_replicas(two_replicas, images):
    """Only one replica sees the fault, and both hold their update back."""
    with two_replicas.scope():
        model = ENTRIES["vector_quantized"](True)
        model.compile(keras.optimizers.Adam(0.01))
    dataset = slices(images).batch(16)
    model.fit(dataset, verbose=0)
    before = model.get_weights()
    wrong = images.copy()
    wrong[12, 0, 0, 0] = NAN
    # The second batch, since the first is checked before the call.
    dataset = slices(np.concatenate([images[:16], wrong])).batch(16)
    for method in (model.evaluate, model.predict):
        with pytest.raises(ValueError, match=" step 2 received invalid data"):
            method(dataset, verbose=0)
    for mine, theirs in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    with pytest.raises(ValueError, match="Step 2 received invalid data"):
        model.fit(dataset, verbose=0)
    with two_replicas.scope():
        expected = ENTRIES["vector_quantized"](True)
        expected.compile(keras.optimizers.Adam(0.01))
    expected.set_weights(before)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    model.fit(slices(images).batch(16), verbose=0)


def test_settings_out_of_range(model, images):
    for batch_size in (0, -1, "x", 0.5, True):
        for method in (model.fit, model.evaluate, model.predict, model.encode):
            with pytest.raises((TypeError, ValueError), match="`batch_size`"):
                method(images, batch_size=batch_size)
    with pytest.raises(ValueError, match="`validation_split`"):
        model.fit(images, validation_split=2)
    with pytest.raises(ValueError, match="`validation_data`.*empty list"):
        model.fit(images, validation_data=[])
    with pytest.raises(ValueError, match="`class_weight`.*no|none"):
        model.fit(images, class_weight={0: 1.0})
    with pytest.raises(ValueError, match="`steps_per_execution`"):
        model_of().compile(steps_per_execution=-1)
    with pytest.raises(ValueError, match="one loss"):
        model_of().compile(loss=[])


# Denoising.


def test_noise_is_clipped_to_the_range_of_the_model():
    for loss, clip in (("bernoulli", (0.0, 1.0)), ("gaussian", None)):
        model = ae_zoo.DenoisingAutoencoder(
            encoder(), decoder(activation="linear"), reconstruction_loss=loss
        )
        assert model.corruption.clip == clip
    model = ae_zoo.DenoisingAutoencoder(encoder(), decoder(), input_range=(-1, 1))
    assert model.corruption.clip == (-1, 1)


@pytest.mark.slow
@pytest.mark.parametrize("entry", ["denoising", "masked"])
def test_pairs_of_equal_arrays_are_warned_of_once(entry, images, recwarn):
    model = ENTRIES[entry](True)
    model.compile()
    model.fit(images, 0.9 * images, verbose=0)
    assert not recwarn
    for pairs in ((images, images), (images, images.copy())):
        with pytest.warns(UserWarning, match=r"trains without noise. Call fit\(x\)"):
            model.fit(*pairs, verbose=0)
        model._has_warned = False
    with pytest.warns(UserWarning, match="trains without noise"):
        model.fit(slices((images, images)).batch(8), verbose=0)
    model.fit(images, images, verbose=0)
    assert not recwarn


# The environment.


def test_pairs_of_a_py_dataset_are_compared(images):
    class Pairs(keras.utils.PyDataset):
        def __len__(self):
            return 1

        def __getitem__(self, index):
            return images, images

    model = ae_zoo.DenoisingAutoencoder(encoder(), decoder())
    model.compile("sgd")
    with pytest.warns(UserWarning, match="trains without noise"):
        model.fit(Pairs(workers=1), verbose=0)


@pytest.mark.slow
def test_interpolation_in_a_graph(images):
    model = ENTRIES["variational"](True)
    found = tf.function(model.interpolate)(*tf.constant(images[:2]))
    expected = model.interpolate(images[0], images[1])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)  # order of sums


def test_dtype_and_shape_are_checked_in_graphs(model, images):
    score = tf.function(lambda x: model.score(x))
    with pytest.raises(TypeError, match="/ 255"):
        score(tf.cast(images, "uint8"))
    with pytest.raises(ValueError, match="shape"):
        score(tf.constant(images)[..., None])


def test_weights_in_float64_are_refused():
    keras.config.set_dtype_policy("float64")
    try:
        with pytest.raises(ValueError, match="float64.*set_floatx"):
            ae_zoo.VariationalAutoencoder(encoder(), decoder())
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize(
    "build",
    [
        lambda: networks.convolutional_encoder((1, 8, 8), [4]),
        lambda: networks.convolutional_decoder((8, 8, 1), [4]),
        lambda: networks.residual_encoder((8, 8, 1), 2, 4, 1, 6),
        lambda: networks.u_net_encoder((8, 8, 1), [4]),
    ],
)
def test_images_with_the_channels_first_are_refused(build):
    keras.config.set_image_data_format("channels_first")
    try:
        with pytest.raises(ValueError, match="'channels_first'.*channels_last"):
            build()
    finally:
        keras.config.set_image_data_format("channels_last")


def test_other_backends_of_keras_are_refused():
    code = "import ae_zoo; ae_zoo.info('deep_digits'); ae_zoo.load('deep_digits')"
    environment = os.environ | {"KERAS_BACKEND": "jax"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert "ImportError: ae_zoo trains with Keras on TensorFlow" in done.stderr


def test_old_files_of_keras_are_not_written(model, tmp_path):
    for name in ("m.h5", "m.HDF5"):
        with pytest.raises(ValueError, match="'.keras'"):
            model.save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_corruption_that_is_not_registered_cannot_be_saved(tmp_path):
    class Dimming(ae_zoo.corruptions.Corruption):
        def __call__(self, x, seed):
            return 0.5 * x

    model = ae_zoo.DenoisingAutoencoder(encoder(), decoder(), corruption=Dimming())
    with pytest.raises(ValueError, match="`corruption` is a Dimming.*register"):
        model.save(tmp_path / "model.keras")
    assert not list(tmp_path.iterdir())


def test_encoders_have_one_output():
    inputs = keras.Input((8, 8, 1))
    code = keras.layers.Flatten()(inputs)
    several = keras.Model(inputs, [keras.layers.Dense(4)(code) for _ in range(3)])
    with pytest.raises(ValueError, match="`encoder` must have one output.*3 outputs"):
        ae_zoo.VariationalAutoencoder(several, decoder(4))


# Endpoints.


@pytest.mark.slow
@pytest.mark.parametrize("entry", [*ONE_PER_VARIANT, "learned_prior"])
def test_endpoints_return_numpy_arrays_and_tensors_in_graphs(entry, images, tmp_path):
    model = ENTRIES[entry](True)
    z = model.encode(images)
    calls = {
        "encode": (model.encode, images),
        "decode": (model.decode, z),
        "reconstruct": (model.reconstruct, images),
        "score": (model.score, images),
    }
    if isinstance(model, ae_zoo.VariationalAutoencoder):
        calls["log_likelihood"] = (lambda x: model.log_likelihood(x, 10), images)
        assert all(type(part) is np.ndarray for part in model.posterior(images))
        assert type(model.sample(2, seed=np.int64(3))) is np.ndarray
        assert type(model.interpolate(images[0], images[1])) is np.ndarray
    for name, (method, values) in calls.items():
        found = method(values)
        assert type(found) is np.ndarray and len(found) == 32
        mapped = next(iter(tf.data.Dataset.from_tensors(values).map(method)))
        # A graph may order sums and draws in another way.
        if name != "log_likelihood":
            np.testing.assert_allclose(mapped, found, rtol=1e-4, atol=1e-5)
    inputs = keras.Input((8, 8, 1))
    outputs = [method(inputs) for method in (model.reconstruct, model.score)]
    functional = keras.Model(inputs, outputs)
    functional.save(tmp_path / "functional.keras")
    loaded = keras.saving.load_model(tmp_path / "functional.keras")
    for found in (
        functional.predict(images, verbose=0),
        loaded.predict(images, verbose=0),
    ):
        np.testing.assert_allclose(found[0], model.reconstruct(images), atol=1e-5)
        np.testing.assert_allclose(found[1], model.score(images), rtol=1e-4)


@pytest.mark.parametrize("seed", [-1, 2**63, 0.5, True, "1"])
def test_seeds_out_of_range(model, seed, images):
    variational = ENTRIES["variational"](True)
    for call in (
        lambda: ae_zoo.UndercompleteAutoencoder(encoder(), decoder(), seed=seed),
        lambda: model.score(images, seed=seed),
        lambda: variational.sample(1, seed=seed),
        lambda: variational.log_likelihood(images, samples=1, seed=seed),
    ):
        with pytest.raises((TypeError, ValueError), match="`seed` must be an integer"):
            call()


def test_a_model_without_an_optimizer_is_not_trained(images):
    model = ae_zoo.UndercompleteAutoencoder(encoder(), decoder())
    model.compile(optimizer=None)
    model.evaluate(images, verbose=0)
    for method in (model.fit, model.train_on_batch):
        with pytest.raises(ValueError, match="optimizer=None"):
            method(images)
