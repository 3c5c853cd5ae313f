"""`ae-zoo list`."""

from __future__ import annotations

import argparse

HELP = "Show the models of the zoo as a table."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--markdown", action="store_true", help="print a Markdown table with links"
    )


def run(options: argparse.Namespace) -> None:
    from ae_zoo.zoo import tables

    print(tables.zoo_markdown() if options.markdown else tables.zoo_table())
