"""`explorer.json` of a model folder: what the page shows in addition to the model.

It holds numbers that were computed from test samples, such as their codes. It holds
samples only where the card shows the same samples, or the terms of the data allow it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ae_zoo._bounds import MAX_CARD
from ae_zoo._fields import NUMBER, check_fields
from ae_zoo._reading import UnsafeModelError, parse_json, read_limited

FILE = "explorer.json"
TRAINABLE = "trainable.tflite"
VERSION = 1
_FIELDS = {
    "format_version": int,
    "codes": {
        "values": list,
        "labels": ([int], type(None)),
        "center": [NUMBER],
        "directions": list,
        "deviations": [NUMBER],
    },
    "scores": {"values": [NUMBER], "anomalous": [bool]},
    "examples": [{"label": str, "values": [NUMBER]}],
    "source": str,
}


def read(path: Path, latent_dim: int | None) -> bytes:
    """Read and check an `explorer.json`.

    Args:
        path: The file.
        latent_dim: Number of latent units, or None if codes are not vectors.

    Returns:
        The content of the file.

    Raises:
        UnsafeModelError: A ValueError. The file is damaged, too new, too large, or of
            another model.
    """
    try:
        content = read_limited(path, MAX_CARD)
        details = parse_json(content, path.name)
        check_fields(details, _FIELDS, f"'{FILE}'")
        if details.get("format_version") != VERSION:
            raise UnsafeModelError(
                f"It must have format_version {VERSION}. Received "
                f"{details.get('format_version')!r}. Update ae_zoo to read it."
            )
        _check_codes(details.get("codes"), latent_dim)
    except UnsafeModelError as error:
        raise error.of(path) from None
    return content


def _check_codes(codes: dict[str, Any] | None, latent_dim: int | None) -> None:
    if codes is None:
        return
    needed = {"values", "labels", "center", "directions", "deviations"}
    if not needed <= codes.keys():
        raise UnsafeModelError(f"'codes' must have {sorted(needed)}.")
    for name in ("values", "directions", "center"):
        if not _are_vectors(codes[name], latent_dim, is_one=name == "center"):
            raise UnsafeModelError(
                f"'{name}' must hold codes of {latent_dim} numbers, as the model has."
            )
    if len(codes["deviations"]) != len(codes["directions"]):
        raise UnsafeModelError("'deviations' must hold a number for each direction.")
    if codes["labels"] is not None and len(codes["labels"]) != len(codes["values"]):
        raise UnsafeModelError("'labels' must hold an integer for each code, or null.")


def _are_vectors(value: Any, size: int | None, is_one: bool) -> bool:
    # NumPy looks at the many numbers faster than `check_fields` does.
    try:
        array = np.asarray(value)
    except ValueError:  # rows of several lengths
        return False
    is_numeric = array.dtype.kind in "if" and bool(np.isfinite(array).all())
    return is_numeric and array.shape[(0 if is_one else 1) :] == (size,)
