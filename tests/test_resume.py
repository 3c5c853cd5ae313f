"""Runs that are killed, stopped by a signal, or out of disk space, and resume."""

import gc
import logging
import os
import random
import resource
import shutil
import signal
import time

import keras
import numpy as np
import pytest
import tensorflow as tf
from builders import training_log
from workers import cluster_of, forks, outputs

import ae_zoo
from ae_zoo import _machine, data, networks
from ae_zoo.callbacks import checkpoint_files
from ae_zoo.callbacks.checkpoints import Checkpoints, Preempted

pytestmark = pytest.mark.slow

PATIENCE = 300  # seconds for a run on a busy machine


def run(folder, *arguments):
    with forks("resume_job", [[folder, *arguments]], folder) as (process,):
        text = process.communicate(timeout=PATIENCE)[0]
        return process.returncode, text


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    status, errors = run(folder)
    assert status == 0, errors
    return folder


def assert_same_run(folder, expected):
    """Checks weights bit for bit, the log without repeated rows, and the card."""
    models = [ae_zoo.load(path / "model") for path in (folder, expected)]
    for ours, theirs in zip(*(m.get_weights() for m in models), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert training_log(folder) == training_log(expected)
    cards = [model.card for model in models]
    assert cards[0]["training"]["epochs"] == cards[1]["training"]["epochs"]
    assert cards[0]["metrics"] == cards[1]["metrics"]
    assert not (folder / "checkpoints").exists()


def test_killed_run_ends_as_an_uninterrupted_one(uninterrupted, tmp_path):
    """A run that is killed from outside, at a step and while it writes."""
    folder = tmp_path / "checkpoints"
    with forks("resume_job", [[tmp_path, "--resume"]], tmp_path) as (process,):
        while not list(folder.glob("[0-9]*")):  # the first one
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.01)
        process.kill()
        process.communicate()
    moments = random.Random(0)
    steps = 21  # of an epoch
    faults = [
        f"write:{moments.randrange(1, 3)}",
        f"kill:{moments.randrange(1, 2 * steps)}",
        f"rename:{moments.randrange(1, 3)}",
    ]
    for fault in faults:
        status, errors = run(tmp_path, fault, "--resume")
        assert status == -signal.SIGKILL, (fault, errors)
        assert not (tmp_path / "model").exists()
    status, errors = run(tmp_path, "--resume")
    assert status == 0, errors
    assert_same_run(tmp_path, uninterrupted)


def test_sigterm_and_a_full_disk_leave_a_checkpoint(uninterrupted, tmp_path):
    """SIGTERM saves within the epoch; a full disk leaves the last checkpoint intact."""
    status, errors = run(tmp_path, "term:30")
    assert status == 75
    # The signal came in the second epoch of 21 steps; a call takes 7 steps.
    assert "after 35 steps" in errors and "--resume" in errors
    assert "Traceback" not in errors
    assert sorted(p.name for p in (tmp_path / "checkpoints").iterdir()) == [
        "000000000021",
        "000000000035",
    ]
    status, errors = run(tmp_path, "full:2", "--resume")
    assert status == 1
    assert "OSError: Training stopped after 84 steps" in errors
    assert "000000000063', is intact" in errors
    assert sorted(p.name for p in (tmp_path / "checkpoints").iterdir()) == [
        "000000000035",
        "000000000042",
        "000000000063",
    ]
    status, errors = run(tmp_path, "--resume")
    assert status == 0, errors
    assert_same_run(tmp_path, uninterrupted)


def run_workers(folder, *faults):
    """Runs two workers, each with its fault; returns their statuses and outputs."""
    arguments = [[folder, fault, "--resume"] for fault in faults]
    with forks("resume_job", arguments, folder.parent, cluster_of(2)) as started:
        texts = outputs(started)
        return [process.returncode for process in started], texts


def test_workers_resume_after_one_or_the_chief_was_killed(tmp_path):
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    statuses, texts = run_workers(straight, "none:0", "none:0")
    assert statuses == [0, 0], texts
    statuses, texts = run_workers(broken, "none:0", "kill:30")
    assert statuses[0] != 0 and statuses[1] == -signal.SIGKILL, texts
    assert "Another worker was lost" in texts[0]
    statuses, texts = run_workers(broken, "write:2", "none:0")
    assert statuses[0] == -signal.SIGKILL and statuses[1] != 0, texts
    # SIGTERM to one worker stops both at the same step.
    statuses, texts = run_workers(broken, "none:0", "term:10")
    assert statuses == [75, 75], texts
    assert "Stopped by SIGTERM" in texts[0]
    statuses, texts = run_workers(broken, "none:0", "none:0")
    assert statuses == [0, 0], texts
    models = [ae_zoo.load(folder / "model") for folder in (broken, straight)]
    for ours, theirs in zip(*(m.get_weights() for m in models), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-7)
    assert [row["epoch"] for row in training_log(broken)] == [
        row["epoch"] for row in training_log(straight)
    ]


