"""Files that train without TensorFlow take the steps that Keras takes."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from builders import ENTRIES
from workers import run_without

import ae_zoo
from ae_zoo import layers, models, networks
from ae_zoo.export import on_device

pytestmark = pytest.mark.slow

STEPS = 20
BATCH = 3
IMAGE = (8, 8, 1)
ODD = (7, 5, 1)  # every doubling of the decoder crops
# Rounding of float32 alone: losses of some 40 nats, whose last digit is 4e-6.
TOLERANCE = 1e-5


def dense(activation="gelu", **kwargs):
    return models.UndercompleteAutoencoder(
        networks.dense_encoder(IMAGE, [12, 4], activation),
        networks.dense_decoder(4, [12], IMAGE, activation),
        **kwargs,
    )


def tied_deep():
    return models.DeepAutoencoder(networks.dense_encoder(IMAGE, [16, 8, 4]), "tied")


def convolutional(cls=models.ConvolutionalAutoencoder, latent_dim=6):
    return cls(
        networks.convolutional_encoder(ODD, [4, 8], latent_dim),
        networks.convolutional_decoder(ODD, [4, 8], latent_dim),
    )


def denoising():
    return convolutional(models.DenoisingAutoencoder, latent_dim=None)


def u_net():
    encoder = networks.u_net_encoder(ODD, [4, 6, 8])
    decoder = networks.pixel_decoder(encoder.output_shape[1:], ODD[-1])
    return models.DenoisingAutoencoder(encoder, decoder)


def sparse(sparsity):
    encoder = networks.dense_encoder(IMAGE, [30], latent_activation="sigmoid")
    return models.SparseAutoencoder(
        encoder, "tied", sparsity=sparsity, penalty_weight=0.5, k=5
    )


def contractive():
    encoder = networks.dense_encoder(IMAGE, [9], latent_activation="sigmoid")
    return models.ContractiveAutoencoder(encoder, "tied", penalty_weight=2.0)


def projection():
    encoder = networks.dense_encoder(IMAGE, [9, 5], "tanh", "tanh")
    decoder = networks.dense_decoder(5, [], IMAGE)
    return models.ContractiveAutoencoder(
        encoder, decoder, penalty_weight=2.0, jacobian="projection", projections=2
    )


def geometry():
    """Strides without padding, dilation, and kernels smaller than the stride."""
    encoder = keras.Sequential(
        [
            keras.Input(IMAGE),
            keras.layers.Conv2D(4, 3, dilation_rate=2, padding="same"),
            keras.layers.Conv2D(4, (2, 3), strides=2, activation="elu"),
            # No bias: its gradient is nought before normalization, and Adam would
            # make whole steps of what rounding leaves of that.
            keras.layers.Conv2D(4, 1, strides=3, padding="same", use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.LeakyReLU(),
            keras.layers.Flatten(),
        ]
    )
    size = encoder.output_shape[-1]
    return models.UndercompleteAutoencoder(
        encoder,
        networks.dense_decoder(size, [], IMAGE, output="linear"),
        reconstruction_loss="gaussian",
    )


def variational():
    return models.VariationalAutoencoder(
        networks.dense_encoder(IMAGE, [16], "tanh", "tanh"),
        networks.dense_decoder(4, [16], IMAGE, "tanh"),
        beta=3.0,
    )


def learned_prior():
    return models.VariationalAutoencoder(
        networks.residual_encoder(IMAGE, 4, channels=4, blocks=1, units=8),
        networks.residual_decoder(4, 8, IMAGE, 4, channels=4, blocks=1),
        prior=layers.RealNVP(couplings=2, units=4),
    )


MODELS = {
    "dense": dense,
    "linear": lambda: dense("linear", reconstruction_loss="gaussian"),
    "tied_deep": tied_deep,
    "convolutional": convolutional,
    "denoising": denoising,
    "u_net": u_net,
    "variational": variational,
    "learned_prior": learned_prior,
    "sparse_l1": lambda: sparse("l1"),
    "sparse_kl": lambda: sparse("kl"),
    "sparse_k": lambda: sparse("k"),
    "contractive": contractive,
    "projection": projection,
    "masked": lambda: ENTRIES["masked"](noise=True),
    "vector_quantized": lambda: ENTRIES["vector_quantized"](noise=True),
    "geometry": geometry,
}
OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(1e-3),
    "momentum": lambda: keras.optimizers.SGD(1e-3, momentum=0.9),
    "adam": lambda: keras.optimizers.Adam(1e-2),
}


def build(name):
    keras.utils.set_random_seed(3)
    return MODELS[name]()


def batches(runner, count=STEPS):
    """Random batches for a signature, equal for equal shapes."""
    random = np.random.default_rng(0)
    shapes = {k: v["shape"] for k, v in runner.get_input_details().items()}
    for _ in range(count):
        batch = {k: random.random(shape, "float32") for k, shape in shapes.items()}
        for name in {"eps", "signs"} & set(batch):
            batch[name] = random.normal(size=shapes[name]).astype("float32")
        if "signs" in batch:
            batch["signs"] = np.sign(batch["signs"])
        yield batch


def keras_step(model, monkeypatch, batch):
    """The loss of Keras's own `train_on_batch`, with the draws of the batch."""
    draws = {k: tf.constant(v) for k, v in batch.items() if k in ("eps", "signs")}
    if draws:
        monkeypatch.setattr(model, "_drawn", lambda *_: draws)
    # Keras gives the mean since the last reset.
    model.reset_metrics()
    metrics = model.train_on_batch(
        batch["x"], batch.get("y"), batch.get("weight"), return_dict=True
    )
    return float(metrics["loss"])


