"""Writing model folders, each completely or not at all."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING

from ae_zoo import _staging
from ae_zoo.zoo.entry import Card, StrPath, _find, check_is_local, info

if TYPE_CHECKING:
    from ae_zoo.models import Autoencoder

# What a copy of a folder may leave out: the wheel does so where they are large.
_OPTIONAL = ("model.tflite", "model.json")


def save(
    model: Autoencoder,
    folder: StrPath,
    card: Card,
    pictures: Callable[[pathlib.Path], object] | None = None,
    overwrite: bool = False,
) -> None:
    """Write a model folder: model.keras, card.json, README.md and SHA256SUMS.

    The folder is complete or does not exist, and one that is replaced is never absent,
    whatever ends the process. The optimizer's state is left out.

    Args:
        model: An `ae_zoo.models.Autoencoder`.
        folder: Path of the folder.
        card: A dict as returned by `ae_zoo.zoo.cards.make_card`.
        pictures: A function that draws PNG files into the folder that it is given.
        overwrite: Whether to replace an existing model folder.

    Raises:
        FileExistsError: The folder exists and `overwrite` is False, or it holds files
            but no model.
        OSError: The folder cannot be written, for example because the disk is full.
            What was there is intact.
    """
    folder = pathlib.Path(folder)
    _check_free(folder, overwrite)
    with _staging.explained(folder), _staging.replacement(folder) as new:
        new.mkdir()
        without_optimizer(model).save(new / "model.keras")
        if pictures is not None:
            pictures(new)
        _describe(new, card | {"bytes": (new / "model.keras").stat().st_size})


def amend(
    name_or_folder: StrPath,
    facts: Card,
    write: Callable[[pathlib.Path], object] | None = None,
    replaces: Collection[str] = (),
) -> None:
    """Add facts and files to a model folder, either all of them or none.

    The new checksums list the files that the old ones listed, and the files that
    `write` wrote. Other files and links stay in the folder, unlisted and unread.

    Args:
        name_or_folder: A name of `list_models()`, or the path of a model folder.
        facts: A dict of fields to add to the card or to replace in it.
        write: A function that writes files into the folder that it is given, a copy.
        replaces: Names of files and folders that are not copied, because `write`
            writes new ones.

    Raises:
        FileNotFoundError, ValueError: As in `load`; or a file that the checksums list
            is a link.
        OSError: The folder cannot be written, for example because the disk is full. It
            is intact.
    """
    from ae_zoo.zoo import checksums

    check_is_local(name_or_folder)
    folder = _find(name_or_folder).resolve()
    names = checksums.verified_files(folder)
    card = info(folder)
    with _staging.explained(folder), _staging.replacement(folder) as new:
        new.mkdir()
        shutil.copystat(folder, new)
        for name in names:
            if name.split("/")[0] not in replaces:
                (new / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(folder / name, new / name, follow_symlinks=False)
        if write is not None:
            write(new)
        _describe(new, card | facts)
        for path in _others(folder, {*names, *replaces}):
            _keep(path, new / path.relative_to(folder))


def _check_free(folder: pathlib.Path, overwrite: bool) -> None:
    if not folder.exists():
        return
    if not overwrite:
        raise FileExistsError(f"'{folder}' exists. Pass overwrite=True to replace it.")
    is_model = (folder / "card.json").exists() or (folder / "model.keras").exists()
    if not folder.is_dir() or (any(folder.iterdir()) and not is_model):
        raise FileExistsError(
            f"'{folder}' exists and is not a model folder, so it is not replaced. "
            "Choose another path, or remove it first."
        )


def _others(folder: pathlib.Path, known: Collection[str]) -> Iterator[pathlib.Path]:
    """Yield the files, links and empty folders of a folder that have no known name."""
    with os.scandir(folder) as entries:
        for entry in entries:
            path = pathlib.Path(entry.path)
            if entry.name in known:
                continue
            if not entry.is_dir(follow_symlinks=False):
                yield path
                continue
            start = f"{entry.name}/"
            inner = {n.removeprefix(start) for n in known if n.startswith(start)}
            if not inner:
                yield path
            yield from _others(path, inner)


def _keep(path: pathlib.Path, target: pathlib.Path) -> None:
    """Give a file or link of the old folder the same place in the new one."""
    if path.is_dir() and not path.is_symlink():
        target.mkdir(exist_ok=True)
        return
    if os.path.lexists(target):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        # A second name for the same file or link: its content is neither read nor
        # copied.
        os.link(path, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(path, target, follow_symlinks=False)


def _describe(folder: pathlib.Path, card: Card) -> None:
    """Write the files that describe a folder: card, README and checksums."""
    from ae_zoo.zoo import cards, checksums

    pictures = [path.name for path in folder.glob("*.png")]
    card = card | {"pictures": sorted(pictures, key=_order)}
    text = json.dumps(card, indent=2, ensure_ascii=False) + "\n"
    (folder / "card.json").write_text(text, "utf-8")
    (folder / "README.md").write_text(cards.render(card), "utf-8")
    checksums.write_checksums(folder, optional=_OPTIONAL)


def _order(picture: str) -> tuple[bool, bool, str]:
    """Sort key: first what the model does, last how it was trained."""
    return picture != "picture.png", picture == "training.png", picture


def without_optimizer(model: Autoencoder) -> Autoencoder:
    """Return a copy of a model that is not compiled."""
    uncompiled = type(model).from_config(model.get_config())
    uncompiled.set_weights(model.get_weights())
    return uncompiled