# In one process, with plain `fit`.


def make_model(width=4, scaling=None):
    keras.utils.set_random_seed(1)
    output, loss = ("linear", "gaussian") if scaling else ("sigmoid", "bernoulli")
    model = ae_zoo.DenoisingAutoencoder(
        networks.dense_encoder((8, 8, 1), [width], "relu"),
        networks.dense_decoder(width, [], (8, 8, 1), output=output),
        scaling=scaling,
        reconstruction_loss=loss,
    )
    model.compile(keras.optimizers.Adam(0.01), metrics=["mae"])
    return model


def memory():
    return [
        keras.callbacks.EarlyStopping(patience=50, restore_best_weights=True),
        keras.callbacks.ReduceLROnPlateau(patience=2, min_delta=100.0, factor=0.5),
    ]


class Stop(keras.callbacks.Callback):
    """Interrupts after a number of steps."""

    def __init__(self, after, action):
        super().__init__()
        self.left, self.action = after, action

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            self.action()


def interrupt():
    raise KeyboardInterrupt


def fit(folder, callbacks=(), epochs=5, model=None, **options):
    checkpoints = Checkpoints(folder, [*memory(), *callbacks], **options)
    train = data.load(
        "digits",
        batch_size=324,
        shuffle=True,
        repeat=True,
        skip=checkpoints.steps_done,
    )
    model = model or make_model()
    model.fit(
        train,
        steps_per_epoch=5,
        epochs=epochs,
        validation_data=data.load("digits", "validation", batch_size=250),
        callbacks=[checkpoints],
        verbose=0,
    )
    return model, checkpoints


def interrupted(folder, after, action=interrupt, error=KeyboardInterrupt, **options):
    with pytest.raises(error):
        fit(folder, [Stop(after, action)], **options)


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    return fit(tmp_path_factory.mktemp("straight"))


def assert_same_fit(got, expected):
    for ours, theirs in zip(
        got[0].get_weights(), expected[0].get_weights(), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
    assert [row["epoch"] for row in got[1].rows] == [0, 1, 2, 3, 4]
    for ours, theirs in zip(got[1].rows, expected[1].rows, strict=True):
        assert ours["loss"] == theirs["loss"]
        assert ours["val_loss"] == theirs["val_loss"]
    for ours, theirs in zip(got[1].callbacks, expected[1].callbacks, strict=True):
        assert ours.best == theirs.best and ours.wait == theirs.wait
    assert float(got[0].optimizer.learning_rate) == float(
        expected[0].optimizer.learning_rate
    )


def test_callbacks_keep_their_state(straight, tmp_path):
    interrupted(tmp_path, after=13)
    assert Checkpoints(tmp_path).steps_done == 10
    got = fit(tmp_path)
    assert_same_fit(got, straight)
    # The state mattered: two plateaus were counted across the interruption.
    assert float(straight[0].optimizer.learning_rate) == pytest.approx(0.0025)


def test_resume_within_an_epoch(straight, tmp_path):
    interrupted(tmp_path, after=13, save_freq=2)
    checkpoints = Checkpoints(tmp_path)
    assert (checkpoints.steps_done, checkpoints.epoch) == (12, 2)
    assert_same_fit(fit(tmp_path), straight)


def test_a_scaling_is_resumed(tmp_path):
    def scaled(samples):
        scaling = ae_zoo.layers.Scaling("standard")
        scaling.adapt(data.arrays("digits", "train")[:samples])
        return make_model(scaling=scaling)

    straight = fit(tmp_path / "straight", model=scaled(1000))
    folder = tmp_path / "interrupted"
    interrupted(folder, after=13, model=scaled(1000))
    # The statistics come from the checkpoint, not from what the new model has seen.
    resumed = fit(folder, model=scaled(500))
    assert_same_fit(resumed, straight)
    np.testing.assert_array_equal(resumed[0].scaling.shift, straight[0].scaling.shift)


@pytest.fixture
def logged():
    """What TensorFlow logs from now on, also when it forgets a checkpoint."""
    messages = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())
    logger = logging.getLogger("tensorflow")
    logger.addHandler(handler)
    yield messages
    logger.removeHandler(handler)


def test_resuming_warns_of_nothing(two_epochs, tmp_path, logged):
    shutil.copytree(two_epochs, tmp_path, dirs_exist_ok=True)
    fit(tmp_path)
    gc.collect()
    assert not logged


