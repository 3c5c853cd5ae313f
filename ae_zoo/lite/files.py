"""Reads a `.tflite` file and its description, and opens it in the runtime."""

from __future__ import annotations

import hashlib
import pathlib
from typing import Any

import numpy as np

from ae_zoo._bounds import MAX_LITE, MAX_SIDECAR
from ae_zoo._fields import NUMBER, OPTIONAL_TEXT, SIZES, check_fields
from ae_zoo._reading import (
    UnsafeModelError,
    escaped_texts,
    parse_json,
    read_limited,
    short,
)
from ae_zoo.lite import terms

_SIDECAR_VERSION = 1
_NUMBERS = (int, float, [NUMBER])
_FIELDS = {
    "format_version": int,
    "sha256": str,
    "name": OPTIONAL_TEXT,
    "variant": OPTIONAL_TEXT,
    "task": OPTIONAL_TEXT,
    "license": OPTIONAL_TEXT,
    "licence": OPTIONAL_TEXT,
    "input_shape": SIZES,
    "input_range": ([NUMBER], type(None)),
    "scaling": (
        {"mode": str, "in_file": bool, "shift": _NUMBERS, "width": _NUMBERS},
        type(None),
    ),
    "latent_shape": SIZES,
    "reconstruction_loss": OPTIONAL_TEXT,
    "score_terms": ([str], type(None)),
    "prior": OPTIONAL_TEXT,
    "signatures": {str: {"inputs": {str: dict}, "outputs": {str: dict}}},
    "quantization": OPTIONAL_TEXT,
}
_REQUIRED = {"format_version", "sha256"}


def read(path: pathlib.Path) -> bytes:
    """Read the bytes of a `.tflite` file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is a directory or in another format.
        UnsafeModelError: A ValueError. It is no regular file, or larger than 512 MB.
    """
    if path.is_dir():
        raise ValueError(
            f"'{path}' is a directory without model.tflite or model_int8.tflite; "
            "expected a .tflite file, or a model folder with one, as `ae-zoo package` "
            "writes it. A SavedModel is read by tf.saved_model.load."
        )
    if not path.exists():
        raise FileNotFoundError(
            f"There is no file '{path}'. Write it with "
            "model.export('m.tflite', format='litert')."
        )
    content = read_limited(path, MAX_LITE)
    if content[4:8] != b"TFL3":
        raise ValueError(
            f"'{path}' is no TFLite file: expected b'TFL3' at byte 4. Received "
            f"{content[4:8]!r} in {len(content)} bytes."
        )
    return content


def read_sidecar(path: pathlib.Path, content: bytes) -> dict[str, Any]:
    """Read the description of a file; return an empty dict where there is none.

    Args:
        path: Path of the `.tflite` file.
        content: Its bytes.

    Raises:
        UnsafeModelError: A ValueError. The description is damaged, too new, or of
            another file.
    """
    sidecar = path.with_suffix(".json")
    if not sidecar.exists():
        return {}
    try:
        return _checked_sidecar(sidecar, path, content)
    except UnsafeModelError as error:
        raise error.of(sidecar) from None


def _checked_sidecar(
    sidecar: pathlib.Path, path: pathlib.Path, content: bytes
) -> dict[str, Any]:
    mend = f"Copy both files from one export, or remove '{sidecar}'."
    try:
        metadata = parse_json(read_limited(sidecar, MAX_SIDECAR), sidecar.name)
        if not isinstance(metadata, dict) or not metadata.keys() >= _REQUIRED:
            raise UnsafeModelError("'format_version' or 'sha256' is missing.")
        check_fields(metadata, _FIELDS, "the sidecar")
    except UnsafeModelError as error:
        raise UnsafeModelError(
            f"It must be the sidecar of '{path.name}': JSON with 'format_version' and "
            f"'sha256'. It is not: {error.reason} {mend}"
        ) from None
    version, expected = metadata["format_version"], metadata["sha256"]
    if version != _SIDECAR_VERSION:
        raise UnsafeModelError(
            f"It must have format_version {_SIDECAR_VERSION}. Received {version!r}. "
            "Update ae_zoo to read it."
        )
    received = hashlib.sha256(content).hexdigest()
    if received != expected:
        raise UnsafeModelError(
            f"It belongs to another file, or '{path.name}' is damaged: expected "
            f"SHA-256 {short(expected)}. Received {received}. {mend}"
        )
    metadata = _with_present_keys(escaped_texts(metadata))
    _check_range(metadata.get("input_range"))
    _check_scaling(metadata.get("scaling"), metadata.get("input_shape"))
    _check_terms(metadata["score_terms"])
    return metadata


def _check_range(support: list[float] | None) -> None:
    if support is not None and not (len(support) == 2 and support[0] < support[1]):
        raise UnsafeModelError(
            "'input_range' must be null or two numbers, the lower one first. Received: "
            f"{short(support)}"
        )


def _check_scaling(scaling: dict[str, Any] | None, shape: list[int] | None) -> None:
    if scaling is None:
        return
    shift, width = (np.asarray(scaling.get(n, "")) for n in ("shift", "width"))
    is_valid = (
        shift.dtype.kind in "if"
        and width.dtype.kind in "if"
        and shift.shape == width.shape
        and (width.ndim == 0 or width.shape in ((1,), tuple((shape or [])[-1:])))
        and np.isfinite(shift).all()
        and np.isfinite(width).all()
        and (width > 0).all()
    )
    if not is_valid:
        raise UnsafeModelError(
            "'scaling' must be null, or have a 'shift' and a positive 'width' of the "
            f"size of the last axis of inputs, or one of each. Received: "
            f"{short(scaling)}"
        )


def _check_terms(names: list[str] | None) -> None:
    known = terms.RECONSTRUCTION.keys() | terms.POSTERIOR.keys()
    if names is not None and not (
        set(names) <= known
        and len(set(names)) == len(names)
        and len(terms.RECONSTRUCTION.keys() & set(names)) == 1
    ):
        raise UnsafeModelError(
            f"'score_terms' must be null or one of {sorted(terms.RECONSTRUCTION)}, "
            f"with or without {sorted(terms.POSTERIOR)}. Received: {short(names)}"
        )


def _with_present_keys(metadata: dict[str, Any]) -> dict[str, Any]:
    """Add or rename the keys that versions before 0.2 lack or spell differently."""
    if "licence" in metadata:
        metadata["license"] = metadata.pop("licence")
    if "score_terms" not in metadata:
        is_variational = metadata.get("variant") == "VariationalAutoencoder"
        names = [metadata.get("reconstruction_loss")]
        names += ["gaussian_kl"] * is_variational
        is_known = names[0] in ("bernoulli", "gaussian")
        has_known_prior = metadata.get("prior") in (None, "N(0, I)")
        metadata["score_terms"] = names if is_known and has_known_prior else None
    return metadata


def open_interpreter(path: pathlib.Path, content: bytes, num_threads: int) -> Any:
    """Open an `ai_edge_litert.interpreter.Interpreter` of a file's content.

    Raises:
        ImportError: The package ai-edge-litert is not installed.
        ValueError: The file is truncated or damaged.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise ImportError(
            "ae_zoo.lite needs the package ai-edge-litert. Install it with: "
            "pip install 'ae-zoo[lite]'"
        ) from error
    try:
        return Interpreter(model_content=content, num_threads=num_threads)
    except ValueError as error:
        raise ValueError(
            f"'{path}' is truncated or damaged: LiteRT cannot read its {len(content)} "
            f"bytes ({error}). Copy or export it again."
        ) from error
