"""What a file of each format offers, and what its export refuses."""

import errno
import json
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from workers import run_without

import ae_zoo
from ae_zoo import _staging, layers, lite, networks
from ae_zoo.distribution import keras_patches
from ae_zoo.export import FORMATS, arguments

SHAPE = (4, 4, 1)
# float32 in another order of summation.
SAME = {"rtol": 1e-5, "atol": 1e-5}
COMMON = {"reconstruct", "encode", "decode", "score"}


@pytest.fixture(scope="module")
def model():
    """A variational model, which has every signature there is, of a learned prior."""
    keras.utils.set_random_seed(0)
    prior = layers.RealNVP(couplings=2, units=4)
    encoder = networks.dense_encoder(SHAPE, [5])
    decoder = networks.dense_decoder(3, [5], SHAPE)
    model = ae_zoo.VariationalAutoencoder(encoder, decoder, prior=prior)
    for weight in prior.weights:
        weight.assign(0.5 * keras.random.normal(weight.shape))
    return model


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "saved"
    model.export(path, pixels=True)
    return path


@pytest.fixture(scope="module")
def lite_path(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "model.tflite"
    model.export(path, format="litert", pixels=True)
    return path


@pytest.fixture
def x():
    return np.random.default_rng(0).random((5, *SHAPE), dtype="float32")


@pytest.mark.slow
def test_signatures_of_a_saved_model(saved):
    signatures = tf.saved_model.load(saved).signatures
    table = {
        name: (sorted(f.structured_input_signature[1]), sorted(f.structured_outputs))
        for name, f in signatures.items()
    }
    reconstruct = (["x"], ["reconstruction"])
    assert table == {
        "serving_default": reconstruct,
        "reconstruct": reconstruct,
        "encode": (["x"], ["z"]),
        "decode": (["z"], ["reconstruction"]),
        "score": (["eps", "x"], ["score"]),
        "posterior": (["x"], ["log_var", "mean"]),
        "sample": (["n", "seed"], ["reconstruction"]),
        "log_likelihood": (["samples", "seed", "x"], ["log_likelihood"]),
        "reconstruct_pixels": (["pixels"], ["reconstruction"]),
    }


@pytest.mark.slow
def test_random_signatures_draw_what_the_model_draws(model, saved, x):
    signatures = tf.saved_model.load(saved).signatures
    draw = {"n": tf.constant(6), "seed": tf.constant(9)}
    sample = signatures["sample"](**draw)["reconstruction"]
    np.testing.assert_allclose(sample, model.sample(6, seed=9), **SAME)
    other = signatures["sample"](n=tf.constant(6), seed=tf.constant(8))
    assert not np.allclose(sample, other["reconstruction"])
    estimate = signatures["log_likelihood"](
        x=tf.constant(x), samples=tf.constant(70), seed=tf.constant(2)
    )
    expected = model.log_likelihood(x, samples=70, seed=2)
    np.testing.assert_allclose(estimate["log_likelihood"], expected, **SAME)


RUN = """
import numpy as np, tensorflow as tf
signatures = tf.saved_model.load(sys.argv[1]).signatures
x = np.load(sys.argv[2])
sample = signatures["sample"](n=tf.constant(2), seed=tf.constant(1))
z = signatures["encode"](x=tf.constant(x))["z"]
np.savez(sys.argv[3], z=z, sample=sample["reconstruction"])
"""


@pytest.mark.slow
def test_a_saved_model_runs_without_the_library(model, saved, x, tmp_path):
    np.save(tmp_path / "x.npy", x)
    names = [saved, tmp_path / "x.npy", tmp_path / "out.npz"]
    done = run_without(["ae_zoo"], RUN, *names)
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "out.npz") as out:
        np.testing.assert_allclose(out["z"], model.encode(x), **SAME)
        np.testing.assert_allclose(out["sample"], model.sample(2, seed=1), **SAME)


