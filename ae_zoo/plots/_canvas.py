"""What all figures share: colors, figures that need no display, and saving."""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PathLike: TypeAlias = str | os.PathLike[str]

INK = "#1b1f24"
BLUE = "#3b6fb6"
RED = "#c8442f"  # thresholds and anomalies
SHADE = "#f6d5cd"  # the time of anomalies


def subplots(
    rows: int = 1, columns: int = 1, *, figsize: tuple[float, float], **options: Any
) -> tuple[Figure, Any]:
    """Return a new figure and its axes, as `matplotlib.pyplot.subplots` does.

    The figure belongs to no window and need not be closed, and the backend of the
    user's program stays as it is.

    Raises:
        ImportError: Matplotlib is not installed.
    """
    check_installed()
    from matplotlib.figure import Figure

    figure = Figure(figsize=figsize, layout="constrained")
    return figure, figure.subplots(rows, columns, **options)


def check_installed() -> None:
    """Raise ImportError if Matplotlib is not installed."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "Figures need matplotlib. Install it with: pip install 'ae-zoo[plots]'"
        ) from error


@contextlib.contextmanager
def axes_for(
    path: PathLike | None, ax: Axes | None, figsize: tuple[float, float]
) -> Iterator[Axes]:
    """Yield the axes to draw into: the user's, or those of a new figure.

    Args:
        path: File that a new figure is written to at the end of the `with` block.
        ax: The user's axes, which are only drawn into.
        figsize: Width and height of a new figure, in inches.

    Raises:
        ValueError: Neither or both of `path` and `ax` are given.
    """
    if (path is None) == (ax is None):
        raise ValueError(
            "Pass either `path`, the file to write, or `ax`, the axes to draw into. "
            f"Received: path={path!r}, ax={ax!r}"
        )
    if ax is not None:
        yield ax
        return
    figure, axes = subplots(figsize=figsize)
    yield axes
    save(figure, path)  # type: ignore[arg-type]


def save(figure: Figure, path: PathLike, dpi: int = 150) -> None:
    """Write a figure to a file, and create its folder if needed."""
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=dpi, facecolor="white")
