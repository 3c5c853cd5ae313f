"""The machines of a job, as the environment describes them."""

import contextlib
import dataclasses
import json
import os
import socket
import time

from ae_zoo._checks import is_integer

_EXAMPLE = (
    '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, '
    '"task": {"type": "worker", "index": 0}}'
)
_KUBERNETES = ("JOB_COMPLETION_INDEX", "AE_ZOO_NUM_WORKERS", "AE_ZOO_WORKER_HOST")
_PORT = 2222


@dataclasses.dataclass(frozen=True)
class Cluster:
    """Where the workers of a job are, and which of them this process is.

    Attributes:
        addresses: "host:port" of each worker, the chief first.
        index: Number of this one.
        source: What described the cluster, for messages.
    """

    addresses: tuple
    index: int
    source: str = "the cluster"

    def __post_init__(self):
        for address in self.addresses:
            host, _, port = str(address).rpartition(":")
            if not host or not port.isdigit() or not 0 < int(port) < 65536:
                raise ValueError(
                    f"{self.source} must list workers as 'host:port'. Received: "
                    f"{address!r}"
                )
        repeated = {a for a in self.addresses if self.addresses.count(a) > 1}
        if repeated:
            raise ValueError(
                f"{self.source} must give each worker an address of its own. "
                f"Received twice: {sorted(repeated)}"
            )
        if not 0 <= self.index < len(self.addresses):
            raise ValueError(
                f"{self.source} has {len(self.addresses)} workers, numbered from 0 to "
                f"{len(self.addresses) - 1}. Received the index {self.index}."
            )

    @property
    def is_chief(self):
        """Whether this worker is the one that writes files."""
        return self.index == 0

    def check_port(self):
        """Checks that this worker can listen at its address.

        Raises:
            OSError: Another program does.
        """
        port = int(self.addresses[self.index].rpartition(":")[2])
        with socket.socket() as server:
            # As servers do: a connection of an earlier run may linger there.
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                server.bind(("", port))
            except OSError as error:
                raise OSError(
                    f"Worker {self.index} cannot listen on port {port}, which "
                    f"{self.source} gives it: {error.strerror}. End the program that "
                    "uses the port (an earlier run?), or name another port."
                ) from error

    def meet(self, seconds):
        """Waits until all workers are there: TensorFlow by itself waits for ever.

        The others call at the chief's address, and the chief answers when it has
        heard them all.

        Args:
            seconds: How long to wait.

        Raises:
            TimeoutError: Somebody did not come.
            ValueError: Workers were told of different clusters.
        """
        deadline = time.monotonic() + seconds
        hello = json.dumps({"addresses": self.addresses, "index": self.index})
        if self.is_chief:
            self._await_others(deadline, seconds)
            return
        host, _, port = self.addresses[0].rpartition(":")
        while time.monotonic() < deadline:
            try:
                with socket.create_connection((host, int(port)), 5) as chief:
                    chief.sendall(f"{hello}\n".encode())
                    chief.settimeout(max(deadline - time.monotonic(), 0.1))
                    answer = chief.makefile().readline()
            except OSError:  # it has not started yet
                time.sleep(0.2)
                continue
            if answer.startswith("other"):
                raise _other_cluster(self, json.loads(answer.partition(" ")[2]))
            if answer:
                return
        raise TimeoutError(
            f"The chief of {self.source}, {self.addresses[0]}, did not answer worker "
            f"{self.index} within {seconds} s. See that all workers run and reach each "
            "other, or give them longer by $AE_ZOO_START_SECONDS."
        )

    def _await_others(self, deadline, seconds):
        callers = {}
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(socket.socket())
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind(("", int(self.addresses[0].rpartition(":")[2])))
            server.listen(len(self.addresses))
            while len(callers) < len(self.addresses) - 1:
                try:
                    server.settimeout(max(deadline - time.monotonic(), 0.001))
                    caller = stack.enter_context(server.accept()[0])
                except TimeoutError:
                    raise self._missing(callers, seconds) from None
                hello = _read_hello(caller)
                if hello is None:
                    continue  # a stranger
                if tuple(hello["addresses"]) != self.addresses:
                    caller.sendall(f"other {json.dumps(self.addresses)}\n".encode())
                    raise _other_cluster(self, hello["addresses"])
                callers[hello["index"]] = caller
            for caller in callers.values():
                caller.sendall(b"go\n")

    def _missing(self, callers, seconds):
        missing = [
            f"{index} ({address})"
            for index, address in enumerate(self.addresses)
            if index and index not in callers
        ]
        return TimeoutError(
            f"Of the {len(self.addresses)} workers of {self.source} did not start "
            f"within {seconds} s: {', '.join(missing)}. See that all workers run and "
            "reach each other, or give them longer by $AE_ZOO_START_SECONDS."
        )


