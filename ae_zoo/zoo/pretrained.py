"""`save_pretrained`: a model folder of the user's own, with what is known of it."""

from __future__ import annotations

import dataclasses
import datetime
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ae_zoo._checks import check_boolean, check_folder
from ae_zoo._fields import check_fields
from ae_zoo._machine import hardware
from ae_zoo.zoo import cards, provenance, writing
from ae_zoo.zoo.entry import Card, StrPath

if TYPE_CHECKING:
    from ae_zoo.data import Source
    from ae_zoo.evaluation import Measurement
    from ae_zoo.models import Autoencoder

Metrics = Mapping[str, float] | Sequence["Measurement"]

NOT_STATED = "not stated"
_DATA = {name: (str, type(None)) for name in ("license", "citation", "homepage")}


def save_pretrained(
    model: Autoencoder,
    folder: StrPath,
    *,
    name: str | None = None,
    task: str | None = None,
    license: str | None = None,
    limits: str | None = None,
    paper: str | None = None,
    data: str | Mapping[str, str | None] | Source | None = None,
    metrics: Metrics | None = None,
    overwrite: bool = False,
    pictures: Callable[[pathlib.Path], object] | None = None,
) -> None:
    """Write a model folder that `ae_zoo.load` reads, with a card and checksums.

    The card of a model that was loaded and not changed is that of its folder, with what
    is given here. Of another model it holds what the model shows, and "not stated"
    where nothing is given. If the model was loaded and trained further, the card names
    the model it comes from, with the checksum, and none of its figures.

    Args:
        model: An `ae_zoo.models.Autoencoder`.
        folder: Path of the folder, which is written completely or not at all.
        name: Name of the model; None is the name of the folder.
        task: What the model is for, in one sentence.
        license: License of the weights.
        limits: What the model should not be used for.
        paper: The publication that the model follows.
        data: What it was trained on: a sentence; a dict of "name", "license",
            "citation" and "homepage"; or an `ae_zoo.data.Source`.
        metrics: {name: value} of your own measurements, or rows of
            `ae_zoo.evaluation.evaluate`, the most important first.
        overwrite: Whether to replace an existing model folder.
        pictures: A function that draws PNG files into the folder that it is given.

    Raises:
        FileExistsError: The folder exists and `overwrite` is False, or it holds files
            but no model.
        TypeError, ValueError: A text or a number has another type, or the model has a
            scaling that is not adapted.
        OSError: The folder cannot be written. What was there is intact.

    Example:

    >>> model = ae_zoo.load("undercomplete_digits")
    >>> ae_zoo.zoo.save_pretrained(model, "copied", limits="Digits only.")
    >>> ae_zoo.info("copied")["limits"]
    'Digits only.'
    """
    check_folder("folder", folder)
    check_boolean("overwrite", overwrite)
    given = {
        "task": task,
        "license": license,
        "limits": limits,
        "paper": paper,
    }
    for field, text in {"name": name, **given}.items():
        _check_text(field, text)
    card = make_card(
        model, name or pathlib.Path(folder).resolve().name, given, data, metrics
    )
    if name is not None:
        card["name"] = name
    writing.save(model, folder, card, pictures, overwrite)


def make_card(
    model: Autoencoder,
    name: str,
    given: Mapping[str, str | None],
    data: Any = None,
    metrics: Metrics | None = None,
) -> Card:
    """Collect what is known of a model.

    Args:
        model: The model.
        name: Its name, if it is not an unchanged one of the zoo.
        given: Texts of the user by field; None for what is not given.
        data, metrics: As in `save_pretrained`.
    """
    model.check_is_adapted()
    texts = {field: text for field, text in given.items() if text is not None}
    rows = None if metrics is None else _rows(metrics)
    facts = None if data is None else _dataset(data)
    if model.card is not None:
        # The pictures and exported files of its folder are not copied.
        left_out = ("pictures", "deployment", "transfer", "bytes")
        known = {k: v for k, v in model.card.items() if k not in left_out}
        known |= texts
        known |= {"metrics": rows} if rows is not None else {}
        return known | ({"dataset": facts} if facts is not None else {})
    card: Card = {
        "name": name,
        "written_by": "save_pretrained",
        "task": NOT_STATED,
        **cards.facts_of(model),
        "dataset": facts or {"name": NOT_STATED},
        "written": {
            "hardware": hardware(),
            "date": datetime.date.today().isoformat(),
            "commit": provenance.commit(),
            "versions": provenance.versions(),
        },
        "license": None,
        "metrics": rows or [],
        **texts,
    }
    if model.origin is not None:
        card["origin"] = {
            "name": model.origin.card["name"],
            "license": model.origin.card.get("license"),
            "sha256": model.origin.sha256,
        }
    return card


def _check_text(field: str, text: object) -> None:
    if text is not None and not isinstance(text, str):
        raise TypeError(
            f"`{field}` must be a text. Received: {text!r} of type "
            f"{type(text).__name__}"
        )
    if text is not None and not text.strip():
        raise ValueError(f"`{field}` must be a text, or None. Received: {text!r}")


def _dataset(data: Any) -> dict[str, Any]:
    if isinstance(data, str):
        _check_text("data", data)
        return {"name": data}
    if isinstance(data, Mapping):
        unknown = sorted(set(data) - {"name", *_DATA})
        if unknown or not isinstance(data.get("name"), str):
            raise ValueError(
                f"`data` must have a 'name', and may have {sorted(_DATA)}. Received: "
                f"{dict(data)}"
            )
        check_fields(dict(data), _DATA, "`data`")
        return dict(data)
    if not hasattr(data, "fingerprint") or not hasattr(data, "counts"):
        raise TypeError(
            "`data` must be a sentence, a dict, or an ae_zoo.data.Source. Received: "
            f"{data!r} of type {type(data).__name__}"
        )
    return cards.facts_of_data(data)


def _rows(metrics: Any) -> list[dict[str, Any]]:
    from ae_zoo.evaluation import Measurement

    if isinstance(metrics, Mapping):
        metrics = [
            Measurement(name, value, higher_is_better=None)
            for name, value in metrics.items()
        ]
    rows = list(metrics)
    if not all(isinstance(row, Measurement) for row in rows):
        raise TypeError(
            "`metrics` must be a dict of numbers by name, or rows of "
            f"ae_zoo.evaluation.evaluate. Received: {metrics!r}"
        )
    return [dataclasses.asdict(row) for row in rows]
