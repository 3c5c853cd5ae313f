"""The table behind `info`: one entry per data set, nothing but facts."""

from __future__ import annotations

from ae_zoo.data.dataset_info import DatasetInfo, RawFile

_LECUN = """\
@article{lecun1998gradient,
  title={Gradient-based learning applied to document recognition},
  author={LeCun, Yann and Bottou, L{\\'e}on and Bengio, Yoshua and Haffner, Patrick},
  journal={Proceedings of the IEEE},
  volume={86}, number={11}, pages={2278--2324}, year={1998}
}"""
_XIAO = """\
@article{xiao2017fashion,
  title={Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning
         Algorithms},
  author={Xiao, Han and Rasul, Kashif and Vollgraf, Roland},
  journal={arXiv:1708.07747}, year={2017}
}"""
_KRIZHEVSKY = """\
@techreport{krizhevsky2009learning,
  title={Learning multiple layers of features from tiny images},
  author={Krizhevsky, Alex},
  institution={University of Toronto}, year={2009}
}"""
_ALPAYDIN = """\
@misc{alpaydin1998optical,
  title={Optical Recognition of Handwritten Digits},
  author={Alpaydin, E. and Kaynak, C.},
  howpublished={UCI Machine Learning Repository}, year={1998},
  doi={10.24432/C50P49}
}"""
_ROWEIS = """\
@article{roweis2000nonlinear,
  title={Nonlinear dimensionality reduction by locally linear embedding},
  author={Roweis, Sam T. and Saul, Lawrence K.},
  journal={Science},
  volume={290}, number={5500}, pages={2323--2326}, year={2000}
}"""
_SAMARIA = """\
@inproceedings{samaria1994parameterisation,
  title={Parameterisation of a stochastic model for human face identification},
  author={Samaria, Ferdinando S. and Harter, Andy C.},
  booktitle={IEEE Workshop on Applications of Computer Vision},
  pages={138--142}, year={1994}
}"""
_CHEN_GOLDBERGER = """\
@misc{chen2015ucr,
  title={The UCR Time Series Classification Archive},
  author={Chen, Yanping and Keogh, Eamonn and Hu, Bing and Begum, Nurjahan and
          Bagnall, Anthony and Mueen, Abdullah and Batista, Gustavo},
  howpublished={www.cs.ucr.edu/~eamonn/time_series_data/}, year={2015}
}
@article{goldberger2000physiobank,
  title={PhysioBank, PhysioToolkit, and PhysioNet},
  author={Goldberger, Ary L. and Amaral, Luis A. N. and Glass, Leon and others},
  journal={Circulation},
  volume={101}, number={23}, pages={e215--e220}, year={2000}
}"""

_MNIST_URL = "https://storage.googleapis.com/cvdf-datasets/mnist/"
_FASHION_URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
_CIFAR_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
_ROWEIS_URL = "https://cs.nyu.edu/~roweis/data/"
_OLIVETTI_URL = "https://ndownloader.figshare.com/files/5976027"
_ECG_URL = "https://www.timeseriesclassification.com/aeon-toolkit/ECG5000.zip"

_OWN_SPLITS = {"train": "train", "validation": "validation", "test": "test"}


def _counts(train: int, validation: int, test: int) -> dict[str, int]:
    return {"train": train, "validation": validation, "test": test}


def _held_out(train: int) -> dict[str, str]:
    """Splits of a set published without validation: the end of train is held out."""
    return {"train": f"train[:{train}]", "validation": f"train[{train}:]"} | {
        "test": "test"
    }


def _idx_files(url: str, *checksums: str) -> tuple[RawFile, ...]:
    """The four files in which MNIST and its successors are published."""
    parts = ["train-images-idx3", "train-labels-idx1"]
    parts += ["t10k-images-idx3", "t10k-labels-idx1"]
    file_names = [f"{part}-ubyte.gz" for part in parts]
    pairs = zip(file_names, checksums, strict=True)
    return tuple(RawFile(name, url + name, (sha256,)) for name, sha256 in pairs)


