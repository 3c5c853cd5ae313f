"""Safe reading of a model folder that may come from a stranger.

A folder of the zoo holds `model.keras`, `card.json`, `README.md`, `SHA256SUMS` and
perhaps a `saved_model/` and `*.tflite` files. `verify_checksums` tells a damaged or
exchanged file, `load_model` loads a `model.keras` after reading all of it first:
Keras sees only bytes that passed.
"""

import hashlib
import io
import json
import os
import re
import stat
import struct
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath

from ae_zoo.zoo.allowlist import UnsafeModelError, check_config

__all__ = ["UnsafeModelError", "load_model", "verify_checksums", "write_checksums"]

CHECKSUMS = "SHA256SUMS"
MODEL = "model.keras"
MIB = 2**20
# The most bytes each member of a `.keras` file may unpack to.
MEMBERS = {
    "metadata.json": MIB // 16,
    "config.json": 4 * MIB,
    "model.weights.h5": 1024 * MIB,
}
MAX_ARCHIVE = sum(MEMBERS.values()) + MIB
# Keras stores its members uncompressed; a zip made anew from them stays below this.
MAX_EXPANSION = 100
MAX_ENTRIES = 1000  # three, and what chance writes into the weights
MAX_VARIABLES = 100_000  # objects inside model.weights.h5
YOUNG_ARGUMENTS = ("quantization_config", "input_axes", "output_axes")
# What zipfile and h5py raise on damaged bytes.
BROKEN = (OSError, RuntimeError, ValueError, KeyError, TypeError, OverflowError)


def write_checksums(directory):
    """Writes `SHA256SUMS` over every file of a folder.

    Args:
        directory: the folder; files of its subfolders are listed as well. A subfolder
            that has a list of its own can be left out when the folder is copied: it
            is not listed.

    Returns:
        Path of the file written, in the format of the `sha256sum` command.
    """
    directory = Path(directory)
    target = directory / CHECKSUMS
    lines = []
    for path in sorted(directory.rglob("*")):
        name = path.relative_to(directory).as_posix()
        is_listed = path.is_file() and not name.startswith(CHECKSUMS)
        if is_listed and not _has_own_list(path, directory):
            _member_path(directory, name)
            lines.append(f"{_sha256(path)}  {name}\n")
    partial = target.with_name(f"{CHECKSUMS}.partial")
    partial.write_text("".join(lines), encoding="utf-8", newline="\n")
    os.replace(partial, target)
    return target


def _has_own_list(path, directory):
    between = path.relative_to(directory).parents
    return any((directory / p / CHECKSUMS).is_file() for p in between if p != Path())


def verify_checksums(directory):
    """Compares every file listed in `SHA256SUMS` with its digest.

    Args:
        directory: a folder that holds `model.keras` and `SHA256SUMS`.

    Returns:
        dict of relative name to hexadecimal digest.

    Raises:
        FileNotFoundError: a listed file, or the list itself, is missing.
        ValueError: a digest differs, `model.keras` is not listed, or a name leads
            out of the folder.
    """
    directory = Path(directory)
    listing = directory / CHECKSUMS
    if not listing.is_file():
        raise FileNotFoundError(f"'{directory}' holds no {CHECKSUMS}.")
    expected = _parse_checksums(_read_limited(listing, MIB))
    if MODEL not in expected:
        raise ValueError(
            f"'{listing}' does not list {MODEL}: nothing vouches for the model. "
            "Fetch the folder again."
        )
    for name, digest in expected.items():
        path = _member_path(directory, name)
        if not path.is_file():
            raise FileNotFoundError(
                f"'{listing}' lists '{name}', which is missing. Fetch the folder again."
            )
        _compare(path, digest, _sha256(path))
    return expected


