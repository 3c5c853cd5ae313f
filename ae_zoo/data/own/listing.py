"""Finds image files in a folder, the folders of its splits, and pairs of files."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

from ae_zoo.data.own.decoding import SUFFIXES

# Names of the folders of splits; "train" must be one of them.
SPLIT_FOLDERS = {
    "train": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
}
_NAMED = 5  # files that a message names


def named(paths: Sequence[object]) -> str:
    """Name a few of several files: "a.png, b.png and 3 others"."""
    texts = [str(path) for path in paths[:_NAMED]]
    others = len(paths) - len(texts)
    if others:
        return f"{', '.join(texts)} and {others} other{'s' * (others > 1)}"
    return ", ".join(texts)


def list_images(folder: Path, without: Path | None = None) -> list[Path]:
    """List the image files in a folder and its subfolders, as relative paths, sorted.

    Args:
        folder: The folder.
        without: A folder inside it that is left out.

    Raises:
        FileNotFoundError: There is no such folder.
        NotADirectoryError: It is a file.
        ValueError: It holds no image.
    """
    if not folder.exists():
        raise FileNotFoundError(
            f"There is no folder '{folder}'. If the images lie elsewhere, name that "
            "folder: in the recipe, or with --data PATH."
        )
    if not folder.is_dir():
        raise NotADirectoryError(f"'{folder}' is a file. Expected a folder of images.")
    found = []
    for root, folders, files in os.walk(folder):
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".")
            and not (without is not None and _is_same(Path(root, name), without))
        ]
        found += [
            Path(root, name).relative_to(folder)
            for name in files
            if not name.startswith(".") and name.lower().endswith(SUFFIXES)
        ]
    if not found:
        raise ValueError(
            f"The folder '{folder}' holds no image. Expected files that end in "
            f"{', '.join(SUFFIXES)}, here or in subfolders."
        )
    return sorted(found, key=lambda path: path.as_posix())


def splits_of(paths: Sequence[Path]) -> list[str] | None:
    """Return the split of each file, if all are in folders named after splits."""
    folders = {path.parts[0] for path in paths if len(path.parts) > 1}
    if any(len(path.parts) == 1 for path in paths) or "train" not in folders:
        return None
    if not folders <= SPLIT_FOLDERS.keys():
        return None
    return [SPLIT_FOLDERS[path.parts[0]] for path in paths]


def classes_of(paths: Sequence[Path], has_splits: bool, folder: Path) -> list[str]:
    """Return the class of each file: the folder that it is in.

    Raises:
        ValueError: A file is in no such folder.
    """
    level = 1 if has_splits else 0
    without = [path for path in paths if len(path.parts) < level + 2]
    if without:
        raise ValueError(
            "labels='inferred' needs a folder for each class. These files of "
            f"'{folder}' are in none: {named(without)}."
        )
    return [path.parts[level] for path in paths]


def find_targets(paths: Sequence[Path], folder: Path, target: Path) -> dict[Path, Path]:
    """Return the target of each input: the file of the same name, whatever its suffix.

    Raises:
        ValueError: An input has no target, or more than one.
    """
    others = _by_name(list_images(target, without=folder), target)
    inputs = _by_name(paths, folder)
    without = [path for name, path in inputs.items() if name not in others]
    if without:
        raise ValueError(
            f"{len(without)} of the {len(paths)} images in '{folder}' have no file of "
            f"the same name in '{target}': {named(without)}. Add these targets, or "
            "remove these images."
        )
    unused = [path for name, path in others.items() if name not in inputs]
    if unused:
        warnings.warn(
            f"{len(unused)} images in '{target}' have no input of the same name in "
            f"'{folder}' and are not used: {named(unused)}.",
            stacklevel=2,
        )
    return {path: others[name] for name, path in inputs.items()}


def report_unreadable(folder: Path, reasons: Mapping[Path, str], count: int) -> None:
    """Warn of the files that are left out.

    Raises:
        ValueError: No file is left.
    """
    if not reasons:
        return
    texts = [f"{path} ({reason})" for path, reason in reasons.items()]
    if len(reasons) == count:
        raise ValueError(
            f"None of the {count} images in '{folder}' can be read: {named(texts)}."
        )
    warnings.warn(
        f"{len(reasons)} of the {count} images in '{folder}' cannot be read and are "
        f"left out: {named(texts)}.",
        stacklevel=2,
    )


def _by_name(paths: Sequence[Path], folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in paths:
        name = path.with_suffix("").as_posix()
        if name in found:
            raise ValueError(
                f"Pairs are made by file name, and '{folder}' holds both {found[name]} "
                f"and {path}. Remove or rename one of them."
            )
        found[name] = path
    return found


def _is_same(path: Path, other: Path) -> bool:
    return path.resolve() == other.resolve()
