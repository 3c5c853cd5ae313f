"""Parses the arguments, runs a verb, and turns errors into an exit status."""

from __future__ import annotations

import argparse
import importlib
import os
import pathlib
import sys
import traceback
from collections.abc import Sequence
from typing import Protocol, cast

import ae_zoo

# Each verb is the file of the same name in this folder ("one-class": one_class.py).
VERBS = (
    "list",
    "info",
    "train",
    "evaluate",
    "verify",
    "one-class",
    "spread",
    "transfer",
    "export",
    "package",
    "draw",
    "prepare",
    "demo",
)
_PACKAGE = str(pathlib.Path(ae_zoo.__file__).parent)


class Verb(Protocol):
    """What the file of a verb defines."""

    HELP: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, options: argparse.Namespace) -> int | None: ...


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: The words after `ae-zoo`. Defaults to those of this process.

    Returns:
        The exit status: 0 for success, 1 for an error, 130 for Ctrl-C.
    """
    # TensorFlow's log of each conversion step would hide the output of the command.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    options = _parser().parse_args(arguments)
    try:
        return options.run(options) or 0
    except KeyboardInterrupt:
        print("ae-zoo: interrupted", file=sys.stderr)
        return 130
    except FloatingPointError as error:
        message = f"training diverged. {error}"
    except (ValueError, OSError, ImportError, RuntimeError) as error:
        message = str(error)
    except TypeError as error:
        if not _is_deliberate(error):
            raise
        message = str(error)
    print(f"ae-zoo: {message}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ae-zoo", description="Pretrained autoencoders for Keras and TensorFlow."
    )
    parser.add_argument("--version", action="version", version=ae_zoo.__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name in VERBS:
        module = importlib.import_module(f"ae_zoo.cli.{name.replace('-', '_')}")
        verb = cast(Verb, module)
        added = commands.add_parser(name, help=verb.HELP, description=verb.HELP)
        verb.add_arguments(added)
        added.set_defaults(run=verb.run)
    return parser


def _is_deliberate(error: TypeError) -> bool:
    """Whether a `raise` statement of this package raised the error.

    Any other `TypeError` is a bug, here or in a recipe, and needs its traceback.
    """
    innermost = traceback.extract_tb(error.__traceback__)[-1]
    is_ours = innermost.filename.startswith(_PACKAGE)
    return is_ours and (innermost.line or "").startswith("raise ")
