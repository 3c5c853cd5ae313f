"""Fixtures that all tests share: two logical CPUs, fixed seeds, a few images."""

import os
from pathlib import Path

import browser
import keras
import numpy as np
import pytest
import tensorflow as tf

# pytest then shows the values of failed assertions in these modules, too.
pytest.register_assert_rewrite("builders", "workers")

# Before TensorFlow starts its devices: MirroredStrategy needs two of them.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * 2,
)


# The files that take longest, the longest first: then no process has one left to run
# alone at the end.
LONGEST = [
    "test_contract.py",
    "test_multi_worker.py",
    "test_zoo.py",
    "test_estimators.py",
    "test_resume.py",
    "test_transfer.py",
    "test_site.py",
    "test_docstrings.py",
    "test_package.py",
    "test_verify.py",
    "test_training.py",
    "test_attributes.py",
    "test_file_cost.py",
    "test_on_device.py",
    "test_faults.py",
    "test_explorer_page.py",
    "test_explorer.py",
    "test_one_class.py",
    "test_lite_pythons.py",
    "test_own_training.py",
]


def pytest_collection_modifyitems(items):
    ranks = {name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path.name, len(ranks)))


def pytest_terminal_summary(terminalreporter):
    if browser.chromium() is None:
        terminalreporter.write_line(
            "There is no Chromium, so the explorer was not tried in a browser. "
            "Install Debian's package: apt-get install chromium"
        )


@pytest.fixture(autouse=True)
def _fixed_seeds():
    keras.utils.set_random_seed(0)


@pytest.fixture(scope="session")
def images():
    """32 gray images of 8×8 with a structure to learn, (32, 8, 8, 1) in [0, 1]."""
    random = np.random.default_rng(0)
    strokes = random.random((4, 8, 8, 1)) < 0.3
    mixture = random.dirichlet(np.ones(4), 32)  # (32, 4)
    return np.einsum("bs,shwc->bhwc", mixture, strokes).astype("float32")


@pytest.fixture(scope="session")
def two_replicas():
    """Two replicas. A second such strategy would reuse its collective keys."""
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


@pytest.fixture
def mixed_bfloat16():
    """Sets the compute dtype of all layers that the test makes to bfloat16."""
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy("float32")


def first_folder(variable, beside):
    """The folder that an environment variable names, or one next to the repository."""
    shared = Path(__file__).resolve().parents[2] / "shared"
    candidates = [os.environ.get(variable), shared / beside]
    return next((Path(p) for p in candidates if p and Path(p).is_dir()), None)


@pytest.fixture
def prepared():
    """Folder of datasets that tensorflow-datasets has prepared."""
    folder = first_folder("TFDS_DATA_DIR", "tensorflow_datasets")
    if folder is None:
        pytest.skip("no prepared datasets: set TFDS_DATA_DIR to their folder")
    return folder


@pytest.fixture
def manual():
    """Folder of raw files."""
    folder = first_folder("AE_ZOO_MANUAL_DIR", "downloads")
    if folder is None:
        pytest.skip("no raw files: set AE_ZOO_MANUAL_DIR to their folder")
    return folder
