"""A converter that crashes, and files that are not in the quantization they claim."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers

import ae_zoo
from ae_zoo import networks
from ae_zoo._resources import folder
from ae_zoo.export import converter, inspection

# trainable.tflite, which has no description, is always in float32.
SHIPPED = sorted(folder("saved_models").glob("*/model*.tflite"))


def recurrent(cell=layers.LSTM, **options):
    x, z = keras.Input((5, 3)), keras.Input((2,))
    steps = cell(4, return_sequences=True, **options)(layers.RepeatVector(5)(z))
    return ae_zoo.UndercompleteAutoencoder(
        keras.Model(x, cell(2, **options)(x)),
        keras.Model(z, layers.Dense(3)(steps)),
        reconstruction_loss="gaussian",
    )


def volumes(filters=16):
    x, z = keras.Input((8, 8, 8, 1)), keras.Input((4, 4, 4, 2))
    y = layers.Conv3DTranspose(filters, 3, strides=2, padding="same")(z)
    y = layers.Conv3D(1, 3, padding="same")(y)
    encoder = layers.Conv3D(2, 3, strides=2, padding="same")(x)
    return ae_zoo.UndercompleteAutoencoder(
        keras.Model(x, encoder), keras.Model(z, y), reconstruction_loss="gaussian"
    )


def dense():
    encoder = networks.dense_encoder((6,), [3])
    return ae_zoo.UndercompleteAutoencoder(encoder, networks.dense_decoder(3, [], (6,)))


def export(model, tmp_path, quantization):
    x = np.random.default_rng(0).random((8, *model.sample_shape), dtype="float32")
    path = tmp_path / "m.tflite"
    options = {"quantization": quantization, "calibration": x}
    model.export(path, format="litert", **options)
    return json.loads(path.with_suffix(".json").read_text())["quantization"]


@pytest.fixture
def in_child(monkeypatch):
    """Lets other code run in place of the converter's process, for every model."""

    def use(code):
        monkeypatch.setattr(converter, "_KNOWN", frozenset())
        monkeypatch.setattr(converter, "_CHILD", code)

    return use


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cell", "quantization"), [(layers.LSTM, "int8"), (layers.GRU, "int8_io")]
)
def test_a_loop_in_int8_is_an_error_and_not_the_end_of_python(
    cell, quantization, tmp_path
):
    """If this fails with a file, the converter has been mended: check the file."""
    message = f"(?s){quantization}.*crashed.*{cell.__name__.lower()}.*While"
    with pytest.raises(RuntimeError, match=message):
        export(recurrent(cell), tmp_path, quantization)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("code", "how"),
    [
        ("import os; os.abort()", "SIGABRT"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"),
        ("raise ImportError('no such module')", "status 1.*no such module"),
    ],
)
def test_a_crash_is_one_error(in_child, code, how, tmp_path):
    in_child(code)
    with pytest.raises(RuntimeError, match=f"(?s)cannot express.*crashed.*{how}"):
        export(dense(), tmp_path, "dynamic")
    assert list(tmp_path.iterdir()) == []


def test_errors_of_the_process_are_those_of_the_converter(in_child, tmp_path):
    report = (
        "import pathlib, sys; p = pathlib.Path(sys.argv[1]).with_suffix('.error'); "
    )
    in_child(report + """p.write_text('{"errno": 28, "message": "No space left"}')""")
    with pytest.raises(OSError, match="m.tflite' cannot be written"):
        export(dense(), tmp_path, "dynamic")
    text = "TF Select ops: Igamma"
    in_child(report + f"""p.write_text('{{"errno": null, "message": "{text}"}}')""")
    with pytest.raises(RuntimeError, match="they lack Igamma"):
        export(dense(), tmp_path, "dynamic")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_process_does_not_run_the_users_program(tmp_path):
    """A program from standard input, without `if __name__ == "__main__"`."""
    program = f"""
import sys; sys.path[:] = {sys.path!r}
print("started")
import numpy as np
import ae_zoo
from ae_zoo import networks
from ae_zoo.export import converter
converter._KNOWN = frozenset()
encoder = networks.dense_encoder((6,), [3])
model = ae_zoo.UndercompleteAutoencoder(encoder, networks.dense_decoder(3, [], (6,)))
x = np.random.default_rng(0).random((8, 6), dtype="float32")
options = {{"quantization": "int8", "calibration": x}}
model.export({str(tmp_path / "m.tflite")!r}, format="litert", **options)
"""
    # A module in the current folder that would end the process if it imported it.
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "json.py").write_text("raise SystemExit('wrong module')")
    done = subprocess.run(
        [sys.executable, "-I", "-"],
        input=program,
        capture_output=True,
        text=True,
        cwd=tmp_path / "inner",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("started") == 1
    inspection.check_quantization((tmp_path / "m.tflite").read_bytes(), "int8")


@pytest.mark.slow
@pytest.mark.parametrize("quantization", ["int8", "int8_io", "dynamic"])
def test_volumes_stay_in_floats_so_they_are_refused(
    quantization, tmp_path, monkeypatch
):
    monkeypatch.setattr(converter, "_run_in_child", converter.convert)  # quicker
    model = volumes(filters=48)
    with pytest.raises(RuntimeError, match="(?s)floats in CONV_3D.*conv3d|cannot expr"):
        export(model, tmp_path, quantization)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("quantization", ["float16", "dynamic", "int8", "int8_io"])
def test_a_file_is_in_its_quantization(quantization, tmp_path):
    assert export(dense(), tmp_path, quantization) == quantization
    content = (tmp_path / "m.tflite").read_bytes()
    inspection.check_quantization(content, quantization)
    kinds = {
        tensor.type
        for operator in inspection.tflite_operators(content)
        for tensor in operator.inputs + operator.outputs
    }
    assert quantization != "int8_io" or not kinds & set(inspection._FLOATS)


@pytest.mark.parametrize(
    "path", SHIPPED, ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_shipped_files_are_in_their_quantization(path):
    quantization = json.loads(path.with_suffix(".json").read_text())["quantization"]
    content = path.read_bytes()
    inspection.check_quantization(content, quantization)
    if quantization != "int8":
        with pytest.raises(RuntimeError, match="left floats in"):
            inspection.check_quantization(content, "int8")


@pytest.mark.slow
def test_common_layers_are_converted_in_this_process(tmp_path, monkeypatch):
    monkeypatch.setattr(converter, "_CHILD", "raise SystemExit(1)")
    x = keras.Input((8, 8, 1))
    y = layers.Conv2D(4, 3, padding="same", activation="gelu")(x)
    y = layers.MaxPooling2D()(layers.BatchNormalization()(y))
    encoder = keras.Model(x, layers.Dense(5)(layers.Flatten()(y)))
    decoder = networks.dense_decoder(5, [7], (8, 8, 1), "leaky_relu")
    model = ae_zoo.UndercompleteAutoencoder(encoder, decoder)
    assert export(model, tmp_path, "int8") == "int8"