def _read_hello(caller):
    caller.settimeout(5)
    try:
        hello = json.loads(caller.makefile().readline())
        return hello if {"addresses", "index"} <= hello.keys() else None
    except (OSError, ValueError, AttributeError):
        return None


def _other_cluster(mine, theirs):
    return ValueError(
        "The workers were told of different clusters. Worker "
        f"{mine.index} has {list(mine.addresses)}, another has {list(theirs)}. Give "
        f"all the same addresses in the same order, by {mine.source}."
    )


def from_environment():
    """The cluster that TF_CONFIG, Kubernetes or Slurm describe, in this order.

    Returns:
        A `Cluster`; None where nothing describes one.

    Raises:
        ValueError: The description makes no sense.
    """
    if os.environ.get("TF_CONFIG", "").strip() not in ("", "{}"):
        return from_tf_config(os.environ["TF_CONFIG"])
    if _KUBERNETES[1] in os.environ:
        return _from_kubernetes()
    if int(os.environ.get("SLURM_STEP_NUM_TASKS") or 1) > 1:
        return _from_slurm()
    return None


def from_tf_config(text):
    """The cluster that a TF_CONFIG describes.

    Args:
        text: JSON, as in `tf.distribute.MultiWorkerMirroredStrategy`.

    Raises:
        ValueError: Not JSON, or without a cluster or a task of it.
    """
    try:
        config = json.loads(text)
        jobs, task = config["cluster"], config["task"]
        job, index = task["type"], task["index"]
        sizes = {name: len(addresses) for name, addresses in jobs.items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(
            f"TF_CONFIG must be JSON such as {_EXAMPLE}. Received: {text!r} "
            f"({type(error).__name__}: {error})"
        ) from error
    if not sizes.keys() <= {"chief", "worker"} or sizes.get("chief", 1) != 1:
        raise ValueError(
            "The cluster of TF_CONFIG may have the jobs 'worker' and 'chief', the "
            f"latter with one task. Received: {sizes}. Leave out parameter servers "
            "and evaluators: training here has none."
        )
    if job not in sizes or not is_integer(index) or not 0 <= index < sizes[job]:
        raise ValueError(
            f"The task of TF_CONFIG is not in its cluster. Received the task {task} "
            f"of a cluster with {sizes} tasks; indices start from 0."
        )
    chief = tuple(jobs.get("chief", ()))
    index += len(chief) if job == "worker" else 0
    return Cluster(chief + tuple(jobs.get("worker", ())), index, "TF_CONFIG")


def to_tf_config(addresses, index):
    """The TF_CONFIG of one of several workers."""
    task = {"type": "worker", "index": index}
    return json.dumps({"cluster": {"worker": list(addresses)}, "task": task})


def _from_kubernetes():
    values = {name: os.environ.get(name, "") for name in _KUBERNETES}
    index, count, host = values.values()
    if not (index.isdigit() and count.isdigit() and "{}" in host):
        raise ValueError(
            "An indexed Job of Kubernetes needs JOB_COMPLETION_INDEX (a number, which "
            "completionMode: Indexed sets), AE_ZOO_NUM_WORKERS (a number) and "
            "AE_ZOO_WORKER_HOST (the host name of a worker with {} in place of its "
            f"index, such as 'train-{{}}.train'). Received: {values}"
        )
    port = os.environ.get("AE_ZOO_WORKER_PORT", _PORT)
    addresses = tuple(f"{host.format(i)}:{port}" for i in range(int(count)))
    return Cluster(addresses, int(index), "the environment of the Kubernetes Job")


def _from_slurm():
    import tensorflow as tf

    # It divides by the GPUs it counts with nvidia-smi, which fails on CPUs: one each
    # is made up here. `srun --gpus-per-task` shows a task its real ones.
    resolver = tf.distribute.cluster_resolver.SlurmClusterResolver(
        port_base=int(os.environ.get("AE_ZOO_WORKER_PORT", 8888)),
        gpus_per_node=int(os.environ["SLURM_STEP_NUM_TASKS"]),
        gpus_per_task=1,
        auto_set_gpu=False,
    )
    addresses = tuple(resolver.cluster_spec().job_tasks("worker"))
    return Cluster(addresses, resolver.task_id, "the Slurm job step")
