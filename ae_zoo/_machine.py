"""The machine: its name, its fast instructions, and the memory of this process.

Three lines of `/proc` on Linux: py-cpuinfo would take a second and fork a process in
which TensorFlow's threads are running, and psutil knows no peak memory on Linux.
"""

from __future__ import annotations

import logging
import os
import pathlib
import platform
import sys

_ONEDNN = "TF_ENABLE_ONEDNN_OPTS"
# TensorFlow uses oneDNN on processors with one of these.
_WITH_ONEDNN = {
    "avx512_vnni",
    "avx512_bf16",
    "avx_vnni",
    "amx_tile",
    "amx_int8",
    "amx_bf16",
}


def hardware() -> str:
    """Return cores and processor: "2 cores of Intel(R) Xeon(R) Processor"."""
    cores = _available_cores()
    name = _field("/proc/cpuinfo", "model name")
    processor = name or platform.processor() or platform.machine()
    return f"{cores} core{'s' * (cores > 1)} of {processor}"


def prefer_onednn() -> None:
    """Let TensorFlow use oneDNN on all x86 processors, unless the user has decided.

    TensorFlow leaves it off on those without AVX-512 VNNI or similar instructions,
    where some matrix products then take twice the time or more. It reads the variable
    when it is imported; if that was before, this says once what is lost.
    """
    if platform.machine() not in ("x86_64", "AMD64") or _ONEDNN in os.environ:
        return
    if "tensorflow" not in sys.modules:
        os.environ[_ONEDNN] = "1"
        return
    if _suits_onednn() is False:
        logging.getLogger("ae_zoo").warning(
            "TensorFlow was imported before ae_zoo and runs without oneDNN, which "
            "makes training slower on this processor. Import ae_zoo first, or set the "
            "environment variable %s to 1, or to 0 to keep it off.",
            _ONEDNN,
        )


def uses_onednn() -> bool:
    """Return whether TensorFlow uses oneDNN, which rounds differently."""
    if _ONEDNN in os.environ:
        return os.environ[_ONEDNN] not in ("0", "false")
    return bool(_suits_onednn())


def _suits_onednn() -> bool | None:
    """Whether TensorFlow uses oneDNN on this processor unasked; None if not known."""
    flags = _field("/proc/cpuinfo", "flags")
    return None if flags is None else bool(_WITH_ONEDNN & set(flags.split()))


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
