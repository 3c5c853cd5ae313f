"""Files for deployment: `ae-zoo package` adds them, and the shipped ones run alone."""

import functools
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

import ae_zoo
from ae_zoo import _staging, data, lite, zoo
from ae_zoo.export import parity
from ae_zoo.models import Autoencoder
from ae_zoo.studies import file_tiles, package
from ae_zoo.zoo import checksums

pytestmark = pytest.mark.slow

DIGITS = "undercomplete_digits"
# Parameters up to which the bytes of graph and scales, which stay, matter.
SMALL = 50_000
SHIPPED = [name for name in ae_zoo.list_models() if "deployment" in ae_zoo.info(name)]


def inputs(name):
    low, high = ae_zoo.info(name)["input_range"] or (-1.0, 1.0)
    # Files of models that take images of any size take this one.
    shape = [size or file_tiles.SIDE for size in ae_zoo.info(name)["input_shape"]]
    x = np.random.default_rng(0).uniform(low, high, (3, *shape)).astype("float32")
    if ae_zoo.info(name).get("scaling"):
        return np.asarray(ae_zoo.load(name).scaling.unscale(x))
    return x


def typical(name):
    """Inputs like those that the int8 file was calibrated for."""
    digits = data.arrays("digits", "test")[:3]
    card = ae_zoo.info(name)
    if card["dataset"]["name"] == "digits":
        return digits
    if card["input_shape"] == [28, 28, 1]:  # white on black, as clothes are too
        return data.mnist_style(digits)
    if card.get("scaling"):
        return inputs(name)
    low, high = card["input_range"] or (-1.0, 1.0)
    return ((low + high) / 2 + 0.1 * (inputs(name) - (low + high) / 2)).astype(
        "float32"
    )


@functools.cache
def outputs(name):
    """What Keras computes of `inputs` and of `typical`."""
    model = ae_zoo.load(name)
    return [model.predict(x, verbose=0) for x in (inputs(name), typical(name))]


@pytest.fixture(scope="module")
def packaged(tmp_path_factory):
    """A packaged copy of a small entry, and the lines of progress."""
    folder = tmp_path_factory.mktemp("entry") / DIGITS
    unwanted = shutil.ignore_patterns("saved_model", "*.tflite", "model*.json")
    shutil.copytree(zoo.entry._find(DIGITS), folder, ignore=unwanted)
    checksums.write_checksums(folder)
    lines = []
    package.package(folder, samples=50, report=lines.append)
    return folder, lines


def test_the_folder_holds_the_files(packaged):
    folder, lines = packaged
    for name in (*package.FILES, "model.json", "model_int8.json"):
        assert (folder / name).exists(), name
    digests = checksums.verify_checksums(folder)
    assert {"model.tflite", "model_int8.tflite", "model.json"} <= set(digests)
    assert any("float16" in line for line in lines)
    assert not list(folder.parent.glob(".*"))


def test_the_card_tells_their_figures(packaged):
    folder, _ = packaged
    deployment = ae_zoo.info(folder)["deployment"]
    assert deployment["samples"] == 50
    rows = deployment["rows"]
    assert [row["quantization"] for row in rows] == list(package.QUANTIZATIONS)
    assert rows[0]["bytes"] == (folder / "model.tflite").stat().st_size
    assert rows[3]["bytes"] == (folder / "model_int8.tflite").stat().st_size
    assert rows[0]["loss"] == 0 and rows[0]["metric"] == "squared error"
    page = (folder / "README.md").read_text("utf-8")
    assert "## Deployment" in page and f"{rows[3]['bytes']:,}" in page


def test_packaging_again_with_activations_in_float(packaged, tmp_path, monkeypatch):
    """It replaces the files, and leaves those of the user as they are."""
    folder = shutil.copytree(packaged[0], tmp_path / DIGITS)
    (folder / "extra").mkdir()
    own = [folder / "personal.tflite", folder / "extra" / "model.tflite"]
    for path in own:
        path.write_bytes(b"mine")
    monkeypatch.setattr(package, "MOST_LOST", -1)  # int8 loses too much
    package.package(folder, samples=20, report=lambda line: None)
    assert all(path.read_bytes() == b"mine" for path in own)
    checksums.verify_checksums(folder)
    deployment = ae_zoo.info(folder)["deployment"]
    assert deployment["samples"] == 20
    assert deployment["small"] == "dynamic"
    description = json.loads((folder / "model_int8.json").read_text("utf-8"))
    assert description["quantization"] == "dynamic"
    assert (
        deployment["rows"][2]["bytes"] == (folder / "model_int8.tflite").stat().st_size
    )


