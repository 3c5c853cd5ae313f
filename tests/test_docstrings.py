"""The examples in the docstrings and the guide run and give what they say."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import ae_zoo
from ae_zoo import data, evaluation, models, plots
from ae_zoo.data import mnist_style

MODULES = [
    module.name
    for module in pkgutil.walk_packages(ae_zoo.__path__, "ae_zoo.")
    if not module.name.startswith(("ae_zoo.recipes", "ae_zoo.saved_models"))
]


@pytest.fixture
def names(tmp_path, monkeypatch):
    """What the examples take for granted."""
    monkeypatch.chdir(tmp_path)
    x = mnist_style(data.arrays("digits", "test")[:16])
    return {
        "ae_zoo": ae_zoo,
        "data": data,
        "keras": keras,
        "load": data.load,
        "model": ae_zoo.load("denoising_mnist"),
        "noisy": evaluation.add_noise(x, 0.5),
        "np": np,
        "tf": tf,
        "x": x,
        **{name: getattr(models, name) for name in models.__all__},
        **{name: getattr(plots, name) for name in ("image_rows", "training_curve")},
    }


@pytest.mark.parametrize("name", MODULES)
def test_examples(name, names, capsys):
    module = importlib.import_module(name)
    own = {key: getattr(module, key) for key in vars(module) if key[0] != "_"}
    failed, _ = doctest.testmod(module, globs=own | names, optionflags=doctest.ELLIPSIS)
    assert not failed, capsys.readouterr().out


def test_guide(tmp_path, monkeypatch):
    """Every Python block of the guide runs, in its order."""
    monkeypatch.chdir(tmp_path)
    guide = Path(__file__).parents[1] / "docs" / "deployment.md"
    blocks = re.findall("```python\n(.*?)```", guide.read_text("utf-8"), re.DOTALL)
    assert blocks
    exec("\n".join(blocks), {})
