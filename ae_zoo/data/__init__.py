"""Data for the zoo: sets of the catalog, and your own, as `tf.data` pipelines.

`Images`, `Table` and `Arrays` are sources of your own data; see docs/your_data.md. The
catalog has small sets:

| name | shape | train / validation / test | labels |
|---|---|---|---|
| `digits` | (8, 8, 1) | 1,297 / 250 / 250 | digit 0-9 |
| `mnist` | (28, 28, 1) | 55,000 / 5,000 / 10,000 | digit 0-9 |
| `fashion_mnist` | (28, 28, 1) | 55,000 / 5,000 / 10,000 | garment 0-9 |
| `cifar10` | (32, 32, 3) | 45,000 / 5,000 / 10,000 | object 0-9 |
| `frey_faces` | (28, 20, 1) | 1,565 / 200 / 200 | none |
| `olivetti_faces` | (64, 64, 1) | 300 / 50 / 50 | person 0-39 |
| `ecg5000` | (140,) | 450 / 50 / 4,500 | 1 normal, 2-5 anomalous |
| `bsds500`, `bsds500_gray` | (321, 481, 3 or 1) | 400 / 32 / 68 | none |
| `dirty_documents` | (420, 540, 1), pairs | 96 / 16 / 32 | none |
| `dirty_documents_public` | (420, 540, 1), pairs | 103 / 12 / 29 | none |
| `skab` | (60, 8) | 16,185 / 1,488 / 23,801 | 0 normal, 1 fault |

`digits` comes with scikit-learn and needs no download. The other sets are prepared
once by `prepare`, the only function here that may use the network; `load` and
`arrays` only read. `source` returns a set as a `Source`, which has its description,
`load` and `arrays`. `tfrecords` streams batches of TFRecord files. Importing this
package does not import TensorFlow, nor do `names`, `info` and, for the catalog,
`source`.

Example:

>>> from ae_zoo import data
>>> train = data.load("digits", batch_size=32, shuffle=True)
>>> x_test, digit = data.arrays("digits", "test", labels=True)
"""

from ae_zoo.data.augmentation import (
    random_affine,
    random_crop,
    random_flip,
    random_shift,
)
from ae_zoo.data.catalog import info, names
from ae_zoo.data.catalog.record import CatalogSource, RawFile
from ae_zoo.data.mnist_style import mnist_style
from ae_zoo.data.own import Arrays, Images, Table
from ae_zoo.data.patches import random_patch, random_symmetry
from ae_zoo.data.pipeline import arrays, load
from ae_zoo.data.preparing import prepare
from ae_zoo.data.resolving import like, source
from ae_zoo.data.sources import Source
from ae_zoo.data.streaming import tfrecords

__all__ = [
    "Arrays",
    "CatalogSource",
    "Images",
    "RawFile",
    "Source",
    "Table",
    "arrays",
    "info",
    "like",
    "load",
    "mnist_style",
    "names",
    "prepare",
    "random_affine",
    "random_crop",
    "random_flip",
    "random_patch",
    "random_shift",
    "random_symmetry",
    "source",
    "tfrecords",
]
