"""Dirty documents: scanned pages with stains and folds, and the clean pages."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ae_zoo.data import archives
from ae_zoo.data.catalog.record import CatalogSource, RawFile

_CITATION = """\
@article{castro2019noisyoffice,
  title={The NoisyOffice Database: A Corpus To Train Supervised Machine Learning
         Filters For Image Processing},
  author={Castro-Bleda, M. J. and Espa{\\~n}a-Boquera, S. and Pastor-Pellicer, J. and
          Zamora-Mart{\\'i}nez, F.},
  journal={The Computer Journal}, year={2019}
}"""
_HEIGHT, _WIDTH = 420, 540  # of the largest page; the others have fewer rows
_WHITE = 255
# The four dirty pages of a clean one are numbered from its own number, in these steps.
_COPIES = (0, 3, 6, 9)

# Numbers of the clean pages, two of each of the 18 fonts.
_CLEAN = [12 * font + page for font in range(18) for page in (2, 3)]
_FILE = RawFile(
    "dirty_documents.tar",
    "https://www.kaggle.com/c/denoising-dirty-documents/data",
    ("8155b9eb626b98ca5642a340e2fc09b14a88b0b6169899ee0a04f7ab2d8c3c9b",),
    members=(
        "dirty/*.png",
        # Those of the other dirty pages repeat these.
        *(f"clean/{number}.png" for number in _CLEAN),
    ),
    steps="log in, download train.zip and train_cleaned.zip, and unpack them as the "
    "folders dirty_documents/dirty and dirty_documents/clean",
)


def _read(paths: Sequence[Path]) -> dict[str, tuple[np.ndarray, ...]]:
    """Read the pages, no font of which is in two splits."""
    # The two pages of a font follow on each other.
    fonts = np.repeat(np.arange(18), 2 * len(_COPIES))
    numbers = [clean + copy for clean in _CLEAN for copy in _COPIES]
    test, validation = fonts % 4 == 3, fonts % 9 == 5
    chosen = {
        "train": ~(test | validation),
        "validation": validation,
        "test": test,
    }
    return _stacked(
        paths[0], {s: np.compress(rows, numbers) for s, rows in chosen.items()}
    )


def _read_public(paths: Sequence[Path]) -> dict[str, tuple[np.ndarray, ...]]:
    """Read the split of MLE-bench."""
    # The pages are sorted as texts, "101.png" before "11.png". The first ones of the
    # permutation are those that train_test_split(test_size=0.2, random_state=0) of
    # scikit-learn tests on.
    numbers = sorted((clean + copy for clean in _CLEAN for copy in _COPIES), key=str)
    order = np.random.RandomState(0).permutation(len(numbers))
    rows = {"test": order[:29], "validation": order[29:41], "train": order[41:]}
    return _stacked(paths[0], {s: np.take(numbers, rows[s]) for s in rows})


def _stacked(
    path: Path, numbers: dict[str, np.ndarray]
) -> dict[str, tuple[np.ndarray, ...]]:
    """Read dirty and clean pages of each split: (pages, 420, 540, 2) uint8."""
    members = archives.members(path, _FILE.members)
    clean_of = {clean + copy: clean for clean in _CLEAN for copy in _COPIES}

    def joined(number: int) -> np.ndarray:
        names = (f"dirty/{number}.png", f"clean/{clean_of[number]}.png")
        return np.stack([_page(members[name]) for name in names], axis=-1)

    return {
        split: (np.stack([joined(int(number)) for number in chosen]),)
        for split, chosen in numbers.items()
    }


def _page(content: bytes) -> np.ndarray:
    """Decode a page, and add white rows at the bottom of a short one."""
    from PIL import Image

    page = np.asarray(Image.open(io.BytesIO(content)).convert("L"))
    missing = (0, _HEIGHT - len(page))
    return np.pad(page, (missing, (0, 0)), constant_values=_WHITE)


SOURCE = CatalogSource(
    name="dirty_documents",
    version="1.0.0",
    shape=(_HEIGHT, _WIDTH, 1),
    target_shape=(_HEIGHT, _WIDTH, 1),
    feature="pages",
    divisor=255.0,
    counts={"train": 96, "validation": 16, "test": 32},
    split_rule="by font, so that no clean page is in two splits: of the fonts 0 to "
    "17, 3, 7, 11 and 15 are tested on, 5 and 14 validate, and the others train. The "
    "paper and the stains come from a few sheets, which are in all splits",
    preprocessing="a dirty page and the clean page behind it, gray; 48 pages are 258 "
    "rows high and have white rows below, which protocols leave out",
    license="none stated; made from NoisyOffice (UCI); cite Castro-Bleda et al. 2019",
    citation=_CITATION,
    homepage="https://www.kaggle.com/c/denoising-dirty-documents",
    files=(_FILE,),
    read=_read,
)

PUBLIC_SPLIT = dataclasses.replace(
    SOURCE,
    name="dirty_documents_public",
    counts={"train": 103, "validation": 12, "test": 29},
    split_rule="for comparison only: the split of MLE-bench, "
    "train_test_split(test_size=0.2, random_state=0) of scikit-learn, of the sorted "
    "files, and 12 pages of its training part to validate. It leaks: the clean page "
    "behind each test page is also behind a training page",
    read=_read_public,
)
