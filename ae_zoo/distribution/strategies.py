"""Strategies of `tf.distribute` by name, and readable errors for lost workers."""

from __future__ import annotations

import contextlib
import os
import typing

import tensorflow as tf

from ae_zoo._checks import unknown_name
from ae_zoo.distribution import cluster, rendezvous
from ae_zoo.distribution.keras_patches import enable_heartbeats
from ae_zoo.distribution.replicas import is_multi_worker

if typing.TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = ("auto", "default", "one_device", "mirrored", "multi_worker", "tpu")
# Seconds of silence after which a worker counts as lost, and seconds within which all
# workers must have started.
LOST_AFTER = 30
START_WITHIN = 600
# The exit status of a run that may be started again: EX_TEMPFAIL of sysexits.h.
TRY_AGAIN = 75


def get_strategy(strategy: str | tf.distribute.Strategy) -> tf.distribute.Strategy:
    """Create the strategy of a name in `NAMES`.

    - "default": one device, without a strategy;
    - "one_device": the first GPU, else the CPU;
    - "mirrored": all GPUs of this machine, else all logical CPU devices;
    - "multi_worker": all machines of the cluster that TF_CONFIG, Kubernetes or Slurm
      describe. It must be created before any other use of TensorFlow, which sets up
      the devices together with the cluster;
    - "tpu": the TPU named by $TPU_NAME, or the local one;
    - "auto": "multi_worker" if the environment describes a cluster of several
      machines; "tpu" if there is a TPU; "mirrored" if there are several GPUs; else
      "default".

    Args:
        strategy: A name, or a strategy, which is returned unchanged.

    Returns:
        A `tf.distribute.Strategy`.

    Raises:
        ValueError: The name is unknown, or the environment describes no cluster.
        RuntimeError: TensorFlow was used before.
        TimeoutError: A worker did not start in time.
        OSError: Another program uses the port of this worker.

    Example:

    >>> with get_strategy("mirrored").scope():
    ...     model = ae_zoo.load("denoising_digits")
    """
    if isinstance(strategy, tf.distribute.Strategy):
        return strategy
    if strategy not in NAMES:
        raise unknown_name("strategy", strategy, NAMES)
    if strategy == "auto":
        strategy = _automatic()
    return {
        "default": tf.distribute.get_strategy,
        "one_device": lambda: tf.distribute.OneDeviceStrategy(_first_device()),
        "mirrored": lambda: tf.distribute.MirroredStrategy(_all_devices()),
        "multi_worker": _multi_worker,
        "tpu": _tpu,
    }[strategy]()


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process is the one that writes files."""
    if not is_multi_worker(strategy):
        return True
    resolver = strategy.cluster_resolver
    first = "chief" if "chief" in resolver.cluster_spec().jobs else "worker"
    return (resolver.task_type, resolver.task_id) == (first, 0)


class WorkerLostError(RuntimeError):
    """Another worker ended or stopped responding, so training cannot continue.

    TensorFlow cannot be used any more in this process. The process may take a minute
    to exit, since TensorFlow waits for the lost worker; `os._exit` ends it at once.
    """


@contextlib.contextmanager
def explain_lost_workers(strategy: tf.distribute.Strategy) -> Iterator[None]:
    """Replace the errors that TensorFlow raises when a worker is lost.

    Raises:
        WorkerLostError: Another worker ended, or sent nothing for `LOST_AFTER` seconds.
    """
    try:
        yield
    except (
        tf.errors.UnavailableError,
        tf.errors.AbortedError,
        tf.errors.CancelledError,
        tf.errors.DeadlineExceededError,
        tf.errors.FailedPreconditionError,
    ) as error:
        if not is_multi_worker(strategy):
            raise
        raise WorkerLostError(
            "Another worker was lost, so this one stops: training needs all of them. "
            "Find the reason in its log, then start all workers again with --resume to "
            f"continue from the last checkpoint. ({_first_line(error)})"
        ) from error


def _automatic() -> str:
    described = cluster.from_environment()
    if described is not None and len(described.addresses) > 1:
        return "multi_worker"
    if os.environ.get("TPU_NAME") or tf.config.list_physical_devices("TPU"):
        return "tpu"
    gpus = tf.config.list_physical_devices("GPU")
    return "mirrored" if len(gpus) > 1 else "default"


def _multi_worker() -> tf.distribute.Strategy:
    described = cluster.from_environment()
    if described is None:
        raise ValueError(
            "The strategy 'multi_worker' found no cluster: none of TF_CONFIG, "
            "AE_ZOO_NUM_WORKERS (Kubernetes) and SLURM_STEP_NUM_TASKS (srun) is set. "
            "To use one machine, pass --local-workers N or --strategy mirrored."
        )
    rendezvous.check_port(described)
    rendezvous.wait_for_workers(described, _seconds("START", START_WITHIN))
    enable_heartbeats(len(described.addresses), _seconds("LOST", LOST_AFTER))
    try:
        return tf.distribute.MultiWorkerMirroredStrategy(
            tf.distribute.cluster_resolver.SimpleClusterResolver(
                tf.train.ClusterSpec({"worker": described.addresses}),
                task_type="worker",
                task_id=described.index,
                num_accelerators={"GPU": len(tf.config.list_physical_devices("GPU"))},
                rpc_layer="grpc",
            )
        )
    except RuntimeError as error:
        raise RuntimeError(
            "The strategy 'multi_worker' must be created before any other use of "
            "TensorFlow: create it at the start of the program, before models, layers "
            f"or tensors. ({_first_line(error)})"
        ) from error


def _seconds(kind: str, default: int) -> int:
    name = f"AE_ZOO_{kind}_SECONDS"
    text = os.environ.get(name, str(default))
    if not text.isdigit() or int(text) < 1:
        raise ValueError(f"${name} must be a positive integer. Received: {text!r}")
    return int(text)


def _tpu() -> tf.distribute.Strategy:
    if not (os.environ.get("TPU_NAME") or tf.config.list_physical_devices("TPU")):
        raise ValueError(
            "The strategy 'tpu' found no TPU: $TPU_NAME is not set and TensorFlow "
            "finds none. On a TPU VM, install the libtpu build of TensorFlow."
        )
    name = os.environ.get("TPU_NAME", "local")
    resolver = tf.distribute.cluster_resolver.TPUClusterResolver(name)
    tf.config.experimental_connect_to_cluster(resolver)
    tf.tpu.experimental.initialize_tpu_system(resolver)
    return tf.distribute.TPUStrategy(resolver)


def _all_devices() -> list[str]:
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    devices = tf.config.list_logical_devices(kind)
    return [f"{kind}:{index}" for index in range(len(devices))]


def _first_device() -> str:
    return f"/{_all_devices()[0]}"


def _first_line(error: Exception) -> str:
    lines = str(getattr(error, "message", "") or error).splitlines()
    return lines[0] if lines else type(error).__name__
