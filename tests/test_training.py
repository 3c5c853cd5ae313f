"""Recipes and training: from a file to a model folder."""

import keras
import numpy as np
import pytest
from builders import digits_recipe, training_log

import ae_zoo
from ae_zoo import data, evaluation
from ae_zoo.cli import main
from ae_zoo.training.context import RunContext
from ae_zoo.training.model import check_same_network
from ae_zoo.training.recipe import list_recipes, load_recipe

NAME = "undercomplete_digits"


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        # `make quick` takes those of one data set.
        name if name.endswith("_digits") else pytest.param(name, marks=pytest.mark.slow)
        for name in list_recipes()
    ],
)
def test_recipe_takes_one_step(name):
    _, recipe = load_recipe(name)
    shape = data.info(recipe.dataset).shape
    if recipe.dataset in ("bsds500", "bsds500_gray", "dirty_documents"):
        shape = (64, 64, shape[-1])  # patches, as in the training
    x = np.random.default_rng(0).integers(0, 2, (recipe.batch_size, *shape))
    model = recipe.build()
    if model.scaling is not None:
        model.scaling.adapt(x)
    try:
        model.compile(recipe.optimizer(10))
    except RuntimeError as error:
        if "Upgrade Keras" not in str(error):
            raise
        pytest.skip(str(error))
    kinds = {
        "anomaly": "undercomplete" if name == "anomaly_skab" else "denoising",
        "cleaning": "convolutional",
        "colorizing": "convolutional",
        "linear": "undercomplete",
    }
    kind = name.split("_")[0]
    assert type(model).__name__.lower().startswith(kinds.get(kind, kind))
    before = [weight.numpy() for weight in model.trainable_variables]
    x = x.astype("float32")
    batch = (x,) if recipe.pair is None else recipe.pair(x)
    if data.info(recipe.dataset).target_shape is not None:
        batch = (x, x)
    logs = model.train_on_batch(*batch, return_dict=True)
    assert np.isfinite(logs["loss"])
    assert any(
        np.any(old != new.numpy())
        for old, new in zip(before, model.trainable_variables, strict=True)
    )


@pytest.mark.parametrize("name", list_recipes())
def test_recipe_states_source_command_and_expected_result(name):
    import inspect

    source = inspect.getsource(load_recipe(name)[1].build.__code__)
    assert "build" in source
    docstring = load_recipe(name)[1].build.__globals__["__doc__"]
    for line in ("Source:", f"Command: ae-zoo train {name}", "Expected:"):
        assert line in docstring
    assert "@" not in docstring


@pytest.mark.slow
def test_training_writes_a_model_folder(tmp_path):
    model = ae_zoo.train(NAME, epochs=2, output_dir=tmp_path / "run", verbose=0)
    again = ae_zoo.load(tmp_path / "run" / "model")
    x = data.arrays("digits", "test")
    np.testing.assert_array_equal(
        again.predict(x, verbose=0), model.predict(x, verbose=0)
    )
    card = ae_zoo.info(tmp_path / "run" / "model")
    assert card["training"]["epochs"] == 2
    error = np.square(x - again.predict(x, verbose=0)).sum(axis=(1, 2, 3)).mean()
    assert card["metrics"][0]["value"] == pytest.approx(error, rel=1e-5)
    assert len(training_log(tmp_path / "run")) == 2
    assert not (tmp_path / "run" / "checkpoints").exists()
    with pytest.raises(FileExistsError, match="--resume"):
        ae_zoo.train(NAME, epochs=2, output_dir=tmp_path / "run", verbose=0)
    again = {"output_dir": tmp_path / "run", "resume": True, "verbose": 0}
    assert ae_zoo.train(NAME, epochs=2, **again).card == card
    for other in ({"epochs": 3}, {"epochs": 2, "seed": 5}):
        with pytest.raises(ValueError, match="finished, with.*another output dir"):
            ae_zoo.train(NAME, **other, **again)
    with pytest.raises(ValueError, match="finished"):
        ae_zoo.train("deep_digits", epochs=2, **again)


