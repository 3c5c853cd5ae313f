"""BSDS500: natural photographs, the training and test images of denoising papers."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ae_zoo.data import archives
from ae_zoo.data.catalog.record import CatalogSource, RawFile

_CITATION = """\
@article{arbelaez2011contour,
  title={Contour detection and hierarchical image segmentation},
  author={Arbel{\\'a}ez, Pablo and Maire, Michael and Fowlkes, Charless and Malik,
    Jitendra},
  journal={IEEE Transactions on Pattern Analysis and Machine Intelligence},
  volume={33}, number={5}, pages={898--916}, year={2011}
}
@inproceedings{martin2001database,
  title={A database of human segmented natural images and its application to evaluating
    segmentation algorithms and measuring ecological statistics},
  author={Martin, David and Fowlkes, Charless and Tal, Doron and Malik, Jitendra},
  booktitle={International Conference on Computer Vision},
  pages={416--423}, year={2001}
}"""
# The test set of denoising papers (Roth & Black 2009), all in val/ of BSDS500.
_BSD68 = """
    101085 101087 102061 103070 105025 106024 108005 108070 108082 109053 119082 12084
    123074 126007 130026 134035 14037 143090 145086 147091 148026 148089 157055 159008
    160068 16077 163085 167062 167083 170057 175032 175043 182053 189080 19021 196073
    197017 208001 210088 21077 216081 219090 220075 223061 227092 229036 236037 24077
    241004 241048 253027 253055 260058 271035 285079 291000 295087 296007 296059 299086
    300091 302008 304034 304074 306005 3096 33039 351093
"""
_SHAPE = (321, 481)
_FILE = RawFile(
    "BSDS500_images.tar",
    "https://github.com/BIDS/BSDS500/archive/refs/heads/master.zip",
    ("eaae4240cb921a9a77b3a87ade9a6a517588996ac105d7fb25c57c21256f856c",),
    members=("train/*.jpg", "test/*.jpg", "val/*.jpg"),
)


def _read(paths: Sequence[Path], mode: str) -> dict[str, tuple[np.ndarray, ...]]:
    """Read the photographs; `mode` is that of Pillow."""
    files = archives.members(paths[0], _FILE.members)
    test = {f"val/{number}.jpg" for number in _BSD68.split()}
    splits: dict[str, list[np.ndarray]] = {"train": [], "validation": [], "test": []}
    for name, content in files.items():
        if not name.startswith("val/"):
            split = "train"
        else:
            split = "test" if name in test else "validation"
        splits[split].append(_photograph(content, mode))
    return {split: (np.stack(images),) for split, images in splits.items()}


def _photograph(content: bytes, mode: str) -> np.ndarray:
    """Decode a photograph; those in portrait format are turned by 90°."""
    from PIL import Image

    with Image.open(io.BytesIO(content)) as image:
        pixels = np.asarray(image.convert(mode), np.uint8)
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    return pixels if pixels.shape[:2] == _SHAPE else np.rot90(pixels)


def _source(name: str, channels: int, mode: str, preprocessing: str) -> CatalogSource:
    return CatalogSource(
        name=name,
        version="1.0.0",
        shape=(*_SHAPE, channels),
        divisor=255.0,
        counts={"train": 400, "validation": 32, "test": 68},
        split_rule="by photograph: the 200 of train/ and the 200 of test/ are the "
        "training split, the 68 of val/ that denoising papers call BSD68 (CBSD68 in "
        "color) are the test split, and the other 32 of val/ are the validation split",
        preprocessing=preprocessing,
        license="non-commercial research and education only; cite Arbelaez et al. 2011",
        citation=_CITATION,
        homepage="https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/"
        "resources.html",
        files=(_FILE,),
        read=lambda paths: _read(paths, mode),
    )


_TURNED = "photographs in portrait format turned by 90°"
SOURCE = _source("bsds500", 3, "RGB", _TURNED)
GRAY_SOURCE = _source(
    "bsds500_gray", 1, "L", f"luminance by the weights of ITU-R BT.601; {_TURNED}"
)
