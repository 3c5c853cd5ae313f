"""Time and memory that a `.tflite` file takes on one thread.

Run as a program, `python -m ae_zoo.studies.latency m.tflite`, it measures a file in a
process that holds nothing else, and prints JSON.
"""

from __future__ import annotations

import importlib
import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any

import numpy as np

from ae_zoo import lite
from ae_zoo._machine import memory

CALLS = 200


def measure(filepath: str | os.PathLike, calls: int = CALLS) -> dict[str, Any]:
    """Time the signature `reconstruct` of a file in a new process.

    Args:
        filepath: A `.tflite` file with a fixed batch size.
        calls: Number of timed calls, after a tenth as many that are not timed.

    Returns:
        {"batch", "median", "p90", "memory"}: the batch size of the file, the
        milliseconds of a call, and the bytes that loading and running the file added
        to the peak memory of the process (None except on Linux).

    Raises:
        RuntimeError: The process failed.

    Example:

    >>> from ae_zoo.studies import latency
    >>> ae_zoo.load("denoising_digits").export("timed.tflite", format="litert")
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


def _measure_here(filepath: str, calls: int) -> dict[str, Any]:
    importlib.import_module("ai_edge_litert.interpreter")  # not part of the memory
    before = memory()
    model = lite.load(filepath, num_threads=1)
    reconstruct = model.runner("reconstruct")
    ((name, tensor),) = model.signatures["reconstruct"]["inputs"].items()
    x = np.zeros([size or 1 for size in tensor["shape"]], tensor["dtype"])
    durations = []
    warm_up = -(-calls // 10)
    for _ in range(warm_up + calls):
        started = time.perf_counter()
        reconstruct(**{name: x})
        durations.append(1000 * (time.perf_counter() - started))
    durations = durations[warm_up:]
    peak = memory(peak=True)
    return {
        "batch": len(x),
        "median": statistics.median(durations),
        "p90": statistics.quantiles(durations, n=10)[-1],
        "memory": None if before is None or peak is None else peak - before,
    }


if __name__ == "__main__":
    print(json.dumps(_measure_here(sys.argv[1], int(sys.argv[2]))))
