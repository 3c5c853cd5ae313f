"""Olivetti faces: 40 people, ten photographs each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ae_zoo.data.catalog.record import CatalogSource, RawFile

_URL = "https://ndownloader.figshare.com/files/5976027"
_CITATION = """\
@inproceedings{samaria1994parameterisation,
  title={Parameterisation of a stochastic model for human face identification},
  author={Samaria, Ferdinando S. and Harter, Andy C.},
  booktitle={IEEE Workshop on Applications of Computer Vision},
  pages={138--142}, year={1994}
}"""


def _read(paths: Sequence[Path]) -> dict[str, tuple[np.ndarray, ...]]:
    """Read olivettifaces.mat.

    Its variable `faces` is uint8, (4096, photographs): each photograph column by
    column, ten of each person in a row.
    """
    from scipy.io import loadmat

    columns = loadmat(paths[0])["faces"]
    upright = columns.T.reshape(-1, 64, 64).transpose(0, 2, 1)
    photographs = upright[..., np.newaxis].astype(np.uint8)
    person = np.arange(len(photographs)) // 10
    rows = {
        "train": person < 30,
        "validation": (30 <= person) & (person < 35),
        "test": 35 <= person,
    }
    return {split: (photographs[i], person[i]) for split, i in rows.items()}


SOURCE = CatalogSource(
    name="olivetti_faces",
    version="1.0.0",
    shape=(64, 64, 1),
    divisor=255.0,
    label="person 0-39",
    counts={"train": 300, "validation": 50, "test": 50},
    split_rule="by person, so that no face is in two splits: people 0-29, 30-34 "
    "and 35-39, ten photographs each",
    license="none stated; credit AT&T Laboratories Cambridge",
    citation=_CITATION,
    homepage="https://cs.nyu.edu/~roweis/data.html",
    files=(
        # The second checksum is that of the copy which scikit-learn downloads:
        # the same photographs in a file with more variables.
        RawFile(
            "olivettifaces.mat",
            _URL,
            (
                "b1988d02c72fe5b8ee82b5ef3bb7982eafc74f1e1ff0ae0ade35061ad0af534d",
                "b612fb967f2dc77c9c62d3e1266e0c73d5fca46a4b8906c18e454d41af987794",
            ),
        ),
    ),
    read=_read,
)