_ALL = [
    DatasetInfo(
        name="digits",
        version=None,
        shape=(8, 8, 1),
        feature="image",
        divisor=16.0,
        label="digit 0-9",
        counts=_counts(1297, 250, 250),
        splits=_OWN_SPLITS,
        split_rule="contiguous blocks in the published order: few people wrote many "
        "digits in a row, and a random split would test on known hands only",
        licence="CC BY 4.0 (UCI); the copy in scikit-learn: BSD-3-Clause",
        citation=_ALPAYDIN,
        homepage="https://archive.ics.uci.edu/dataset/80",
        files=(),
    ),
    DatasetInfo(
        name="mnist",
        version="3.0.1",
        shape=(28, 28, 1),
        feature="image",
        divisor=255.0,
        label="digit 0-9",
        counts=_counts(55000, 5000, 10000),
        splits=_held_out(55000),
        split_rule="the last 5,000 of the 60,000 training images validate, in the "
        "fixed order of tensorflow-datasets; test as published",
        licence="no formal licence stated; cite LeCun et al. 1998",
        citation=_LECUN,
        homepage="http://yann.lecun.com/exdb/mnist/",
        files=_idx_files(
            _MNIST_URL,
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
    ),
    DatasetInfo(
        name="fashion_mnist",
        version="3.0.1",
        shape=(28, 28, 1),
        feature="image",
        divisor=255.0,
        label="garment 0-9 (T-shirt, trouser, pullover, dress, coat, sandal, shirt, "
        "sneaker, bag, ankle boot)",
        counts=_counts(55000, 5000, 10000),
        splits=_held_out(55000),
        split_rule="the last 5,000 of the 60,000 training images validate, in the "
        "fixed order of tensorflow-datasets; test as published",
        licence="MIT, copyright 2017 Zalando SE",
        citation=_XIAO,
        homepage="https://github.com/zalandoresearch/fashion-mnist",
        files=_idx_files(
            _FASHION_URL,
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ),
    ),
    DatasetInfo(
        name="cifar10",
        version="3.0.2",
        shape=(32, 32, 3),
        feature="image",
        divisor=255.0,
        label="object 0-9 (airplane, automobile, bird, cat, deer, dog, frog, horse, "
        "ship, truck)",
        counts=_counts(45000, 5000, 10000),
        splits=_held_out(45000),
        split_rule="the last 5,000 of the 50,000 training images validate, in the "
        "fixed order of tensorflow-datasets; test as published",
        licence="no formal licence stated; cite Krizhevsky 2009",
        citation=_KRIZHEVSKY,
        homepage="https://www.cs.toronto.edu/~kriz/cifar.html",
        files=(
            RawFile(
                "cifar-10-binary.tar.gz",
                _CIFAR_URL,
                ("c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",),
            ),
        ),
    ),
    DatasetInfo(
        name="frey_faces",
        version="1.0.0",
        shape=(28, 20, 1),
        feature="image",
        divisor=255.0,
        label=None,
        counts=_counts(1565, 200, 200),
        splits=_OWN_SPLITS,
        split_rule="contiguous blocks of a video, in time order: neighbouring frames "
        "are near duplicates, and a random split would show the model nearly every "
        "test frame (median distance of a test frame to the nearest training frame, "
        "in grey levels per pixel: 11 for a random split, 21 for this one)",
        licence="none stated; research use; credit Brendan Frey and Sam Roweis",
        citation=_ROWEIS,
        homepage="https://cs.nyu.edu/~roweis/data.html",
        files=(
            RawFile(
                "frey_rawface.mat",
                _ROWEIS_URL + "frey_rawface.mat",
                ("265a83a23adb081755cd3de375509828e690324d1d60f076b8ecebc840d59c64",),
            ),
        ),
    ),
    DatasetInfo(
        name="olivetti_faces",
        version="1.0.0",
        shape=(64, 64, 1),
        feature="image",
        divisor=255.0,
        label="person 0-39",
        counts=_counts(300, 50, 50),
        splits=_OWN_SPLITS,
        split_rule="by person, so that no face is in two splits: people 0-29, 30-34 "
        "and 35-39, ten photographs each",
        licence="none stated; credit AT&T Laboratories Cambridge",
        citation=_SAMARIA,
        homepage="https://cs.nyu.edu/~roweis/data.html",
        files=(
            # The second checksum is that of the copy which scikit-learn downloads:
            # the same photographs in a file with more variables.
            RawFile(
                "olivettifaces.mat",
                _OLIVETTI_URL,
                (
                    "b1988d02c72fe5b8ee82b5ef3bb7982eafc74f1e1ff0ae0ade35061ad0af534d",
                    "b612fb967f2dc77c9c62d3e1266e0c73d5fca46a4b8906c18e454d41af987794",
                ),
            ),
        ),
    ),
    DatasetInfo(
        name="ecg5000",
        version="1.0.0",
        shape=(140,),
        feature="series",
        divisor=1.0,
        label="heartbeat class: 1 normal, 2-5 anomalous",
        counts=_counts(450, 50, 4500),
        splits=_OWN_SPLITS,
        split_rule="ECG5000_TRAIN is sorted by class, so a fixed permutation of its "
        "500 rows gives 450 to train and 50 to validation; test is all of "
        "ECG5000_TEST",
        licence="none stated; cite Chen & Keogh (UCR) and Goldberger et al. 2000",
        citation=_CHEN_GOLDBERGER,
        homepage="https://www.timeseriesclassification.com/description.php"
        "?Dataset=ECG5000",
        files=(
            RawFile(
                "ECG5000_TRAIN.txt",
                _ECG_URL,
                ("0d96aff193311a6dc6111bf0dbd2f7d2313987fbf7a1da4a383d92563876057b",),
            ),
            RawFile(
                "ECG5000_TEST.txt",
                _ECG_URL,
                ("baf4ad57d28daa5e79050edd4185968181762bc83d45a757753015b4ba8ab295",),
            ),
        ),
    ),
]

FACTS = {facts.name: facts for facts in _ALL}
