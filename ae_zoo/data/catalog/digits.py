"""scikit-learn's digits: 1,797 images of 8×8 pixels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ae_zoo.data.catalog.record import CatalogSource

_CITATION = """\
@misc{alpaydin1998optical,
  title={Optical Recognition of Handwritten Digits},
  author={Alpaydin, E. and Kaynak, C.},
  howpublished={UCI Machine Learning Repository}, year={1998},
  doi={10.24432/C50P49}
}"""


def _read(paths: Sequence[Path]) -> dict[str, tuple[np.ndarray, ...]]:
    """Read the copy in scikit-learn; it needs no files."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    image = digits.images[..., np.newaxis].astype(np.uint8)
    label = digits.target.astype(np.int64)
    blocks = {"train": (0, 1297), "validation": (1297, 1547), "test": (1547, 1797)}
    return {
        split: (image[begin:end].copy(), label[begin:end].copy())
        for split, (begin, end) in blocks.items()
    }


SOURCE = CatalogSource(
    name="digits",
    version=None,
    shape=(8, 8, 1),
    divisor=16.0,
    label="digit 0-9",
    counts={"train": 1297, "validation": 250, "test": 250},
    split_rule="contiguous blocks in the published order: few people wrote many "
    "digits in a row, and a random split would test on known hands only",
    license="CC BY 4.0 (UCI); the copy in scikit-learn: BSD-3-Clause",
    citation=_CITATION,
    homepage="https://archive.ics.uci.edu/dataset/80",
    read=_read,
)
