"""What the verbs that use a model share: its inputs, warnings and progress."""

from __future__ import annotations

import argparse
import json
import math
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ae_zoo.cli import _pictures, _quiet, _tables

if TYPE_CHECKING:
    from ae_zoo.cli._pictures import Picture
    from ae_zoo.models import Autoencoder

Item = TypeVar("Item")


def add_inputs(
    parser: argparse.ArgumentParser,
    help: str = "image files or folders, .npy or .csv files of samples",
) -> None:
    """Add the positional argument `inputs`."""
    parser.add_argument("inputs", nargs="+", type=Path, metavar="IN", help=help)


def add_output(parser: argparse.ArgumentParser, help: str) -> None:
    """Add the positional argument `output`, and `--overwrite`."""
    parser.add_argument("output", type=Path, metavar="OUT", help=help)
    add_overwrite(parser)


def add_overwrite(parser: argparse.ArgumentParser) -> None:
    """Add `--overwrite`."""
    parser.add_argument(
        "--overwrite", action="store_true", help="replace files that exist"
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add `--json`."""
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object, for programs"
    )


class Notes:
    """Messages about a run: each is said once, and `--json` lists them too."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def say(self, text: str) -> None:
        """Print a message to the standard error output, unless it was printed."""
        if text and text not in self.texts:
            self.texts.append(text)
            print(f"ae-zoo: {text}", file=sys.stderr, flush=True)


class User:
    """A model in use by a verb.

    Args:
        name_or_folder: As in `ae_zoo.load`.

    Attributes:
        model: The model.
        name: Its name, for messages.
        notes: What has been said of its inputs.
    """

    def __init__(self, name_or_folder: str) -> None:
        from ae_zoo import zoo

        self.notes = Notes()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            with _quiet.silent_libraries():
                self.model: Autoencoder = zoo.load(name_or_folder)
        for warning in caught:
            if issubclass(warning.category, UserWarning):
                self.notes.say(str(warning.message))
        card = self.model.card or {}
        self.name = str(card.get("name") or self.model.name)
        self.limits = card.get("limits") or card.get("task") or ""
        self._has_looked = False

    @property
    def takes_images(self) -> bool:
        """Whether the inputs are images with 1 or 3 channels."""
        shape = self.model.input_shape
        return len(shape) == 4 and shape[-1] in (1, 3)

    def check_takes_images(self, path: Path) -> None:
        """Raise ValueError for a model that does not take images."""
        if not self.takes_images:
            raise ValueError(
                f"'{path}' is an image, and '{self.name}' takes inputs of shape "
                f"{self.model.input_shape[1:]}. Pass a .npy or .csv file."
            )

    def check_size(self, picture: Picture, path: Path) -> None:
        """Check that a picture has the size that the model takes.

        Raises:
            ValueError: It has another size.
        """
        height, width, channels = self.model.input_shape[1:]
        sizes = zip((height, width), picture.color.shape[:2], strict=True)
        if all(wanted in (None, size) for wanted, size in sizes):
            return
        kind = "gray" if channels == 1 else "color"
        raise ValueError(
            f"'{self.name}' does not suit '{path}': it takes {kind} images of "
            f"{height}×{width} pixels, and this one has {picture.size}. {self.limits} "
            "Use a model of open height and width, or crop or resize the image."
        )

    def scaled(self, x: np.ndarray) -> np.ndarray:
        """Map pixels in [0, 1] to the units of the model."""
        low, high = self._range()
        return (low + x * (high - low)).astype(np.float32)

    def unscaled(self, x: np.ndarray) -> np.ndarray:
        """Map outputs of the model to pixels in [0, 1]."""
        low, high = self._range()
        return (x - low) / (high - low)

    def _range(self) -> tuple[float, float]:
        scaling = getattr(self.model, "scaling", None)
        if scaling is not None and scaling.mode == "pixels":
            return 0.0, 255.0
        return self.model.input_range or (0.0, 1.0)

    def look_at(self, x: np.ndarray) -> None:
        """Say once if inputs are far from those the model was made for."""
        if not self._has_looked:
            self._has_looked = True
            self.notes.say(self.model.unusual_inputs(x))

    def reconstructed(
        self, picture: Picture, path: Path, tile: int | None = None
    ) -> Picture:
        """Return the model's output for a picture.

        A gray model takes the channels of a color picture one by one. A color model
        takes a gray picture three times, and the mean of its output is gray again.
        """
        self.check_takes_images(path)
        self.check_size(picture, path)
        wanted, given = self.model.input_shape[-1], picture.color.shape[-1]
        color, makes_color = picture.color, self.model.output_shape[-1] == 3
        if wanted == 1 and given == 3 and not makes_color:
            self.notes.say(
                f"'{self.name}' is made for gray images: the red, green and blue of "
                "color images are computed one by one."
            )
            x = np.moveaxis(color, -1, 0)[..., None]
        elif wanted == 1 and given == 3:
            x = gray(color)[None]
        elif wanted == 3 and given == 1:
            self.notes.say(
                f"'{self.name}' is made for color images: gray ones are passed as red, "
                "green and blue, and the mean of the output is gray."
            )
            x = np.repeat(color, 3, axis=-1)[None]
        else:
            x = color[None]
        x = self.scaled(x)
        self.look_at(x)
        output = self.unscaled(self.model.reconstruct(x, tile=tile))
        if len(output) == 3:
            output = np.moveaxis(output[..., 0], 0, -1)[None]
        if given == 1 and wanted == 3:
            output = output.mean(axis=-1, keepdims=True)
        return picture.replaced(output[0])

    def as_input(self, picture: Picture, path: Path) -> np.ndarray:
        """Return a picture as one input, (1, height, width, channels)."""
        self.check_takes_images(path)
        self.check_size(picture, path)
        wanted, color = self.model.input_shape[-1], picture.color
        if wanted == 1 and color.shape[-1] == 3:
            self.notes.say(f"Color images are converted to gray for '{self.name}'.")
            color = gray(color)
        if wanted == 3 and color.shape[-1] == 1:
            self.notes.say(f"Gray images are passed to '{self.name}' as color images.")
            color = np.repeat(color, 3, axis=-1)
        return self.scaled(color[None])

    def as_samples(self, x: np.ndarray, path: Path) -> np.ndarray:
        """Give rows of a table the shape of samples.

        Raises:
            ValueError: They have another number of values.
        """
        shape = self.model.sample_shape
        if x.ndim == len(shape) and _fits(x.shape, shape):
            x = x[None]  # one sample
        if x.ndim == 2 and None not in shape and x.shape[1] == math.prod(shape):
            x = x.reshape(-1, *shape)
        if x.ndim != len(shape) + 1 or not _fits(x.shape[1:], shape):
            raise ValueError(
                f"'{path}' holds samples of shape {x.shape[1:]}. '{self.name}' takes "
                f"{shape}."
            )
        return np.asarray(x, np.float32)

    def read(self, paths: Sequence[Path]) -> tuple[list[str], list[np.ndarray]]:
        """Read the samples of images, of folders of images, and of tables.

        Returns:
            (names, arrays): the name of each sample, and (samples, ...) of each file.
        """
        names: list[str] = []
        arrays = []
        for path in files_of(paths):
            if path.suffix.lower() in _tables.SUFFIXES:
                x = self.as_samples(_tables.read(path).x, path)
                several = len(x) > 1
                names += [
                    f"{path}:{row}" if several else str(path)
                    for row in range(1, len(x) + 1)
                ]
            else:
                x = self.as_input(_pictures.read(path), path)
                names.append(str(path))
            if not len(x):
                raise ValueError(f"'{path}' holds no sample.")
            arrays.append(x)
        self.look_at(arrays[0])
        return names, arrays


def gray(color: np.ndarray) -> np.ndarray:
    """Luma of color, as Pillow computes it: (..., 3) to (..., 1)."""
    luma = color @ np.array([0.299, 0.587, 0.114], np.float32)
    return np.asarray(luma, np.float32)[..., None]


def files_of(paths: Iterable[Path]) -> list[Path]:
    """List the files at paths; of a folder, its images.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A folder holds no image, or a file is neither image nor table.
    """
    from ae_zoo.data.own.decoding import SUFFIXES
    from ae_zoo.data.own.listing import list_images

    found = []
    for path in paths:
        if path.is_dir():
            found += [path / name for name in list_images(path)]
            continue
        if not path.exists():
            raise FileNotFoundError(f"There is no file '{path}'.")
        known = (*SUFFIXES, *_tables.SUFFIXES)
        if not path.name.lower().endswith(known):
            raise ValueError(
                f"'{path}' is of a kind that cannot be read. Expected a file that ends "
                f"in {', '.join(known)}."
            )
        found.append(path)
    return found


def progress(items: Sequence[Item], what: str) -> Iterator[Item]:
    """Show a progress bar on a terminal while items are processed."""
    from tqdm import tqdm

    is_shown = len(items) > 1 and sys.stderr is not None and sys.stderr.isatty()
    yield from tqdm(items, what, unit="file", disable=not is_shown, file=sys.stderr)


def print_json(facts: dict[str, Any]) -> None:
    """Print facts as JSON, numbers of NumPy too."""

    def plain(value: Any) -> Any:
        return value.tolist() if hasattr(value, "tolist") else str(value)

    print(json.dumps(facts, indent=2, ensure_ascii=False, default=plain))


def _fits(shape: Sequence[int], expected: Sequence[int | None]) -> bool:
    return len(shape) == len(expected) and all(
        wanted in (None, size) for size, wanted in zip(shape, expected, strict=True)
    )
