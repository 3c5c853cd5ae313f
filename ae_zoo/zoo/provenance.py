"""Where a measurement comes from: machine, commit and package versions."""

from __future__ import annotations

import os
import pathlib
import platform
import subprocess
from importlib import metadata

from ae_zoo import __version__

_PACKAGES = ("keras", "tensorflow", "tensorflow-datasets", "numpy")


def hardware() -> str:
    """Number of cores and processor of this machine: "2 cores of Intel(R) Xeon(R)"."""
    cores = _available_cores()
    return f"{cores} core{'s' * (cores > 1)} of {_processor()}"


def commit() -> str:
    """The commit of the package's own checkout, or its version if there is none."""
    here = pathlib.Path(__file__).resolve()

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(here.parent), *arguments]
        return subprocess.check_output(command, stderr=subprocess.DEVNULL, text=True)

    try:
        # Fails if the package lies in the checkout of another project.
        git("ls-files", "--error-unmatch", here.name)
        return git("rev-parse", "--short", "HEAD").strip()
    except (OSError, subprocess.CalledProcessError):
        return __version__


def versions() -> dict[str, str]:
    """Versions of the packages that the numbers depend on."""
    return {package: metadata.version(package) for package in _PACKAGES}


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as cpuinfo:
            for line in cpuinfo:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:  # only Linux has this file
        pass
    return platform.processor() or platform.machine()


def _available_cores() -> int:
    """Number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
