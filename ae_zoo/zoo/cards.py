"""The card of a zoo entry: its facts as a dict, and its page in Markdown."""

from __future__ import annotations

import dataclasses
import datetime
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ae_zoo._machine import hardware
from ae_zoo._reading import UnsafeModelError
from ae_zoo.zoo import provenance, tables
from ae_zoo.zoo.entry import Card

if TYPE_CHECKING:
    import jinja2

    from ae_zoo.data import Source
    from ae_zoo.evaluation import Measurement
    from ae_zoo.models import Autoencoder

_CAPTIONS = {
    "picture.png": "Test samples, and the model's output for them",
    "manifold.png": "Decoded points of the plane through the codes of test images "
    "along their two principal directions",
    "filters.png": "Weights of single units, as images",
    "code_histogram.png": "Values of the code, and how often each unit is active",
    "scores.png": "Scores of normal and anomalous test samples",
    "timeline.png": "Scores of the test samples in the order of the split, with "
    "the anomalies shaded, and the threshold",
    "training.png": "Training and validation loss after each epoch",
}
_PLANE = "The latent plane, decoded on a grid of equal steps in prior probability"
# The start of a headline metric's name, and what it measures.
_MEANINGS = {
    "F1": "F1 is the harmonic mean of precision and recall.",
    "NLL": "NLL is the negative log-likelihood of a test sample, estimated by "
    "importance sampling.",
    "PSNR": "PSNR is the peak signal-to-noise ratio between the output and the "
    "original.",
    "binary cross-entropy per pixel": "The binary cross-entropy compares each pixel "
    "of the output with the original.",
    "mean absolute error": "The error is the average difference between the output "
    "and the original.",
    "squared error": "The squared error is summed over all values of a sample and "
    "averaged over samples.",
}


def make_card(
    *,
    name: str,
    model: Autoencoder,
    source: Source,
    task: str,
    paper: str,
    limits: str,
    license: str | None,
    training: Mapping[str, object],
    metrics: Sequence[Measurement],
    subset: Mapping[str, object],
    binarize: str | bool | None = None,
    classes: Sequence[int] | None = None,
    has_own_batches: bool = False,
) -> Card:
    """Collect the facts of a card; see `render` for its page.

    Args:
        name: Name of the entry.
        model: The trained model.
        source: The data that it was trained on.
        task: What the model is for, in one sentence.
        paper: The publication that the model follows.
        limits: What the model should not be used for.
        license: License of the weights, or None if it is not stated.
        training: How the model was trained: `command`, `epochs`, `epochs_at_most`,
            `batch_size`, `initial_weights`, `seed` and `seconds`.
        metrics: Measurements on the test split, the headline first.
        subset: The headline on the first test samples; see
            `evaluation.measure_subset`.
        binarize: How the training data were binarized, if they were.
        classes: Labels of the samples used for training, or None for all.
        has_own_batches: Whether a function of the recipe made the training data, so
            that `source` is only what was validated and tested on.

    Returns:
        A dict that can be written as JSON.
    """
    return {
        "name": name,
        "variant": type(model).__name__,
        "task": task,
        "paper": paper,
        "limits": limits,
        "dataset": {
            "name": source.name,
            "splits": dict(source.counts),
            "binarize": binarize,
            "classes": list(classes or []) or None,
            "license": source.license,
            "citation": source.citation,
            "homepage": source.homepage,
            "sha256": dict(source.fingerprint),
            **_own_facts(source),
            **({"own_batches": True} if has_own_batches else {}),
        },
        **facts_of(model),
        "training": {
            **training,
            "hardware": hardware(),
            "date": datetime.date.today().isoformat(),
            "commit": provenance.commit(),
            "versions": provenance.versions(),
        },
        "license": license,
        "metrics": [dataclasses.asdict(row) for row in metrics],
        "subset": dict(subset),
    }


def facts_of(model: Autoencoder) -> Card:
    """The facts of a card that the model itself shows.

    Args:
        model: An `ae_zoo.models.Autoencoder`.
    """
    facts = {
        "variant": type(model).__name__,
        "architecture": _architecture(model),
        "input_shape": list(model.input_shape[1:]),
        "input_range": list(model.input_range or []) or None,
        "latent_shape": list(model.latent_shape),
        "parameters": model.count_params(),
    }
    if model.scaling is not None:
        weighted = ", with a factor for each feature" if model.scaling.factors else ""
        facts["scaling"] = model.scaling.mode + weighted
    return facts


def facts_of_data(source: Source) -> Card:
    """The facts of a card about the data.

    Args:
        source: An `ae_zoo.data.Source`.
    """
    return {
        "name": source.name,
        "splits": dict(source.counts),
        "license": source.license,
        "citation": source.citation,
        "homepage": source.homepage,
        "sha256": dict(source.fingerprint),
        **_own_facts(source),
    }


