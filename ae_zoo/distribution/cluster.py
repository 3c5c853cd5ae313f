"""The machines of a job, as the environment describes them."""

from __future__ import annotations

import dataclasses
import json
import os
import typing

if typing.TYPE_CHECKING:
    from collections.abc import Sequence

from ae_zoo._checks import is_integer

_EXAMPLE = (
    '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, '
    '"task": {"type": "worker", "index": 0}}'
)
_KUBERNETES = ("JOB_COMPLETION_INDEX", "AE_ZOO_NUM_WORKERS", "AE_ZOO_WORKER_HOST")
_PORT = 2222
_SLURM_PORT = 8888


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The addresses of the workers of a job, and which worker this process is.

    Attributes:
        addresses: "host:port" of each worker, the chief first.
        index: Index of this worker.
        source: What described the cluster, for messages.

    Raises:
        ValueError: An address is not "host:port" or is repeated, or the index is out
            of range.
    """

    addresses: tuple[str, ...]
    index: int
    source: str = "the cluster"

    def __post_init__(self) -> None:
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
                f"{self.source} must list each address once. Received more than "
                f"once: {sorted(repeated)}"
            )
        if not 0 <= self.index < len(self.addresses):
            raise ValueError(
                f"{self.source} has {len(self.addresses)} workers, numbered from 0 to "
                f"{len(self.addresses) - 1}. Received the index {self.index}."
            )

    @property
    def is_chief(self) -> bool:
        """Whether this worker is the one that writes files."""
        return self.index == 0


def from_environment() -> Cluster | None:
    """Read the cluster from TF_CONFIG, Kubernetes or Slurm, in this order.

    Returns:
        The `Cluster`; None if the environment describes none.

    Raises:
        ValueError: The description is invalid.
    """
    if os.environ.get("TF_CONFIG", "").strip() not in ("", "{}"):
        return from_tf_config(os.environ["TF_CONFIG"])
    if "AE_ZOO_NUM_WORKERS" in os.environ:
        return _from_kubernetes()
    if int(os.environ.get("SLURM_STEP_NUM_TASKS") or 1) > 1:
        return _from_slurm()
    return None


def from_tf_config(text: str) -> Cluster:
    """Read the cluster from the text of a TF_CONFIG.

    Args:
        text: JSON, as for `tf.distribute.MultiWorkerMirroredStrategy`.

    Raises:
        ValueError: The text is not JSON, or lacks a cluster or a task in it.
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
            "The cluster in TF_CONFIG may have the jobs 'worker' and 'chief', and one "
            f"chief at most. Received: {sizes}. Remove parameter servers and "
            "evaluators, which training does not use."
        )
    if job not in sizes or not is_integer(index) or not 0 <= index < sizes[job]:
        raise ValueError(
            f"The task in TF_CONFIG must be in its cluster. Received: the task {task}, "
            f"and a cluster with {sizes} tasks; indices start at 0."
        )
    chief = tuple(jobs.get("chief", ()))
    index += len(chief) if job == "worker" else 0
    return Cluster(chief + tuple(jobs.get("worker", ())), index, "TF_CONFIG")


def to_tf_config(addresses: Sequence[str], index: int) -> str:
    """Return the TF_CONFIG of the worker `index` of a cluster."""
    task = {"type": "worker", "index": index}
    return json.dumps({"cluster": {"worker": list(addresses)}, "task": task})


def _from_kubernetes() -> Cluster:
    values = {name: os.environ.get(name, "") for name in _KUBERNETES}
    index, count, host = values.values()
    if not (index.isdigit() and count.isdigit() and "{}" in host):
        raise ValueError(
            "An indexed Job of Kubernetes needs JOB_COMPLETION_INDEX (a number, set by "
            "completionMode: Indexed), AE_ZOO_NUM_WORKERS (a number) and "
            "AE_ZOO_WORKER_HOST (the host name of a worker, with {} in place of its "
            f"index, such as 'train-{{}}.train'). Received: {values}"
        )
    port = os.environ.get("AE_ZOO_WORKER_PORT", _PORT)
    addresses = tuple(f"{host.format(i)}:{port}" for i in range(int(count)))
    return Cluster(addresses, int(index), "the environment of the Kubernetes Job")


def _from_slurm() -> Cluster:
    import tensorflow as tf

    # The resolver divides tasks by GPUs, which it counts with nvidia-smi; that fails
    # without GPUs. With these values it counts one for each task, and the GPUs a task
    # really has are those that `srun --gpus-per-task` shows it.
    resolver = tf.distribute.cluster_resolver.SlurmClusterResolver(
        port_base=int(os.environ.get("AE_ZOO_WORKER_PORT", _SLURM_PORT)),
        gpus_per_node=int(os.environ["SLURM_STEP_NUM_TASKS"]),
        gpus_per_task=1,
        auto_set_gpu=False,
    )
    addresses = tuple(resolver.cluster_spec().job_tasks("worker"))
    return Cluster(addresses, resolver.task_id, "the Slurm job step")
