"""Frey faces: 1,965 frames of a video of one face."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ae_zoo.data.catalog.record import CatalogSource, RawFile

_URL = "https://cs.nyu.edu/~roweis/data/"
_CITATION = """\
@article{roweis2000nonlinear,
  title={Nonlinear dimensionality reduction by locally linear embedding},
  author={Roweis, Sam T. and Saul, Lawrence K.},
  journal={Science},
  volume={290}, number={5500}, pages={2323--2326}, year={2000}
}"""


def _read(paths: Sequence[Path]) -> dict[str, tuple[np.ndarray, ...]]:
    """Read frey_rawface.mat, whose variable `ff` is uint8, (560, frames)."""
    from scipy.io import loadmat

    frames = loadmat(paths[0])["ff"].T.reshape(-1, 28, 20, 1)
    train, validation, test = np.split(frames, [1565, 1765])
    return {"train": (train,), "validation": (validation,), "test": (test,)}


SOURCE = CatalogSource(
    name="frey_faces",
    version="1.0.0",
    shape=(28, 20, 1),
    divisor=255.0,
    counts={"train": 1565, "validation": 200, "test": 200},
    split_rule="contiguous blocks of a video, in time order: neighboring frames "
    "are near duplicates, and a random split would show the model nearly every "
    "test frame (median distance of a test frame to the nearest training frame, "
    "in gray levels per pixel: 11 for a random split, 21 for this one)",
    license="none stated; research use; credit Brendan Frey and Sam Roweis",
    citation=_CITATION,
    homepage="https://cs.nyu.edu/~roweis/data.html",
    files=(
        RawFile(
            "frey_rawface.mat",
            _URL + "frey_rawface.mat",
            ("265a83a23adb081755cd3de375509828e690324d1d60f076b8ecebc840d59c64",),
        ),
    ),
    read=_read,
)
