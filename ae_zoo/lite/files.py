"""Reads a `.tflite` file and its description, and opens it in the runtime."""

from __future__ import annotations

import hashlib
import json
import pathlib
from typing import Any

_SIDECAR_VERSION = 1


def read(path: pathlib.Path) -> bytes:
    """Read the bytes of a `.tflite` file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is a directory or in another format.
    """
    if path.is_dir():
        raise ValueError(
            f"'{path}' is a directory; expected a .tflite file. A SavedModel is read "
            "by tf.saved_model.load."
        )
    if not path.exists():
        raise FileNotFoundError(
            f"There is no file '{path}'. Write it with "
            "model.export('m.tflite', format='litert')."
        )
    content = path.read_bytes()
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
        ValueError: The description is damaged, too new, or of another file.
    """
    sidecar = path.with_suffix(".json")
    if not sidecar.exists():
        return {}
    mend = f"Copy both files from one export, or remove '{sidecar}'."
    try:
        metadata = json.loads(sidecar.read_text("utf-8"))
        version, expected = metadata["format_version"], metadata["sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"'{sidecar}' must be the sidecar of '{path.name}': JSON with "
            f"'format_version' and 'sha256'. It is not: {error!r}. {mend}"
        ) from error
    if version != _SIDECAR_VERSION:
        raise ValueError(
            f"'{sidecar}' must have format_version {_SIDECAR_VERSION}. Received "
            f"{version!r}. Update ae_zoo to read it."
        )
    received = hashlib.sha256(content).hexdigest()
    if received != expected:
        raise ValueError(
            f"'{sidecar}' belongs to another file, or '{path.name}' is damaged: "
            f"expected SHA-256 {expected}. Received {received}. {mend}"
        )
    return _with_present_keys(metadata)


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
