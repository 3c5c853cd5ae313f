"""Parses the arguments, runs a verb, and turns errors into an exit status."""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from typing import Protocol, cast

import ae_zoo
from ae_zoo.cli import _errors, _output

# Each verb is the file of the same name in this folder ("one-class": one_class.py).
VERBS = (
    "list",
    "info",
    "explore",
    "denoise",
    "reconstruct",
    "encode",
    "score",
    "sample",
    "interpolate",
    "train",
    "evaluate",
    "verify",
    "one-class",
    "detect",
    "spread",
    "transfer",
    "export",
    "package",
    "typical-inputs",
    "draw",
    "prepare",
    "demo",
)


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
        The exit status: 0 for success, 1 for an error, 130 for Ctrl-C, 141 if the
        program that reads the output has ended, as in `ae-zoo list | head -1`.
    """
    # TensorFlow logs each conversion step, and as errors what it does without. Real
    # errors are exceptions.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    options = argparse.Namespace()
    try:
        return _run(arguments, options)
    except KeyboardInterrupt:
        _fail("interrupted" + _how_to_resume(options))
        return 128 + signal.SIGINT
    except Exception as error:
        if isinstance(error, BrokenPipeError) and _output.has_lost_reader():
            _output.discard()
            return _output.NO_READER
        if not _errors.is_expected(error):
            raise
        _fail(_errors.one_line(error))
        return 1


def _run(arguments: Sequence[str] | None, options: argparse.Namespace) -> int:
    """Parse the arguments into `options`, and run the verb."""
    try:
        _parser().parse_args(arguments, options)
        status = options.run(options) or 0
    except SystemExit:  # of --help, for example
        _output.flush()
        raise
    _output.flush()
    return status


def _fail(message: str) -> None:
    """Print the line that a failed command ends with."""
    _output.discard()
    if sys.stderr is None:  # the shell closed it
        return
    # A progress bar leaves its line unfinished.
    start = "\n" if sys.stderr.isatty() else ""
    print(f"{start}ae-zoo: {message}", file=sys.stderr)


def _how_to_resume(options: argparse.Namespace) -> str:
    if "resume" not in options:
        return ""
    return ". To resume, start the same command again with --resume"


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