def test_another_setting_of_onednn_is_warned_of(two_epochs, tmp_path, monkeypatch):
    shutil.copytree(two_epochs, tmp_path, dirs_exist_ok=True)
    onednn = _machine.uses_onednn()
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", str(int(not onednn)))
    with pytest.warns(UserWarning, match=f"TF_ENABLE_ONEDNN_OPTS to {int(onednn)}"):
        fit(tmp_path, epochs=3)


def test_values_that_no_one_reads_are_warned_of(tmp_path, logged):
    weights = {"model": [tf.Variable(1.0)], "optimizer": []}
    checkpoint_files.write(tmp_path / "1", {}, weights | {"other": [tf.Variable(2.0)]})
    checkpoint_files.read(tmp_path / "1", weights)
    gc.collect()
    assert any("(root).other" in message for message in logged)


def test_sigterm_in_a_custom_program(straight, tmp_path, capsys):
    handler = signal.getsignal(signal.SIGTERM)
    interrupted(
        tmp_path,
        after=8,
        action=lambda: os.kill(os.getpid(), signal.SIGTERM),
        error=Preempted,
    )
    assert signal.getsignal(signal.SIGTERM) == handler
    assert "after 8 steps" in capsys.readouterr().err
    assert_same_fit(fit(tmp_path), straight)


def test_early_stopping_is_not_undone(tmp_path):
    stopper = keras.callbacks.EarlyStopping(patience=1, min_delta=1e9)
    fit(tmp_path, [stopper])
    _, checkpoints = fit(tmp_path)
    assert [row["epoch"] for row in checkpoints.rows] == [0, 1]


@pytest.fixture(scope="module")
def two_epochs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two_epochs")
    interrupted(folder, after=13)
    return folder


@pytest.mark.parametrize("suffix", ["index", "data-00000-of-00001"])
@pytest.mark.parametrize("damage", ["truncated", "flipped", "missing"])
def test_a_damaged_checkpoint_falls_back(two_epochs, tmp_path, suffix, damage):
    shutil.copytree(two_epochs, tmp_path, dirs_exist_ok=True)
    file = tmp_path / "000000000010" / f"checkpoint.{suffix}"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content if damage == "flipped" else content[: len(content) // 2])
    if damage == "missing":
        file.unlink()
    with pytest.warns(UserWarning, match="000000000010' is damaged"):
        checkpoints = Checkpoints(tmp_path)
    assert checkpoints.steps_done == 5


def test_training_resumes_from_the_previous_checkpoint(straight, two_epochs, tmp_path):
    shutil.copytree(two_epochs, tmp_path, dirs_exist_ok=True)
    (tmp_path / "000000000010" / "checkpoint.index").write_bytes(b"")
    with pytest.warns(UserWarning, match="is damaged"):
        got = fit(tmp_path)
    assert_same_fit(got, straight)


def test_only_the_newest_are_kept(tmp_path):
    fit(tmp_path, keep=2)
    assert sorted(os.listdir(tmp_path)) == ["000000000020", "000000000025"]


def test_state_of_a_custom_callback_is_saved(tmp_path):
    class Counter(keras.callbacks.Callback):
        count = 0

        def on_epoch_end(self, epoch, logs=None):
            self.count += 1

        def get_state(self):
            return {"count": self.count, "seen": [np.arange(self.count)]}

        def set_state(self, state):
            self.count = state["count"]
            np.testing.assert_array_equal(state["seen"][0], np.arange(self.count))

    fit(tmp_path, [Counter()], epochs=3)
    counter = Counter()
    fit(tmp_path, [counter])
    assert counter.count == 5


def test_another_model_is_refused(two_epochs, tmp_path):
    shutil.copytree(two_epochs, tmp_path, dirs_exist_ok=True)
    with pytest.raises(ValueError, match="another model or optimizer"):
        fit(tmp_path, model=make_model(width=5))


def test_full_disk_is_explained(tmp_path):
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill():
        resource.setrlimit(resource.RLIMIT_FSIZE, (512, limit[1]))

    try:
        with pytest.raises(OSError, match="after 10 steps.*000000000005', is intact"):
            fit(tmp_path, [Stop(8, fill)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert os.listdir(tmp_path) == ["000000000005"]


@pytest.mark.parametrize("options", [{"keep": 0}, {"save_freq": 0}])
def test_wrong_arguments_are_refused(tmp_path, options):
    with pytest.raises(ValueError, match=f"`{next(iter(options))}` must be"):
        Checkpoints(tmp_path, **options)


def test_checkpoints_must_be_in_a_list(tmp_path):
    with pytest.raises(ValueError, match="in a list"):
        make_model().fit(
            data.arrays("digits"), callbacks=Checkpoints(tmp_path), verbose=0
        )