def load_model(path, custom_objects=None, sha256=None):
    """Loads a `model.keras` that may come from a stranger.

    The file is read once. Archive, config and weights are checked in memory, and the
    checked bytes, not the file, go to Keras in a private temporary copy.

    Args:
        path: a `model.keras` file, or the folder that holds it.
        custom_objects: dict of name to class or function of your own that the model
            may use and that you trust.
        sha256: hexadecimal digest that the file must have, for instance
            `verify_checksums(folder)["model.keras"]`.

    Returns:
        The `keras.Model`, compiled if it was compiled when saved.

    Raises:
        UnsafeModelError: a ValueError; the file holds something no zoo model holds.
        ValueError: the file is truncated, foreign or not the expected one.
    """
    path = Path(path)
    path = path / MODEL if path.is_dir() else path
    data = _read_limited(path, MAX_ARCHIVE)
    if sha256 is not None:
        _compare(path, sha256, hashlib.sha256(data).hexdigest())
    members = _read_members(data, path)
    del data
    if not isinstance(_parse_json(members["metadata.json"], "metadata.json"), dict):
        raise UnsafeModelError("metadata.json: expected a JSON object.")
    check_config(_parse_json(members["config.json"], "config.json"), custom_objects)
    _check_weights(members["model.weights.h5"])
    return _load_checked(members, custom_objects)


def _load_checked(members, custom_objects):
    from keras import saving

    with tempfile.TemporaryDirectory(prefix="ae_zoo-") as private:
        copy = os.path.join(private, MODEL)
        # A zip written anew leaves no room for two readers to see two archives.
        config = _without_defaults(json.loads(members["config.json"]))
        members["config.json"] = json.dumps(config).encode()
        with zipfile.ZipFile(copy, "w") as archive:
            for name in MEMBERS:
                archive.writestr(name, members.pop(name))
        return saving.load_model(copy, custom_objects=custom_objects, safe_mode=True)


def _without_defaults(config):
    """Drops arguments that younger Keras versions write and older ones do not know.

    None is their default, so that leaving them out changes nothing.
    """
    if isinstance(config, list):
        return [_without_defaults(item) for item in config]
    if not isinstance(config, dict):
        return config
    return {
        key: _without_defaults(value)
        for key, value in config.items()
        if value is not None or key not in YOUNG_ARGUMENTS
    }


