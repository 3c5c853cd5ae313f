"""Quantized files: their contents, their cost, and how the cost is measured."""

import json

import keras
import numpy as np
import pytest

import ae_zoo
from ae_zoo import evaluation, layers, lite, networks
from ae_zoo.data import source
from ae_zoo.export import litert, parity
from ae_zoo.studies import file_cost, latency
from ae_zoo.training.recipe import load_recipe
from ae_zoo.zoo import tables

pytestmark = pytest.mark.slow

SHAPE = (8, 8, 1)
KINDS = ["float16", "dynamic", "int8", "int8_io"]
NAME = "variational_digits"


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return ae_zoo.DenoisingAutoencoder(
        networks.dense_encoder(SHAPE, [300], "tanh"),
        networks.dense_decoder(300, [], SHAPE),
    )


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).random((20, *SHAPE), dtype="float32")


@pytest.fixture(scope="module")
def files(model, x, tmp_path_factory):
    """The model in every kind: {kind: path}."""
    folder = tmp_path_factory.mktemp("quantized")
    paths = {kind: folder / f"{kind}.tflite" for kind in [None, *KINDS]}
    for kind, path in paths.items():
        model.export(
            path,
            format="litert",
            quantization=kind,
            calibration=None if kind is None else x,
            pixels=True,
        )
    return paths


@pytest.mark.parametrize("kind", KINDS)
def test_a_quantized_file_is_smaller_and_close(kind, model, files, x):
    # Weights take 2 bytes or 1 instead of 4. The rest is graphs and scales, whose
    # share is large in a model this small.
    share = {"float16": 0.6}.get(kind, 0.5)
    sizes = {name: path.stat().st_size for name, path in files.items()}
    assert sizes[kind] < share * sizes[None]
    received = lite.load(files[kind]).reconstruct(x[:1])
    # Outputs in [0, 1] of 8 bits, after two layers of 8 bits.
    tolerance = 1e-3 if kind == "float16" else 0.03
    np.testing.assert_allclose(received, model.reconstruct(x[:1]), atol=tolerance)


@pytest.mark.parametrize("kind", [None, *KINDS])
def test_only_files_of_float_scores_have_score(kind, files):
    expected = {"reconstruct", "encode", "decode", "reconstruct_pixels"}
    expected |= set() if kind in litert.FULL_INT8 else {"score"}
    assert set(lite.load(files[kind]).signatures) == expected


def test_int8_inputs_are_described(files):
    description = json.loads(files["int8_io"].with_suffix(".json").read_text())
    assert description["quantization"] == "int8_io"
    entry = description["signatures"]["reconstruct"]["inputs"]["x"]
    # 256 levels of [0, 1], of which the lowest is 0.
    assert entry["dtype"] == "int8" and entry["zero_point"] == -128
    assert entry["scale"] == pytest.approx(1 / 255, rel=0.01)
    pixels = description["signatures"]["reconstruct_pixels"]
    assert pixels["outputs"]["reconstruction"] == {
        "shape": [1, *SHAPE],
        "dtype": "uint8",
    }


def test_convolutions_and_sparse_codes_in_int8(x, tmp_path):
    convolutional = ae_zoo.ConvolutionalAutoencoder(
        networks.convolutional_encoder(SHAPE, [4], 6),
        networks.convolutional_decoder(SHAPE, [4], 6),
    )
    sparse = ae_zoo.SparseAutoencoder(
        networks.dense_encoder(SHAPE, [20]), "tied", sparsity="k", k=5
    )
    for model in (convolutional, sparse):
        path = tmp_path / f"{model.name}.tflite"
        model.export(path, format="litert", quantization="int8", calibration=x)
        assert path.exists()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"quantization": "int8"}, ValueError, "needs `calibration`.*'dynamic'"),
        ({"quantization": "int4"}, ValueError, "'float16'.*'int4'"),
        ({"quantization": "float16", "format": "tf_saved_model"}, ValueError, "litert"),
        ({"calibration": np.zeros((3, 64), "float32")}, ValueError, r"8, 8, 1.*3, 64"),
        ({"calibration": np.zeros((0, *SHAPE), "float32")}, ValueError, "empty"),
        ({"calibration": np.full((3, *SHAPE), 200.0)}, ValueError, "x / 255"),
        ({"calibration": np.full((3, *SHAPE), np.nan)}, ValueError, "NaN"),
        ({"calibration": np.zeros((3, *SHAPE), "uint8")}, TypeError, "uint8"),
        ({"calibration": "train"}, TypeError, "calibration"),
    ],
)
def test_wrong_arguments(model, arguments, error, message, tmp_path):
    arguments = {"format": "litert", "quantization": "int8"} | arguments
    name = "m.tflite" if arguments["format"] == "litert" else "m"
    with pytest.raises(error, match=message):
        model.export(tmp_path / name, **arguments)
    assert list(tmp_path.iterdir()) == []


