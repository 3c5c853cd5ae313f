"""Clusters read from the environment, invalid ones, and workers that wait."""

import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from ae_zoo.distribution import cluster, local_workers, rendezvous

VARIABLES = (
    "TF_CONFIG",
    "JOB_COMPLETION_INDEX",
    "AE_ZOO_NUM_WORKERS",
    "AE_ZOO_WORKER_HOST",
    "AE_ZOO_WORKER_PORT",
    "SLURM_STEP_NUM_TASKS",
)
TWO = {"worker": ["a:1", "b:2"]}


@pytest.fixture(autouse=True)
def _no_cluster(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def config(jobs, type, index):
    return json.dumps({"cluster": jobs, "task": {"type": type, "index": index}})


def test_an_empty_environment_has_no_cluster(monkeypatch):
    assert cluster.from_environment() is None
    monkeypatch.setenv("TF_CONFIG", "{}")  # as Vertex AI sets it for one machine
    assert cluster.from_environment() is None


def test_tf_config(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", cluster.to_tf_config(["a:1", "b:2"], 1))
    found = cluster.from_environment()
    assert found.addresses == ("a:1", "b:2")
    assert (found.index, found.is_chief) == (1, False)


def test_the_chief_is_the_first_worker():
    jobs = {"chief": ["c:1"], **TWO}
    assert cluster.from_tf_config(config(jobs, "chief", 0)).is_chief
    worker = cluster.from_tf_config(config(jobs, "worker", 0))
    assert worker.addresses == ("c:1", "a:1", "b:2")
    assert worker.index == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{'cluster'", "TF_CONFIG must be JSON such as.*Received: \"{'cluster'\""),
        ('{"cluster": {"worker": ["a:1"]}}', "KeyError: 'task'"),
        ("[]", "TF_CONFIG must be JSON such as"),
        (config(TWO, "worker", 2), "must be in its cluster.*'index': 2.*indices start"),
        (config(TWO, "worker", "0"), "must be in its cluster"),
        (config(TWO, "boss", 0), "must be in its cluster.*'boss'"),
        (config({"ps": ["a:1"], **TWO}, "worker", 0), "Remove parameter servers"),
        (config({"chief": ["a:1", "b:1"]}, "chief", 0), "one chief at most"),
        (config({"worker": ["a"]}, "worker", 0), "'host:port'. Received: 'a'"),
        (config({"worker": ["a:99999"]}, "worker", 0), "'host:port'"),
        (config({"worker": ["a:1", "a:1"]}, "worker", 0), "more than once: .'a:1'."),
    ],
)
def test_an_invalid_tf_config_raises(text, message):
    with pytest.raises(ValueError, match=message):
        cluster.from_tf_config(text)


def test_kubernetes(monkeypatch):
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "2")
    monkeypatch.setenv("AE_ZOO_NUM_WORKERS", "3")
    with pytest.raises(ValueError, match="AE_ZOO_WORKER_HOST.*'train-{}.train'"):
        cluster.from_environment()
    monkeypatch.setenv("AE_ZOO_WORKER_HOST", "train-{}.train")
    found = cluster.from_environment()
    assert found.addresses[2] == "train-2.train:2222"
    assert found.index == 2
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "3")
    with pytest.raises(ValueError, match="has 3 workers.*Received the index 3"):
        cluster.from_environment()


def test_slurm(monkeypatch):
    """Two tasks on each of two nodes, of which this is the third; without GPUs."""
    for name, value in {
        "STEP_NUM_TASKS": "4",
        "PROCID": "2",
        "STEP_NODELIST": "node[07-08]",
        "STEP_TASKS_PER_NODE": "2(x2)",
    }.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    found = cluster.from_environment()
    assert found.addresses == (
        "node07:8888",
        "node07:8889",
        "node08:8888",
        "node08:8889",
    )
    assert found.index == 2


def test_a_port_in_use_is_named():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        taken = cluster.Cluster((f"127.0.0.1:{port}",), 0, "TF_CONFIG")
        message = f"cannot listen on port {port}, which TF_CONFIG assigns to it"
        with pytest.raises(OSError, match=re.escape(message)):
            rendezvous.check_port(taken)
    rendezvous.check_port(taken)  # free again


def test_free_ports_differ():
    assert len(set(local_workers.free_ports(5))) == 5


def wait(clusters, seconds):
    """The errors that the workers of `clusters` get while they wait, or None."""

    def one(cluster):
        try:
            rendezvous.wait_for_workers(cluster, seconds)
        except (TimeoutError, ValueError) as error:
            return error

    with ThreadPoolExecutor() as pool:
        return list(pool.map(one, clusters))


def three():
    ports = local_workers.free_ports(3)
    addresses = tuple(f"127.0.0.1:{port}" for port in ports)
    return [cluster.Cluster(addresses, index, "TF_CONFIG") for index in range(3)]


def test_workers_wait():
    workers = three()
    assert wait(workers, 20) == [None, None, None]
    assert wait(reversed(workers), 20) == [None, None, None]  # the ports are free again


@pytest.mark.slow
def test_missing_workers_are_named():
    workers = three()
    chief, second = wait(workers[:2], 3)
    missing = (
        "1 of the 3 workers of TF_CONFIG did not start within 3 s: "
        f"2 ({workers[0].addresses[2]})"
    )
    assert missing in str(chief)
    assert "did not answer worker 1 within 3 s" in str(second)
    assert all(type(error) is TimeoutError for error in (chief, second))


def test_different_descriptions_of_the_cluster_raise():
    chief, second, _ = three()
    other = cluster.Cluster(tuple(reversed(chief.addresses[1:])), 0).addresses
    second = cluster.Cluster((chief.addresses[0], *other), 1, "TF_CONFIG")
    for error in wait([chief, second], 20):
        assert "different descriptions of the cluster" in str(error)
        assert type(error) is ValueError
