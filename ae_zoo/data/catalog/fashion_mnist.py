"""Fashion-MNIST: garments, 28×28 pixels."""

from __future__ import annotations

from ae_zoo.data.catalog.record import CatalogSource, held_out, idx_files

_URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
_CITATION = """\
@article{xiao2017fashion,
  title={Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning
         Algorithms},
  author={Xiao, Han and Rasul, Kashif and Vollgraf, Roland},
  journal={arXiv:1708.07747}, year={2017}
}"""

SOURCE = CatalogSource(
    name="fashion_mnist",
    version="3.0.1",
    shape=(28, 28, 1),
    divisor=255.0,
    label="garment 0-9 (T-shirt, trouser, pullover, dress, coat, sandal, shirt, "
    "sneaker, bag, ankle boot)",
    counts={"train": 55000, "validation": 5000, "test": 10000},
    splits=held_out(55000),
    split_rule="the last 5,000 of the 60,000 training images validate, in the "
    "fixed order of tensorflow-datasets; test as published",
    license="MIT, copyright 2017 Zalando SE",
    citation=_CITATION,
    homepage="https://github.com/zalandoresearch/fashion-mnist",
    files=idx_files(
        _URL,
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
)
