"""Serves the page to browsers on this machine, and to no other machine."""

from __future__ import annotations

import errno
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from ae_zoo.explorer.site import POLICY, Site, type_of

HOST = "127.0.0.1"
PORT = 8351
_TRIES = 20


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A browser that is closed, or leaves the page, ends its connections.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def open_server(site: Site, port: int | None = None) -> ThreadingHTTPServer:
    """Open a server of a site on 127.0.0.1. It answers from `serve_forever` on.

    Args:
        site: The files: only they are served, whatever is asked for.
        port: Port; 0 chooses a free one. None is 8351, or the next one that is free.

    Raises:
        OSError: The port is in use, or may not be used.

    Example:

    >>> from ae_zoo.explorer import make_site
    >>> with open_server(make_site(), port=0) as server:
    ...     address(server)[:17]
    'http://127.0.0.1:'
    """
    handler = _handler(site)
    wanted = range(PORT, PORT + _TRIES) if port is None else [port]
    for number in wanted:
        try:
            return _Server((HOST, number), handler)
        except OSError as error:
            if error.errno == errno.EADDRINUSE and number != wanted[-1]:
                continue
            raise _explained(error, number) from error
    raise AssertionError  # the last port has either opened or raised


def address(server: ThreadingHTTPServer) -> str:
    """The address of the page."""
    return f"http://{HOST}:{server.server_port}/"


def _explained(error: OSError, port: int) -> OSError:
    if error.errno == errno.EADDRINUSE:
        reason = "is in use, perhaps by another explorer"
    elif error.errno == errno.EACCES:
        reason = "can be opened only by an administrator"
    else:
        return error
    message = f"Port {port} {reason}. Pass --port with another one; 0 takes any."
    return OSError(error.errno, message)


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version, sys_version = "ae-zoo", ""

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def _answer(self, with_body: bool) -> None:
            if not _is_local(self.headers.get("Host", "")):
                # DNS rebinding: a foreign page whose host name resolves to 127.0.0.1.
                self.send_error(403)
                return
            path = unquote(urlsplit(self.path).path).removeprefix("/") or "index.html"
            file = site.get(path)
            if file is None:
                self.send_error(404)
                return
            body = file.read()
            self.send_response(200)
            self.send_header("Content-Type", type_of(path))
            self.send_header("Content-Length", str(len(body)))
            if file.is_packed:
                self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            if with_body:
                self.wfile.write(body)

        def end_headers(self) -> None:
            self.send_header("Content-Security-Policy", POLICY)
            self.send_header("X-Content-Type-Options", "nosniff")
            self.send_header("X-Frame-Options", "SAMEORIGIN")
            self.send_header("Referrer-Policy", "no-referrer")
            self.send_header("Cross-Origin-Resource-Policy", "same-origin")
            self.send_header("Cache-Control", "no-cache")
            super().end_headers()

        def log_message(self, format: str, *values: Any) -> None:
            """Print nothing: a line for each request would hide the address."""

    return Handler


def _is_local(host: str) -> bool:
    return host.rpartition(":")[0] in (HOST, "localhost") or host in (HOST, "localhost")
