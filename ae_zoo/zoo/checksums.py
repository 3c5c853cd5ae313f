"""Checksums of a model folder, in the format of the `sha256sum` command.

`SHA256SUMS` lists the files that the folder must have. Two kinds of files may be
missing, and have lists of their own: the optional files, in `SHA256SUMS.optional`, and
a subfolder that has its own `SHA256SUMS`.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Iterable
from pathlib import Path, PurePosixPath, PureWindowsPath

from ae_zoo._bounds import MAX_FOLDER, MAX_LIST, MAX_LISTED, MIB
from ae_zoo._reading import UnsafeModelError, check_regular, read_limited, short

CHECKSUMS = "SHA256SUMS"
OPTIONAL = f"{CHECKSUMS}.optional"
LISTS = (CHECKSUMS, OPTIONAL)
MODEL = "model.keras"
CARD = "card.json"


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
        UnsafeModelError: A ValueError. A digest differs, `model.keras` is not listed,
            a name leads out of the folder, or the files are too many or too large.
    """
    directory = Path(directory)
    listing = directory / CHECKSUMS
    if not listing.is_file():
        raise FileNotFoundError(
            f"'{directory}' holds no {CHECKSUMS}, so it is no model folder. "
            "`ae_zoo.zoo.save` and `ae-zoo train` write such folders."
        )
    required = _parse(listing, read_limited(listing, MAX_LIST))
    if MODEL not in required:
        raise UnsafeModelError(
            f"It does not list {MODEL}, so the model cannot be checked. Fetch the "
            "folder again.",
            listing,
        )
    _check_sizes(directory, required)
    for name, digest in required.items():
        path = directory / name
        compare(path, digest, sha256(path))
    if OPTIONAL not in required:
        return required
    return _verify_optional(directory, required[OPTIONAL]) | required


def verified_files(directory: str | os.PathLike[str]) -> list[str]:
    """Compare all listed files of a folder, also those that a subfolder's list names.

    Args:
        directory: As in `verify_checksums`.

    Returns:
        Their names, relative to the folder, and those of the lists of subfolders.

    Raises:
        FileNotFoundError: As in `verify_checksums`.
        UnsafeModelError: As in `verify_checksums`; or a list, a listed file or the card
            is a link.
    """
    directory = Path(directory).resolve()
    _refuse_links(directory, [CHECKSUMS, OPTIONAL, CARD])
    names = [*verify_checksums(directory)]
    for folder, inner, files in os.walk(directory):
        inner.sort()
        if CHECKSUMS not in files or folder == str(directory):
            continue
        start = Path(folder).relative_to(directory)
        _refuse_links(directory, [f"{start.as_posix()}/{CHECKSUMS}"])
        names.append((start / CHECKSUMS).as_posix())
        listing = Path(folder) / CHECKSUMS
        listed = _parse(listing, read_limited(listing, MAX_LIST))
        _check_sizes(Path(folder), listed)
        for name, digest in listed.items():
            compare(Path(folder) / name, digest, sha256(Path(folder) / name))
            names.append((start / name).as_posix())
    _refuse_links(directory, names)
    return names


def listed_names(directory: str | os.PathLike[str]) -> list[str]:
    """The names in the lists of a folder, whose files need not be there yet.

    Args:
        directory: The folder, with `SHA256SUMS`.

    Returns:
        The names without those of the lists themselves.

    Raises:
        UnsafeModelError: A list is too long, or a name leads out of the folder.
    """
    directory = Path(directory)
    names: dict[str, str] = {}
    for name in LISTS:
        listing = directory / name
        if listing.is_file():
            names |= _parse(listing, read_limited(listing, MAX_LIST))
    for name in names:
        _member_path(directory, name)
    return [name for name in names if name not in LISTS]


def sha256(path: Path) -> str:
    """The hexadecimal SHA-256 digest of a file."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(MIB):
            digest.update(block)
    return digest.hexdigest()


def compare(path: Path, expected: str, received: str) -> None:
    """Raise `UnsafeModelError` if the digest of a file is not the expected one."""
    if expected.lower() != received:
        raise UnsafeModelError(
            "It is not the file that was published: expected SHA-256 "
            f"{expected}, received {received}. Fetch the folder again; if it still "
            "differs, do not load it.",
            path,
        )


def _check_sizes(directory: Path, names: Iterable[str]) -> None:
    """Check what the listed files are, before one of them is read to its end."""
    total = 0
    for name in names:
        path = _member_path(directory, name)
        if not path.exists():
            raise FileNotFoundError(
                f"'{directory / CHECKSUMS}' lists '{short(name)[1:-1]}', which is "
                "missing. Fetch the folder again."
            )
        check_regular(path)
        total += path.stat().st_size
        if total > MAX_FOLDER:
            raise UnsafeModelError(
                f"The files that it lists have more than the {MAX_FOLDER:,} bytes that "
                "are allowed.",
                directory / CHECKSUMS,
            )


def _refuse_links(directory: Path, names: Collection[str]) -> None:
    for name in names:
        path = directory / name
        if os.path.lexists(path) and path.resolve() != path:
            raise UnsafeModelError(
                "It is a link. A model folder must hold the listed files themselves. "
                "Replace the link by the file that it leads to.",
                path,
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
    listing = directory / OPTIONAL
    data = read_limited(listing, MAX_LIST)
    # Read again after the first check: only bytes with the right digest are used.
    compare(listing, digest, hashlib.sha256(data).hexdigest())
    expected = _parse(listing, data)
    present = {n: d for n, d in expected.items() if _member_path(directory, n).exists()}
    _check_sizes(directory, present)
    for name, value in present.items():
        compare(directory / name, value, sha256(directory / name))
    return present


def _parse(listing: Path, data: bytes) -> dict[str, str]:
    try:
        lines = data.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        raise UnsafeModelError("It is not a text in UTF-8.", listing) from None
    expected: dict[str, str] = {}
    for line in lines:
        match = re.fullmatch(r"([0-9a-fA-F]{64}) [ *](\S.*)", line)
        if match is None:
            raise UnsafeModelError(
                f"expected lines of '<sha256>  <name>', received {short(line)}.",
                listing,
            )
        digest, name = match[1].lower(), match[2]
        if expected.setdefault(name, digest) != digest:
            raise UnsafeModelError(f"It lists {short(name)} with two digests.", listing)
        if len(expected) > MAX_LISTED:
            raise UnsafeModelError(
                f"It lists more than the {MAX_LISTED:,} files that are allowed.",
                listing,
            )
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
        raise UnsafeModelError(
            f"It names {short(name)}; expected relative names without '..'.",
            directory / CHECKSUMS,
        )
    path = directory / name
    try:
        is_inside = path.resolve().is_relative_to(directory.resolve())
        path.exists()
    except (OSError, RuntimeError) as error:  # links in a circle, or a name too long
        raise UnsafeModelError(
            f"It names {short(name)}, which cannot be followed ({error}).",
            directory / CHECKSUMS,
        ) from None
    if not is_inside:
        raise UnsafeModelError(f"It is a link that leads out of '{directory}'.", path)
    return path
