"""What all figures share: colors, matplotlib without a display, and saving."""

from __future__ import annotations

import os
import pathlib
from types import ModuleType
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PathLike: TypeAlias = str | os.PathLike[str]

INK = "#1b1f24"
BLUE = "#3b6fb6"


def pyplot() -> ModuleType:
    """Import `matplotlib.pyplot`, set up to write files only.

    Raises:
        ImportError: Matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError(
            "Figures need matplotlib. Install it with: pip install 'ae-zoo[plots]'"
        ) from error
    matplotlib.use("Agg")  # needs neither a window nor a display
    from matplotlib import pyplot

    return pyplot


def save(figure: Figure, path: PathLike) -> None:
    """Write a figure to a file, create its folder if needed, and close the figure."""
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150, facecolor="white")
    pyplot().close(figure)
