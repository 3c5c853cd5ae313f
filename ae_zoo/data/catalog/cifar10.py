"""CIFAR-10: color photographs, 32×32 pixels."""

from __future__ import annotations

from ae_zoo.data.catalog.record import CatalogSource, RawFile, held_out

_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
_CITATION = """\
@techreport{krizhevsky2009learning,
  title={Learning multiple layers of features from tiny images},
  author={Krizhevsky, Alex},
  institution={University of Toronto}, year={2009}
}"""

SOURCE = CatalogSource(
    name="cifar10",
    version="3.0.2",
    shape=(32, 32, 3),
    divisor=255.0,
    label="object 0-9 (airplane, automobile, bird, cat, deer, dog, frog, horse, "
    "ship, truck)",
    counts={"train": 45000, "validation": 5000, "test": 10000},
    splits=held_out(45000),
    split_rule="the last 5,000 of the 50,000 training images validate, in the "
    "fixed order of tensorflow-datasets; test as published",
    license="no formal license stated; cite Krizhevsky 2009",
    citation=_CITATION,
    homepage="https://www.cs.toronto.edu/~kriz/cifar.html",
    files=(
        RawFile(
            "cifar-10-binary.tar.gz",
            _URL,
            ("c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",),
        ),
    ),
)
