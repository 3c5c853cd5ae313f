"""The files that come with the package: recipes and saved models."""

from __future__ import annotations

import pathlib

_PACKAGE = pathlib.Path(__file__).parent


def folder(name: str) -> pathlib.Path:
    """The folder of the recipes or of the saved models.

    It lies inside an installed package, and next to the package in a checkout.

    Args:
        name: "recipes" or "saved_models".

    Returns:
        Its path. Without the files, the path of a folder that does not exist.
    """
    installed = _PACKAGE / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


def model_names() -> list[str]:
    """Sorted names of the saved models."""
    return sorted(
        path.parent.name for path in folder("saved_models").glob("*/card.json")
    )
