"""`ae-zoo list`."""

from __future__ import annotations

import argparse

HELP = "Show the models of the zoo, grouped by what they are for."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--markdown", action="store_true", help="print a Markdown table with links"
    )


def run(options: argparse.Namespace) -> None:
    from ae_zoo.zoo import overview

    print(overview.zoo_markdown() if options.markdown else overview.zoo_table())
