"""ECG5000: 5,000 heartbeats of one patient, 140 values each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ae_zoo.data.catalog.record import CatalogSource, RawFile

_URL = "https://www.timeseriesclassification.com/aeon-toolkit/ECG5000.zip"
_CITATION = """\
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


def _read(paths: Sequence[Path]) -> dict[str, tuple[np.ndarray, ...]]:
    """Read ECG5000_TRAIN.txt and ECG5000_TEST.txt."""
    series, label = _read_table(paths[0])
    # The file is sorted by class: its last rows would be a validation set without
    # one normal heartbeat. RandomState's stream never changes between versions.
    order = np.random.RandomState(0).permutation(len(series))
    train, validation = np.sort(order[:450]), np.sort(order[450:])
    return {
        "train": (series[train], label[train]),
        "validation": (series[validation], label[validation]),
        "test": _read_table(paths[1]),
    }


def _read_table(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read one heartbeat a row: its class, then 140 values."""
    table = np.loadtxt(path)
    return table[:, 1:].astype(np.float32), table[:, 0].astype(np.int64)


SOURCE = CatalogSource(
    name="ecg5000",
    version="1.0.0",
    shape=(140,),
    feature="series",
    label="heartbeat class: 1 normal, 2-5 anomalous",
    counts={"train": 450, "validation": 50, "test": 4500},
    split_rule="ECG5000_TRAIN is sorted by class, so a fixed permutation of its "
    "500 rows gives 450 to train and 50 to validation; test is all of "
    "ECG5000_TEST",
    license="none stated; cite Chen & Keogh (UCR) and Goldberger et al. 2000",
    citation=_CITATION,
    homepage="https://www.timeseriesclassification.com/description.php?Dataset=ECG5000",
    files=(
        RawFile(
            "ECG5000_TRAIN.txt",
            _URL,
            ("0d96aff193311a6dc6111bf0dbd2f7d2313987fbf7a1da4a383d92563876057b",),
        ),
        RawFile(
            "ECG5000_TEST.txt",
            _URL,
            ("baf4ad57d28daa5e79050edd4185968181762bc83d45a757753015b4ba8ab295",),
        ),
    ),
    read=_read,
)
