"""Python processes: several at a time, forked, as a cluster, or without packages."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
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


# Forks processes after the imports, and before any operation of TensorFlow.
_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["ae_zoo", "ae_zoo.training.run"])


class Fork:
    """A module of this folder that runs in a process of its own.

    The process is a copy of one that has imported TensorFlow, which takes four seconds.
    It has the methods of `subprocess.Popen` that are used here.

    Args:
        module: Name of the module, which runs as `__main__`.
        arguments: Its arguments.
        folder: Its working directory.
        environment: Environment variables to add.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[object],
        folder: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        reader, writer = _SERVER.Pipe(duplex=False)
        self._process = _SERVER.Process(
            target=_run_module,
            args=(
                module,
                [str(argument) for argument in arguments],
                str(folder),
                os.environ | dict(environment or {}),
                writer,
            ),
            daemon=True,
        )
        self._process.start()
        writer.close()
        self._text = ""
        self._thread = threading.Thread(target=self._read, args=(reader,), daemon=True)
        self._thread.start()

    def _read(self, reader: Connection) -> None:
        with reader, open(reader.fileno(), "rb", closefd=False) as file:
            self._text = file.read().decode("utf-8", "replace")

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def communicate(self, timeout: float | None = None) -> tuple[str, None]:
        """Wait for the end; return what the process has written."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(str(self._process), timeout or 0)
        self._thread.join()
        return self._text, None

    def kill(self) -> None:
        self._process.kill()

    def close(self) -> None:
        self._process.kill()
        self._process.join()
        self._thread.join()


def _run_module(
    module: str,
    arguments: Sequence[str],
    folder: str,
    environment: Mapping[str, str],
    output: Connection,
) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for standard in (1, 2):
        os.dup2(output.fileno(), standard)
    output.close()
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


@contextlib.contextmanager
def forks(
    module: str,
    arguments: Sequence[Sequence[object]],
    folder: Path,
    environments: Sequence[Mapping[str, str]] | None = None,
) -> Iterator[list[Fork]]:
    """Starts a module in several processes; kills those that still run at the end."""
    environments = environments or [{}] * len(arguments)
    started = []
    try:
        for own, environment in zip(arguments, environments, strict=True):
            started.append(Fork(module, own, folder, environment))
        yield started
    finally:
        for process in started:
            process.close()


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


def outputs(started: Sequence[subprocess.Popen | Fork]) -> list[str]:
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
