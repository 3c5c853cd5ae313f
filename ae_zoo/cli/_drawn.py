"""Samples that a model has made, as a picture or as a table."""

from __future__ import annotations

import argparse
import math

import numpy as np

from ae_zoo.cli import _outputs, _pictures, _tables
from ae_zoo.cli._use import User, print_json

_GAP = 2  # pixels between images


def check(options: argparse.Namespace) -> None:
    """Check the output of a verb that makes samples, before the model is loaded.

    Raises:
        FileExistsError: It exists.
        ValueError: Its suffix is neither that of an image nor that of a table.
    """
    from ae_zoo.data.own.decoding import SUFFIXES

    known = (*SUFFIXES, *_tables.SUFFIXES)
    if options.output.suffix.lower() not in known:
        raise ValueError(
            f"The output must end in {', '.join(known)}. Received: '{options.output}'"
        )
    _outputs.check_free(options.output, options.overwrite)


def write(
    user: User, options: argparse.Namespace, samples: np.ndarray, columns: int | None
) -> None:
    """Write samples to the output of a verb.

    Args:
        user: The model.
        options: Of the verb.
        samples: (samples, ...).
        columns: Images in a row of a picture; None makes it about square.
    """
    path = options.output
    if path.suffix.lower() in _tables.SUFFIXES:
        content = _tables.encode(samples, path.suffix)
    else:
        if samples.ndim != 4 or samples.shape[-1] not in (1, 3):
            raise ValueError(
                f"Samples of '{user.name}' have the shape {samples.shape[1:]}, which "
                "is no image. Name a .npy or .csv file."
            )
        columns = columns or math.ceil(math.sqrt(len(samples)))
        picture = _pictures.Picture(grid(user.unscaled(samples), columns))
        content = _pictures.encode(picture, path)
    _outputs.write(path, content, options.overwrite)
    if options.json:
        facts = {"model": user.name, "output": str(path), "shape": samples.shape}
        print_json({**facts, "notes": user.notes.texts})
    else:
        print(f"Wrote {len(samples):,} samples to {path}")


def grid(images: np.ndarray, columns: int) -> np.ndarray:
    """Arrange images in rows, with white gaps between them.

    >>> grid(np.zeros((3, 8, 8, 1)), columns=2).shape
    (18, 18, 1)
    """
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    shape = (rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, channels)
    canvas = np.ones(shape, np.float32)
    for number, image in enumerate(images):
        top = number // columns * (height + _GAP)
        left = number % columns * (width + _GAP)
        canvas[top : top + height, left : left + width] = image
    return canvas
