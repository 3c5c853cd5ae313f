"""Tables of the zoo, for the terminal and for Markdown pages."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ae_zoo.evaluation import Measurement

Rows = list[list[str]]


def text_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Format rows under a header as a table for the terminal.

    >>> print(text_table(["a", "b"], [["1", "22"]]))
    a    b
    ---  ---
    1    22
    """
    from tabulate import tabulate

    return tabulate(rows, header, disable_numparse=True)


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Format rows of strings under a header as a Markdown table.

    >>> print(markdown_table(["a", "b"], [["1", "22"]]))
    | a | b |
    |---|---|
    | 1 | 22 |
    """
    lines = ["| " + " | ".join(cells) + " |" for cells in [header, *rows]]
    return "\n".join([lines[0], "|---" * len(header) + "|", *lines[1:]])


def number(value: float | None) -> str:
    """Format a measurement: four digits, or two decimals from 100 on.

    >>> number(0.078654), number(229.968), number(784.0), number(None)
    ('0.07865', '229.97', '784', '–')
    """
    if value is None:
        return "–"
    if not 100 <= abs(value) < math.inf:
        return f"{value:.4g}"
    return f"{value:.0f}" if value == round(value) else f"{value:.2f}"


def duration(seconds: float) -> str:
    """Format a duration in seconds, or in minutes from two minutes on.

    >>> duration(12.3), duration(2256)
    ('12 s', '38 min')
    """
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def metrics_table(metrics: Iterable[Mapping[str, Any]]) -> str:
    """The measurements of a card with baselines and published numbers, in Markdown.

    Args:
        metrics: The field `metrics` of a card.
    """
    return markdown_table(
        ["metric", "this model", "baseline", "published"],
        [
            [
                row["metric"] + arrow(row),
                f"**{number(row['value'])}**{_spread(row)}",
                _explained(row["baseline"], row["baseline_name"]),
                _explained(row["published"], row["source"]),
            ]
            for row in metrics
        ],
    )


def inputs_table(kinds: Sequence[Mapping[str, Any]]) -> str:
    """The typical inputs of a model in Markdown; an empty string without any."""
    if not kinds:
        return ""
    name = "score" if "score" in kinds[0] else "score_per_value"
    places = ("p0", "p50", "p100")
    header = ["validation inputs"]
    for what in (name.replace("_", " "), "roughness"):
        header += [f"{what}: lowest", "median", "highest"]
    return markdown_table(
        header,
        [
            [
                kind["input"],
                *(number(kind[key][p]) for key in (name, "roughness") for p in places),
            ]
            for kind in kinds
        ],
    )


def metrics_text(measurements: Iterable[Measurement]) -> str:
    """Measurements with baselines and published numbers, for the terminal."""
    return text_table(
        ["metric", "value", "baseline", "published"],
        [
            [row.metric, *map(number, (row.value, row.baseline, row.published))]
            for row in measurements
        ],
    )


def deployment_rows(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], Rows]:
    """The header and rows of a table of LiteRT files.

    Args:
        rows: Measurements of `ae_zoo.studies.file_cost`, float32 first.
    """
    header = ["file", "bytes", rows[0]["metric"], "loss"]
    many = rows[0]["batch"]["batch"]
    header += ["1 image, median ms", "p90", f"{many} images, median ms", "p90"]
    header += ["peak memory, MB"]
    return header, [
        [
            row["quantization"] or "float32",
            f"{row['bytes']:,} ({row['bytes'] / rows[0]['bytes']:.2f})",
            f"{row['value']:.5g}",
            loss(row, rows[0]),
            *(
                f"{row[timing][key]:.3g}"
                for timing in ("single", "batch")
                for key in ("median", "p90")
            ),
            "–" if (peak := row["single"]["memory"]) is None else f"{peak / 2**20:.1f}",
        ]
        for row in rows
    ]


def loss(row: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    """What a file loses of the headline: a share, or decibels of one in decibels.

    Args:
        row: A measurement of `ae_zoo.studies.file_cost`.
        before: That of the file in float32.
    """
    if is_in_decibels(row):
        return f"{round(before['value'] - row['value'], 2) + 0.0:+.2f} dB"
    return f"{round(100 * row['loss'], 2) + 0.0:+.2f} %"  # no negative zero


def is_in_decibels(row: Mapping[str, Any]) -> bool:
    """Whether a metric is a logarithm, of which a share says little."""
    return str(row["metric"]).endswith("dB")


def transfer_rows(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], Rows]:
    """The header and rows of a table of fine-tuning on other data.

    Args:
        rows: Results of `ae_zoo.studies.transfer.transfer`, all with the same metric.
    """
    metric = rows[0]["metric"] + arrow(rows[0])
    header = ["data", "training samples", "epochs"]
    header += [f"{metric}: unchanged", "fine-tuned", "from scratch", "baseline"]
    return header, [
        [
            row["dataset"]
            + (
                f" (first {n:,} test samples)" if (n := row.get("test_samples")) else ""
            ),
            f"{row['samples']:,}",
            str(row["epochs"]),
            number(row["as_it_is"]["value"]),
            *(
                f"{number(row[way]['value'])} ({duration(row[way]['seconds'])})"
                for way in ("fine_tuned", "from_scratch")
            ),
            _explained(row["baseline"], row["baseline_name"]),
        ]
        for row in rows
    ]


def arrow(row: Mapping[str, Any]) -> str:
    """An arrow in the direction of better values of a row of a card."""
    return {True: " ↑", False: " ↓", None: ""}[row.get("higher_is_better")]


def _spread(row: Mapping[str, Any]) -> str:
    if row.get("spread") is None:
        return ""
    return f" ({number(row['mean'])} ± {row['spread']:.2g} over {row['seeds']} seeds)"


def _explained(value: float | None, explanation: str) -> str:
    return number(value) + ("" if value is None else f" ({explanation})")