def _read_limited(path, limit):
    if not path.exists():
        raise FileNotFoundError(f"'{path}' does not exist.")
    if not path.is_file():
        raise ValueError(f"'{path}' is not a regular file.")
    with open(path, "rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise UnsafeModelError(f"'{path}' is larger than the {limit:,} bytes allowed.")
    return data


def _read_members(data, path):
    """Returns the bytes of the three members of a `.keras` file, by name."""
    # zipfile makes an object for each entry before anybody can count them.
    if data.count(b"PK\x01\x02") > MAX_ENTRIES:
        raise UnsafeModelError(f"'{path}' lists more than {MAX_ENTRIES} members.")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            _check_member_names([info.filename for info in infos])
            for info in infos:
                _check_member(info)
            return {info.filename: _read_member(archive, info) for info in infos}
    except UnsafeModelError:
        raise
    except (*BROKEN, zipfile.BadZipFile, zlib.error, struct.error, EOFError) as error:
        raise UnsafeModelError(
            f"'{path}' is truncated or not a .keras file: expected a zip archive of "
            f"{', '.join(MEMBERS)} ({error}). Fetch it again."
        ) from error


def _check_member_names(names):
    for name in names:
        if name not in MEMBERS:
            raise UnsafeModelError(
                f"model.keras holds {name!r}; expected only {', '.join(MEMBERS)}."
            )
        if names.count(name) > 1:
            raise UnsafeModelError(f"model.keras holds {name!r} more than once.")
    for name in MEMBERS:
        if name not in names:
            raise UnsafeModelError(f"model.keras lacks {name!r}.")


def _check_member(info):
    """Refuses a member by its header, before a byte of it is unpacked."""
    name, mode = info.filename, info.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise UnsafeModelError(f"model.keras: '{name}' is not a regular file.")
    if info.flag_bits & 0x1:
        raise UnsafeModelError(f"model.keras: '{name}' is encrypted.")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise UnsafeModelError(f"model.keras: '{name}' uses an unknown compression.")
    limit = min(MEMBERS[name], max(MIB, MAX_EXPANSION * info.compress_size))
    if info.file_size > limit:
        raise UnsafeModelError(
            f"model.keras: '{name}' declares {info.file_size:,} bytes in "
            f"{info.compress_size:,} stored ones; at most {limit:,} are allowed."
        )


def _read_member(archive, info):
    # Headers can lie, so the limit holds while unpacking too.
    with archive.open(info) as member:
        data = member.read(info.file_size + 1)
    if len(data) != info.file_size:
        raise UnsafeModelError(
            f"model.keras: '{info.filename}' declares {info.file_size:,} bytes but "
            f"unpacks to {len(data):,}: the file is truncated or forged."
        )
    return data


def _parse_json(data, name):
    try:
        return json.loads(data)
    except RecursionError as error:
        raise UnsafeModelError(f"{name} nests too deeply.") from error
    except ValueError as error:
        raise UnsafeModelError(f"{name} is not JSON: {error}.") from error


def _check_weights(data):
    """Refuses an HDF5 file that is more than groups of plain stored arrays."""
    import h5py

    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            declared = sum(_array_sizes(file))
    except UnsafeModelError:
        raise
    except BROKEN as error:
        raise UnsafeModelError(
            f"model.weights.h5 is truncated or not an HDF5 file: {error}."
        ) from error
    if declared > len(data):
        raise UnsafeModelError(
            f"model.weights.h5 declares arrays of {declared:,} bytes in a file of "
            f"{len(data):,}."
        )


def _array_sizes(file):
    """Yields the size in bytes of every array, each checked first."""
    import h5py

    waiting, seen, count = [file], set(), 0
    while waiting:
        group = waiting.pop()
        address = h5py.h5o.get_info(group.id).addr
        if address in seen:
            raise UnsafeModelError(f"model.weights.h5: '{group.name}' is linked twice.")
        seen.add(address)
        for name in group:
            where, count = f"{group.name.rstrip('/')}/{name}", count + 1
            if count > MAX_VARIABLES:
                raise UnsafeModelError(
                    f"model.weights.h5 holds more than {MAX_VARIABLES:,} objects."
                )
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise UnsafeModelError(
                    f"model.weights.h5: '{where}' is a soft or external link."
                )
            item = group[name]
            if isinstance(item, h5py.Group):
                waiting.append(item)
            else:
                yield _array_size(item, where)


def _array_size(item, where):
    import h5py

    if not isinstance(item, h5py.Dataset) or item.shape is None:
        raise UnsafeModelError(f"model.weights.h5: '{where}' is not an array.")
    if item.external or item.is_virtual:
        raise UnsafeModelError(f"model.weights.h5: '{where}' lies in another file.")
    # bfloat16 arrives as two opaque bytes.
    if item.dtype.kind not in "biuf" and item.dtype.str != "|V2":
        raise UnsafeModelError(
            f"model.weights.h5: '{where}' holds {item.dtype}, expected numbers."
        )
    size = item.dtype.itemsize
    for length in item.shape:
        size *= length
    # Keras never compresses; a compressed array can be a thousand times its file.
    if item.chunks is not None or item.id.get_storage_size() != size:
        raise UnsafeModelError(
            f"model.weights.h5: '{where}' declares {size:,} bytes and stores "
            f"{item.id.get_storage_size():,} in chunks or not at all; expected a plain "
            "uncompressed array."
        )
    return size


def _parse_checksums(data):
    expected = {}
    for line in data.decode("utf-8").splitlines():
        match = re.fullmatch(r"([0-9a-fA-F]{64}) [ *](\S.*)", line)
        if match is None:
            raise ValueError(
                f"{CHECKSUMS}: expected lines of '<sha256>  <name>', received {line!r}."
            )
        digest, name = match[1].lower(), match[2]
        if expected.setdefault(name, digest) != digest:
            raise ValueError(f"{CHECKSUMS} lists '{name}' with two digests.")
    return expected


def _member_path(directory, name):
    """Returns the path of a listed file, which must lie inside the folder."""
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


def _sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(MIB):
            digest.update(block)
    return digest.hexdigest()


def _compare(path, expected, received):
    if expected.lower() != received:
        raise ValueError(
            f"'{path}' is not the file that was published: expected SHA-256 "
            f"{expected}, received {received}. Fetch the folder again; if it still "
            "differs, do not load it."
        )
