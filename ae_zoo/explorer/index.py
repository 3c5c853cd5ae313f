"""What the page knows of each model: one record of its index."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ae_zoo import _resources
from ae_zoo.explorer import details
from ae_zoo.lite import files
from ae_zoo.zoo import entry, overview

# A larger float32 file is left out in favor of the int8 file: a visitor of a web page
# waits for it, and the pictures look the same.
_LARGE = 2_000_000  # bytes
_KINDS = {
    "Restore images": "restore",
    "Find anomalies": "anomaly",
    "Generate and interpolate": "generate",
    "Compress and encode": "encode",
}


class Record(NamedTuple):
    """A model in the index.

    Attributes:
        facts: The JSON object of the index.
        files: {address below the page: path of the file or its content}.
    """

    facts: dict[str, Any]
    files: dict[str, Path | bytes]


def records(own: Path | None = None) -> list[Record]:
    """The models of the zoo, after one of the user's own.

    Args:
        own: A model folder or a `.tflite` file.

    Raises:
        FileNotFoundError, ValueError: `own` is none of these, or one of its files is
            missing or damaged.
    """
    found = [] if own is None else [_own_record(own)]
    if found and found[0].facts["name"] in _resources.model_names():
        # The page finds a model by its name.
        found[0].facts["name"] = f"my_{found[0].facts['name']}"
    for name in _resources.model_names():
        folder = _resources.folder("saved_models") / name
        file = _file_of(folder)
        if file is not None:
            found.append(_record(folder, file, f"models/{name}", is_own=False))
    return found


def _file_of(folder: Path) -> Path | None:
    """The file that the page loads: float32 unless it is large or missing.

    Models of images of any size are run in float32 rather than in full int8: of some,
    LiteRT cannot run tiles of 256×256 pixels with WebAssembly.
    """
    full, small = folder / "model.tflite", folder / "model_int8.tflite"
    is_wanted = full.is_file() and (
        full.stat().st_size < _LARGE
        or (_takes_any_size(folder) and not _has_float_activations(small))
    )
    if is_wanted or (full.is_file() and not small.is_file()):
        return full
    return small if small.is_file() else None


def _takes_any_size(folder: Path) -> bool:
    return None in (entry.info(folder).get("input_shape") or [])


def _has_float_activations(file: Path) -> bool:
    if not file.is_file():
        return False
    sidecar = files.read_sidecar(file, files.read(file)) or {}
    return sidecar.get("quantization") == "dynamic"


def _own_record(path: Path) -> Record:
    if path.is_file():
        return _record(None, path, "own", is_own=True)
    if not path.is_dir():
        raise FileNotFoundError(
            f"There is no model folder '{path}'. Expected a name of `ae-zoo list`, a "
            "model folder, or a .tflite file."
        )
    file = _file_of(path)
    if file is None:
        raise FileNotFoundError(
            f"'{path}' has neither model.tflite nor model_int8.tflite, which the "
            f"browser runs. Write one: ae-zoo export {path} {path}/model.tflite"
        )
    return _record(path, file, "own", is_own=True)


def _record(folder: Path | None, file: Path, place: str, is_own: bool) -> Record:
    content = files.read(file)
    sidecar = files.read_sidecar(file, content)
    if not sidecar:
        raise ValueError(
            f"'{file}' has no sidecar '{file.with_suffix('.json').name}', which "
            "describes its inputs. Copy it from where the file was exported."
        )
    card = {} if folder is None else entry.info(folder)
    _check_is_static(file, sidecar)
    facts = _facts(sidecar, card)
    facts["is_own"] = is_own
    served: dict[str, Path | bytes] = {}
    # The name changes with the content, so a web host may let browsers keep the file.
    stem = "model" if folder is None else file.stem
    url = f"{place}/{stem}.{sidecar['sha256'][:8]}.tflite"
    facts["file"] = {"url": url, "bytes": len(content)}
    served[url] = content
    if folder is not None:
        served |= _extras(folder, place, facts)
    return Record(facts, served)


def _facts(sidecar: Mapping[str, Any], card: Mapping[str, Any]) -> dict[str, Any]:
    data = card.get("dataset") or {}
    card_shape = card.get("input_shape") or sidecar.get("input_shape") or []
    return {
        "name": card.get("name") or sidecar.get("name") or "your model",
        "variant": sidecar.get("variant"),
        "task": card.get("task") or sidecar.get("task"),
        "limits": card.get("limits"),
        "kind": _KINDS[overview.group_of(card)] if card.get("variant") else "encode",
        "license": card.get("license") or sidecar.get("license"),
        "data": {
            key: data.get(key)
            for key in ("name", "license", "homepage", "classes", "columns")
        },
        "input_shape": _shape(sidecar, "x"),
        "latent_shape": _shape(sidecar, "z"),
        "signatures": list(sidecar.get("signatures") or []),
        "is_any_size": None in card_shape,
        "input_range": sidecar.get("input_range"),
        "loss": sidecar.get("reconstruction_loss"),
        "score_terms": sidecar.get("score_terms"),
        "prior": sidecar.get("prior"),
        "quantization": sidecar.get("quantization"),
        "scaling": _outer_scaling(sidecar),
        "threshold": _threshold(card),
        "details": None,
        "trainable": None,
    }


def _outer_scaling(sidecar: Mapping[str, Any]) -> dict[str, Any] | None:
    """The scaling that the file leaves to those who run it, or None."""
    scaling = sidecar.get("scaling")
    if scaling is None or scaling.get("in_file", True):
        return None
    return {"shift": scaling["shift"], "width": scaling["width"]}


def _threshold(card: Mapping[str, Any]) -> float | None:
    for row in card.get("metrics") or []:
        # As in `evaluation.threshold_of`, which needs TensorFlow.
        if str(row["metric"]).startswith("threshold"):
            return float(row["value"])
    return None


def _shape(sidecar: Mapping[str, Any], name: str) -> list[int] | None:
    """Shape of one sample of a tensor in the file, where sizes are fixed."""
    for signature in (sidecar.get("signatures") or {}).values():
        for side in ("inputs", "outputs"):
            if name in signature[side]:
                return list(signature[side][name]["shape"][1:])
    return None


def _check_is_static(file: Path, sidecar: Mapping[str, Any]) -> None:
    for name, signature in (sidecar.get("signatures") or {}).items():
        for tensor in signature["inputs"].values():
            if any(size is None for size in tensor["shape"]):
                raise ValueError(
                    f"'{file}' has open sizes in '{name}', {tensor['shape']}; the "
                    "browser runs files with fixed sizes. Export it with batch_size=1."
                )
            if tensor["dtype"] != "float32":
                raise ValueError(
                    f"'{file}' takes {tensor['dtype']}; the browser runs files with "
                    "float inputs. Export it without pixels=True and 'int8_io'."
                )


def _extras(folder: Path, place: str, facts: dict[str, Any]) -> dict[str, Path | bytes]:
    served: dict[str, Path | bytes] = {}
    shape = facts["latent_shape"]
    path = folder / details.FILE
    if path.is_file():
        latent_dim = shape[0] if shape and len(shape) == 1 else None
        facts["details"] = f"{place}/{details.FILE}"
        served[facts["details"]] = details.read(path, latent_dim)
    path = folder / details.TRAINABLE
    if path.is_file():
        content = files.read(path)
        url = f"{place}/{details.TRAINABLE}"
        facts["trainable"] = {"url": url, "bytes": len(content)}
        served[url] = content
    return served


def write(found: list[Record], start: str | None) -> bytes:
    """Return the JSON of the index.

    Args:
        found: The models.
        start: Name of the model to show first, or None.
    """
    index = {
        "format_version": 1,
        "start": start,
        "models": [record.facts for record in found],
    }
    return json.dumps(index, ensure_ascii=False, separators=(",", ":")).encode()
