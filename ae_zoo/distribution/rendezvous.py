"""Wait until all workers of a cluster have started.

TensorFlow itself waits without a limit, and does not say for whom.
"""

from __future__ import annotations

import contextlib
import json
import socket
import time
import typing

if typing.TYPE_CHECKING:
    from collections.abc import Collection

    from ae_zoo.distribution.cluster import Cluster

_HINT = (
    "Check that all workers run and can reach each other, or set "
    "$AE_ZOO_START_SECONDS to a longer time."
)


def check_port(cluster: Cluster) -> None:
    """Check that this worker can listen at its address.

    Raises:
        OSError: Another program uses the port.
    """
    try:
        _listen(cluster).close()
    except OSError as error:
        port = _host_and_port(cluster.addresses[cluster.index])[1]
        raise OSError(
            f"Worker {cluster.index} cannot listen on port {port}, which "
            f"{cluster.source} assigns to it: {error.strerror}. Stop the program that "
            "uses the port (an earlier run?), or choose another port."
        ) from error


def wait_for_workers(cluster: Cluster, seconds: float) -> None:
    """Wait until all workers have started.

    The workers connect to the address of the chief, which answers when all of them
    have done so.

    Args:
        cluster: The cluster, as this worker knows it.
        seconds: How long to wait.

    Raises:
        TimeoutError: A worker did not start in time.
        ValueError: The workers have different descriptions of the cluster.
    """
    deadline = time.monotonic() + seconds
    if cluster.is_chief:
        missing = _answer_all(cluster, deadline)
        if missing:
            raise TimeoutError(
                f"{len(missing)} of the {len(cluster.addresses)} workers of "
                f"{cluster.source} did not start within {seconds} s: "
                f"{', '.join(missing)}. {_HINT}"
            )
    elif not _call_chief(cluster, deadline):
        raise TimeoutError(
            f"The chief of {cluster.source}, {cluster.addresses[0]}, did not answer "
            f"worker {cluster.index} within {seconds} s. {_HINT}"
        )


def _call_chief(cluster: Cluster, deadline: float) -> bool:
    """Connect to the chief until it answers; False if it does not in time."""
    hello = json.dumps({"addresses": cluster.addresses, "index": cluster.index})
    while time.monotonic() < deadline:
        try:
            address = _host_and_port(cluster.addresses[0])
            with socket.create_connection(address, timeout=5) as chief:
                chief.sendall(f"{hello}\n".encode())
                chief.settimeout(max(deadline - time.monotonic(), 0.1))
                answer = chief.makefile().readline()
        except OSError:  # The chief has not started yet.
            time.sleep(0.2)
            continue
        if answer.startswith("other"):
            raise _different_clusters(cluster, json.loads(answer.partition(" ")[2]))
        if answer:
            return True
    return False


def _answer_all(cluster: Cluster, deadline: float) -> list[str]:
    """Answer the workers when all have called; else return the missing ones."""
    workers: dict[int, socket.socket] = {}
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(_listen(cluster))
        server.listen(len(cluster.addresses))
        while len(workers) < len(cluster.addresses) - 1:
            try:
                server.settimeout(max(deadline - time.monotonic(), 0.001))
                worker = stack.enter_context(server.accept()[0])
            except TimeoutError:
                return _missing(cluster, workers)
            hello = _read_hello(worker)
            if hello is None:
                continue  # not a worker
            if tuple(hello["addresses"]) != cluster.addresses:
                worker.sendall(f"other {json.dumps(cluster.addresses)}\n".encode())
                raise _different_clusters(cluster, hello["addresses"])
            workers[hello["index"]] = worker
        for worker in workers.values():
            worker.sendall(b"go\n")
    return []


def _missing(cluster: Cluster, started: Collection[int]) -> list[str]:
    return [
        f"{index} ({address})"
        for index, address in enumerate(cluster.addresses)
        if index and index not in started
    ]


def _read_hello(worker: socket.socket) -> dict[str, typing.Any] | None:
    worker.settimeout(5)
    try:
        hello = json.loads(worker.makefile().readline())
        return hello if {"addresses", "index"} <= hello.keys() else None
    except (OSError, ValueError, AttributeError):
        return None


def _listen(cluster: Cluster) -> socket.socket:
    """A socket that is bound to the port of this worker."""
    server = socket.socket()
    # As servers do: the connection of an earlier run may still be closing.
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        server.bind(("", _host_and_port(cluster.addresses[cluster.index])[1]))
    except OSError:
        server.close()
        raise
    return server


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)


def _different_clusters(cluster: Cluster, other: list[str]) -> ValueError:
    return ValueError(
        f"The workers have different descriptions of the cluster: worker "
        f"{cluster.index} has {list(cluster.addresses)}, another worker has {other}. "
        f"Give all workers the same addresses in the same order in {cluster.source}."
    )
