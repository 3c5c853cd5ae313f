"""Plain-text tables for the terminal."""

from ae_zoo import zoo
from ae_zoo.zoo import cards


def text_table(header, rows):
    """Aligns rows of strings under a header.

    >>> print(text_table(["a", "b"], [["1", "22"]]))
    a  b
    -  --
    1  22
    """
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    rule = ["-" * width for width in widths]
    return "\n".join(
        "  ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in [header, rule, *rows]
    )


def zoo_rows():
    """One row for each model of the zoo: header and rows of strings."""
    header = [
        "name",
        "variant",
        "data",
        "parameters",
        "metric",
        "value",
        "baseline",
        "published",
    ]
    return header, [_row(zoo.info(name)) for name in zoo.list_models()]


def zoo_table():
    """The zoo as a table for the terminal."""
    return text_table(*zoo_rows())


def zoo_markdown():
    """The zoo as a Markdown table, each name linked to its folder."""
    header, rows = zoo_rows()
    return cards.markdown_table(
        header,
        [[f"[{name}](saved_models/{name}/README.md)", *cells] for name, *cells in rows],
    )


def metrics_text(measurements):
    """Measurements beside their baselines and published numbers."""
    return text_table(
        ["metric", "value", "baseline", "published"],
        [
            [
                row.metric,
                cards.number(row.value),
                cards.number(row.baseline),
                cards.number(row.published),
            ]
            for row in measurements
        ],
    )


def checks_text(checks):
    """What a card states beside what was measured again."""
    return text_table(
        ["metric", "card", "measured", "may differ by", "holds"],
        [
            [
                check.metric,
                cards.number(check.stated),
                cards.number(check.measured),
                f"{check.allowed:.2g}",
                "yes" if check.holds else "NO",
            ]
            for check in checks
        ],
    )


def _row(card):
    headline = card["metrics"][0]
    return [
        card["name"],
        card["variant"].removesuffix("Autoencoder").lower(),
        card["dataset"]["name"],
        f"{card['parameters']:,}",
        headline["metric"],
        *(
            cards.number(headline[column])
            for column in ("value", "baseline", "published")
        ),
    ]
