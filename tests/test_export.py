"""Export: what is written, what is refused, and that failures leave nothing behind.

That both formats compute what the model computes is asked of every variant in
tests/test_contract.py.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

import ae_zoo
from ae_zoo import networks


def build(encoder=None):
    encoder = encoder or networks.dense_encoder((6,), [3], latent_activation="tanh")
    return ae_zoo.UndercompleteAutoencoder(encoder, networks.dense_decoder(3, [], (6,)))


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return build()


@pytest.fixture
def x():
    return np.random.default_rng(0).random((5, 6), dtype="float32")


def test_names_of_signatures_inputs_and_outputs(model, tmp_path):
    model.export(tmp_path / "new" / "saved")
    signatures = tf.saved_model.load(tmp_path / "new" / "saved").signatures
    names = {
        name: (list(f.structured_input_signature[1]), list(f.structured_outputs))
        for name, f in signatures.items()
    }
    assert names == {
        "serving_default": (["x"], ["reconstruction"]),
        "reconstruct": (["x"], ["reconstruction"]),
        "encode": (["x"], ["z"]),
        "decode": (["z"], ["reconstruction"]),
        "score": (["x"], ["score"]),
    }
    assert signatures["encode"].inputs[0].shape == (None, 6)


@pytest.mark.slow
def test_weights_are_written_once(tmp_path):
    model = build(networks.dense_encoder((6,), [5000, 3]))
    size = sum(w.numpy().nbytes for w in model.weights if "kernel" in w.path)
    model.export(tmp_path / "saved")
    data = tmp_path / "saved" / "variables" / "variables.data-00000-of-00001"
    model.export(tmp_path / "m.tflite", format="litert")
    # Biases, names and graphs are small beside 180 kB of kernels.
    assert size <= data.stat().st_size < 1.2 * size
    assert size <= (tmp_path / "m.tflite").stat().st_size < 1.2 * size


@pytest.mark.slow
@pytest.mark.parametrize("format", ["tf_saved_model", "litert"])
def test_a_batch_size_makes_static_shapes(model, x, format, tmp_path):
    path = tmp_path / ("m.tflite" if format == "litert" else "saved")
    model.export(path, format=format, batch_size=5)
    if format == "litert":
        encode = Interpreter(str(path)).get_signature_runner("encode")
        assert tuple(encode.get_input_details()["x"]["shape"]) == (5, 6)
    else:
        encode = tf.saved_model.load(path).signatures["encode"]
        assert encode.inputs[0].shape == (5, 6)
    np.testing.assert_allclose(
        encode(x=tf.constant(x))["z"], model.encode(x), rtol=1e-5, atol=1e-6
    )


def test_export_follows_the_weights(model, x, tmp_path):
    """An earlier export or `encode` must not keep what it traced."""
    model = build()
    model.encode(x)
    model.encoder.weights[0].assign(2 * model.encoder.weights[0])
    model.export(tmp_path / "saved")
    encode = tf.saved_model.load(tmp_path / "saved").signatures["encode"]
    np.testing.assert_allclose(
        encode(x=tf.constant(x))["z"], model.encoder(x), rtol=1e-5, atol=1e-6
    )


@pytest.mark.slow
def test_mixed_precision_saved_model(mixed_bfloat16, x, tmp_path):
    model = build()
    model.export(tmp_path / "saved")
    signatures = tf.saved_model.load(tmp_path / "saved").signatures
    received = signatures["reconstruct"](x=tf.constant(x))["reconstruction"]
    assert received.dtype == tf.float32
    # bfloat16 has 8 bits: the fused graph may round the code by 2⁻⁸.
    np.testing.assert_allclose(received, model.predict(x, verbose=0), atol=0.02)


@pytest.mark.parametrize(
    ("name", "format", "parts"),
    [
        ("m", "torch", ["`format`", "'tf_saved_model', 'litert', 'onnx'", "'torch'"]),
        ("m.bin", "litert", ["'.tflite'", "m.bin"]),
        ("m", "litert", ["'.tflite'"]),
        ("m.tflite", "tf_saved_model", ["directory", "format='litert'"]),
    ],
)
def test_wrong_arguments(model, name, format, parts, tmp_path):
    with pytest.raises(ValueError) as error:
        model.export(tmp_path / name, format=format)
    for part in parts:
        assert part in str(error.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "format"), [("taken", "tf_saved_model"), ("taken.tflite", "litert")]
)
def test_existing_paths_are_left_alone(model, name, format, tmp_path):
    (tmp_path / name).write_text("precious")
    with pytest.raises(FileExistsError, match=f"{name}' exists.*another path"):
        model.export(tmp_path / name, format=format)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "precious"


@keras.saving.register_keras_serializable("ae_zoo_tests")
class Different(keras.layers.Layer):
    """Computes something else in a graph than eagerly."""

    def call(self, x):
        return x if tf.executing_eagerly() else x + 0.01


@keras.saving.register_keras_serializable("ae_zoo_tests")
class Untranslatable(keras.layers.Layer):
    """Uses an operator that TFLite lacks."""

    def call(self, x):
        return tf.math.igamma(x + 1, x + 1)


def with_layer(layer):
    inputs = keras.Input((6,))
    return build(keras.Model(inputs, keras.layers.Dense(3)(layer(inputs))))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "format"), [("saved", "tf_saved_model"), ("m.tflite", "litert")]
)
def test_a_file_that_computes_something_else_is_not_kept(name, format, tmp_path):
    model = with_layer(Different())
    with pytest.raises(RuntimeError, match="'reconstruct' differs.*no file was writ"):
        model.export(tmp_path / name, format=format)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_an_operator_without_a_tflite_kernel_is_named(tmp_path):
    model = with_layer(Untranslatable())
    with pytest.raises(RuntimeError, match="(?s)builtin operators.*Igamma"):
        model.export(tmp_path / "m.tflite", format="litert")
    assert list(tmp_path.iterdir()) == []
    model.export(tmp_path / "saved")  # a SavedModel has it