def runners(filepath):
    interpreter = Interpreter(str(filepath))
    names = interpreter.get_signature_list()
    return {name: interpreter.get_signature_runner(name) for name in names}


def operators(filepath):
    return {op["op_name"] for op in Interpreter(str(filepath))._get_ops_details()}


@pytest.mark.parametrize(
    "name, optimizer",
    [
        *((name, "adam") for name in MODELS),
        *((name, "sgd") for name in ("tied_deep", "denoising", "variational")),
        *((name, "momentum") for name in ("dense", "convolutional")),
    ],
)
def test_steps_equal_keras(name, optimizer, tmp_path, monkeypatch):
    model = build(name)
    path = tmp_path / "personal.tflite"
    on_device.write_trainable(model, path, OPTIMIZERS[optimizer](), batch_size=BATCH)
    device = runners(path)
    # A step with draws reads the patched ones, so it must not be traced once for all.
    has_draws = bool(model.draws(training=True))
    model.compile(OPTIMIZERS[optimizer](), run_eagerly=has_draws)
    for batch in batches(device["train"]):
        expected = keras_step(model, monkeypatch, batch)
        assert device["train"](**batch)["loss"] == pytest.approx(
            expected, rel=TOLERANCE
        )
    x = batch["x"][:1]
    np.testing.assert_allclose(
        device["infer"](x=x)["reconstruction"], model.predict(x, verbose=0), atol=1e-4
    )
    assert not any(name.startswith("Flex") for name in operators(path))


def test_what_train_takes(tmp_path):
    expected = {
        "dense": {"x"},
        "denoising": {"x", "y"},
        "variational": {"x", "eps"},
        "projection": {"x", "signs"},
        "masked": {"x", "y", "weight"},
    }
    for name, inputs in expected.items():
        path = tmp_path / f"{name}.tflite"
        on_device.write_trainable(build(name), path, "sgd")
        assert set(runners(path)["train"].get_input_details()) == inputs
    path = tmp_path / "pairs.tflite"
    on_device.write_trainable(build("dense"), path, "sgd", pairs=True)
    assert set(runners(path)["train"].get_input_details()) == {"x", "y"}


def test_restore_goes_on_where_save_stopped(tmp_path):
    path = tmp_path / "personal.tflite"
    on_device.write_trainable(build("convolutional"), path, "adam", 1e-2, BATCH)
    first, second = runners(path), runners(path)
    *past, next_batch = batches(first["train"], 4)
    for batch in past:
        first["train"](**batch)
    saved = first["save"]()["weights"]
    assert second["restore"](weights=saved)["steps"] == len(past)
    np.testing.assert_array_equal(second["save"]()["weights"], saved)
    losses = [device["train"](**next_batch)["loss"] for device in (first, second)]
    assert losses[0] == losses[1]
    after = [device["save"]()["weights"] for device in (first, second)]
    np.testing.assert_array_equal(*after)
    assert not np.array_equal(after[0], saved)


def test_saved_weights_begin_with_those_of_the_model(tmp_path):
    model = build("tied_deep")
    path = tmp_path / "personal.tflite"
    on_device.write_trainable(model, path, "adam")
    flat = np.concatenate([array.ravel() for array in model.get_weights()])
    saved = runners(path)["save"]()["weights"]
    np.testing.assert_array_equal(saved[: len(flat)], flat)


def test_neither_model_nor_optimizer_is_touched(tmp_path):
    model = build("dense")
    model.compile(keras.optimizers.Adam(0.5))
    x = np.random.default_rng(0).random((4, *IMAGE), dtype="float32")
    model.train_on_batch(x)
    before = [variable.numpy() for variable in model.variables]
    path = tmp_path / "personal.tflite"
    on_device.write_trainable(model, path, model.optimizer)
    for old, variable in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(old, variable.numpy())
    assert model.optimizer.iterations == 1
    assert runners(path)["restore"](weights=runners(path)["save"]()["weights"]) == {
        "steps": 0
    }


