"""`ae-zoo verify`."""

from __future__ import annotations

import argparse
import sys

from ae_zoo.cli import _errors, _quiet
from ae_zoo.cli.options import (
    OWN_DATA,
    add_data,
    add_data_dir,
    add_recipe_of_model,
)

HELP = "Measure models again and compare the results with their cards."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "models",
        nargs="*",
        metavar="MODEL",
        help="name or folder; default: every model of the zoo",
    )
    add_data(parser, OWN_DATA)
    add_data_dir(parser)
    parser.add_argument(
        "--subset",
        action="store_true",
        help="compare only the headline metric, on a few samples",
    )
    add_recipe_of_model(parser)


def run(options: argparse.Namespace) -> None:
    _quiet.load_tensorflow()
    from ae_zoo import zoo
    from ae_zoo.studies import verify

    if options.data is not None and len(options.models) != 1:
        raise ValueError(
            "--data is the data of one model. Name that model: ae-zoo verify FOLDER "
            "--data PATH"
        )
    names = options.models or zoo.list_models()
    failed = []
    for number, name in enumerate(names, 1):
        print(f"[{number}/{len(names)}] {name} …", flush=True)
        try:
            checks = verify.verify(
                name, options.data_dir, options.subset, options.recipe, options.data
            )
        except Exception as error:
            if not _errors.is_expected(error):
                raise
            print(f"ae-zoo: {_errors.one_line(error)}", file=sys.stderr)
            failed.append(name)
            continue
        print(verify.checks_table(checks), end="\n\n", flush=True)
        if not all(check.holds for check in checks):
            failed.append(name)
    if failed:
        raise ValueError(
            f"{len(failed)} of {len(names)} cards do not hold: {', '.join(failed)}"
        )
    print(f"All {len(names)} cards hold.")