def test_a_model_that_int8_cannot_hold_is_packaged_without_it(
    packaged, tmp_path, monkeypatch
):
    folder = shutil.copytree(packaged[0], tmp_path / DIGITS)
    monkeypatch.setitem(parity.TOLERANCES, "int8", 0.0)
    lines = []
    package.package(folder, samples=20, report=lines.append)
    assert any("differs from the model" in line for line in lines)
    deployment = ae_zoo.info(folder)["deployment"]
    kinds = [row["quantization"] for row in deployment["rows"]]
    assert kinds == [None, "float16", "dynamic"]
    assert deployment["small"] == "dynamic"


@pytest.mark.parametrize(
    "metric, value, loss, small",
    [
        ("squared error", 1.02, 0.02, "int8"),
        ("squared error", 1.04, 0.04, "dynamic"),
        # 3 % of 30 dB would be 0.9 dB, a fifth of the squared error.
        ("mean PSNR, dB", 29.95, 0.0017, "int8"),
        ("mean PSNR, dB", 29.85, 0.005, "dynamic"),
    ],
)
def test_what_int8_may_lose(metric, value, loss, small):
    whole = 30.0 if "dB" in metric else 1.0
    values = {None: (whole, 0.0), "dynamic": (whole, 0.0), "int8": (value, loss)}
    rows = [
        {"quantization": kind, "metric": metric, "value": value, "loss": loss}
        for kind, (value, loss) in values.items()
    ]
    assert package._small_quantization("m", rows, lambda line: None) == small


def test_a_failed_export_changes_nothing(packaged, tmp_path, monkeypatch):
    folder = shutil.copytree(packaged[0], tmp_path / DIGITS)
    before = (folder / checksums.CHECKSUMS).read_bytes()
    export = Autoencoder.export

    def failing(self, filepath, *args, **kwargs):
        if filepath.name == "model_int8.tflite":
            raise RuntimeError("no such operator")
        export(self, filepath, *args, **kwargs)

    monkeypatch.setattr(Autoencoder, "export", failing)
    with pytest.raises(RuntimeError, match="no such operator"):
        package.package(folder, samples=20, report=lambda line: None)
    assert (folder / checksums.CHECKSUMS).read_bytes() == before
    assert [path.name for path in folder.parent.iterdir()] == [DIGITS]


