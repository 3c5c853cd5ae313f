"""The benchmarks run and compute the right results; their timings are not tested."""

import pathlib
import re

import keras
import numpy as np
import pytest
from workers import run_without

import ae_zoo
from ae_zoo import networks

BENCHMARKS = pathlib.Path(ae_zoo.__file__).parents[1] / "benchmarks"
# In a process of its own, because it sets the number of threads to one.
INFERENCE = """
sys.path.insert(0, sys.argv.pop(1))
import inference

sys.exit(inference.main())
"""
ROWS = ["Keras predict", "tf.function", "SavedModel", "ONNX Runtime"]
ROWS += [f"LiteRT {kind}" for kind in ("float32", "float16", "int8")]


@pytest.mark.slow
def test_inference():
    arguments = ["convolutional_digits", "--rounds", "1", "--calls", "1"]
    done = run_without(
        ["torch"], INFERENCE, BENCHMARKS, *arguments, cwd=BENCHMARKS.parent
    )
    assert done.returncode == 0, done.stdout + done.stderr
    table = done.stdout[done.stdout.index("\nruntime") :]
    for row in ROWS:
        (line,) = re.findall(rf"^{re.escape(row)} .*$", table, re.MULTILINE)
        if row == "ONNX Runtime" and "pip install 'ae-zoo[onnx]'" in table:
            assert line.split()[-6:] == ["–"] * 6
        else:
            assert all(float(cell) > 0 for cell in line.split()[-6:])
    assert re.search(r"^PyTorch eager( +–){6}$", table, re.MULTILINE)
    assert "PyTorch eager: to add this row: pip install torch" in done.stdout
    assert "differs from Keras" not in done.stdout


@pytest.fixture
def in_torch(monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.syspath_prepend(BENCHMARKS)
    import in_torch

    return in_torch


def assert_equal(model, in_torch, samples=3):
    """Both give the same output. No weight is zero, unlike freshly built biases."""
    import torch

    random = np.random.default_rng(0)
    model.set_weights([random.normal(0, 0.3, w.shape) for w in model.get_weights()])
    x = random.random((samples, *model.input_shape[1:]), dtype="float32")
    received = in_torch.translate(model)(torch.from_numpy(x)).numpy()
    expected = model.predict(x, verbose=0)
    # float32 sums in another order.
    tolerance = 1e-5 * np.abs(expected).max()
    np.testing.assert_allclose(received, expected, atol=tolerance)


def convolutional(shape, latent_dim=None, kernel_size=3, filters=(4, 5)):
    return ae_zoo.ConvolutionalAutoencoder(
        networks.convolutional_encoder(shape, filters, latent_dim, kernel_size),
        networks.convolutional_decoder(
            shape, filters, latent_dim, kernel_size, output="linear"
        ),
        reconstruction_loss="gaussian",
    )


@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("shape", [(8, 8, 1), (7, 10, 3)])
@pytest.mark.parametrize("latent_dim", [None, 6])
def test_convolutions_in_torch(in_torch, shape, kernel_size, latent_dim):
    """Asymmetric padding, odd sizes that are cropped, flat codes and feature maps."""
    assert_equal(convolutional(shape, latent_dim, kernel_size), in_torch)


def stack(shape, *layers):
    inputs = x = keras.Input(shape)
    for layer in layers:
        x = layer(x)
    return keras.Model(inputs, x)


def test_other_convolutions_in_torch(in_torch):
    conv, transpose = keras.layers.Conv2D, keras.layers.Conv2DTranspose
    encoder = stack(
        (13, 11, 2),
        conv(4, (2, 5), strides=(3, 1), padding="same", use_bias=False),
        conv(4, 3, padding="same", dilation_rate=2, groups=2, activation="tanh"),
        keras.layers.Dropout(0.5),
        conv(3, 2, activation="leaky_relu"),
    )  # to (4, 10, 3)
    decoder = stack(
        (4, 10, 3),
        transpose(3, (2, 3), strides=(3, 1), padding="valid"),  # to (12, 12, 3)
        transpose(2, 2, activation="elu"),  # to (13, 13, 2)
        keras.layers.Cropping2D([(0, 0), (0, 2)]),
    )
    model = ae_zoo.ConvolutionalAutoencoder(
        encoder, decoder, reconstruction_loss="gaussian"
    )
    assert_equal(model, in_torch)


@pytest.mark.parametrize(
    "activation", ["relu", "leaky_relu", "elu", "selu", "gelu", "silu", "softplus"]
)
def test_dense_in_torch(in_torch, activation):
    encoder = networks.dense_encoder((4, 4, 1), [9, 5], activation, "tanh")
    decoder = networks.dense_decoder(5, [9], (4, 4, 1), activation)
    assert_equal(ae_zoo.DeepAutoencoder(encoder, decoder), in_torch)


def test_bottlenecks_in_torch(in_torch):
    def encoder():
        return networks.dense_encoder((6,), [7, 5])

    assert_equal(
        ae_zoo.SparseAutoencoder(encoder(), "tied", sparsity="k", k=2, k_inference=3),
        in_torch,
    )
    decoder = networks.dense_decoder(2, [7], (6,))
    assert_equal(ae_zoo.VariationalAutoencoder(encoder(), decoder), in_torch)


@pytest.mark.parametrize("name", ae_zoo.list_models())
def test_zoo_in_torch(in_torch, name):
    import torch

    model = ae_zoo.load(name)
    x = np.random.default_rng(0).random((2, *model.input_shape[1:]), "float32")
    received = in_torch.translate(model)(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(received, model.predict(x, verbose=0), atol=1e-5)


def test_what_is_not_translated_says_so(in_torch):
    decoder = networks.dense_decoder(3, [], (6,))
    normalized = stack((6,), keras.layers.LayerNormalization(), keras.layers.Dense(3))
    softmax = stack((6,), keras.layers.Dense(3, activation="softmax"))
    inputs = keras.Input((6,))
    branches = [keras.layers.Dense(3)(inputs) for _ in range(2)]
    branched = keras.Model(inputs, keras.layers.Add()(branches))
    for encoder, message in [
        (normalized, "the layer LayerNormalization"),
        (softmax, "the activation 'softmax'"),
        (branched, "the branches"),
    ]:
        with pytest.raises(in_torch.Unsupported, match=message):
            in_torch.translate(ae_zoo.UndercompleteAutoencoder(encoder, decoder))
