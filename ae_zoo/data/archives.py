"""Raw data of many files: an archive, or the folder that it unpacks to."""

from __future__ import annotations

import fnmatch
import functools
import hashlib
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path


def members(path: Path, patterns: Sequence[str]) -> dict[str, bytes]:
    """Read the files of an archive or a folder whose names match a pattern.

    Args:
        path: A tar or zip archive, or a folder.
        patterns: Shell patterns of names as below, such as "train/*.jpg". Files that
            match none are skipped.

    Returns:
        {"folder/file": content}, sorted by name. Only the innermost folder counts, so
        that it does not matter where the publisher keeps the files.

    Raises:
        ValueError: It is neither, or two files have the same name.
    """
    found: dict[str, bytes] = {}
    for name, read in _files(path):
        key = "/".join(Path(name).parts[-2:])
        if not any(fnmatch.fnmatchcase(key, pattern) for pattern in patterns):
            continue
        if key in found:
            raise ValueError(f"{path} has two files {key}. Expected one.")
        found[key] = read()
    return dict(sorted(found.items()))


def digest(files: Mapping[str, bytes]) -> str:
    """SHA-256 of the list of the files' names and SHA-256 checksums.

    The list is what `sha256sum` prints for the files in the order of their names.
    """
    lines = [
        f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files)
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _files(path: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Yield the name of each file, and a function that reads it."""
    if path.is_dir():
        for file in path.rglob("*"):
            if file.is_file():
                yield str(file.relative_to(path.parent)), file.read_bytes
    elif tarfile.is_tarfile(path):
        with tarfile.open(path) as archive:
            for member in archive:
                content = archive.extractfile(member)
                if content is not None:
                    yield member.name, content.read
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if not name.endswith("/"):
                    yield name, functools.partial(archive.read, name)
    else:
        raise ValueError(f"{path} must be a tar or zip archive, or a folder.")
