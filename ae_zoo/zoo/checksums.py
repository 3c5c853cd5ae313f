"""Checksums of a model folder, in the format of the `sha256sum` command.

`SHA256SUMS` lists the files that the folder must have. Two kinds of files may be
missing, and have lists of their own: the optional files, in `SHA256SUMS.optional`, and
a subfolder that has its own `SHA256SUMS`.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection
from pathlib import Path, PurePosixPath, PureWindowsPath

from ae_zoo.zoo.errors import UnsafeModelError

CHECKSUMS = "SHA256SUMS"
OPTIONAL = f"{CHECKSUMS}.optional"
MODEL = "model.keras"
MIB = 2**20


def write_checksums(
    directory: str | os.PathLike[str], optional: Collection[str] = ()
) -> Path:
    """Write the checksums of all files of a folder.

    Args:
        directory: The folder. Files of its subfolders are listed too, unless the
            subfolder has its own `SHA256SUMS`.
        optional: Names of files that a copy of the folder may leave out. They are
            listed in `SHA256SUMS.optional`, whose own checksum is in `SHA256SUMS`.

    Returns:
        Path of the `SHA256SUMS` that was written.
    """
    directory = Path(directory)
    files = {
        path.relative_to(directory).as_posix(): path
        for path in sorted(directory.rglob("*"))
        if path.is_file() and not _has_own_list(path, directory)
    }
    files = {n: path for n, path in files.items() if not n.startswith(CHECKSUMS)}
    left_out = {name: files.pop(name) for name in optional if name in files}
    if left_out:
        files[OPTIONAL] = _write_list(directory, OPTIONAL, left_out)
    else:
        (directory / OPTIONAL).unlink(missing_ok=True)
    return _write_list(directory, CHECKSUMS, files)


def verify_checksums(directory: str | os.PathLike[str]) -> dict[str, str]:
    """Compare every listed file of a folder with its checksum.

    Args:
        directory: A folder that holds `model.keras` and `SHA256SUMS`.

    Returns:
        The hexadecimal digests of the files that are there, by relative name.

    Raises:
        FileNotFoundError: `SHA256SUMS`, or a file that it lists, is missing.
        ValueError: A digest differs, `model.keras` is not listed, or a name leads
            out of the folder.
    """
    directory = Path(directory)
    listing = directory / CHECKSUMS
    if not listing.is_file():
        raise FileNotFoundError(f"'{directory}' holds no {CHECKSUMS}.")
    required = _parse(read_limited(listing, MIB), CHECKSUMS)
    if MODEL not in required:
        raise ValueError(
            f"'{listing}' does not list {MODEL}, so the model cannot be checked. "
            "Fetch the folder again."
        )
    for name, digest in required.items():
        path = _member_path(directory, name)
        if not path.is_file():
            raise FileNotFoundError(
                f"'{listing}' lists '{name}', which is missing. Fetch the folder again."
            )
        compare(path, digest, sha256(path))
    if OPTIONAL not in required:
        return required
    return _verify_optional(directory, required[OPTIONAL]) | required


def read_limited(path: Path, limit: int) -> bytes:
    """The bytes of a file that has at most `limit` of them.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not a regular file.
        UnsafeModelError: It is larger.
    """
    if not path.exists():
        raise FileNotFoundError(f"'{path}' does not exist.")
    if not path.is_file():
        raise ValueError(f"'{path}' is not a regular file.")
    with open(path, "rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise UnsafeModelError(f"'{path}' is larger than the {limit:,} bytes allowed.")
    return data


def sha256(path: Path) -> str:
    """The hexadecimal SHA-256 digest of a file."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(MIB):
            digest.update(block)
    return digest.hexdigest()


def compare(path: Path, expected: str, received: str) -> None:
    """Raise `ValueError` if the digest of a file is not the expected one."""
    if expected.lower() != received:
        raise ValueError(
            f"'{path}' is not the file that was published: expected SHA-256 "
            f"{expected}, received {received}. Fetch the folder again; if it still "
            "differs, do not load it."
        )


def _write_list(directory: Path, name: str, files: dict[str, Path]) -> Path:
    lines = []
    for member, path in sorted(files.items()):
        _member_path(directory, member)
        lines.append(f"{sha256(path)}  {member}\n")
    partial = directory / f"{name}.partial"
    partial.write_text("".join(lines), encoding="utf-8", newline="\n")
    os.replace(partial, directory / name)
    return directory / name


def _has_own_list(path: Path, directory: Path) -> bool:
    between = path.relative_to(directory).parents
    return any((directory / p / CHECKSUMS).is_file() for p in between if p != Path())


def _verify_optional(directory: Path, digest: str) -> dict[str, str]:
    data = read_limited(directory / OPTIONAL, MIB)
    # Read again after the first check: only bytes with the right digest are used.
    compare(directory / OPTIONAL, digest, hashlib.sha256(data).hexdigest())
    present = {}
    for name, expected in _parse(data, OPTIONAL).items():
        path = _member_path(directory, name)
        if path.exists():
            compare(path, expected, sha256(path))
            present[name] = expected
    return present


def _parse(data: bytes, listing: str) -> dict[str, str]:
    expected: dict[str, str] = {}
    for line in data.decode("utf-8").splitlines():
        match = re.fullmatch(r"([0-9a-fA-F]{64}) [ *](\S.*)", line)
        if match is None:
            raise ValueError(
                f"{listing}: expected lines of '<sha256>  <name>', received {line!r}."
            )
        digest, name = match[1].lower(), match[2]
        if expected.setdefault(name, digest) != digest:
            raise ValueError(f"{listing} lists '{name}' with two digests.")
    return expected


def _member_path(directory: Path, name: str) -> Path:
    """Return the path of a listed file, which must lie inside the folder."""
    windows = PureWindowsPath(name)
    if (
        PurePosixPath(name).is_absolute()
        or windows.drive
        or windows.root
        or ".." in windows.parts
        or not name.isprintable()
    ):
        raise ValueError(
            f"{CHECKSUMS} names {name!r}; expected relative names without '..'."
        )
    path = directory / name
    if not path.resolve().is_relative_to(directory.resolve()):
        raise ValueError(f"'{path}' is a link that leads out of '{directory}'.")
    return path
