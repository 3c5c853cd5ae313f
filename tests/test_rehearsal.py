"""Mistakes in a recipe are found before the training, which they leave as it is."""

import dataclasses
import random

import keras
import numpy as np
import pytest
import tensorflow as tf
from builders import digits_recipe, training_log

import ae_zoo
from ae_zoo import cli, data, evaluation, networks, plots
from ae_zoo.evaluation.splits import read_few
from ae_zoo.training import run
from ae_zoo.training.recipe import load_recipe

WRONG_FIELDS = [
    ("build", "dense", TypeError),
    ("build", lambda latent_dim: None, TypeError),
    ("dataset", 5, TypeError),
    ("task", object(), TypeError),
    ("paper", None, TypeError),
    ("limits", b"none", TypeError),
    ("license", 2.0, TypeError),
    ("initial_weights", 3, TypeError),
    ("epochs", "3", TypeError),
    ("batch_size", 0, ValueError),
    ("seed", 2**32, ValueError),
    ("optimizer", "adam", TypeError),
    ("optimizer", keras.optimizers.SGD, TypeError),
    ("optimizer", lambda: keras.optimizers.SGD(), TypeError),
    ("metrics", evaluation.SquaredError(), TypeError),
    ("metrics", (evaluation.SquaredError,), TypeError),
    ("metrics", [lambda model: []], TypeError),
    ("binarize", True, ValueError),
    ("augment", "flip", TypeError),
    ("augment", lambda x, y, z: x, TypeError),
    ("pair", lambda: None, TypeError),
    ("classes", 5, TypeError),
    ("classes", "12", TypeError),
    ("classes", (), ValueError),
    ("patience", "x", TypeError),
    ("patience", -1, ValueError),
    ("callbacks", lambda: [], TypeError),
    ("callbacks", [keras.callbacks.TerminateOnNaN()], TypeError),
    ("steps_per_execution", -1, ValueError),
    ("jit_compile", "always", ValueError),
    ("dtype_policy", "half", ValueError),
    ("dtype_policy", None, TypeError),
    ("gradient_dtype", 16, TypeError),
    ("global_clipnorm", 0.0, ValueError),
    ("global_clipnorm", "1", TypeError),
    ("gradient_accumulation_steps", 0, ValueError),
]


@pytest.mark.parametrize(("field", "value", "kind"), WRONG_FIELDS)
def test_every_field_is_checked(field, value, kind):
    with pytest.raises(kind, match=rf"Recipe\.{field}\b") as error:
        digits_recipe(**{field: value})
    assert "\n" not in str(error.value)


def test_every_field_has_a_wrong_value_above():
    fields = {field.name for field in dataclasses.fields(ae_zoo.Recipe)}
    with_other_fields = {"batches", "steps_per_epoch"}  # in tests/test_training.py
    assert fields - with_other_fields == {field for field, _, _ in WRONG_FIELDS}


P = evaluation
WRONG_PROTOCOLS = [
    (P.SquaredError, {"published": "0.1"}, TypeError),
    (P.SquaredError, {"published": float("nan")}, ValueError),
    (P.CrossEntropy, {"source": None}, TypeError),
    (P.Denoising, {"stddev": 0}, ValueError),
    (P.Denoising, {"stddev": "a"}, TypeError),
    (P.Denoising, {"baselines": 3}, ValueError),
    (P.Denoising, {"headline_metric": ["bce"]}, ValueError),
    (P.NoiseLevels, {"stddevs": ("a",)}, TypeError),
    (P.NoiseLevels, {"stddevs": ()}, ValueError),
    (P.NoiseLevels, {"stddevs": 0.3}, TypeError),
    (P.NoiseLevels, {"stddevs": (0.1, float("inf"))}, ValueError),
    (P.Likelihood, {"samples": 0}, ValueError),
    (P.FrechetDistance, {"components": 2.5}, TypeError),
    (P.Sparsity, {"threshold": None}, TypeError),
    (P.Contraction, {"twin_epochs": 0}, ValueError),
    (P.Contraction, {"learning_rate": 0}, ValueError),
    (P.LinearProbe, {"iterations": "x"}, TypeError),
    (P.LinearProbe, {"inverse_regularizations": 0.1}, TypeError),
    (P.LinearProbe, {"inverse_regularizations": (0.0,)}, ValueError),
    (P.LinearProbe, {"k": 0}, ValueError),
    (P.FineTuning, {"epochs": -1}, ValueError),
    (P.FineTuning, {"dropout": 0.5}, TypeError),
    (P.FineTuning, {"dropout": (0.5, 2.0)}, ValueError),
    (P.FineTuning, {"patience": "x"}, TypeError),
    (P.FineTuning, {"augment": "flip"}, TypeError),
    (P.FineTuning, {"seed": -1}, ValueError),
    (P.AnomalyDetection, {"normal": 1}, TypeError),
    (P.AnomalyDetection, {"normal": (1,), "quantile": 99}, ValueError),
    (P.AnomalyDetection, {"normal": (1,), "anomalous": ("2",)}, TypeError),
]


