"""The dict that `ae_zoo.info` returns, which prints as a page."""

from __future__ import annotations

import textwrap
from typing import Any

_WIDTH = 88
_COLUMNS = ("value", "baseline", "published")


class ModelCard(dict[str, Any]):
    """The contents of a `card.json`: a dict with a readable text.

    In a notebook it is shown as the page of the card.
    """

    def __repr__(self) -> str:
        """The facts that help to choose, and the measurements."""
        from ae_zoo.zoo import tables

        get = self.get
        lines = [f"{get('name')} ({get('variant')})"]
        lines += [get("task") or "", self._sizes(), *self._terms()]
        text = "\n".join(
            textwrap.fill(line, _WIDTH, subsequent_indent="  ")
            for line in lines
            if line
        )
        rows = [
            [
                row["metric"] + tables.arrow(row),
                *(
                    tables.number(row.get(c))
                    for c in ("value", "baseline", "published")
                ),
            ]
            for row in get("metrics", [])
        ]
        header = ["metric", "this model", "baseline", "published"]
        keys = textwrap.fill(f"Keys: {', '.join(self)}", _WIDTH, subsequent_indent="  ")
        table = f"{tables.text_table(header, rows)}\n\n" if rows else ""
        return f"{text}\n\n{table}{keys}"

    def _repr_markdown_(self) -> str:
        from ae_zoo.zoo import cards

        return cards.render(self)

    def _sizes(self) -> str:
        parts = []
        if self.get("input_shape"):
            sizes = "×".join(str(size or "any") for size in self["input_shape"])
            low_high = self.get("input_range")
            values = f" in [{low_high[0]:g}, {low_high[1]:g}]" if low_high else ""
            parts.append(f"Input: {sizes}{values}")
        if self.get("latent_shape"):
            sizes = "×".join(str(size or "any") for size in self["latent_shape"])
            parts.append(f"code: {sizes}")
        if self.get("parameters"):
            parts.append(f"{self['parameters']:,} parameters")
        if self.get("bytes"):
            parts.append(f"{self['bytes']:,} bytes")
        return ", ".join(parts) + "." if parts else ""

    def _terms(self) -> list[str]:
        data = self.get("dataset", {})
        lines = []
        if self.get("limits"):
            lines.append(f"Limits: {self['limits']}")
        if data.get("name"):
            lines.append(
                f"Training data: {data['name']} (license: "
                f"{data.get('license') or 'not stated'}). License of the weights: "
                f"{self.get('license') or 'not stated'}."
            )
        return lines