@pytest.mark.slow
def test_a_model_trained_in_half_precision_is_kept_in_float32(tmp_path):
    half = digits_recipe(epochs=1, dtype_policy="mixed_bfloat16")
    trained = ae_zoo.train(half, output_dir=tmp_path / "run", verbose=0)
    kept = ae_zoo.load(tmp_path / "run" / "model")
    assert {layer.compute_dtype for layer in trained.encoder.layers} == {"bfloat16"}
    assert {layer.compute_dtype for layer in kept.encoder.layers} == {"float32"}
    for a, b in zip(trained.get_weights(), kept.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    x = data.arrays("digits", "test")
    error = np.square(x - kept.predict(x, verbose=0)).sum(axis=(1, 2, 3)).mean()
    assert kept.card["metrics"][0]["value"] == pytest.approx(error, rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("is_mirrored", [False, True])
def test_training_starts_from_the_weights_of_another_model(
    tmp_path, two_replicas, is_mirrored
):
    strategy = two_replicas if is_mirrored else "default"
    still = digits_recipe(
        epochs=1,
        initial_weights=NAME,
        optimizer=lambda steps: keras.optimizers.SGD(0.0),
    )
    model = ae_zoo.train(still, strategy, output_dir=tmp_path / "run", verbose=0)
    expected = ae_zoo.load(NAME).get_weights()
    for a, b in zip(model.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(a, b)
    page = (tmp_path / "run" / "model" / "README.md").read_text("utf-8")
    assert f"from the weights of `{NAME}`" in page


@pytest.mark.parametrize("name", list_recipes())
def test_initial_weights_match_the_network(name):
    _, recipe = load_recipe(name)
    if recipe.initial_weights is not None:
        source = ae_zoo.load(recipe.initial_weights)
        check_same_network(recipe.build(), source, "")


def test_initial_weights_of_another_network_are_refused(tmp_path):
    other = digits_recipe(initial_weights="deep_digits")
    with pytest.raises(ValueError, match="'deep_digits', must be .* with the network"):
        ae_zoo.train(other, output_dir=tmp_path / "run", verbose=0)


@pytest.mark.slow
def test_training_is_reproducible(tmp_path):
    results = [
        ae_zoo.train(digits_recipe(epochs=1), output_dir=tmp_path / run, verbose=0)
        for run in ("first", "second")
    ]
    for a, b in zip(*(model.get_weights() for model in results), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_interrupted_run_resumes(tmp_path):
    class Interrupt(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    interrupted = digits_recipe(epochs=4, callbacks=lambda run: [Interrupt()])
    with pytest.raises(KeyboardInterrupt):
        ae_zoo.train(interrupted, output_dir=tmp_path / "run", verbose=0)
    assert not (tmp_path / "run" / "model").exists()
    ae_zoo.train(
        digits_recipe(epochs=4), output_dir=tmp_path / "run", resume=True, verbose=0
    )
    assert [row["epoch"] for row in training_log(tmp_path / "run")] == [
        "0",
        "1",
        "2",
        "3",
    ]


@pytest.mark.slow
def test_training_on_endless_batches_resumes(tmp_path):
    def batches(run, skip, shard):
        seen.append((run.epochs, run.steps, skip, shard))
        return data.load("digits", batch_size=50, repeat=True, skip=skip, shard=shard)

    class Interrupt(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    seen, options = [], {"batches": batches, "steps_per_epoch": 7, "batch_size": 50}
    interrupted = digits_recipe(
        epochs=3, callbacks=lambda run: [Interrupt()], **options
    )
    with pytest.raises(KeyboardInterrupt):
        ae_zoo.train(interrupted, output_dir=tmp_path / "run", verbose=0)
    model = ae_zoo.train(
        digits_recipe(epochs=3, **options),
        output_dir=tmp_path / "run",
        resume=True,
        verbose=0,
    )
    assert seen == [(3, 21, 0, (0, 1)), (3, 21, 7, (0, 1))]
    assert int(model.optimizer.iterations) == 21
    with pytest.raises(ValueError, match="number of its batches"):
        digits_recipe(batches=batches)
    with pytest.raises(ValueError, match="steps_per_epoch` must be an integer"):
        digits_recipe(steps_per_epoch=0)


OWN_VARIANT = """
import dataclasses
import keras
import ae_zoo
from ae_zoo.training.recipe import load_recipe

@keras.saving.register_keras_serializable("tests")
class Own(ae_zoo.models.Autoencoder):
    pass

def build():
    inputs = keras.Input((8, 8, 1))
    rows = keras.layers.Reshape((8, 8))(inputs)
    code, *state = keras.layers.LSTM(4, return_state=True)(rows)
    decoder = ae_zoo.networks.dense_decoder(4, [], (8, 8, 1), output="linear")
    return Own(keras.Model(inputs, code), decoder, reconstruction_loss="gaussian")

recipe = dataclasses.replace(load_recipe("undercomplete_digits")[1], build=build)
"""


@pytest.mark.slow
def test_custom_variant_trains_resumes_and_is_measured(tmp_path, monkeypatch, capsys):
    """It has a layer with several outputs; the card states the first one."""
    monkeypatch.chdir(tmp_path)  # `transfer` writes to runs/
    path = tmp_path / "own.py"
    path.write_text(OWN_VARIANT)
    command = ["train", str(path), "--epochs", "1", "--output-dir", str(tmp_path / "r")]
    assert main(command) == 0
    folder = str(tmp_path / "r" / "model")
    assert "LSTM 4" in ae_zoo.info(folder)["architecture"]["encoder"]
    assert main([*command, "--resume"]) == 0
    assert "is finished" in capsys.readouterr().out
    for command in (
        ["evaluate", folder],
        ["verify", folder],
        ["draw", folder],
        ["transfer", folder, "digits", "--epochs", "1"],
    ):
        assert main([*command, "--recipe", str(path)]) == 0
    with pytest.raises(ValueError, match="Own"):
        ae_zoo.load(folder)  # without a recipe that allows the class


@pytest.mark.slow
def test_run_stopped_by_a_callback_is_finished(tmp_path):
    class StopAtOnce(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    short = digits_recipe(epochs=3, callbacks=lambda run: [StopAtOnce()])
    again = {"output_dir": tmp_path / "run", "resume": True, "verbose": 0}
    ae_zoo.train(short, **again)
    assert ae_zoo.train(short, **again).card["training"]["epochs"] == 1


@pytest.mark.slow
def test_protocol_need_not_inherit_from_protocol(tmp_path):
    class Plain:
        def __call__(self, model, splits):
            return [evaluation.Measurement("samples", len(splits.test.x))]

    measured = digits_recipe(epochs=1, metrics=(Plain(),))
    ae_zoo.train(measured, output_dir=tmp_path / "run", verbose=0)
    assert ae_zoo.info(tmp_path / "run" / "model")["subset"]["value"] == 200


@pytest.mark.slow
def test_anomaly_headline_uses_all_test_samples(tmp_path):
    """The first test samples may all be normal, as in ECG5000."""
    anomalies = digits_recipe(
        epochs=1, metrics=(evaluation.AnomalyDetection(normal=(0, 1, 2)),)
    )
    ae_zoo.train(anomalies, output_dir=tmp_path / "run", verbose=0)
    card = ae_zoo.info(tmp_path / "run" / "model")
    assert card["subset"]["samples"] == len(data.arrays("digits", "test"))
    assert card["subset"]["value"] == card["metrics"][0]["value"]


@pytest.mark.slow
def test_divergence_stops_with_a_clear_error(tmp_path):
    diverging = digits_recipe(
        optimizer=lambda steps: keras.optimizers.SGD(1e30), steps_per_execution=1
    )
    with pytest.raises(FloatingPointError, match="lower the learning rate"):
        ae_zoo.train(diverging, output_dir=tmp_path / "run", verbose=0)
    assert not (tmp_path / "run" / "model").exists()


@pytest.mark.slow
def test_early_stopping_keeps_the_best_weights(tmp_path):
    stopping = digits_recipe(
        optimizer=lambda steps: keras.optimizers.SGD(1e-12), patience=1, epochs=50
    )
    ae_zoo.train(stopping, output_dir=tmp_path / "run", verbose=0)
    assert len(training_log(tmp_path / "run")) < 50


@pytest.mark.slow
def test_mirrored_strategy_trains(tmp_path, two_replicas):
    ae_zoo.train(
        digits_recipe(epochs=1), two_replicas, output_dir=tmp_path / "run", verbose=0
    )
    assert float(training_log(tmp_path / "run")[0]["loss"]) > 0
    with pytest.raises(ValueError, match="batch of 63 does not divide among 2"):
        ae_zoo.train(
            digits_recipe(batch_size=63),
            two_replicas,
            output_dir=tmp_path / "odd",
            verbose=0,
        )


def test_unknown_recipe_and_strategy(tmp_path):
    with pytest.raises(ValueError, match="Did you mean 'deep_digits'"):
        ae_zoo.train("deep_digit")
    with pytest.raises(ValueError, match="Did you mean 'mirrored'"):
        ae_zoo.train(digits_recipe(), "miror", output_dir=tmp_path)
    with pytest.raises(FileNotFoundError, match="no recipe file"):
        ae_zoo.train("nowhere.py")


def test_unknown_recipe_field(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("import ae_zoo\nrecipe = ae_zoo.Recipe(epoch=3)\n")
    with pytest.raises(ValueError, match="(?s)'epoch'.*Did you mean 'epochs'.*mine.py"):
        load_recipe(path)


def test_file_without_recipe(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("x = 1\n")
    with pytest.raises(ValueError, match="must define `recipe"):
        load_recipe(path)


def test_epochs_are_checked(tmp_path):
    with pytest.raises(ValueError, match="`epochs` must be an integer ≥ 1"):
        ae_zoo.train(NAME, epochs=0, output_dir=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_recipe_fields_are_checked():
    checked = digits_recipe(epochs=np.int64(3), seed=np.int32(5))
    assert [type(checked.epochs), type(checked.seed)] == [int, int]
    labels = digits_recipe(classes=list(np.arange(2))).classes
    assert [type(label) for label in labels] == [int, int]
    for field in ("epochs", "batch_size", "seed", "steps_per_epoch", "patience"):
        with pytest.raises(TypeError, match=f"`Recipe.{field}` must be .*True"):
            digits_recipe(**{field: True})
    with pytest.raises(TypeError, match="`Recipe.seed` must be .*None"):
        digits_recipe(seed=None)
    with pytest.raises(ValueError, match="`Recipe.patience` must be an integer ≥ 0"):
        digits_recipe(patience=-1)
    with pytest.raises(ValueError, match="`Recipe.epochs` must be an integer ≥ 1"):
        digits_recipe(epochs=0)
    with pytest.raises(ValueError, match="at least one protocol"):
        digits_recipe(metrics=())


class Stripes(data.Source):
    """Images of stripes."""

    fingerprint = {}

    def stored(self, split):
        phases = np.arange(self.counts[split], dtype="float32")
        waves = np.sin(phases[:, None] + np.arange(64))
        return (0.5 + 0.5 * waves).reshape(-1, *self.shape), np.zeros(len(waves), int)


def stripes(train):
    counts = {"train": train, "validation": 16, "test": 16}
    return Stripes(name="stripes", shape=(8, 8, 1), counts=counts)


@pytest.mark.slow
def test_custom_source_is_trained_on(tmp_path):
    source, seen = stripes(train=64), []

    def callbacks(run):
        seen.append(run.source)
        return []

    own = digits_recipe(dataset=source, epochs=1, batch_size=16, callbacks=callbacks)
    again = {"output_dir": tmp_path / "run", "resume": True, "verbose": 0}
    ae_zoo.train(own, **again)
    card = ae_zoo.train(own, **again).card
    assert card["dataset"]["name"] == "stripes"
    assert card["dataset"]["splits"] == source.counts
    assert seen == [source]
    with pytest.raises(ValueError, match="finished, with.*stripes"):
        ae_zoo.train(digits_recipe(epochs=1, batch_size=16), **again)


@pytest.mark.slow
def test_callbacks_receive_the_context_of_the_run(tmp_path):
    seen = []

    def callbacks(run):
        seen.append(run)
        return []

    told = digits_recipe(callbacks=callbacks, batch_size=100, seed=3)
    options = {"epochs": 2, "data_dir": tmp_path, "verbose": 0}
    ae_zoo.train(told, output_dir=tmp_path / "run", **options)
    (run,) = seen
    assert (run.source.name, run.data_dir) == ("digits", tmp_path)
    assert (run.seed, run.epochs, run.steps) == (3, 2, 2 * 13)


def test_sparse_mnist_reads_the_data_of_its_run(monkeypatch):
    """They are not those of the default folder if `data_dir` names another one."""
    monkeypatch.setattr(
        ae_zoo.callbacks, "ReviveUnits", lambda samples, epochs: samples
    )
    source = stripes(train=5100)
    run = RunContext(source=source, data_dir=None, seed=0, epochs=20, steps=100)
    _, samples = load_recipe("sparse_mnist")[1].callbacks(run)
    np.testing.assert_array_equal(samples(), source.arrays("train")[:5000])


def test_missing_data_names_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="(?s)TFDS_DATA_DIR.*ae-zoo prepare"):
        ae_zoo.train("deep_mnist", output_dir=tmp_path / "run", data_dir=tmp_path)