@pytest.mark.parametrize(("protocol", "arguments", "kind"), WRONG_PROTOCOLS)
def test_every_protocol_checks_its_arguments(protocol, arguments, kind):
    (name,) = list(arguments)[-1:]
    with pytest.raises(kind, match=rf"{protocol.__name__}\.({name}|baselines)\b"):
        protocol(**arguments)


def fails(*arguments):
    raise RuntimeError("by intention")


def no_rows(model, splits):
    return None


class Unsavable(ae_zoo.corruptions.GaussianCorruption):
    """A class that no one registered with Keras."""


def build_unsavable():
    return ae_zoo.DenoisingAutoencoder(
        networks.dense_encoder((8, 8, 1), [4]), "tied", corruption=Unsavable(0.1)
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"build": lambda: fails()}, "Recipe.build failed in .*test_rehearsal.py"),
        ({"build": lambda: "model"}, "Recipe.build. must return an ae_zoo Autoenc"),
        ({"optimizer": fails}, "Recipe.optimizer failed.*by intention"),
        ({"optimizer": lambda n: "adam"}, "Recipe.optimizer. must return a Keras"),
        ({"callbacks": fails}, "Recipe.callbacks failed.*by intention"),
        ({"callbacks": lambda run: [1]}, "Recipe.callbacks. must return a list"),
        ({"augment": fails}, "Recipe.augment failed"),
        ({"pair": fails}, "Recipe.pair failed"),
        ({"batches": fails, "steps_per_epoch": 1}, "Recipe.batches failed"),
        (
            {"batches": lambda *_: [], "steps_per_epoch": 1},
            "Recipe.batches. must return a tf.data.Dataset",
        ),
        ({"metrics": [fails]}, r"Recipe.metrics\[0\] failed.*by intention"),
        ({"metrics": [no_rows]}, r"Recipe.metrics\[0\] must return a list of Meas"),
        (
            {"metrics": [evaluation.SquaredError(), evaluation.Likelihood()]},
            r"Recipe.metrics\[1\], Likelihood\(...\) failed.*VariationalAutoencoder",
        ),
        (
            {"metrics": [evaluation.FrechetDistance(components=500)]},
            r"Recipe.metrics\[0\], FrechetDistance",
        ),
        ({"metrics": [evaluation.LinearProbe(k=3)]}, "needs a SparseAutoencoder"),
    ],
)
def test_mistakes_are_found_before_the_training(changes, expected, tmp_path):
    with pytest.raises((TypeError, ValueError), match=expected) as error:
        ae_zoo.train(digits_recipe(**changes), output_dir=tmp_path / "run", verbose=0)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "run").exists()


def test_a_model_that_cannot_be_saved_is_found_before_the_training(tmp_path):
    class Unwritable(ae_zoo.UndercompleteAutoencoder):
        def get_config(self):
            return super().get_config() | {"function": lambda: None, "more": object()}

    encoder = networks.dense_encoder((8, 8, 1), [4])
    own = digits_recipe(build=lambda: Unwritable(encoder, "tied"))
    with pytest.raises(ValueError, match="Writing the model .* failed"):
        ae_zoo.train(own, output_dir=tmp_path / "run", verbose=0)
    assert not (tmp_path / "run").exists()


def test_a_protocol_that_needs_many_samples_is_given_them(tmp_path):
    seen = []

    def protocol(model, splits):
        seen.append(len(splits.train.x))
        if seen[-1] < 1000:
            raise ValueError("too few")
        return [evaluation.Measurement("samples", len(splits.test.x))]

    def stop(run):
        raise KeyboardInterrupt

    large = digits_recipe(metrics=[protocol], optimizer=stop)
    with pytest.raises(KeyboardInterrupt):
        ae_zoo.train(large, output_dir=tmp_path / "run", verbose=0)
    # Twice, since the headline is also tried on the first test samples.
    assert [count < 1000 for count in seen] == [True, False] * 2


def test_few_samples_are_the_first_ones_and_some_of_each_class():
    few = read_few(data.source("digits"), 20)
    whole = evaluation.read_splits(data.source("digits"))
    for part, split in zip(few, whole, strict=True):
        np.testing.assert_array_equal(part.x[:20], split.x[:20])
        np.testing.assert_array_equal(part.labels[:20], split.labels[:20])
        assert min(np.bincount(part.labels)) >= 8
        assert len(part.x) <= 100


