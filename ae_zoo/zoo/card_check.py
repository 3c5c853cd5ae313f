"""Check of the fields of a `card.json`, which a stranger may have written."""

from __future__ import annotations

from typing import Any

from ae_zoo._fields import NUMBER, OPTIONAL_NUMBER, OPTIONAL_TEXT, SIZES, check_fields
from ae_zoo._reading import UnsafeModelError

# What the package reads of a card; see `check_fields`.
_METRIC = {
    "metric": str,
    "value": NUMBER,
    "baseline": OPTIONAL_NUMBER,
    "baseline_name": str,
    "published": OPTIONAL_NUMBER,
    "source": str,
    "higher_is_better": (bool, type(None)),
    "tolerance": OPTIONAL_NUMBER,
    "mean": OPTIONAL_NUMBER,
    "spread": OPTIONAL_NUMBER,
    "seeds": int,
}
_DATASET = {
    "name": str,
    "splits": {str: int},
    "binarize": (str, bool, type(None)),
    "classes": (list, type(None)),
    "license": OPTIONAL_TEXT,
    "citation": OPTIONAL_TEXT,
    "homepage": OPTIONAL_TEXT,
    "sha256": {str: str},
    "kind": str,
    "split_rule": str,
    "preprocessing": str,
    "columns": [str],
    "measured": {str: int},
    "own_batches": bool,
}
_TRAINING = {
    "command": OPTIONAL_TEXT,
    "epochs": int,
    "epochs_at_most": (int, type(None)),
    "batch_size": int,
    "initial_weights": OPTIONAL_TEXT,
    "seed": int,
    "seconds": NUMBER,
    "hardware": OPTIONAL_TEXT,
    "date": str,
    "commit": OPTIONAL_TEXT,
    "versions": {str: OPTIONAL_TEXT},
}
_PERCENTILES = {str: NUMBER}
_KIND = {
    "input": str,
    "samples": int,
    "score": _PERCENTILES,
    "score_per_value": _PERCENTILES,
    "roughness": _PERCENTILES,
}
_CARD: dict[str, Any] = {
    "name": str,
    "variant": str,
    "task": str,
    "paper": OPTIONAL_TEXT,
    "limits": OPTIONAL_TEXT,
    "dataset": _DATASET,
    "architecture": {str: str},
    "input_shape": SIZES,
    "input_range": ([NUMBER], type(None)),
    "latent_shape": SIZES,
    "parameters": int,
    "training": _TRAINING,
    "license": OPTIONAL_TEXT,
    "metrics": [_METRIC],
    "subset": {"samples": int, "metric": str, "value": NUMBER},
    "bytes": int,
    "typical_inputs": [_KIND],
    "pictures": [str],
    "deployment": {str: object},
    "transfer": [{str: object}],
    "scaling": OPTIONAL_TEXT,
    "written_by": str,
    "written": {
        "hardware": OPTIONAL_TEXT,
        "date": str,
        "commit": OPTIONAL_TEXT,
        "versions": {str: OPTIONAL_TEXT},
    },
    "origin": {"name": str, "license": OPTIONAL_TEXT, "sha256": str},
}
_REQUIRED = ("name", "variant", "metrics", "dataset")


def check_card(card: dict[str, Any]) -> None:
    """Raise if a card lacks a field that every card has, or if one has another type.

    Raises:
        UnsafeModelError: Names the field.
    """
    for field in _REQUIRED:
        if field not in card:
            raise UnsafeModelError(f"It lacks the field '{field}' of a card.")
    check_fields(card, _CARD, "the card")
    if not card["metrics"] and card.get("written_by") != "save_pretrained":
        raise UnsafeModelError("'metrics' holds no measurement.")
    for row in card["metrics"]:
        if not {"metric", "value"} <= row.keys():
            raise UnsafeModelError("A row of 'metrics' lacks its name or its value.")
    if "name" not in card["dataset"]:
        raise UnsafeModelError("'dataset' lacks its name.")
