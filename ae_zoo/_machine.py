"""The machine that a number was measured on, and the memory of this process.

Three lines of `/proc` on Linux: py-cpuinfo would take a second and fork a process in
which TensorFlow's threads are running, and psutil knows no peak memory on Linux.
"""

from __future__ import annotations

import os
import pathlib
import platform


def hardware() -> str:
    """Return cores and processor: "2 cores of Intel(R) Xeon(R) Processor"."""
    cores = _available_cores()
    name = _field("/proc/cpuinfo", "model name")
    processor = name or platform.processor() or platform.machine()
    return f"{cores} core{'s' * (cores > 1)} of {processor}"


def memory(peak: bool = False) -> int | None:
    """Return the resident memory of this process in bytes; None except on Linux.

    Args:
        peak: Return the largest value so far instead of the present one. The peak that
            `resource.getrusage` reports includes the parent process.
    """
    text = _field("/proc/self/status", "VmHWM" if peak else "VmRSS")
    return None if text is None else 1024 * int(text.split()[0])


def _available_cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _field(filepath: str, name: str) -> str | None:
    """Read a "name: value" line of a file that only Linux has."""
    try:
        lines = pathlib.Path(filepath).read_text("utf-8").splitlines()
    except OSError:
        return None
    values = (line.partition(":")[2] for line in lines if line.startswith(name))
    value = next(values, None)
    return None if value is None else value.strip()
