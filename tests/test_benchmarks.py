"""The benchmarks run and compute the right results; their timings are not tested."""

import importlib
import json
import os
import pathlib
import re
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import ae_zoo
from ae_zoo import networks

BENCHMARKS = pathlib.Path(ae_zoo.__file__).parents[1] / "benchmarks"
FAST = ("--rounds", "1", "--seconds", "0.01")


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run a benchmark in this process, without peers; returns what it prints."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    # Tests have modules of the same names, which come back at the end.
    for script in BENCHMARKS.glob("*.py"):
        monkeypatch.setitem(sys.modules, script.stem, None)
        del sys.modules[script.stem]
    monkeypatch.setitem(sys.modules, "torch", None)

    def run(name, *arguments, **settings):
        import common
        import training

        module = importlib.import_module(name)

        def measure(script, options, env=None, wrapper=()):
            options = json.loads(json.dumps(options))
            result = json.loads(json.dumps(common.attempt(module.work, options)))
            if "missing" in result:
                raise common.Missing(result["missing"])
            return result

        monkeypatch.setattr(common, "measure", measure)
        monkeypatch.setattr(training, "_peak", lambda: 100.0)
        for setting, value in settings.items():
            monkeypatch.setattr(module, setting, value)
        arguments = [name, *arguments, "--output-dir", str(tmp_path)]
        monkeypatch.setattr(sys, "argv", arguments)
        module.main()
        written = json.loads((tmp_path / f"{name}.json").read_text())
        assert set(written) == {"machine", "results"}
        assert (tmp_path / f"{name}.png").stat().st_size > 1000
        return capsys.readouterr()

    return run


