"""The command line `ae-zoo`."""

from ae_zoo.cli.command_line import main

__all__ = ["main"]
