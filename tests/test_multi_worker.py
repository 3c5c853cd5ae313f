"""Several processes on 127.0.0.1: equal results, lost workers, wrong clusters."""

import contextlib
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import replica_job
import tensorflow as tf
from builders import ENTRIES, ONE_PER_VARIANT
from workers import PATIENCE, cluster_of, forks, outputs, processes

import ae_zoo
from ae_zoo import data

# float32 sums over 64 pixels and up to 6 samples in another order, a few units of 6e-8
# each, carried through ten steps of gradient descent; values go up to about 50.
SAME = {"rtol": 1e-5, "atol": 1e-5}
SOON = {"AE_ZOO_LOST_SECONDS": "5"}


# The same result however many replicas.


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Of `replica_job` by kind; all processes run at once."""
    folder = tmp_path_factory.mktemp("results")
    jobs = [["mirrored.npz", "mirrored"]]
    jobs += [[f"worker_{index}.npz", "multi_worker"] for index in range(2)]
    with forks("replica_job", jobs, folder, [{}, *cluster_of(2)]) as started:
        alone = replica_job.train_all(tf.distribute.get_strategy())
        texts = outputs(started)
        for process, text in zip(started, texts, strict=True):
            assert process.returncode == 0, text[-3000:]
    files = {path.stem: dict(np.load(path)) for path in folder.iterdir()}
    return files | {"alone": alone}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mirrored", "worker_0", "worker_1"])
@pytest.mark.parametrize("name", ONE_PER_VARIANT)
def test_replicas_give_the_result_of_one(name, kind, results):
    keys = [key for key in results["alone"] if key.startswith(f"{name}/")]
    assert {key for key in results[kind] if key.startswith(f"{name}/")} == set(keys)
    for key in keys:
        np.testing.assert_allclose(
            results[kind][key], results["alone"][key], **SAME, err_msg=key
        )


@pytest.mark.slow
def test_one_per_variant_covers_every_variant():
    kinds = {type(ENTRIES[name](noise=True)) for name in ONE_PER_VARIANT}
    assert kinds == {type(build(True)) for build in ENTRIES.values()}


# The command line.


@pytest.mark.slow
def test_local_workers_train_a_recipe_as_one_does(tmp_path):
    command = ["-m", "ae_zoo.cli", "train", "deep_digits", "--epochs", "2"]
    two = [*command, "--output-dir", "two", "--local-workers", "2"]
    with processes([two, [*command, "--output-dir", "one"]], tmp_path) as started:
        text, other = outputs(started)
    assert started[0].returncode == 0, text[-3000:]
    assert started[1].returncode == 0, other[-3000:]
    assert "[0] Epoch 2/2" in text
    assert "[1] Epoch" not in text  # the chief alone shows progress
    assert {path.name for path in tmp_path.iterdir()} == {"one", "two"}
    files = [
        {str(path.relative_to(run)) for path in run.rglob("*") if path.suffix != ".v2"}
        for run in (tmp_path / "one", tmp_path / "two")
    ]
    assert files[0] == files[1]
    x = data.arrays("digits", "test")
    one, two = (
        ae_zoo.load(tmp_path / run / "model").predict(x, verbose=0)
        for run in ("one", "two")
    )
    # 42 steps of Adam, which divides by root mean squares that start from near 0.
    np.testing.assert_allclose(two, one, atol=1e-4)


def children(pid):
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8")
    return [int(child) for child in text.split()]


@contextlib.contextmanager
def endless_run(folder):
    """A run of two local workers, in its second epoch or later."""
    command = ["-m", "ae_zoo.cli", "train", "deep_digits", "--epochs", "100000"]
    options = ["--output-dir", "run", "--local-workers", "2"]
    with processes([[*command, *options]], folder, [SOON]) as started:
        workers, log = [], folder / "run" / "training.csv"
        deadline = time.monotonic() + PATIENCE
        try:
            while not (log.exists() and log.read_text().count("\n") > 1):
                assert started[0].poll() is None, started[0].communicate()[0][-3000:]
                assert time.monotonic() < deadline
                time.sleep(0.1)
            workers = children(started[0].pid)
            yield started[0], workers
        finally:
            for worker in workers or children(started[0].pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)


needs_proc = pytest.mark.skipif(
    not Path("/proc/self/task").exists(), reason="finds workers in Linux's /proc"
)


@needs_proc
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_lost_worker_stops_the_other(number, tmp_path):
    """One that dies, and one that falls silent with its connections open."""
    with endless_run(tmp_path) as (launcher, workers):
        os.kill(workers[1], number)
        text = launcher.communicate(timeout=PATIENCE)[0]
    assert launcher.returncode not in (0, None)
    assert "[0] ae-zoo: Another worker was lost, so this one stops" in text
    assert "--resume" in text
    assert not (tmp_path / "run" / "model").exists()


@needs_proc
@pytest.mark.slow
def test_signals_reach_all_workers(tmp_path):
    with endless_run(tmp_path) as (launcher, workers):
        launcher.send_signal(signal.SIGTERM)
        launcher.communicate(timeout=PATIENCE)
        assert launcher.returncode == 128 + signal.SIGTERM
        assert not any(Path(f"/proc/{worker}").exists() for worker in workers)
