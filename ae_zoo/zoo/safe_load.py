"""Safe loading of a `model.keras` from a source that may not be trusted.

`load_model` reads and checks the whole file first: Keras sees only bytes that passed.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import struct
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ae_zoo._bounds import (
    MAX_ARCHIVE,
    MAX_ENTRIES,
    MAX_EXPANDED,
    MAX_EXPANSION,
    MAX_EXPANSION_ABOVE,
    MEMBERS,
    MIB,
)
from ae_zoo._reading import UnsafeModelError, clean, parse_json, read_limited, short
from ae_zoo.zoo.checksums import MODEL, compare
from ae_zoo.zoo.config_check import check_config
from ae_zoo.zoo.weights_check import BROKEN, Shape, check_finite, check_weights

if TYPE_CHECKING:
    import keras

__all__ = ["UnsafeModelError", "load_model"]

NEW_ARGUMENTS = ("quantization_config", "input_axes", "output_axes")


def load_model(
    path: str | os.PathLike[str],
    custom_objects: Mapping[str, object] | None = None,
    sha256: str | None = None,
    expected: type[keras.Model] | None = None,
) -> keras.Model:
    """Load a `model.keras` from a source that may not be trusted.

    The file is read once. Archive, config and weights are checked in memory. Keras
    reads the checked bytes, not the file, from a private temporary copy.

    Args:
        path: A `model.keras` file, or the folder that holds it.
        custom_objects: Your own classes and functions that the model may use and that
            you trust, by name.
        sha256: Hexadecimal digest that the file must have, for instance
            `checksums.verify_checksums(folder)["model.keras"]`.
        expected: The class that the model must be or inherit from; None allows any.

    Returns:
        The `keras.Model`, compiled if it was compiled when it was saved.

    Raises:
        FileNotFoundError: There is no such file.
        UnsafeModelError: A ValueError. The file is damaged, contains something that a
            zoo model must not contain, would cost more than its weights can need, or
            does not have the expected digest.
    """
    path = Path(path)
    path = path / MODEL if path.is_dir() else path
    try:
        members = _read_file(path, sha256)
        metadata = parse_json(members["metadata.json"], "metadata.json")
        if not isinstance(metadata, dict):
            raise UnsafeModelError("metadata.json: expected a JSON object.")
        config = parse_json(members["config.json"], "config.json")
        check_config(config, custom_objects, expected)
        stored = check_weights(members["model.weights.h5"])
        return _load_checked(members, stored, custom_objects)
    except UnsafeModelError as error:
        raise error.of(path) from error.__cause__


def _read_file(path: Path, sha256: str | None) -> dict[str, bytes]:
    data = read_limited(path, MAX_ARCHIVE)
    if sha256 is not None:
        compare(path, sha256, hashlib.sha256(data).hexdigest())
    return _read_members(data)


def _load_checked(
    members: dict[str, bytes],
    stored: Mapping[Shape, list[int]],
    custom_objects: Mapping[str, object] | None,
) -> keras.Model:
    from keras import saving

    from ae_zoo.distribution.keras_patches import metered
    from ae_zoo.zoo.meter import LoadMeter

    with tempfile.TemporaryDirectory(prefix="ae_zoo-") as private:
        copy = os.path.join(private, MODEL)
        # Two readers can see two different archives in one crafted zip file. A zip
        # that is written here can be read in one way only.
        config = _without_defaults(json.loads(members["config.json"]))
        members["config.json"] = json.dumps(config).encode()
        with zipfile.ZipFile(copy, "w") as archive:
            for name in MEMBERS:
                archive.writestr(name, members.pop(name))
        meter = LoadMeter(stored, draws=bool(custom_objects))
        try:
            with metered(meter), warnings.catch_warnings():
                # An optimizer that has made no step has two variables, and no state
                # that could be lost.
                warnings.filterwarnings(
                    "ignore", "Skipping variable loading for optimizer .* 2 variables"
                )
                model = saving.load_model(
                    copy, custom_objects=custom_objects, safe_mode=True
                )
        except Exception as error:
            # The messages of Keras quote whole configurations. They are of use only to
            # those who want to mend their own classes.
            raise meter.refusal or UnsafeModelError(
                "Keras cannot build this model, or the weights do not fit it: "
                f"{_innermost(error)}"
            ) from (error if custom_objects else None)
    if meter.refusal:
        raise meter.refusal
    check_finite(model)
    return model


def _innermost(error: BaseException) -> str:
    """The error that Keras met first, before it wrapped it into others."""
    while error.__context__ is not None:
        error = error.__context__
    return f"{type(error).__name__}: {clean(str(error), 500)}"


def _without_defaults(config: Any) -> Any:
    """Remove arguments that new Keras versions write and older ones do not know.

    Only those that are None are removed: None is their default.
    """
    if isinstance(config, list):
        return [_without_defaults(item) for item in config]
    if not isinstance(config, dict):
        return config
    return {
        key: _without_defaults(value)
        for key, value in config.items()
        if value is not None or key not in NEW_ARGUMENTS
    }


def _read_members(data: bytes) -> dict[str, bytes]:
    """Return the bytes of the three members of a `.keras` file, by name."""
    # zipfile creates an object for each entry before they can be counted.
    if data.count(b"PK\x01\x02") > MAX_ENTRIES:
        raise UnsafeModelError(f"It lists more than {MAX_ENTRIES} members.")
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
            "It is truncated or not a .keras file: expected a zip archive of "
            f"{', '.join(MEMBERS)} ({error}). Fetch it again."
        ) from None


def _check_member_names(names: list[str]) -> None:
    for name in names:
        if name not in MEMBERS:
            raise UnsafeModelError(
                f"model.keras holds {short(name)}; expected only {', '.join(MEMBERS)}."
            )
        if names.count(name) > 1:
            raise UnsafeModelError(f"model.keras holds {short(name)} more than once.")
    for name in MEMBERS:
        if name not in names:
            raise UnsafeModelError(f"model.keras lacks {name!r}.")


def _check_member(info: zipfile.ZipInfo) -> None:
    """Check the header of a member, before any byte of it is unpacked."""
    name, mode = info.filename, info.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise UnsafeModelError(f"model.keras: '{name}' is not a regular file.")
    if info.flag_bits & 0x1:
        raise UnsafeModelError(f"model.keras: '{name}' is encrypted.")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise UnsafeModelError(f"model.keras: '{name}' uses an unknown compression.")
    limit = min(
        MEMBERS[name],
        max(MIB, MAX_EXPANSION * info.compress_size),
        max(MAX_EXPANDED, int(MAX_EXPANSION_ABOVE * info.compress_size)),
    )
    if info.file_size > limit:
        raise UnsafeModelError(
            f"model.keras: '{name}' declares {info.file_size:,} bytes in "
            f"{info.compress_size:,} stored ones; at most {limit:,} are allowed."
        )


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    # A header can lie, so the limit holds while unpacking too.
    with archive.open(info) as member:
        data = member.read(info.file_size + 1)
    if len(data) != info.file_size:
        raise UnsafeModelError(
            f"model.keras: '{info.filename}' declares {info.file_size:,} bytes but "
            f"unpacks to {len(data):,}: the file is truncated or forged."
        )
    return data
