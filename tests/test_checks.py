"""The one rule for integers at every entry point, and the way through batches."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import ae_zoo
from ae_zoo import callbacks, data, layers, lite, models, networks
from ae_zoo._batches import map_in_batches, slices
from ae_zoo.export import arguments
from ae_zoo.training.recipe import load_recipe

FILE = Path(__file__).parents[1] / "saved_models/undercomplete_digits/model.tflite"


def variational(**options):
    return models.VariationalAutoencoder(
        networks.dense_encoder((4,), [4]),
        networks.dense_decoder(2, [], (4,)),
        **options,
    )


def contractive(projections):
    return models.ContractiveAutoencoder(
        networks.dense_encoder((4,), [2], latent_activation="sigmoid"),
        "tied",
        jacobian="projection",
        projections=projections,
    )


def anneal_units(start):
    """What `Anneal` calls when training begins: only the model knows the type."""
    encoder = networks.dense_encoder((4,), [4])
    model = models.SparseAutoencoder(encoder, "tied", sparsity="k", k=2)
    model.compile()
    model.anneal("k", start)


def tfrecords(**options):
    return data.tfrecords(["a", "b"], lambda x: x, **{"batch_size": 2, **options})


def recipe(**fields):
    return dataclasses.replace(load_recipe("undercomplete_digits")[1], **fields)


# Name of the argument in the message → function of its value; 2 must be accepted.
ENTRY_POINTS = {
    "data.load: batch_size": lambda n: data.load("digits", batch_size=n),
    "data.load: seed": lambda n: data.load("digits", seed=n),
    "data.load: skip": lambda n: data.load("digits", batch_size=9, repeat=True, skip=n),
    "data.load: shard[0]": lambda n: data.load("digits", batch_size=9, shard=(n, 3)),
    "data.load: shard[1]": lambda n: data.load("digits", batch_size=9, shard=(0, n)),
    "data.load: classes": lambda n: data.load("digits", classes=[n]),
    "data.tfrecords: batch_size": lambda n: tfrecords(batch_size=n),
    "data.tfrecords: window": lambda n: tfrecords(window=n),
    "data.tfrecords: seed": lambda n: tfrecords(seed=n),
    "Recipe.epochs": lambda n: recipe(epochs=n),
    "Recipe.batch_size": lambda n: recipe(batch_size=n),
    "Recipe.steps_per_epoch": lambda n: recipe(steps_per_epoch=n),
    "Recipe.seed": lambda n: recipe(seed=n),
    "lite.load: num_threads": lambda n: lite.load(FILE, num_threads=n),
    "export: batch_size": lambda n: arguments.static_batch_size(n, "litert"),
    "Autoencoder: seed": lambda n: variational(seed=n),
    "VariationalAutoencoder: importance_samples": lambda n: variational(
        importance_samples=n
    ),
    "sample: n": lambda n: variational().sample(n),
    "ContractiveAutoencoder: projections": contractive,
    "RealNVP: couplings": lambda n: layers.RealNVP(n, 4),
    "RealNVP: units": lambda n: layers.RealNVP(2, n),
    "Checkpoints: keep": lambda n: callbacks.Checkpoints("unused", keep=n),
    "Checkpoints: save_freq": lambda n: callbacks.Checkpoints("unused", save_freq=n),
    "Anneal: start": anneal_units,
    "Anneal: epochs": lambda n: callbacks.Anneal("k", start=3, epochs=n),
    "ReviveUnits: epochs": lambda n: callbacks.ReviveUnits(lambda: None, epochs=n),
}


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_numpy_integers_are_accepted(name):
    ENTRY_POINTS[name](np.int64(2))
    ENTRY_POINTS[name](np.int32(2))


# Here None has a meaning of its own.
OPTIONAL = ["data.load: batch_size", "export: batch_size", "Recipe.steps_per_epoch"]
REFUSED = [
    (name, value)
    for name in ENTRY_POINTS
    for value in (True, np.True_, 2.0, "2", None)
    if value is not None or name not in OPTIONAL
]


@pytest.mark.parametrize(("name", "value"), REFUSED)
def test_what_is_no_integer_is_refused(name, value):
    argument = name.split(": ")[-1]
    with pytest.raises(TypeError, match="integer") as error:
        ENTRY_POINTS[name](value)
    assert f"`{argument}`" in str(error.value) and repr(value) in str(error.value)


def test_train_checks_its_epochs(tmp_path):
    with pytest.raises(TypeError, match="`epochs` must be an integer ≥ 1.*True"):
        ae_zoo.train("undercomplete_digits", epochs=True)


def test_a_numpy_integer_becomes_an_int():
    fields = recipe(epochs=np.int64(3), seed=np.int32(4))
    assert (type(fields.epochs), type(fields.seed)) == (int, int)
    assert type(variational(seed=np.int64(5)).get_config()["seed"]) is int


def test_a_message_does_not_name_another_function():
    # `load` and `tfrecords` share their checks.
    for function in (lambda: tfrecords(seed=-1), lambda: data.load("digits", seed=-1)):
        with pytest.raises(ValueError) as error:
            function()
        assert str(error.value) == (
            "`seed` must be an integer ≥ 0 and ≤ 4294967295. Received: -1"
        )


@pytest.mark.parametrize("batch_size", [1, 3, 5, 9])
def test_a_map_in_batches_equals_one_call(batch_size):
    x, y = np.arange(10.0).reshape(5, 2), np.arange(5)
    calls = []

    def function(x, y):
        calls.append(len(x))
        return x + y[:, None]

    found = map_in_batches(function, [x, y], batch_size)
    np.testing.assert_array_equal(found, x + y[:, None])
    assert max(calls) == min(batch_size, 5) and sum(calls) == 5
    named = map_in_batches(lambda x: {"a": x, "b": -x}, [x], batch_size)
    assert list(named) == ["a", "b"]
    np.testing.assert_array_equal(named["b"], -x)


def test_a_map_in_batches_joins_tuples_of_tensors():
    parts = map_in_batches(lambda x: (x, tf.cast(x, "float32")), [tf.range(5)], 2)
    for part, dtype in zip(parts, ("int32", "float32"), strict=True):
        assert part.dtype == dtype and part.tolist() == [0, 1, 2, 3, 4]


def test_slices():
    assert [rows.start for rows in slices(5, 2)] == [0, 2, 4]
