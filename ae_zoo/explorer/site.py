"""The files of the page: what a server sends, or a folder for any web host."""

from __future__ import annotations

import gzip
import json
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from ae_zoo import _resources, _staging
from ae_zoo.explorer import index

PAGE = Path(__file__).parent / "page"
INDEX = "models.json"
# WebAssembly must be compiled, and the page has no outside hosts and no inline code.
# The page itself states the same policy, for hosts that send no headers.
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self'; worker-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'none'"
)
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".wasm": "application/wasm",
    ".svg": "image/svg+xml",
    ".jpg": "image/jpeg",
    ".txt": "text/plain; charset=utf-8",
    ".tflite": "application/octet-stream",
}


class File(NamedTuple):
    """A file of the site.

    Attributes:
        content: Its bytes, or the path that they are read from.
        is_packed: Whether they are compressed with gzip.
    """

    content: Path | bytes
    is_packed: bool = False

    def read(self) -> bytes:
        """The bytes as they are stored."""
        return (
            self.content
            if isinstance(self.content, bytes)
            else self.content.read_bytes()
        )

    def unpacked(self) -> bytes:
        """The bytes of the file itself."""
        return gzip.decompress(self.read()) if self.is_packed else self.read()


Site = dict[str, File]


def type_of(address: str) -> str:
    """The MIME type of a file of the site."""
    return _TYPES[PurePosixPath(address).suffix]


def make_site(model: str | None = None) -> Site:
    """Collect the files of the page and of the models that it runs.

    Args:
        model: Name of the model to show first, or the path of a model folder or
            `.tflite` file of your own; None shows what the page begins with.

    Returns:
        {address: File}; the address of the page is "index.html".

    Raises:
        FileNotFoundError, ValueError: There is no such model, its files are damaged, or
            the browser cannot run them.

    Example:

    >>> site = make_site("variational_digits")
    >>> site["index.html"].read()[:15]
    b'<!doctype html>'
    """
    own = None
    if model is not None and model not in _resources.model_names():
        own = _own_path(model)
    found = index.records(own)
    start = found[0].facts["name"] if own is not None else model
    site = {
        address: File(path, is_packed=path.suffix == ".gz")
        for path in sorted(PAGE.rglob("*"))
        if path.is_file()
        for address in [path.relative_to(PAGE).as_posix().removesuffix(".gz")]
    }
    if "index.html" not in site:
        raise FileNotFoundError(
            f"'{PAGE}' has no built page. Build it: `npm ci && npm run build` in web/."
        )
    for record in found:
        site |= {address: File(content) for address, content in record.files.items()}
    site[INDEX] = File(index.write(found, start))
    return site


def _own_path(model: str) -> Path:
    path = Path(model)
    if path.name == model and not path.suffix and not path.exists():
        from ae_zoo._checks import unknown_name

        hint = " Or pass the path of a model folder or .tflite file."
        raise unknown_name("model", model, _resources.model_names(), hint)
    return path


def write_site(site: Site, folder: Path, overwrite: bool = False) -> None:
    """Write the files of a site, for any web host.

    Args:
        site: The files.
        folder: Folder that does not exist yet or is empty.
        overwrite: Whether it may hold a site that was written before.

    Raises:
        FileExistsError: The folder holds something else.
        OSError: It cannot be written. Nothing has changed.
    """
    _check_free(folder, overwrite)
    with _staging.explained(folder), _staging.replacement(folder) as new:
        for address, file in site.items():
            path = new / address
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.unpacked())


def _check_free(folder: Path, overwrite: bool) -> None:
    if folder.is_dir():
        if not any(folder.iterdir()):
            return
        if overwrite and _is_site(folder / INDEX):
            return
        mend = (
            "Pass --overwrite to replace it, or name"
            if _is_site(folder / INDEX)
            else "Name"
        )
        raise FileExistsError(f"'{folder}' is not empty. {mend} another folder.")
    if folder.exists():
        raise FileExistsError(f"'{folder}' is a file. Name a folder.")


def _is_site(path: Path) -> bool:
    try:
        content: Any = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and {"start", "models"} <= content.keys()