def rows_of(printed, first):
    """The cells of the lines that begin with a text."""
    lines = [line for line in printed.out.splitlines() if line.startswith(f"| {first}")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def is_positive(cell):
    return float(cell.split()[0].replace(",", "")) > 0


@pytest.mark.slow
def test_training(run):
    arms = ("fit", "recipe", "torch", "pythae")
    printed = run(
        "training",
        *FAST,
        "--variants",
        "undercomplete",
        "--arms",
        *arms,
        "--rows",
        "130",
        "--devices",
        "cpu",
    )
    assert "torch: left out. It needs: pip install torch" in printed.err
    assert "pythae: left out." in printed.err
    assert "recipe, round 1" in printed.err
    (row,) = rows_of(printed, "undercomplete, cpu")
    assert is_positive(row[1]) and is_positive(row[2])


def test_arms_that_the_time_does_not_suffice_for_are_left_out(monkeypatch, capsys):
    monkeypatch.syspath_prepend(BENCHMARKS)
    monkeypatch.delitem(sys.modules, "common", raising=False)
    common = importlib.import_module("common")
    arms = {name: lambda name=name: {"name": name} for name in ("fit", "torch", "late")}
    results = common.alternate(arms, 2, "x", stop_at=0.0, always=["fit", "torch"])
    assert results == {name: [{"name": name}] for name in ("fit", "torch")}
    printed = capsys.readouterr().err
    assert "x, late: left out, for lack of time" in printed
    assert "x: 1 of 2 rounds, for lack of time" in printed
    assert len(common.alternate(arms, 2)["late"]) == 2
    monkeypatch.delitem(sys.modules, "common")


@pytest.mark.slow
def test_penalties(run):
    modes = ("closed form", "projection", "kl", "k")
    printed = run(
        "penalties", *FAST, "--inputs", "6", "--units", "30", "--modes", *modes
    )
    (row,) = rows_of(printed, "n = 6, d = 30")
    assert len(row) == 2 + len(modes) and all(map(is_positive, row[1:]))


@pytest.mark.slow
def test_startup(run):
    printed = run("startup", "undercomplete_digits", "--rounds", "1", SHAPE=(8, 8, 1))
    for step in ("import ae_zoo", "ae-zoo list", "load", "first predict"):
        assert is_positive(rows_of(printed, f"{step} ")[0][2])
    assert "torch, round" not in printed.err


@pytest.mark.slow
def test_input(run):
    printed = run("input", *FAST, "--rows", "300")
    for name in ("in memory", "random_affine", "PNG records"):
        (row,) = rows_of(printed, name)
        assert is_positive(row[1]) and is_positive(row[2])


@pytest.mark.slow
def test_memory(run):
    printed = run(
        "memory",
        "--rounds",
        "1",
        "--rows",
        "200",
        "--variants",
        "sparse",
        "--endpoints",
    )
    assert [row[1] for row in rows_of(printed, "train sparse")] == ["ae_zoo"]
    assert [row[1] for row in rows_of(printed, "load")] == ["ae_zoo", "lite"]


@pytest.mark.slow
@pytest.mark.parametrize("endpoint", ["score", "encode"])
def test_endpoints_of_data_larger_than_memory(endpoint, monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import memory

    rows = 2**29 // (784 * 4)
    with (tmp_path / "rows").open("wb") as file:
        file.truncate(rows * 784 * 4)
    # 512 MiB of data, and at most 256 MiB more memory than a small call needs.
    assert "error" not in memory._large(endpoint, tmp_path / "rows", rows, 0.25)


@pytest.mark.slow
def test_cost(run):
    printed = run(
        "cost",
        "--axes",
        "latent",
        AXES={"latent": ([2, 20], 1)},
        _rows=lambda *_: 256,
    )
    assert len(rows_of(printed, "latent")) == 3  # two sizes and the exponents
    assert rows_of(printed, "latent")[2][-1] == "1"


@pytest.mark.filterwarnings("ignore:.*no checksums and no card:UserWarning")
def test_photographs(run, tmp_path):
    pytest.importorskip("skimage")
    model = ae_zoo.DenoisingAutoencoder(
        networks.u_net_encoder((None, None, 1), [2]),
        networks.pixel_decoder((None, None, 3), 1),
    )
    model.save(tmp_path / "m.keras")
    printed = run(
        "photographs",
        *("--model", str(tmp_path / "m.keras"), "--rounds", "1"),
        *("--denoisers", "reconstruct", "total variation"),
        SIDE=520,
    )
    (line,) = rows_of(printed, "total variation")
    assert is_positive(line[1])
    # The noisy picture has 20.6 dB: 20.17, and a little more by the clipping.
    assert float(line[2]) > 28 and float(line[3]) > 28
    assert len(rows_of(printed, "reconstruct")) == 1


def test_photographs_are_cut_to_tiles_and_joined(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import photographs

    class File:
        def runner(self, signature):
            return lambda x: {"reconstruction": x + 1}

    monkeypatch.setattr(ae_zoo.lite, "load", lambda *a, **options: File())
    image = np.random.default_rng(0).random((300, 520), dtype="float32")
    output = photographs._open_litert(pathlib.Path("m.tflite"))(image)
    np.testing.assert_array_equal(output, image + 1)


@pytest.mark.slow
def test_photo_networks(run, monkeypatch):
    images = np.random.default_rng(0).random((2, 16, 24, 1), dtype="float32")
    patches = tf.data.Dataset.from_tensors(images[:, :16, :16]).repeat()
    monkeypatch.setattr(ae_zoo.data, "load", lambda *a, **options: patches)
    monkeypatch.setattr(ae_zoo.data, "arrays", lambda *a, **options: images)
    printed = run("photo_networks", "--steps", "1", NETWORKS={"S": ([2], [1])})
    ((_, multiplications, parameters, *psnr),) = rows_of(printed, "S")
    # 6×6 to 2 channels, two 3×3 of 2 to 2 and 2×2 of 2 to 16 at a quarter of the
    # pixels; 3×3 of 17 to 1, which has a bias, at all of them.
    assert int(multiplications) == (72 + 36 + 36 + 128) / 4 + 153
    assert int(parameters) == 72 + 36 + 36 + 128 + 154
    # Noise of 15, 25 and 50 that is hardly changed: 20 log10(255 / noise).
    np.testing.assert_allclose([*map(float, psnr)], [24.6, 20.2, 14.2], atol=1.5)


@pytest.mark.slow
def test_inference(tmp_path):
    """In real processes."""
    runtimes = ["tf.function", "LiteRT int8"]
    arguments = ["undercomplete_digits", "--rounds", "1", "--calls", "1"]
    arguments += ["--batch-sizes", "1", "--runtimes", *runtimes]
    done = subprocess.run(
        [sys.executable, BENCHMARKS / "inference.py", *arguments],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(BENCHMARKS.parent)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for runtime in runtimes:
        (line,) = re.findall(
            rf"^\| {re.escape(runtime)} .*$", done.stdout, re.MULTILINE
        )
        assert is_positive(line.split("|")[2])
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


def test_the_rule_of_skab_and_its_trivial_rows(monkeypatch):
    """Rows near the edges never count; a run's own units do not matter."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    monkeypatch.delitem(sys.modules, "skab", raising=False)
    skab = importlib.import_module("skab")
    random = np.random.default_rng(0)
    values = random.normal(size=(1000, 8)).astype("float32")
    label = np.zeros(1000, int)
    label[600:800] = 1
    values[600:800] += 5
    runs = {"valve1/0": (values, label), "valve1/1": (1000 * values, label)}
    found, score = skab.detect(skab.distance, values)
    assert not found[:59].any() and not found[-118:].any()
    everywhere, _ = skab.detect(skab.distance, values, edges=True)
    np.testing.assert_array_equal(everywhere, score > 1)
    hits, alarms = (found & (label[400:] == 1)).sum(), found.sum()
    f1 = 2 * hits / (alarms + 200)
    assert f1 > 0.7
    cells = skab.report("distance", skab.distance, runs).split("|")[2:6]
    assert [float(cell) for cell in cells[:2]] == pytest.approx([f1, f1], abs=1e-4)
    monkeypatch.delitem(sys.modules, "skab")
