"""Workers on this machine, to try training on several machines."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import typing

from ae_zoo.distribution import cluster

if typing.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Workers = Sequence[subprocess.Popen[str]]

# Time for a worker that received a signal to save its state, in seconds.
_GRACE_SECONDS = 30


def run(arguments: Sequence[str], count: int) -> int:
    """Run `ae-zoo` in several processes that form a cluster on 127.0.0.1, on CPUs.

    Their output is printed with a prefix "[0] ", "[1] ", ... If one fails, the others
    are ended. SIGINT and SIGTERM are passed on to all.

    Args:
        arguments: Words after `ae-zoo`, such as ["train", "deep_digits", "--strategy",
            "multi_worker"].
        count: Number of workers, at least 1.

    Returns:
        0 if all workers succeeded, else the exit status of the first that failed.

    Raises:
        ValueError: `count` is less than 1.
    """
    if count < 1:
        raise ValueError(f"--local-workers must be ≥ 1. Received: {count}")
    addresses = [f"127.0.0.1:{port}" for port in free_ports(count)]
    workers: list[subprocess.Popen[str]] = []
    with _received_signals() as received:
        try:
            for index in range(count):
                workers.append(_start(arguments, addresses, index))
            threads = [
                threading.Thread(
                    target=_print_output, args=(*one, received), daemon=True
                )
                for one in enumerate(workers)
            ]
            for thread in threads:
                thread.start()
            status = _wait(workers, received)
            for thread in threads:
                thread.join()
            return status
        finally:
            for worker in workers:
                if worker.poll() is None:
                    worker.kill()
                    worker.wait()


@contextlib.contextmanager
def _received_signals() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM in a list instead of ending this process."""
    received: list[int] = []
    previous = {
        number: signal.signal(number, lambda number, _: received.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def free_ports(count: int) -> list[int]:
    """Find different ports of 127.0.0.1 that no program listens on."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _start(
    arguments: Sequence[str], addresses: Sequence[str], index: int
) -> subprocess.Popen[str]:
    environment = {
        "TF_CONFIG": cluster.to_tf_config(addresses, index),
        "CUDA_VISIBLE_DEVICES": "-1",
        "PYTHONUNBUFFERED": "1",
        # On one machine, only a crash makes a worker silent.
        "AE_ZOO_LOST_SECONDS": os.environ.get("AE_ZOO_LOST_SECONDS", "10"),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "ae_zoo.cli", *arguments],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        # Otherwise Ctrl-C reaches workers twice: from the terminal and from here.
        start_new_session=True,
    )


def _print_output(
    index: int, worker: subprocess.Popen[str], received: list[int]
) -> None:
    """Print the output of a worker; without a reader, end the workers by SIGTERM."""
    for line in worker.stdout or ():
        try:
            print(f"[{index}] {line}", end="", flush=True)
        except BrokenPipeError:
            # The worker's output is still read, or the worker would wait for that.
            if signal.SIGTERM not in received:
                received.append(signal.SIGTERM)


def _wait(workers: Workers, received: Sequence[int]) -> int:
    """Wait for all workers, pass signals on, and end all if one has failed."""
    passed_on, status, deadline = 0, 0, None
    while any(worker.poll() is None for worker in workers):
        for number in received[passed_on:]:
            passed_on += 1
            status = status or 128 + number
            deadline = deadline or time.monotonic() + _GRACE_SECONDS
            _send(workers, number)
        failed = [w.returncode for w in workers if w.poll() not in (None, 0)]
        if failed and not deadline:
            status = status or _exit_status(failed[0])
            # The others notice a lost worker and say so, but may take a while.
            deadline = time.monotonic() + _GRACE_SECONDS
        if deadline and time.monotonic() > deadline:
            _send(workers, signal.SIGKILL)
        time.sleep(0.1)
    failed = [worker.returncode for worker in workers if worker.returncode]
    return status or (_exit_status(failed[0]) if failed else 0)


def _send(workers: Workers, number: int) -> None:
    for worker in workers:
        if worker.poll() is None:
            worker.send_signal(number)


def _exit_status(code: int) -> int:
    """The exit status as in a shell: 128 plus the signal that ended the process."""
    return 128 - code if code < 0 else code
