"""Workers on this machine, to try out what several machines would do."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time

from ae_zoo.distribution import cluster

# What a worker that was told to end gets to save its state in.
_GRACE_SECONDS = 30


def run(arguments, count):
    """Runs `ae-zoo` in several processes that form a cluster on 127.0.0.1, on CPUs.

    Their lines come out with a prefix "[0] ", "[1] ", ... Where one fails, the others
    are ended; SIGINT and SIGTERM are passed on to all.

    Args:
        arguments: Of the command line, such as ["train", "deep_digits", "--strategy",
            "multi_worker"].
        count: How many workers, at least 1.

    Returns:
        0 where all succeeded, else the status of the first that failed.

    Raises:
        ValueError: `count` < 1.
    """
    if count < 1:
        raise ValueError(f"--local-workers must be ≥ 1. Received: {count}")
    addresses = [f"127.0.0.1:{port}" for port in free_ports(count)]
    stopped = []  # the signals that this process was sent
    previous = {
        number: signal.signal(number, lambda received, _: stopped.append(received))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    workers = []
    try:
        for index in range(count):
            workers.append(_start(arguments, addresses, index))
        threads = [
            threading.Thread(target=_stream, args=(worker, index), daemon=True)
            for index, worker in enumerate(workers)
        ]
        for thread in threads:
            thread.start()
        status = _wait(workers, stopped)
        for thread in threads:
            thread.join()
        return status
    finally:
        for worker in workers:
            if worker.poll() is None:
                worker.kill()
                worker.wait()
        for number, handler in previous.items():
            signal.signal(number, handler)


def free_ports(count):
    """Ports of 127.0.0.1 that no program listens on, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _start(arguments, addresses, index):
    own = {
        "TF_CONFIG": cluster.to_tf_config(addresses, index),
        "CUDA_VISIBLE_DEVICES": "-1",
        "PYTHONUNBUFFERED": "1",
        # Nothing but a crash silences a worker here.
        "AE_ZOO_LOST_SECONDS": os.environ.get("AE_ZOO_LOST_SECONDS", "10"),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "ae_zoo.cli", *arguments],
        env=os.environ | own,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        # Else Ctrl-C would reach the workers twice: from the terminal and from here.
        start_new_session=True,
    )


def _stream(worker, index):
    for line in worker.stdout:
        print(f"[{index}] {line}", end="", flush=True)


def _wait(workers, stopped):
    """Waits for all, ends all when one has failed, and passes signals on."""
    passed_on, status, deadline = 0, 0, None
    while any(worker.poll() is None for worker in workers):
        for number in stopped[passed_on:]:
            passed_on += 1
            status = status or 128 + number
            deadline = deadline or time.monotonic() + _GRACE_SECONDS
            _send(workers, number)
        failed = [w.returncode for w in workers if w.poll() not in (None, 0)]
        if failed and not deadline:
            status = status or _status(failed[0])
            deadline = time.monotonic() + _GRACE_SECONDS
            # The others notice by themselves, with a message; but perhaps late.
        if deadline and time.monotonic() > deadline:
            _send(workers, signal.SIGKILL)
        time.sleep(0.1)
    failed = [worker.returncode for worker in workers if worker.returncode]
    return status or (_status(failed[0]) if failed else 0)


def _send(workers, number):
    for worker in workers:
        if worker.poll() is None:
            worker.send_signal(number)


def _status(code):
    return 128 - code if code < 0 else code  # as shells say it
