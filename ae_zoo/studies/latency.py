"""How long a `.tflite` file takes and how much memory, on one thread.

Run as a program in a process of its own, which holds nothing but the file and its
interpreter: `python -m ae_zoo.studies.latency m.tflite`. It prints JSON.
"""

import json
import pathlib
import statistics
import subprocess
import sys
import time

import numpy as np

CALLS = 200
_WARM_UP = 20


def measure(filepath, calls=CALLS):
    """Runs `reconstruct` in a fresh process.

    Args:
        filepath: A `.tflite` file of static shapes.
        calls: How many to time, after a few to warm up.

    Returns:
        {"batch", "median", "p90", "memory"}: the file's batch size, milliseconds of a
        call, and the bytes by which loading and running the file raised the peak, or
        None where the system does not tell.

    Raises:
        RuntimeError: The process failed.

    Example:

    >>> from ae_zoo.studies import latency
    >>> model.export("timed.tflite", format="litert")
    >>> latency.measure("timed.tflite")["batch"]
    1
    """
    done = subprocess.run(
        [sys.executable, "-m", "ae_zoo.studies.latency", str(filepath), str(calls)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"Timing '{filepath}' failed: {done.stderr.strip()}")
    return json.loads(done.stdout.splitlines()[-1])


def _measure_here(filepath, calls):
    from ai_edge_litert.interpreter import Interpreter

    before = _memory("VmRSS")
    interpreter = Interpreter(str(filepath), num_threads=1)
    reconstruct = interpreter.get_signature_runner("reconstruct")
    ((name, details),) = reconstruct.get_input_details().items()
    x = np.zeros(details["shape"], details["dtype"])
    durations = []
    for _ in range(_WARM_UP + calls):
        started = time.perf_counter()
        reconstruct(**{name: x})
        durations.append(1000 * (time.perf_counter() - started))
    durations = durations[_WARM_UP:]
    return {
        "batch": int(details["shape"][0]),
        "median": statistics.median(durations),
        "p90": statistics.quantiles(durations, n=10)[-1],
        "memory": None if before is None else _memory("VmHWM") - before,
    }


def _memory(field):
    """A line of Linux's account of this process, in bytes."""
    try:
        lines = pathlib.Path("/proc/self/status").read_text("utf-8").splitlines()
    except OSError:
        return None
    # The peak that `getrusage` tells is inherited from the parent process.
    return 1024 * int(next(x for x in lines if x.startswith(field)).split()[1])


if __name__ == "__main__":
    print(json.dumps(_measure_here(sys.argv[1], int(sys.argv[2]))))