def test_frozen_weights_stay(tmp_path):
    model = build("convolutional")
    model.encoder.trainable = False
    path = tmp_path / "personal.tflite"
    on_device.write_trainable(model, path, "adam", batch_size=BATCH)
    device = runners(path)
    before = device["save"]()["weights"]
    for batch in batches(device["train"], 2):
        device["train"](**batch)
    frozen = sum(weight.shape.num_elements() for weight in model.encoder.weights)
    size = sum(weight.shape.num_elements() for weight in model.weights)
    moved = device["save"]()["weights"][:size] != before[:size]
    assert 0 < moved.sum() <= size - frozen


def test_runs_without_tensorflow(tmp_path):
    path = tmp_path / "personal.tflite"
    on_device.write_trainable(build("variational"), path, "adam", 1e-2, BATCH)
    code = f"""
import numpy as np
from ai_edge_litert.interpreter import Interpreter

interpreter = Interpreter({str(path)!r})
train = interpreter.get_signature_runner("train")
x, eps = np.ones({(BATCH, *IMAGE)}, "float32"), np.zeros({(BATCH, 4)}, "float32")
losses = [float(train(x=x, eps=eps)["loss"]) for _ in range(5)]
assert "tensorflow" not in sys.modules
assert losses[-1] < losses[0], losses
"""
    done = run_without(["tensorflow", "keras", "ae_zoo"], code)
    assert done.returncode == 0, done.stderr


def dropout():
    encoder = networks.dense_encoder(IMAGE, [6])
    encoder = keras.Sequential([keras.Input(IMAGE), keras.layers.Dropout(0.5), encoder])
    return models.SparseAutoencoder(encoder, networks.dense_decoder(6, [], IMAGE))


def pooling():
    encoder = keras.Sequential(
        [
            keras.Input(IMAGE),
            keras.layers.Conv2D(2, 3),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
        ]
    )
    decoder = networks.dense_decoder(encoder.output_shape[-1], [], IMAGE)
    return models.SparseAutoencoder(encoder, decoder)


@pytest.mark.parametrize(
    "model, operator", [(dropout, "StatelessRandom"), (pooling, "MaxPoolGrad")]
)
def test_missing_operators_are_named_and_no_file_is_left(model, operator, tmp_path):
    with pytest.raises(RuntimeError, match=operator):
        on_device.write_trainable(model(), tmp_path / "personal.tflite")
    assert not list(tmp_path.iterdir())


def test_a_file_that_trains_otherwise_is_an_error(tmp_path, monkeypatch):
    @tf.RegisterGradient("AeZooTestWrongTanh")
    def _(op, dy):
        return dy

    monkeypatch.setitem(on_device.gradients.OVERRIDES, "Tanh", "AeZooTestWrongTanh")
    with pytest.raises(RuntimeError, match="of the exported file differs"):
        on_device.write_trainable(build("variational"), tmp_path / "personal.tflite")
    assert not list(tmp_path.iterdir())


def test_bad_arguments(tmp_path):
    model = build("dense")
    path = tmp_path / "personal.tflite"
    with pytest.raises(ValueError, match="must end in '.tflite'"):
        on_device.write_trainable(model, tmp_path / "personal.onnx")
    with pytest.raises(ValueError, match="`batch_size` must be"):
        on_device.write_trainable(model, path, batch_size=0)
    with pytest.raises(ValueError, match="optimizer"):
        on_device.write_trainable(model, path, optimizer="adamm")
    importance = ae_zoo.VariationalAutoencoder(
        networks.dense_encoder(IMAGE, [6]),
        networks.dense_decoder(4, [], IMAGE),
        importance_samples=5,
    )
    with pytest.raises(ValueError, match="importance_samples=1"):
        on_device.write_trainable(importance, path)
    half = dense(dtype="mixed_bfloat16")
    with pytest.raises(ValueError, match="computes in float32"):
        on_device.write_trainable(half, path)
    model.trainable = False
    with pytest.raises(ValueError, match="frozen"):
        on_device.write_trainable(model, path)
    path.touch()
    with pytest.raises(FileExistsError):
        on_device.write_trainable(model, path)


def test_export_writes_a_trainable_file(tmp_path):
    model = ae_zoo.load("undercomplete_digits")
    path = tmp_path / "personal.tflite"
    model.export(path, format="litert", trainable=True, optimizer="sgd")
    with pytest.warns(UserWarning, match="is unchecked"):  # it has no sidecar
        file = ae_zoo.lite.load(path)
    assert set(file.signatures) == {"train", "infer", "save", "restore"}
    with pytest.raises(ValueError, match="LiteRT in float32"):
        model.export(tmp_path / "m", trainable=True)