def test_a_file_beyond_the_tolerance_is_not_kept(model, x, monkeypatch, tmp_path):
    monkeypatch.setitem(parity.TOLERANCES, "dynamic", 1e-7)
    with pytest.raises(RuntimeError, match="differs.*tolerance 1e-07.*no file"):
        model.export(tmp_path / "m.tflite", format="litert", quantization="dynamic")
    assert list(tmp_path.iterdir()) == []


def test_files_of_two_batch_sizes_compute_the_same(model, x, tmp_path):
    """Measurements of one file are valid for the other."""
    outputs = []
    for batch_size in (1, 8):
        path = tmp_path / f"{batch_size}.tflite"
        model.export(
            path,
            format="litert",
            batch_size=batch_size,
            quantization="int8",
            calibration=x[:16],
        )
        exported = file_cost.FileModel(path, model)
        outputs.append(exported.reconstruct(x[:10]))
    np.testing.assert_array_equal(*outputs)


@pytest.mark.parametrize("prior", [None, layers.RealNVP(couplings=2, units=4)])
def test_protocols_run_on_a_file(tmp_path, prior):
    model = ae_zoo.load(NAME)
    if prior is not None:
        model = ae_zoo.VariationalAutoencoder(model.encoder, model.decoder, prior=prior)
        for weight in prior.weights:
            weight.assign(0.2 * keras.random.normal(weight.shape, seed=1))
    model.export(tmp_path / "m.tflite", format="litert", batch_size=16)
    exported = file_cost.FileModel(tmp_path / "m.tflite", model)
    splits = evaluation.read_splits(source("digits"), samples=70)
    protocols = [
        evaluation.Likelihood(samples=20),
        evaluation.FrechetDistance(components=4),
    ]
    rows = [evaluation.evaluate(m, protocols, splits) for m in (model, exported)]
    # Equal draws; the file gives probabilities where Keras works from logits.
    for expected, received in zip(*rows, strict=True):
        assert received.value == pytest.approx(expected.value, rel=1e-4)


def test_calibration_data_is_what_training_sees():
    noisy, binary = (
        file_cost.calibration_data(
            ae_zoo.load(name), load_recipe(name)[1], source("digits")
        )
        for name in ("denoising_digits", NAME)
    )
    assert noisy.shape == binary.shape == (500, *SHAPE)
    assert noisy.dtype == binary.dtype == np.float32
    assert set(np.unique(binary)) == {0, 1}
    clean = ae_zoo.data.arrays("digits", "train")[:500]
    assert 0.1 < np.abs(noisy - clean).mean() < 0.5


def test_report(tmp_path):
    name = "undercomplete_digits"
    model, (_, recipe) = ae_zoo.load(name), load_recipe(name)
    calibration = file_cost.calibration_data(model, recipe, source("digits"))
    splits = evaluation.read_splits(source("digits"))
    before, after = (
        file_cost.measure(model, recipe.metrics, splits, kind, calibration)
        for kind in (None, "int8")
    )
    card = ae_zoo.info(name)["metrics"][0]
    assert before.headline.metric == card["metric"]
    assert before.headline.value == pytest.approx(card["value"], rel=1e-4)
    assert after.bytes < before.bytes
    assert 0 < abs(after.relative_loss(before)) < 0.03
    assert (before.single["batch"], before.batch["batch"]) == (1, 64)
    for timing in (after.single, after.batch):
        assert 0 < timing["median"] <= timing["p90"]
    header, rows = tables.deployment_rows([x.card_row(before) for x in (before, after)])
    assert header[2] == "squared error"
    assert [row[0] for row in rows] == ["float32", "int8"]
    assert rows[0][3] == "+0.00 %"


def test_a_loss_is_a_loss_whichever_way_is_up():
    def cost(value, higher_is_better):
        row = evaluation.Measurement("m", value, higher_is_better=higher_is_better)
        return file_cost.FileCost(None, 1, row, {}, {})

    assert cost(11, False).relative_loss(cost(10, False)) == pytest.approx(0.1)
    assert cost(11, True).relative_loss(cost(10, True)) == pytest.approx(-0.1)
    assert cost(-9, False).relative_loss(cost(-10, False)) == pytest.approx(0.1)


def test_the_timed_function_is_that_of_the_file(model, files, x):
    exported = lite.load(files[None])
    (received,) = exported.runner("reconstruct")(x=x[:1]).values()
    np.testing.assert_array_equal(received, exported.reconstruct(x[:1]))
    with pytest.raises(ValueError, match="no signature 'train'"):
        exported.runner("train")


def test_timing_a_file_that_is_not_a_model(tmp_path):
    (tmp_path / "m.tflite").write_text("no model")
    with pytest.raises(RuntimeError, match="m.tflite"):
        latency.measure(tmp_path / "m.tflite")