def random_recipe():
    """Random numbers of all kinds: weights, order, augmentation, dropout, noise."""

    def build():
        encoder = keras.Sequential(
            [
                keras.Input((8, 8, 1)),
                keras.layers.Flatten(),
                keras.layers.Dense(12, "relu"),
                keras.layers.Dropout(0.2),
                keras.layers.Dense(4),
            ]
        )
        decoder = networks.dense_decoder(2, [12], (8, 8, 1))
        return ae_zoo.VariationalAutoencoder(encoder, decoder)

    return digits_recipe(
        build=build,
        binarize="dynamic",
        augment=data.random_affine(),
        epochs=2,
        metrics=[
            evaluation.Likelihood(samples=5),
            evaluation.LinearProbe(iterations=9),
        ],
        callbacks=lambda _: [
            keras.callbacks.LambdaCallback(
                on_epoch_begin=lambda epoch, logs: drawn.append(draws())
            )
        ],
    )


drawn = []


def draws():
    """The next random numbers of Python, NumPy, TensorFlow and Keras."""
    return (
        random.random(),
        np.random.random(),
        float(tf.random.uniform(())),
        float(keras.random.uniform(())),
    )


@pytest.mark.slow
def test_the_rehearsal_changes_no_bit_of_the_training(tmp_path, monkeypatch):
    monkeypatch.setattr(plots, "card_figures", lambda *_, **__: None)  # saves seconds
    results = []
    for rehearse in (run.rehearse, lambda *_: None):
        monkeypatch.setattr(run, "rehearse", rehearse)
        keras.backend.clear_session()  # which restarts the names of layers
        keras.utils.set_random_seed(8)
        drawn.clear()
        folder = tmp_path / str(len(results))
        model = ae_zoo.train(random_recipe(), output_dir=folder, verbose=0)
        names = [weight.path for weight in model.weights]
        metrics = ae_zoo.info(folder / "model")["metrics"]
        results.append((model.get_weights(), names, [*drawn, draws()], metrics))
    (weights, *others), (expected, *expected_others) = results
    for ours, theirs in zip(weights, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for ours, theirs in zip(others, expected_others, strict=True):
        assert ours == theirs


class Hashed(data.Source):
    """Noise, with a checksum of its own."""

    fingerprint = {}

    def stored(self, split):
        x = np.random.default_rng(0).random((self.counts[split], *self.shape))
        return x.astype("float32"), np.zeros(len(x), "int64")


def hashed(checksum):
    kind = type("Hashed", (Hashed,), {"fingerprint": {"noise.bin": checksum}})
    counts = {"train": 64, "validation": 8, "test": 8}
    return kind(name="noise", shape=(8, 8, 1), counts=counts)


def stop(run):
    def interrupt(epoch, logs):
        if epoch == 1:
            raise KeyboardInterrupt

    return [keras.callbacks.LambdaCallback(on_epoch_begin=interrupt)]


@pytest.mark.slow
def test_a_run_does_not_resume_with_other_data(tmp_path):
    options = {"output_dir": tmp_path / "run", "resume": True, "verbose": 0}
    begun = digits_recipe(dataset=hashed("a"), batch_size=16, epochs=2, callbacks=stop)
    with pytest.raises(KeyboardInterrupt):
        ae_zoo.train(begun, **options)
    same = dataclasses.replace(begun, callbacks=None)
    other = dataclasses.replace(same, dataset=hashed("b"))
    for changed in (other, dataclasses.replace(same, seed=5)):
        with pytest.raises(ValueError, match="resumes with the settings that it began"):
            ae_zoo.train(changed, **options)
    ae_zoo.train(same, **options)
    assert len(training_log(tmp_path / "run")) == 2
    with pytest.raises(ValueError, match="is finished, with .*'noise.bin': 'a'"):
        ae_zoo.train(other, **options)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("recipe = Recipe(", "is not valid Python"),
        ("import ae_zoo\nrecipe = ae_zoo.Recipe(epochs=3)", "lacks these fields: 'bui"),
        ("import ae_zoo\nrecipe = ae_zoo.Recipe(epoch=3)", "Did you mean 'epochs'"),
    ],
)
def test_mistakes_in_a_file_are_one_line(text, expected, tmp_path, capsys):
    path = tmp_path / "mine.py"
    path.write_text(text)
    assert cli.main(["train", str(path), "--output-dir", str(tmp_path / "run")]) == 1
    error = capsys.readouterr().err
    assert expected in error and "mine.py" in error and error.count("\n") == 1


@pytest.mark.parametrize("name", [5, None, b"deep_digits"])
def test_the_name_of_a_recipe_is_a_string_or_a_path(name):
    with pytest.raises(TypeError, match="the name of a recipe, or a path"):
        load_recipe(name)
