"""`ae_zoo.lite` on every supported Python of this machine, with nothing but LiteRT."""

import inspect
import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest

import ae_zoo

ROOT = pathlib.Path(ae_zoo.__file__).parents[1]
PYENV = pathlib.Path(os.environ.get("PYENV_ROOT", pathlib.Path.home() / ".pyenv"))
NAME = "variational_digits"
RUN = """
import importlib.util
import sys

import numpy as np
from ae_zoo import lite

heavy = ("tensorflow", "keras", "sklearn", "scipy", "h5py")
assert not any(importlib.util.find_spec(name) for name in heavy)
x = np.load("x.npy")
for name in ("m", "m_int8"):
    light = lite.load(name + ".tflite")
    np.savez(name + sys.argv[1] + ".npz", **everything(light, x))
"""


def everything(light, x):
    z = light.encode(x)
    return {
        "reconstruct": light.reconstruct(x),
        "encode": z,
        "decode": light.decode(z),
        "score": light.score(x, seed=1),
        "sample": light.sample(3, seed=1),
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Inputs, and two files of one model: in float and in full int8."""
    folder = tmp_path_factory.mktemp("exported")
    model, x = ae_zoo.load(NAME), ae_zoo.data.arrays("digits", "test")[:5]
    np.save(folder / "x.npy", x)
    model.export(folder / "m.tflite", format="litert")
    model.export(
        folder / "m_int8.tflite",
        format="litert",
        quantization="int8",
        calibration=ae_zoo.data.arrays("digits", "train")[:50],
    )
    return folder


def interpreter(version):
    """Path of a Python of that version that can make environments."""
    paths = sorted((PYENV / "versions").glob(f"{version}.*/bin/python"))
    for path in filter(None, [shutil.which(f"python{version}"), *paths]):
        check = f"import ensurepip, sys; sys.exit(sys.version[:4] != '{version}')"
        if not subprocess.run([path, "-c", check], capture_output=True).returncode:
            return path
    pytest.skip(f"no Python {version} with venv, on the PATH or in pyenv")


def environment(version, folder):
    """A fresh environment that holds NumPy and LiteRT: path of its Python.

    Its own pip and the compiled files of the packages would take most of the time.
    """
    make = [interpreter(version), "-m", "venv", "--without-pip", folder]
    subprocess.run(make, check=True)
    python = folder / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
    done = subprocess.run(
        [*install, "--no-compile", "numpy", "ai-edge-litert"],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        pytest.skip(f"pip installs no LiteRT here: {done.stderr.strip()[-300:]}")
    return python


@pytest.mark.slow
@pytest.mark.parametrize("version", ["3.10", "3.11", "3.12", "3.13"])
def test_runs_with_nothing_but_litert(version, folder, tmp_path):
    python = environment(version, tmp_path / "venv")
    done = subprocess.run(
        [python, "-c", inspect.getsource(everything) + RUN, version],
        capture_output=True,
        text=True,
        cwd=folder,
        env={"PATH": os.defpath, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    for name in ("m", "m_int8"):
        light = ae_zoo.lite.load(folder / f"{name}.tflite")
        received = np.load(folder / f"{name}{version}.npz")
        expected = everything(light, np.load(folder / "x.npy"))
        assert set(received) == set(expected)
        for key, value in expected.items():
            # One Python may get another LiteRT than this one has.
            np.testing.assert_allclose(received[key], value, rtol=1e-5, atol=1e-5)