def _own_facts(source: Source) -> dict[str, Any]:
    """Facts about data that are not of the catalog, where there are any."""
    from ae_zoo.data.own import OwnSource

    facts: dict[str, Any] = {
        "kind": type(source).__name__ if isinstance(source, OwnSource) else None,
        "split_rule": source.split_rule,
        "preprocessing": source.preprocessing,
        "columns": list(source.columns or []),
        "measured": {
            split: source.measured(split)
            for split, count in source.counts.items()
            if source.measured(split) < count
        },
    }
    return {key: value for key, value in facts.items() if value}


def render(card: Card) -> str:
    """The page of a card in Markdown, from the template `card.md.jinja`.

    Args:
        card: A dict as returned by `make_card` or `ae_zoo.info`.

    Raises:
        UnsafeModelError: A ValueError. A field that the page shows is missing, or it
            has another type or a value that cannot be shown.
    """
    import jinja2

    broken = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
    try:
        return _page(card)
    except (*broken, jinja2.TemplateError) as error:
        raise UnsafeModelError(
            "The card lacks a field that its page shows, or holds a value that cannot "
            f"be shown: {type(error).__name__}: {error}"
        ) from error


def _page(card: Card) -> str:
    deployment = card.get("deployment")
    transfer = card.get("transfer")
    is_own = card.get("written_by") == "save_pretrained"
    return (
        _environment()
        .get_template("pretrained.md.jinja" if is_own else "card.md.jinja")
        .render(
            card,
            headline=None if is_own else _headline(card["metrics"][0]),
            captions=_captions(card),
            metrics_table=tables.metrics_table(card["metrics"]),
            deployment=deployment,
            deployment_table=deployment
            and tables.markdown_table(*tables.deployment_rows(deployment["rows"])),
            inputs_table=tables.inputs_table(card.get("typical_inputs") or []),
            transfer=transfer,
            transfer_table=transfer
            and tables.markdown_table(*tables.transfer_rows(transfer)),
        )
    )


@functools.cache
def _environment() -> jinja2.Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ae_zoo.zoo", "."),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown, not HTML
    )
    environment.filters |= {
        "thousands": lambda number: f"{number:,}",
        "duration": tables.duration,
        "shape": lambda sizes: str(tuple(sizes)),
        "interval": lambda ends: f"[{ends[0]:g}, {ends[1]:g}]",
    }
    return environment


def _headline(row: Mapping[str, Any]) -> str:
    """What the first figure of a card is, and what it compares with."""
    metric, _, unit = row["metric"].rpartition(", ")
    if not metric or " " in unit:
        metric, unit = row["metric"], ""
    value = " ".join([f"**{tables.number(row['value'])}**", unit]).strip()
    better = {True: " (higher is better)", False: " (lower is better)", None: ""}
    others = [
        f"{tables.number(other)} {what}"
        for other, what in (
            (row["baseline"], f"for the baseline ({row['baseline_name']})"),
            (row["published"], f"published ({row['source']})"),
        )
        if other is not None
    ]
    compared = f", compared with {' and '.join(others)}" if others else ""
    meanings = [text for start, text in _MEANINGS.items() if metric.startswith(start)]
    return " ".join(
        [
            f"On the test split, its {metric} is {value}"
            f"{better[row['higher_is_better']]}{compared}.",
            *meanings,
        ]
    )


def _captions(card: Card) -> dict[str, str]:
    captions = dict(_CAPTIONS)
    if card["latent_shape"] == [2]:
        captions["manifold.png"] = _PLANE
    return {name: captions.get(name, name) for name in card.get("pictures", [])}


def _architecture(model: Autoencoder) -> dict[str, str]:
    return {role: _described(part) for role, part in model.spec().parts.items()}


def _stages(layers: Sequence[Any]) -> Iterator[str]:
    """Describe layers one after another, and equal parallel ones together."""
    rows: list[tuple[str, int]] = []
    for before, layer in zip([None, *layers], layers, strict=False):
        text = f"{type(layer).__name__} {_width(layer)}".strip()
        if rows and rows[-1][0] == text and not _feeds(before, layer):
            rows[-1] = (text, rows[-1][1] + 1)
        else:
            rows.append((text, 1))
    for text, count in rows:
        yield text if count == 1 else f"{count} × {text}"


def _feeds(before: Any, layer: Any) -> bool:
    """Whether the output of one layer is an input of the next in the list."""
    try:
        inputs, output = layer.input, before.output
    except (AttributeError, ValueError):  # not connected, or several times
        return True
    inputs = inputs if isinstance(inputs, list | tuple) else [inputs]
    return any(x is output for x in inputs)


def _described(part: Any) -> str:
    """Layers of a network with their sizes, or another layer with its arguments."""
    if hasattr(part, "layers"):
        return " → ".join(_stages(part.layers))
    of_any_layer = ("name", "trainable", "dtype")
    own = ", ".join(
        f"{name} {value}"
        for name, value in part.get_config().items()
        if name not in of_any_layer
    )
    return f"{type(part).__name__} ({own})"


def _width(layer: object) -> str:
    output = getattr(layer, "output", None)
    first = output[0] if isinstance(output, list | tuple) else output
    return "" if first is None else "×".join(str(size) for size in first.shape[1:])