def test_an_interrupt_while_folders_change_places(packaged, tmp_path, monkeypatch):
    folder = shutil.copytree(packaged[0], tmp_path / DIGITS)
    rename = os.rename

    def interrupted(source, target):
        if target == folder and "new" in source.parts:
            raise KeyboardInterrupt
        rename(source, target)

    # A system that cannot exchange two folders in one step.
    monkeypatch.setattr(_staging, "_system_call", lambda: None)
    monkeypatch.setattr(os, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        zoo.amend(folder, {})
    monkeypatch.undo()
    checksums.verify_checksums(folder)
    assert [path.name for path in tmp_path.iterdir()] == [DIGITS]


def test_the_recipe_of_another_model(packaged, tmp_path):
    folder = shutil.copytree(packaged[0], tmp_path / DIGITS)
    with pytest.raises(ValueError, match="builds a Denoising.*is a Undercomplete"):
        package.package(
            folder, "denoising_digits", samples=20, report=lambda line: None
        )
    with pytest.raises(ValueError, match="`samples` must be an integer ≥ 1"):
        package.package(folder, samples=0)
    zoo.amend(folder, {"name": "my_recipe"})
    with pytest.raises(
        ValueError, match="no recipe with the name of the model, 'my_recipe'.*--recipe"
    ):
        package.package(folder)


def test_the_saved_model_can_be_left_out(packaged, tmp_path):
    folder = shutil.copytree(packaged[0], tmp_path / DIGITS)
    shutil.rmtree(folder / "saved_model")
    assert ae_zoo.load(folder).latent_dim == 8


def test_a_changed_file_is_noticed(packaged, tmp_path):
    folder = shutil.copytree(packaged[0], tmp_path / DIGITS)
    content = bytearray((folder / "model.tflite").read_bytes())
    content[-1] ^= 1
    (folder / "model.tflite").write_bytes(content)
    with pytest.raises(ValueError, match="model.tflite"):
        ae_zoo.load(folder)
    with pytest.raises(ValueError, match="damaged"):
        lite.load(folder / "model.tflite")


# The shipped files.


def test_every_entry_is_packaged():
    assert SHIPPED == ae_zoo.list_models()


@pytest.mark.parametrize("name", SHIPPED)
def test_figures_of_an_entry(name):
    card = ae_zoo.info(name)
    rows = {row["quantization"]: row for row in card["deployment"]["rows"]}
    assert rows["float16"]["loss"] <= 0.01
    small = rows[card["deployment"]["small"]]
    assert small["loss"] <= package.MOST_LOST == 0.03
    share = small["bytes"] / rows[None]["bytes"]
    # Files of small models are mostly graph, as are those of many small networks.
    is_large = card["parameters"] > SMALL and name != "anomaly_skab"
    assert share <= (0.30 if is_large else 0.40)
    # A tied kernel is in the file twice, once transposed; the rest is the graph.
    assert rows[None]["bytes"] < 2 * 4 * card["parameters"] + 20_000


@pytest.mark.parametrize("name", SHIPPED)
def test_lite_files_compute_what_keras_does(name):
    folder, (expected, expected_of_typical) = zoo.entry._find(name), outputs(name)
    received = lite.load(folder / "model.tflite").reconstruct(inputs(name))
    scale = max(1, np.abs(expected).max())
    np.testing.assert_allclose(received, expected, atol=1e-5 * scale)
    received = lite.load(folder / "model_int8.tflite").reconstruct(typical(name))
    expected = expected_of_typical
    # Detects a wrong file. The figures on the card show how good a file is.
    assert np.abs(received - expected).mean() < 0.05 * max(1, np.abs(expected).max())


RUN_ALONE = """
import json, sys
import numpy as np
import tensorflow as tf

jobs = json.load(sys.stdin)
assert "ae_zoo" not in sys.modules
for folder, source, target in jobs:
    run = tf.saved_model.load(folder).signatures["reconstruct"]
    np.save(target, run(x=tf.constant(np.load(source)))["reconstruction"].numpy())
assert "ae_zoo" not in sys.modules
"""


def test_saved_models_run_without_this_library(tmp_path):
    jobs = []
    for name in SHIPPED:
        np.save(tmp_path / f"{name}.npy", inputs(name))
        folder = zoo.entry._find(name) / "saved_model"
        target = tmp_path / f"{name}_out.npy"
        jobs.append([str(folder), str(tmp_path / f"{name}.npy"), str(target)])
    subprocess.run(
        [sys.executable, "-c", RUN_ALONE],
        input=json.dumps(jobs),
        text=True,
        check=True,
        cwd=tmp_path,
    )
    for name, (_, _, target) in zip(SHIPPED, jobs, strict=True):
        expected = outputs(name)[0]
        scale = max(1, np.abs(expected).max())
        np.testing.assert_allclose(np.load(target), expected, atol=1e-5 * scale)


@pytest.mark.parametrize("name", SHIPPED)
def test_saved_models_have_their_checksums(name):
    folder = zoo.entry._find(name) / "saved_model"
    lines = (folder / checksums.CHECKSUMS).read_text("utf-8").splitlines()
    listed = dict(reversed(line.split("  ")) for line in lines)
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.relative_to(folder).as_posix() for path in files} - {
        checksums.CHECKSUMS
    } == set(listed)
    for file, digest in listed.items():
        assert checksums.sha256(folder / file) == digest
