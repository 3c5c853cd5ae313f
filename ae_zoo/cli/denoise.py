"""`ae-zoo denoise`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ae_zoo.cli import _restore
from ae_zoo.cli._use import Notes, User, add_inputs, add_json, add_output
from ae_zoo.cli.options import positive_integer

if TYPE_CHECKING:
    from ae_zoo.cli._pictures import Picture

HELP = "Remove noise from image files."
# By the number of channels of the image.
_DEFAULTS = {1: "denoising_photos", 3: "denoising_photos"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_inputs(parser, "image files, or folders")
    add_output(parser, "image file, or folder for several")
    parser.add_argument(
        "--model",
        help="name or folder of a model that denoises; the default is denoising_photos",
    )
    parser.add_argument(
        "--compare",
        action="store_true",
        help="also write NAME_compare.png, before and after side by side",
    )
    parser.add_argument(
        "--tile",
        type=positive_integer,
        metavar="N",
        help="side of the tiles of large images, in pixels; smaller ones need less "
        "memory",
    )
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    # Before TensorFlow is loaded.
    _restore.checked_pairs(options, options.inputs)
    model = _ByColor() if options.model is None else User(options.model)
    return _restore.run(model, options, options.inputs)


class _ByColor:
    """The models of the zoo for photographs, each loaded when its first one comes."""

    def __init__(self) -> None:
        self.notes = Notes()
        self._users: dict[str, User] = {}

    @property
    def name(self) -> str:
        return ", ".join(user.name for user in self._users.values())

    def reconstructed(
        self, picture: Picture, path: Path, tile: int | None = None
    ) -> Picture:
        name = _DEFAULTS[picture.color.shape[-1]]
        if name not in self._users:
            self._users[name] = User(name, self.notes)
        return self._users[name].reconstructed(picture, path, tile)
