"""What a model folder may cost: each bound holds, and the zoo is far below it."""

import hashlib
import io
import json
import os
import shutil
import zipfile

import h5py
import keras
import numpy as np
import pytest
from keras import layers

import ae_zoo
from ae_zoo import _bounds, zoo
from ae_zoo.zoo import UnsafeModelError, meter, safe_load

ENTRY = "denoising_digits"
WEIGHTS = "model.weights.h5"


@pytest.fixture
def folder(tmp_path):
    """A copy of a small entry that a test may change."""
    (tmp_path / "entry").mkdir()
    for name in ("model.keras", "card.json"):
        shutil.copy(zoo.entry._find(ENTRY) / name, tmp_path / "entry")
    list_files(tmp_path / "entry", "model.keras", "card.json")
    return tmp_path / "entry"


@pytest.fixture(scope="module")
def members():
    with zipfile.ZipFile(zoo.entry._find(ENTRY) / "model.keras") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def config(members):
    return json.loads(members["config.json"])


def write(folder, members, config=None, weights=None):
    """Write model.keras and SHA256SUMS into a folder."""
    if config is not None:
        data = json.dumps(config).encode("utf-8", errors="surrogatepass")
        members = members | {"config.json": data}
    if weights is not None:
        members = members | {WEIGHTS: weights}
    with zipfile.ZipFile(folder / "model.keras", "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    list_files(folder, "model.keras", "card.json")


def list_files(folder, *names):
    digests = {n: hashlib.sha256((folder / n).read_bytes()).hexdigest() for n in names}
    text = "".join(f"{digest}  {name}\n" for name, digest in digests.items())
    (folder / "SHA256SUMS").write_text(text)


def refuse(folder, match):
    with pytest.raises(UnsafeModelError, match=match) as caught:
        ae_zoo.load(folder)
    assert caught.value.file.parent == folder
    assert len(str(caught.value)) <= _bounds.MAX_MESSAGE


def encoder(config, *parts, shape=(8, 8, 1)):
    """Replace the encoder in a config by a Sequential of some layers."""
    model = keras.Sequential([keras.Input(shape)], name="crafted")
    config["config"]["encoder"] = keras.saving.serialize_keras_object(model)
    inside = config["config"]["encoder"]["config"]["layers"]
    inside.extend(keras.saving.serialize_keras_object(part) for part in parts)
    return config


def dense(config):
    return config["config"]["encoder"]["config"]["layers"][2]


# Memory: variables that the file does not store.

GREEDY = {
    "units": lambda: layers.Dense(10**9),
    "a long kernel": lambda: layers.Conv2D(10**8, 3),
    "embedding": lambda: layers.Embedding(10**9, 10),
    "wrapped": lambda: layers.TimeDistributed(layers.Dense(10**9)),
    "initializer": lambda: layers.Dense(10**5, kernel_initializer="orthogonal"),
    "one for each value": lambda: layers.PReLU(),
}
IMAGES = ("a long kernel",)


@pytest.mark.parametrize("name", GREEDY)
def test_layers_that_the_file_did_not_pay_for(folder, members, config, name):
    shape = (4096, 4096, 1) if name not in IMAGES else (8, 8, 1)
    shape = (8, 4096) if name in ("units", "wrapped", "initializer") else shape
    crafted = encoder(config, GREEDY[name](), shape=shape)
    write(folder, members, crafted)
    refuse(folder, "asks for the variable .* which model.weights.h5 does not hold")


def test_lora_that_the_file_did_not_pay_for(folder, members, config):
    dense(config)["config"]["lora_rank"] = 10**8
    write(folder, members, config)
    refuse(folder, "lora_kernel_a' of shape \\(64, 100000000\\)")


@pytest.mark.slow
def test_many_small_variables(folder, members, config):
    prior = ae_zoo.layers.RealNVP(couplings=10**6, units=1)
    config["config"] |= {"prior": keras.saving.serialize_keras_object(prior)}
    config |= {
        "class_name": "VariationalAutoencoder",
        "module": "ae_zoo.models.variational",
        "registered_name": "ae_zoo>VariationalAutoencoder",
    }
    del config["config"]["corruption"]
    write(folder, members, encoder(config, layers.Flatten(), layers.Dense(128)))
    refuse(folder, "does not hold|too long to build")


def test_an_optimizer_that_was_never_used(folder, members, config):
    """Its state is not in the file, but must not be refused."""
    optimizer = keras.optimizers.Adam(amsgrad=True, use_ema=True)
    optimizer = keras.saving.serialize_keras_object(optimizer)
    config["compile_config"] = {"optimizer": optimizer, "loss": None, "metrics": None}
    write(folder, members, config)
    with pytest.warns(UserWarning, match="Skipping variable loading for optimizer"):
        model = ae_zoo.load(folder)
    assert model.optimizer.amsgrad


def test_stored_values_replace_no_other_ones(folder):
    """Random initializers do not run, and the weights are those of the file."""
    expected = keras.saving.load_model(folder / "model.keras").get_weights()
    received = ae_zoo.load(folder).get_weights()
    for one, other in zip(expected, received, strict=True):
        np.testing.assert_array_equal(one, other)


# Memory: tensors and archives.

HUGE = {
    "upsampling": lambda: layers.UpSampling2D(5000),
    "padding": lambda: layers.ZeroPadding2D(10**6),
    "resizing": lambda: layers.Resizing(10**6, 10**6),
}


@pytest.mark.parametrize("name", HUGE)
def test_huge_tensors(folder, members, config, name):
    write(folder, members, encoder(config, HUGE[name](), layers.Flatten()))
    refuse(folder, "tensors of shape .* at most 33,554,432 values")


@pytest.mark.parametrize("place", ["input", "build_config"])
def test_huge_shapes(folder, members, config, place):
    if place == "input":
        encoder(config, layers.Normalization(mean=0.0, variance=1.0), shape=(10**9,))
    else:
        dense(config)["build_config"]["input_shape"] = [None, 10**9]
    write(folder, members, config)
    refuse(folder, "the shape .*1000000000.* at most 33,554,432 values")


def test_a_large_archive_that_expands(folder, members, monkeypatch):
    monkeypatch.setattr(safe_load, "MAX_EXPANDED", 2**20)
    random = np.random.default_rng(0).random(2**18)  # 2 MB that zip stores as 1.9
    data = random.tobytes() + bytes(2**20)
    with zipfile.ZipFile(folder / "model.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (members | {WEIGHTS: data}).items():
            archive.writestr(name, content)
    list_files(folder, "model.keras", "card.json")
    refuse(folder, "declares 3,145,728 bytes .* are allowed")


# Time.


def identities(count):
    return [layers.Identity(name=f"i{index}") for index in range(count)]


@pytest.mark.slow
def test_a_chain_that_keras_builds_again_and_again(folder, members, config):
    write(folder, members, encoder(config, *identities(300)))
    refuse(folder, "takes too long to build")


def test_a_chain_of_ordinary_length(folder, members, config):
    write(folder, members, encoder(config, *identities(50)))
    refuse(folder, "The encoder ends in shape")  # Keras has built it


def graph(layer, count):
    """The config of a Functional model that calls a chain of layers."""
    inputs = outputs = keras.Input((8, 8, 1))
    for _ in range(count):
        outputs = layer(outputs)
    model = keras.Model(inputs, outputs)
    return keras.saving.serialize_keras_object(model)


@pytest.mark.slow
def test_a_graph_in_an_evil_order(folder, members, config):
    crafted = graph(lambda x: layers.Identity()(x), 300)
    inside = crafted["config"]["layers"]
    inside[1:] = inside[:0:-1]
    config["config"]["encoder"] = crafted
    write(folder, members, config)
    refuse(folder, "not in the order of the calls")


def test_a_graph_without_a_beginning(folder, members, config):
    crafted = graph(lambda x: layers.Identity()(x), 3)
    first, second = crafted["config"]["layers"][1:3]
    nodes = first["inbound_nodes"] + second["inbound_nodes"]
    nodes[0]["args"][0]["config"]["keras_history"][0] = second["name"]
    config["config"]["encoder"] = crafted
    write(folder, members, config)
    refuse(folder, "wait for each other")


STEPS = {
    "unrolled": (lambda: layers.LSTM(2, unroll=True), (10**5, 1)),
    "one": (lambda: layers.TimeDistributed(layers.Dense(1)), (10**5, 1)),
    "nested": (
        lambda: layers.TimeDistributed(layers.TimeDistributed(layers.Dense(1))),
        (200, 200, 1),
    ),
}


@pytest.mark.parametrize("name", STEPS)
def test_steps_that_become_part_of_the_graph(folder, members, config, name):
    layer, shape = STEPS[name]
    write(folder, members, encoder(config, layer(), shape=shape))
    refuse(folder, "more than 10,000 steps")


@pytest.mark.parametrize("pattern", ["(a+)+$", "^(.*a)*b$", "a{9}{9}", "[ab]*c", 7])
def test_regular_expressions(folder, members, config, pattern):
    optimizer = {
        "module": "keras.optimizers",
        "class_name": "Muon",
        "config": {"name": "m", "learning_rate": 0.1, "exclude_layers": [pattern]},
        "registered_name": None,
    }
    config["compile_config"] = {"optimizer": optimizer, "loss": None, "metrics": None}
    write(folder, members, config)
    refuse(folder, "regular expression .* at 'compile_config.optimizer.exclude_layers'")


@pytest.mark.parametrize(
    "value, match",
    [
        ([0] * 60_000, "more than 50,000 values"),
        ([{"class_name": "x"}] * 3_001, "3,000 objects"),
        ("x" * 1_001, "a text of 1,001 characters"),
        ({"x" * 1_001: [0]}, "a text of 1,001 characters"),
        ("\x1b[2J", r"control characters: '\\x1b\[2J'"),
        ({"\u202e": 0}, "control characters"),
        ("\ud800", "control characters"),
    ],
)
def test_values_of_a_config(folder, members, config, value, match):
    config["config"]["name"] = value
    write(folder, members, config)
    refuse(folder, match)


def test_objects_in_the_weights(folder, members, monkeypatch):
    monkeypatch.setattr("ae_zoo.zoo.weights_check.MAX_HDF5_OBJECTS", 100)
    buffer = io.BytesIO(members[WEIGHTS])
    with h5py.File(buffer, "a") as file:
        for index in range(100):
            file.create_group(f"more/{index}")
    write(folder, members, weights=buffer.getvalue())
    refuse(folder, "holds more than 100 objects")


def test_groups_that_lie_deep(folder, members):
    buffer = io.BytesIO(members[WEIGHTS])
    with h5py.File(buffer, "a") as file:
        file.create_group("g/" * 65)
    write(folder, members, weights=buffer.getvalue())
    refuse(folder, "deeper than 64 levels")


# Other files of a folder.


def test_a_large_card(folder):
    (folder / "card.json").write_bytes(b'{"a": ["' + b"x" * 2**20 + b'"]}')
    with pytest.raises(UnsafeModelError, match="larger than the 1,048,576 bytes"):
        ae_zoo.info(folder)


def test_sparse_files(folder):
    """They take no room on the disk, but hours to read."""
    with open(folder / "sparse", "wb") as file:
        file.truncate(2**40)
    with open(folder / "SHA256SUMS", "a") as file:
        file.write(f"{'0' * 64}  sparse\n")
    refuse(folder, "more than the 1,610,612,736 bytes")


def test_many_files(folder):
    with open(folder / "SHA256SUMS", "a") as file:
        file.writelines(f"{'0' * 64}  {index}\n" for index in range(1_000))
    refuse(folder, "more than the 1,000 files")


@pytest.mark.parametrize(
    "data, match",
    [
        (b"\xff\xfe", "not a text in UTF-8"),
        (b"x" * 2**20 + b"\n", "larger than the 1,048,576 bytes"),
        (b"no digest\n", "expected lines of"),
        (b"0" * 64 + b"  " + b"x" * 5_000 + b"\n", "cannot be followed"),
        (b"0" * 64 + b"  a\x1b[2Jb\n", "expected relative names"),
    ],
)
def test_lists_of_checksums(folder, data, match):
    with open(folder / "SHA256SUMS", "ab") as file:
        file.write(data)
    refuse(folder, match)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such pipes")
@pytest.mark.parametrize("name", ["card.json", "model.keras"])
def test_pipes(folder, name):
    (folder / name).unlink()
    os.mkfifo(folder / name)
    refuse(folder, "not a regular file")


# The zoo.


@pytest.mark.parametrize(
    "name",
    [
        # The largest in weights, and the one with the most layers.
        "denoising_digits",
        pytest.param("deep_mnist", marks=pytest.mark.slow),
        pytest.param("variational_conv_mnist", marks=pytest.mark.slow),
    ],
)
def test_the_zoo_is_far_below_the_bounds(name, monkeypatch):
    meters = []

    class Kept(meter.LoadMeter):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            meters.append(self)

    monkeypatch.setattr(meter, "LoadMeter", Kept)
    ae_zoo.load(name)
    (used,) = meters
    assert used._work < _bounds.MAX_WORK / 10
    assert not any(used._stored.values())  # each array was used by one variable
    folder = zoo.entry._find(name)
    assert (folder / "card.json").stat().st_size < _bounds.MAX_CARD / 10
    listed = (folder / "SHA256SUMS").read_text().splitlines()
    assert len(listed) < _bounds.MAX_LISTED / 10
