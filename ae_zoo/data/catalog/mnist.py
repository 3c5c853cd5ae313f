"""MNIST: handwritten digits, 28×28 pixels."""

from __future__ import annotations

from ae_zoo.data.catalog.record import CatalogSource, held_out, idx_files

_URL = "https://storage.googleapis.com/cvdf-datasets/mnist/"
_CITATION = """\
@article{lecun1998gradient,
  title={Gradient-based learning applied to document recognition},
  author={LeCun, Yann and Bottou, L{\\'e}on and Bengio, Yoshua and Haffner, Patrick},
  journal={Proceedings of the IEEE},
  volume={86}, number={11}, pages={2278--2324}, year={1998}
}"""

SOURCE = CatalogSource(
    name="mnist",
    version="3.0.1",
    shape=(28, 28, 1),
    divisor=255.0,
    label="digit 0-9",
    counts={"train": 55000, "validation": 5000, "test": 10000},
    splits=held_out(55000),
    split_rule="the last 5,000 of the 60,000 training images validate, in the "
    "fixed order of tensorflow-datasets; test as published",
    license="no formal license stated; cite LeCun et al. 1998",
    citation=_CITATION,
    homepage="http://yann.lecun.com/exdb/mnist/",
    files=idx_files(
        _URL,
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
)