@pytest.mark.slow
def test_saved_model_cli_runs_it(saved, tmp_path):
    command = [sys.executable, "-m", "tensorflow.python.tools.saved_model_cli", "run"]
    command += ["--dir", str(saved), "--tag_set", "serve", "--signature_def", "sample"]
    command += ["--input_exprs", "n=2;seed=1"]
    command += ["--outdir", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    assert np.load(tmp_path / "reconstruction.npy").shape == (2, *SHAPE)


@pytest.mark.slow
def test_signatures_of_a_litert_file(model, lite_path, x):
    file = lite.load(lite_path)
    assert set(file.signatures) == COMMON | {
        "posterior",
        "sample",
        "reconstruct_pixels",
    }
    assert set(file.signatures["score"]["inputs"]) == {"x", "eps"}
    eps = np.random.default_rng(1).normal(size=(1, 3)).astype("float32")
    sample = file.run("sample", eps=eps)["reconstruction"]
    expected = model.decode(model.prior.from_normal(eps))
    np.testing.assert_allclose(sample, expected, **SAME)


@pytest.mark.slow
def test_a_dynamic_batch_takes_any_size(model, x, tmp_path):
    path = tmp_path / "m.tflite"
    model.export(path, format="litert", batch_size="dynamic")
    reconstruct = Interpreter(str(path)).get_signature_runner("reconstruct")
    for batch in (x, x[:1], x[:3]):
        received = reconstruct(x=batch)["reconstruction"]
        np.testing.assert_allclose(received, model.reconstruct(batch), **SAME)
    shapes = json.loads(path.with_suffix(".json").read_text())["signatures"]["encode"]
    assert shapes["inputs"]["x"]["shape"] == [None, *SHAPE]


@pytest.mark.slow
def test_pixels_go_in_and_come_out(model, saved, lite_path):
    pixels = np.arange(16, dtype="uint8").reshape(1, *SHAPE) * 17
    expected = 255 * np.asarray(model.reconstruct(pixels.astype("float32") / 255))
    serving = tf.saved_model.load(saved).signatures["reconstruct_pixels"]
    outputs = [
        lite.load(lite_path).run("reconstruct_pixels", pixels=pixels),
        serving(pixels=tf.constant(pixels)),
    ]
    for received in (np.asarray(output["reconstruction"]) for output in outputs):
        assert received.dtype == np.uint8
        assert np.abs(received - expected).max() <= 0.501


def test_pixels_need_inputs_between_0_and_1(tmp_path):
    encoder = networks.dense_encoder((6,), [3])
    model = ae_zoo.UndercompleteAutoencoder(
        encoder, "tied", reconstruction_loss="gaussian"
    )
    with pytest.raises(ValueError, match="input_range.*None"):
        model.export(tmp_path / "saved", pixels=True)


@pytest.mark.slow
def test_the_description_beside_a_litert_file(lite_path):
    description = json.loads(lite_path.with_suffix(".json").read_text("utf-8"))
    signatures = description.pop("signatures")
    assert len(description.pop("sha256")) == 64
    assert description.pop("name").startswith("variational_autoencoder")
    assert description == {
        "format_version": 1,
        "variant": "VariationalAutoencoder",
        "task": None,
        "input_shape": list(SHAPE),
        "input_range": [0.0, 1.0],
        "latent_shape": [3],
        "reconstruction_loss": "bernoulli",
        "prior": "RealNVP",
        "quantization": None,
        "license": None,
        "scaling": None,
        "score_terms": None,  # the KL to a learned prior has no closed form
    }
    assert signatures["score"] == {
        "inputs": {
            "x": {"shape": [1, *SHAPE], "dtype": "float32"},
            "eps": {"shape": [1, 3], "dtype": "float32"},
        },
        "outputs": {"score": {"shape": [1], "dtype": "float32"}},
    }
    assert signatures["reconstruct_pixels"]["inputs"]["pixels"]["dtype"] == "uint8"


@pytest.mark.slow
def test_the_description_of_a_zoo_model_has_its_card(tmp_path):
    model = ae_zoo.load("undercomplete_digits")
    model.export(tmp_path / "m.tflite", format="litert")
    description = json.loads((tmp_path / "m.json").read_text("utf-8"))
    card = ae_zoo.info("undercomplete_digits")
    for key in ("name", "task", "license", "variant", "latent_shape"):
        assert description[key] == card[key]


@pytest.mark.slow
@pytest.mark.parametrize("signature", sorted(COMMON | {"posterior", "sample"}))
def test_onnx(model, x, signature, tmp_path):
    pytest.importorskip("tf2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    model.export(tmp_path / "m.onnx", format="onnx", signature=signature)
    assert [path.name for path in tmp_path.iterdir()] == ["m.onnx"]
    if signature in ("reconstruct", "decode"):
        session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
        inputs = {"reconstruct": {"x": x}, "decode": {"z": x.reshape(5, 16)[:, :3]}}
        (received,) = session.run(["reconstruction"], inputs[signature])
        expected = getattr(model, signature)(*inputs[signature].values())
        np.testing.assert_allclose(received, expected, **SAME)


@pytest.mark.slow
@pytest.mark.parametrize("quantization", [None, "int8_io"])
def test_a_litert_file_of_one_signature(model, x, quantization, tmp_path):
    path = tmp_path / "m.tflite"
    model.export(
        path,
        format="litert",
        signature="reconstruct",
        quantization=quantization,
        calibration=x,
    )
    file = ae_zoo.lite.load(path)
    assert list(file.signatures) == ["reconstruct"]
    # A microcontroller runs the first subgraph, and has no room for others.
    content = keras_patches.unpack_tflite(path.read_bytes())
    assert len(content.subgraphs) == 1
    tolerance = SAME if quantization is None else {"atol": 0.1}  # eight bits
    np.testing.assert_allclose(file.reconstruct(x), model.reconstruct(x), **tolerance)


@pytest.mark.slow
def test_onnx_of_gelu(tmp_path):
    """Its erfc is an operator that ONNX lacks; the export compares the outputs."""
    pytest.importorskip("tf2onnx")
    pytest.importorskip("onnxruntime")
    ae_zoo.load("deep_digits").export(tmp_path / "m.onnx", format="onnx")
    assert (tmp_path / "m.onnx").is_file()


def test_onnx_of_convolutions(tmp_path):
    pytest.importorskip("tf2onnx")
    pytest.importorskip("onnxruntime")
    shape = (7, 6, 2)
    model = ae_zoo.ConvolutionalAutoencoder(
        networks.convolutional_encoder(shape, [3], 4),
        networks.convolutional_decoder(shape, [3], 4),
    )
    model.export(tmp_path / "m.onnx", format="onnx", batch_size=2)


def test_onnx_without_its_packages(model, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(ImportError, match=r"tf2onnx.*ae-zoo\[onnx\]"):
        model.export(tmp_path / "m.onnx", format="onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("m", {"format": "torch"}, f"{tuple(FORMATS)}.*'torch'".replace("(", r"\(")),
        ("m.tflite", {"format": "onnx"}, "'.onnx'"),
        ("m.onnx", {}, "directory.*format='onnx'"),
        ("m.tflite", {}, "directory.*format='litert'"),
        ("m.onnx", {"format": "onnx", "signature": "fit"}, "'encode'.*'fit'"),
        ("m.tflite", {"format": "litert", "batch_size": 0}, "'dynamic'.*0"),
        ("m", {"batch_size": "all"}, "'dynamic'.*'all'"),
    ],
)
def test_wrong_arguments(model, name, arguments, message, tmp_path):
    with pytest.raises((TypeError, ValueError), match=message.replace(")", r"\)")):
        model.export(tmp_path / name, **arguments)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["x.json", "m.TFLITE", "m.Onnx", "m.h5", "m.keras", "m.pb", "m.zip", "m.tf"]
)
def test_names_of_other_files_are_refused(model, name, tmp_path):
    for format in FORMATS:
        with pytest.raises(ValueError, match=f"{name}'"):
            model.export(tmp_path / name, format=format)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["m", "1", "m.1", "m-0.2", "m.v2", "m.savedmodel"])
def test_names_of_directories(name, tmp_path):
    arguments.check_path(tmp_path / name, FORMATS["tf_saved_model"])


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("m", {"signature": "encode"}, "`signature`.*holds all"),
        ("m.tflite", {"optimizer": "sgd"}, "trainable=True"),
        ("m.onnx", {"quantization": "int8"}, "needs format='litert'"),
        ("m", {"trainable": True}, "trainable=True needs"),
        ("m.tflite", {"trainable": True, "pixels": True}, "pixels=False"),
        ("m.tflite", {"trainable": True, "signature": "encode"}, "`signature`"),
    ],
)
def test_options_that_do_not_apply(model, name, options, message, tmp_path):
    formats = {"": "tf_saved_model", ".tflite": "litert", ".onnx": "onnx"}
    format = formats[pathlib.Path(name).suffix]
    with pytest.raises(ValueError, match=message):
        model.export(tmp_path / name, format=format, **options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_description_without_its_file_is_replaced(model, tmp_path):
    """An export that was killed between its two renames has left it."""
    model.export(tmp_path / "m.tflite", format="litert")
    (tmp_path / "m.tflite").unlink()
    model.export(tmp_path / "m.tflite", format="litert", batch_size=3)
    assert lite.load(tmp_path / "m.tflite").signatures["encode"]["inputs"]["x"][
        "shape"
    ] == (3, *SHAPE)


def test_a_description_that_exists_is_left_alone(model, tmp_path):
    (tmp_path / "m.json").write_text("precious")
    with pytest.raises(FileExistsError, match="m.json' exists"):
        model.export(tmp_path / "m.tflite", format="litert")
    assert (tmp_path / "m.json").read_text() == "precious"


@pytest.mark.slow
@pytest.mark.parametrize("failing", ["write_bytes", "rename"])
def test_a_full_disk(model, failing, monkeypatch, tmp_path):
    rename = os.rename

    def fail(*arguments):
        if failing == "rename" and not str(arguments[1]).endswith(".tflite"):
            return rename(*arguments)
        raise OSError(errno.ENOSPC, "No space left on device")

    owner = {"write_bytes": pathlib.Path, "rename": os}[failing]
    # A system that cannot refuse to replace a file while it renames another.
    monkeypatch.setattr(_staging, "_system_call", lambda: None)
    monkeypatch.setattr(owner, failing, fail)
    with pytest.raises(OSError, match="m.tflite' cannot be written: No space left on"):
        model.export(tmp_path / "m.tflite", format="litert")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_under_tensorflow(model, monkeypatch, tmp_path):
    def fail(*arguments, **keywords):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(tf.saved_model, "save", fail)
    with pytest.raises(OSError, match="saved' cannot be written.*No space"):
        model.export(tmp_path / "saved")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be(model, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        model.export(tmp_path / "file" / "saved")


@keras.saving.register_keras_serializable("ae_zoo_tests")
class Igamma(keras.layers.Layer):
    """Uses an operator that neither TFLite nor ONNX has."""

    def call(self, x):
        return tf.math.igamma(x + 1, x + 1)


@pytest.mark.slow
@pytest.mark.parametrize(("format", "suffix"), [("litert", "tflite"), ("onnx", "onnx")])
def test_an_operator_the_format_lacks_is_named(format, suffix, tmp_path):
    if format == "onnx":
        pytest.importorskip("tf2onnx")
        pytest.importorskip("onnxruntime")
    inputs = keras.Input((6,))
    encoder = keras.Model(inputs, keras.layers.Dense(3)(Igamma()(inputs)))
    decoder = networks.dense_decoder(3, [], (6,))
    model = ae_zoo.UndercompleteAutoencoder(encoder, decoder)
    with pytest.raises(RuntimeError, match="(?s)cannot express.*Igamma"):
        model.export(tmp_path / f"m.{suffix}", format=format)
    assert list(tmp_path.iterdir()) == []
