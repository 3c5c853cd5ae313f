"""The models of the zoo, grouped by what they are for."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

from ae_zoo.zoo import entry, tables

Card = Mapping[str, Any]

_RESTORING = ("Removes", "Colorizes", "Cleans", "Restores", "Sharpens")
# The first group whose condition holds is that of a model.
_GROUPS: dict[str, Callable[[Card], bool]] = {
    "Restore images": lambda card: _first_word(card) in _RESTORING,
    "Find anomalies": lambda card: _first_word(card) == "Detects",
    "Generate and interpolate": lambda card: card["variant"].startswith("Variational"),
    "Compress and encode": lambda card: True,
}
_HEADER = ["name", "good for", "input", "bytes", "metric", "value", "baseline"]
_HEADER += ["published"]
_GOOD_FOR, _METRIC = _HEADER.index("good for"), _HEADER.index("metric")
_LEAST = 20  # characters of the metric, which is wrapped
_GAP = 2  # characters between columns


def groups() -> dict[str, list[Card]]:
    """The cards of the models of the zoo, by what they are for."""
    found: dict[str, list[Card]] = {title: [] for title in _GROUPS}
    for name in entry.list_models():
        card = entry.info(name)
        found[group_of(card)].append(card)
    return {title: cards for title, cards in found.items() if cards}


def group_of(card: Card) -> str:
    """The title of the group of a model: what it is for."""
    return next(title for title, holds in _GROUPS.items() if holds(card))


def zoo_table() -> str:
    """The models of the zoo as tables for the terminal, as wide as it is."""
    columns = shutil.get_terminal_size((100, 24)).columns
    sections = {
        title: [_row(card) for card in cards] for title, cards in groups().items()
    }
    every = [_HEADER, *(row for rows in sections.values() for row in rows)]
    widths = [max(len(row[place]) for row in every) for place in range(len(_HEADER))]
    widths[_GOOD_FOR] = 0
    others = sum(widths) - widths[_METRIC] + _GAP * (len(widths) - 2)
    widths[_METRIC] = max(_LEAST, min(widths[_METRIC], columns - others))
    texts = [
        f"{title}\n{_table(rows, widths, columns)}" for title, rows in sections.items()
    ]
    legend = "↑ higher is better, ↓ lower is better. `ae-zoo info NAME` shows a card."
    return "\n\n".join([*texts, legend])


def zoo_markdown() -> str:
    """The models of the zoo as Markdown tables, each name linked to its folder."""
    texts = []
    for title, cards in groups().items():
        rows = [_row(card) for card in cards]
        linked = [
            [f"[{name}](saved_models/{name}/README.md)", *cells]
            for name, *cells in rows
        ]
        texts.append(f"**{title}**\n\n{tables.markdown_table(_HEADER, linked)}")
    return "\n\n".join(texts)


def _row(card: Card) -> list[str]:
    headline = card["metrics"][0]
    return [
        card["name"],
        str(card.get("task") or "–").rstrip("."),
        "×".join("any" if size is None else str(size) for size in card["input_shape"])
        if card.get("input_shape")
        else "–",
        _bytes(card.get("bytes")),
        headline["metric"] + tables.arrow(headline),
        *(
            tables.number(headline.get(column))
            for column in ("value", "baseline", "published")
        ),
    ]


def _bytes(count: int | None) -> str:
    if count is None:
        return "–"
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def _first_word(card: Card) -> str:
    return str(card.get("task") or "").split(" ")[0]


def _table(rows: list[list[str]], widths: list[int], columns: int) -> str:
    """Lay out rows under the header, each above what the model is good for."""
    lines = []
    for row in [_HEADER, ["-" * width for width in widths], *rows]:
        cells = [
            (textwrap.wrap(cell, width) or [""], width)
            for cell, width in zip(row, widths, strict=True)
            if width
        ]
        for number in range(max(len(parts) for parts, _ in cells)):
            line = [
                (parts[number] if number < len(parts) else "").ljust(width)
                for parts, width in cells
            ]
            lines.append((" " * _GAP).join(line).rstrip())
        if row in rows:
            lines += textwrap.wrap(
                row[_GOOD_FOR], columns, initial_indent="  ", subsequent_indent="  "
            )
    return "\n".join(lines)
