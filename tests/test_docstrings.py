"""The examples in the docstrings and the guide run and print what they show."""

import doctest
import importlib
import re
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import ae_zoo
from ae_zoo import data, evaluation

PACKAGE = Path(ae_zoo.__file__).parent
# Their examples export or train.
SLOW = (
    "ae_zoo.callbacks",
    "ae_zoo.export",
    "ae_zoo.lite",
    "ae_zoo.studies",
    "ae_zoo.training.run",
)


def modules_with_examples():
    for path in sorted(PACKAGE.rglob("*.py")):
        if ">>> " in path.read_text("utf-8"):
            parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
            name = ".".join(parts).removesuffix(".__init__")
            marks = [pytest.mark.slow] if name.startswith(SLOW) else []
            yield pytest.param(name, marks=marks)


@pytest.fixture
def names(tmp_path, monkeypatch):
    """Names that the examples use without defining them."""
    monkeypatch.chdir(tmp_path)
    return {"ae_zoo": ae_zoo, "keras": keras, "np": np, "tf": tf}


@pytest.mark.slow
@pytest.mark.parametrize("name", list(modules_with_examples()))
def test_examples(name, names, capsys):
    module = importlib.import_module(name)
    own = {
        key: value
        for key, value in vars(module).items()
        if getattr(value, "__module__", None) == name  # neither imports nor constants
    }
    failed, _ = doctest.testmod(module, globs=own | names, optionflags=doctest.ELLIPSIS)
    assert not failed, capsys.readouterr().out


def python_blocks(page):
    text = (Path(__file__).parents[1] / page).read_text("utf-8")
    return re.findall("```python\n(.*?)```", text, re.DOTALL)


# A file that trains on the device has no sidecar.
@pytest.mark.filterwarnings("ignore:.*personal.tflite' is unchecked")
@pytest.mark.slow
def test_guide(tmp_path, monkeypatch):
    """Every Python block of the guide runs, in order, without the Hub."""
    monkeypatch.chdir(tmp_path)
    blocks = [b for b in python_blocks("docs/deployment.md") if "hf://" not in b]
    assert blocks
    exec("\n".join(blocks), {})


@pytest.mark.slow
def test_readme(tmp_path, monkeypatch):
    """Every Python block of the README runs, given its images and series."""
    monkeypatch.chdir(tmp_path)
    images = data.mnist_style(data.arrays("digits", "test")[:16])
    given = {"noisy": evaluation.add_noise(images, 0.5), "images": images}
    given["keras"] = keras
    given["series"] = np.zeros((8, 140), "float32")
    given["build"] = lambda: None
    exec("\n".join(python_blocks("README.md")), given)
    assert (tmp_path / "denoiser" / "saved_model.pb").is_file()
    assert (tmp_path / "personal.tflite").is_file()


def test_the_variant_of_the_recipes_page():
    """Zero for uncorrelated units of variance 1, for any batch size."""
    blocks = python_blocks("docs/recipes.md")
    (block,) = [block for block in blocks if "class " in block]
    names = {"ae_zoo": ae_zoo, "keras": keras}
    exec(block, names)
    model = names["WhitenedAutoencoder"](
        ae_zoo.networks.dense_encoder((4,), [3]),
        ae_zoo.networks.dense_decoder(3, [], (4,), output="linear"),
        reconstruction_loss="gaussian",
    )
    draws = np.random.default_rng(0).normal(size=(50, 3))
    white = np.sqrt(50) * np.linalg.qr(draws - draws.mean(axis=0))[0]
    equal = white[:, [0, 0, 0]]  # the 6 off-diagonal covariances of 9 are 1
    for batch, expected in [(white, 0), (np.tile(white, (2, 1)), 0), (equal, 6 / 9)]:
        code = tf.constant(batch, "float32")
        penalty = model.penalty(None, code, code)
        np.testing.assert_allclose(penalty, expected, atol=1e-6)


@pytest.mark.slow
def test_recipes_for_own_data(tmp_path, monkeypatch):
    """Every recipe of the page builds a model of the data that it names."""
    monkeypatch.chdir(tmp_path)
    for folder in ("photos", "noisy", "clean"):
        Path(folder).mkdir()
        for number in range(3):
            image = np.full((80, 80, 3), 50 * number, "uint8")
            Image.fromarray(image).save(Path(folder) / f"{number}.png")
    rows = [f"{t},{t % 9},{t % 7},{t % 2}" for t in range(700)]
    Path("sensors.csv").write_text("\n".join(["time,speed,current,anomaly", *rows]))
    blocks = python_blocks("docs/your_data.md")
    assert len(blocks) == 3
    for block in blocks:
        defined = {}
        exec(block, defined)
        recipe = defined["recipe"]
        for built, given in zip(
            recipe.build().input_shape[1:], recipe.dataset.shape, strict=True
        ):
            assert built in (given, None)
