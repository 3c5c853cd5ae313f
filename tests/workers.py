"""Python processes: several at a time, as a cluster, or without some packages."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ae_zoo.distribution import cluster, local_workers

HERE = Path(__file__).parent
# Seconds that a run may take on a busy machine; on an idle one, none comes close.
PATIENCE = 900
BLOCK = """
import sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {}:
            raise ImportError(name + " is blocked")

sys.meta_path.insert(0, Block())
"""


@contextlib.contextmanager
def processes(
    commands: Sequence[Sequence[str]],
    folder: Path,
    environments: Sequence[dict[str, str]] | None = None,
) -> Iterator[list[subprocess.Popen]]:
    """Starts Python commands at once, and kills the remaining ones at the end."""
    environments = environments or [{}] * len(commands)
    paths = [str(HERE), str(HERE.parent), os.environ.get("PYTHONPATH", "")]
    base = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    started = [
        subprocess.Popen(
            [sys.executable, *command],
            cwd=folder,
            env=base | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        for command, environment in zip(commands, environments, strict=True)
    ]
    try:
        yield started
    finally:
        for process in started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            process.stdout.close()


def cluster_of(count: int) -> list[dict[str, str]]:
    """Environment variables of workers that form a cluster."""
    addresses = [f"127.0.0.1:{port}" for port in local_workers.free_ports(count)]
    return [
        {
            "TF_CONFIG": cluster.to_tf_config(addresses, index),
            "AE_ZOO_LOST_SECONDS": "5",
        }
        for index in range(count)
    ]


def outputs(started: Sequence[subprocess.Popen]) -> list[str]:
    """What the processes wrote until they ended."""
    return [process.communicate(timeout=PATIENCE)[0] for process in started]


def run_without(
    modules: Sequence[str], code: str, *arguments: object, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Runs `code` in a new process, in which importing any of `modules` fails."""
    return subprocess.run(
        [sys.executable, "-c", BLOCK.format(modules) + code, *map(str, arguments)],
        capture_output=True,
        text=True,
        **options,
    )
