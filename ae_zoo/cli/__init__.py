"""The command line `ae-zoo`."""

from ae_zoo.cli.main import main

__all__ = ["main"]
