"""Strategies of `tf.distribute` by name, and the errors of machines explained."""

import contextlib
import os

import tensorflow as tf
from tensorflow.compiler.xla.tsl.protobuf import coordination_config_pb2
from tensorflow.python.eager import context

from ae_zoo._checks import unknown_name
from ae_zoo.distribution import cluster
from ae_zoo.distribution.replicas import is_multi_worker

NAMES = ("auto", "default", "one_device", "mirrored", "multi_worker", "tpu")
# Seconds of silence after which a worker counts as lost, and seconds in which all
# workers must have started.
LOST_AFTER = 30
START_WITHIN = 600
# The exit status of a run that may be started again: EX_TEMPFAIL of sysexits.h.
TRY_AGAIN = 75


def get_strategy(strategy):
    """The strategy of a name in `NAMES`, or the strategy passed in.

    - "default": one device, without a strategy;
    - "one_device": the first GPU, else the CPU;
    - "mirrored": every GPU of this machine, else every logical CPU device;
    - "multi_worker": all machines of the cluster that TF_CONFIG, Kubernetes or Slurm
      describe. To be called before anything else of TensorFlow: the devices are set
      up with the cluster;
    - "tpu": the TPU that $TPU_NAME names, or the local one;
    - "auto": "multi_worker" where the environment describes a cluster of several
      machines; "tpu" where it names one; "mirrored" where there are several GPUs; else
      "default".

    Raises:
        ValueError: An unknown name, or an environment that describes no cluster.
        RuntimeError: TensorFlow was in use before.
        TimeoutError: Not all workers started in time.
        OSError: Another program uses the port of this worker.
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


def is_chief(strategy):
    """Whether this process is the one that writes files."""
    if not is_multi_worker(strategy):
        return True
    resolver = strategy.cluster_resolver
    first = "chief" if "chief" in resolver.cluster_spec().jobs else "worker"
    return (resolver.task_type, resolver.task_id) == (first, 0)


class WorkerLostError(RuntimeError):
    """Another worker died or fell silent, so that training cannot go on.

    TensorFlow cannot be used any more in this process, which may take a minute to end
    by itself: it waits for the lost worker. `os._exit` ends it at once.
    """


@contextlib.contextmanager
def explained_losses(strategy):
    """Turns the errors of TensorFlow when a worker is lost into one that says so.

    Raises:
        WorkerLostError: Another worker died, or fell silent for `LOST_AFTER` seconds.
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
            "Look at its log for the reason, then start all workers again with "
            f"--resume to go on from the last checkpoint. ({_first_line(error)})"
        ) from error


def _automatic():
    described = cluster.from_environment()
    if described is not None and len(described.addresses) > 1:
        return "multi_worker"
    if os.environ.get("TPU_NAME") or tf.config.list_physical_devices("TPU"):
        return "tpu"
    gpus = tf.config.list_physical_devices("GPU")
    return "mirrored" if len(gpus) > 1 else "default"


def _multi_worker():
    described = cluster.from_environment()
    if described is None:
        raise ValueError(
            "The strategy 'multi_worker' found no cluster: none of TF_CONFIG, "
            "AE_ZOO_NUM_WORKERS (Kubernetes) and SLURM_STEP_NUM_TASKS (srun) is set. "
            "On this machine alone use --local-workers N or --strategy mirrored."
        )
    described.check_port()
    described.meet(_seconds("START", START_WITHIN))
    return _connect(described)


def _connect(described):
    # Has the workers tell each other that they live.
    context.context().configure_coordination_service(
        "standalone",
        "/job:worker/replica:0/task:0",
        heartbeat_timeout_in_ms=1000 * _seconds("LOST", LOST_AFTER),
        coordinated_jobs=[
            coordination_config_pb2.CoordinatedJob(
                name="worker", num_tasks=len(described.addresses)
            )
        ],
    )
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
            "The strategy 'multi_worker' must come before anything else of "
            "TensorFlow: make it in the first lines of the program, before models, "
            f"layers or tensors. ({_first_line(error)})"
        ) from error


def _seconds(kind, default):
    name = f"AE_ZOO_{kind}_SECONDS"
    text = os.environ.get(name, str(default))
    if not text.isdigit() or int(text) < 1:
        raise ValueError(f"${name} must be a whole number ≥ 1. Received: {text!r}")
    return int(text)


def _tpu():
    if not (os.environ.get("TPU_NAME") or tf.config.list_physical_devices("TPU")):
        raise ValueError(
            "The strategy 'tpu' found none: $TPU_NAME is not set and TensorFlow sees "
            "no TPU. On a TPU VM install the libtpu build of TensorFlow."
        )
    name = os.environ.get("TPU_NAME", "local")
    resolver = tf.distribute.cluster_resolver.TPUClusterResolver(name)
    tf.config.experimental_connect_to_cluster(resolver)
    tf.tpu.experimental.initialize_tpu_system(resolver)
    return tf.distribute.TPUStrategy(resolver)


def _all_devices():
    for kind in ("GPU", "CPU"):
        devices = tf.config.list_logical_devices(kind)
        if devices:
            break
    return [f"{kind}:{index}" for index in range(len(devices))]


def _first_device():
    return f"/{_all_devices()[0]}"


def _first_line(error):
    lines = str(getattr(error, "message", "") or error).splitlines()
    return lines[0] if lines else type(error).__name__
