"""A local server that speaks what huggingface_hub needs of the Hub."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit


class Hub:
    """Repositories in memory: {"user/repo": {revision: {file: bytes}}}."""

    def __init__(self) -> None:
        self.repositories: dict[str, dict[str, dict[str, bytes]]] = {}
        self.requests: list[str] = []

    def revision(self, repo: str, name: str) -> dict[str, bytes] | None:
        revisions = self.repositories.get(repo, {})
        for branch, files in revisions.items():
            if name in (branch, commit_of(files)):
                return files
        return None


def commit_of(files: dict[str, bytes]) -> str:
    content = b"".join(name.encode() + data for name, data in sorted(files.items()))
    return hashlib.sha1(content).hexdigest()


class _Handler(http.server.BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        pass

    def _send(self, status: int, content: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        headers.setdefault("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _json(self, value: Any, status: int = 200) -> None:
        self._send(status, json.dumps(value).encode(), Content_Type="application/json")

    def _address(self, path: str) -> str:
        return f"http://{self.headers['Host']}/{path}"

    def _missing(self, code: str) -> None:
        self._send(404, b"{}", X_Error_Code=code)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(f"{self.command} {path}")
        parts = path.strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            repo, name = "/".join(parts[2:4]), (parts[5:] or ["main"])[0]
            return self._info(repo, name)
        repo, name, file = "/".join(parts[:2]), parts[3], "/".join(parts[4:])
        files = self.hub.revision(repo, name)
        if files is None or file not in files:
            return self._missing("RepoNotFound" if files is None else "EntryNotFound")
        content = files[file]
        etag = f'"{hashlib.sha1(content).hexdigest()}"'
        self._send(200, content, ETag=etag, X_Repo_Commit=commit_of(files))

    def _info(self, repo: str, name: str) -> None:
        if repo not in self.hub.repositories:
            return self._missing("RepoNotFound")
        files = self.hub.revision(repo, name)
        if files is None:
            return self._missing("RevisionNotFound")
        siblings = [
            {"rfilename": file, "size": len(content), "blobId": "0" * 40}
            for file, content in files.items()
        ]
        self._json(
            {"id": repo, "sha": commit_of(files), "siblings": siblings, "tags": []}
        )

    def do_POST(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(f"POST {path}")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = path.strip("/").split("/")
        if parts == ["api", "repos", "create"]:
            value = json.loads(body)
            owner, name = value.get("organization"), value["name"]
            repo = name if owner is None else f"{owner}/{name}"
            self.hub.repositories.setdefault(repo, {"main": {}})
            return self._json(
                {"url": f"http://{self.headers['Host']}/{repo}", "name": repo}
            )
        if parts == ["api", "validate-yaml"]:
            return self._json({"errors": [], "warnings": []})
        repo, action, name = "/".join(parts[2:4]), parts[4], parts[-1]
        files = self.hub.revision(repo, name)
        if action == "branch":
            self.hub.repositories[repo].setdefault(name, {})
            return self._json({})
        if files is None:
            return self._missing("RevisionNotFound")
        if action == "preupload":
            asked = json.loads(body)["files"]
            answer = {"uploadMode": "regular", "shouldIgnore": False}
            return self._json({"files": [{"path": f["path"], **answer} for f in asked]})
        for line in body.decode().splitlines():
            item = json.loads(line)
            if item["key"] == "file":
                content = base64.b64decode(item["value"]["content"])
                files[item["value"]["path"]] = content
        oid = commit_of(files)
        url = self._address(f"{repo}/commit/{oid}")
        self._json({"success": True, "commitOid": oid, "commitUrl": url})


@contextlib.contextmanager
def serve() -> Iterator[tuple[Hub, str]]:
    """Serve an empty hub; yields it with its address."""
    hub = Hub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
