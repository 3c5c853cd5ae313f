"""Raw data of many files: an archive, or the folder that it unpacks to."""

from __future__ import annotations

import hashlib
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path


def members(path: Path, suffix: str) -> dict[str, bytes]:
    """Read the files of an archive or a folder that have a suffix.

    Args:
        path: A tar or zip archive, or a folder.
        suffix: Such as ".jpg". Other files are skipped.

    Returns:
        {"folder/file": content}, sorted by name. Only the innermost folder counts, so
        that it does not matter where the publisher keeps the files.

    Raises:
        ValueError: It is neither, or two files have the same name.
    """
    found: dict[str, bytes] = {}
    for name, content in _files(path, suffix):
        key = "/".join(Path(name).parts[-2:])
        if key in found:
            raise ValueError(f"{path} has two files {key}. Expected one.")
        found[key] = content
    return dict(sorted(found.items()))


def digest(files: Mapping[str, bytes]) -> str:
    """SHA-256 of the list of the files' names and SHA-256 checksums.

    The list is what `sha256sum` prints for the files in the order of their names.
    """
    lines = [
        f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files)
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _files(path: Path, suffix: str) -> Iterator[tuple[str, bytes]]:
    if path.is_dir():
        for file in path.rglob(f"*{suffix}"):
            yield str(file.relative_to(path.parent)), file.read_bytes()
    elif tarfile.is_tarfile(path):
        with tarfile.open(path) as archive:
            for member in archive:
                if member.isfile() and member.name.endswith(suffix):
                    content = archive.extractfile(member)
                    yield member.name, content.read() if content else b""
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith(suffix):
                    yield name, archive.read(name)
    else:
        raise ValueError(f"{path} must be a tar or zip archive, or a folder.")
