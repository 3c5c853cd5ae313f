"""Where a measurement comes from: commit and package versions."""

from __future__ import annotations

import pathlib
import subprocess
from importlib import metadata

from ae_zoo import __version__

_PACKAGES = ("keras", "tensorflow", "tensorflow-datasets", "numpy")


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
