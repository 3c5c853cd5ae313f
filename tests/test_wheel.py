"""The wheel: what it holds, and that an installed one works on its own."""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import ae_zoo
from ae_zoo import _resources, lite

ROOT = Path(__file__).parents[1]
MB = 10**6
SMALL, LARGE = "denoising_mnist", "deep_mnist"  # by the size of model.tflite


def run(*arguments, **options):
    result = subprocess.run(
        arguments, capture_output=True, text=True, check=False, **options
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def pip(*arguments):
    return run(sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel built from a copy: a build leaves files that the next one would take."""
    source = tmp_path_factory.mktemp("source") / "ae_zoo"
    source.mkdir()
    unwanted = shutil.ignore_patterns("__pycache__")
    for name in ("ae_zoo", "recipes", "saved_models"):
        shutil.copytree(ROOT / name, source / name, ignore=unwanted)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    target = tmp_path_factory.mktemp("wheel")
    pip("wheel", "-q", "--no-deps", "--no-build-isolation", "-w", target, source)
    (path,) = target.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A folder that holds the wheel's files and nothing else."""
    folder = tmp_path_factory.mktemp("installed")
    pip("install", "-q", "--no-deps", "--target", folder, wheel)
    return folder


@pytest.mark.slow
def test_the_wheel_is_small(wheel):
    assert wheel.stat().st_size < 100 * MB


@pytest.mark.slow
def test_what_the_wheel_holds(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for name in ae_zoo.list_models():
        source, target = ROOT / "saved_models" / name, f"ae_zoo/saved_models/{name}/"
        is_small = (source / "model.tflite").stat().st_size < MB
        left_out = set() if is_small else {"model.tflite", "model.json"}
        expected = {path.name for path in source.iterdir() if path.is_file()} - left_out
        assert {n.removeprefix(target) for n in names if n.startswith(target)} == (
            expected
        )
    others = {f"ae_zoo/recipes/{SMALL}.py", "ae_zoo/py.typed"}
    assert others | {"ae_zoo/zoo/card.md.jinja"} <= names
    page = {n.removeprefix("ae_zoo/explorer/page/") for n in names}
    assert {"index.html", "litert/worker.js", "pictures/cat.jpg"} <= page


SCRIPT = """
import json, pathlib, warnings
import numpy as np
import ae_zoo
from ae_zoo.zoo import cards, checksums

place = pathlib.Path(ae_zoo.__file__).parent
names = ae_zoo.list_models()
for name in names:
    cards.render(ae_zoo.info(name))
    checksums.verify_checksums(place / "saved_models" / name)
warned = []
for name in ("{SMALL}", "{LARGE}"):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        light = ae_zoo.lite.load(name)
    warned += [str(warning.message) for warning in caught]
    model = ae_zoo.load(name)
    x = np.random.default_rng(0).random((2, 28, 28, 1), "float32")
    light.reconstruct(x), model.predict(x, verbose=0)
print(json.dumps([str(place), names, warned]))
"""


@pytest.mark.slow
def test_an_installed_wheel_works_on_its_own(installed, tmp_path):
    script = SCRIPT.replace("{SMALL}", SMALL).replace("{LARGE}", LARGE)
    output = run(
        sys.executable,
        "-c",
        script,
        cwd=tmp_path,
        env={"PATH": "", "PYTHONPATH": str(installed), "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    place, names, warned = json.loads(output.splitlines()[-1])
    assert Path(place).parent == installed
    assert names == ae_zoo.list_models()
    (warning,) = warned
    assert "float32 file of 'deep_mnist'" in warning and "model_int8" in warning


def test_lite_loads_by_name():
    assert lite.load(LARGE).metadata["quantization"] is None
    assert lite.load(SMALL).metadata["name"] == SMALL


def test_lite_takes_the_int8_file_where_the_float_one_is_missing(tmp_path, monkeypatch):
    original = ROOT / "saved_models" / SMALL
    unwanted = shutil.ignore_patterns("saved_model", "model.tflite", "model.json")
    shutil.copytree(original, tmp_path / SMALL, ignore=unwanted)
    monkeypatch.setattr(_resources, "folder", lambda name: tmp_path)
    with pytest.warns(UserWarning, match=f"ae-zoo export {SMALL} {SMALL}.tflite"):
        light = lite.load(SMALL)
    assert light.metadata["quantization"] == "int8"
    with pytest.raises(ValueError, match="'denoising_mnsit'. Did you mean"):
        lite.load("denoising_mnsit")
