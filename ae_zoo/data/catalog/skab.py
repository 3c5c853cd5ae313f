"""SKAB: eight sensors of a water pump, one row a second, with labeled faults."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ae_zoo.data import archives
from ae_zoo.data.catalog.record import CatalogSource, RawFile

_CITATION = """\
@misc{katser2020skab,
  title={Skoltech Anomaly Benchmark (SKAB)},
  author={Katser, Iurii D. and Kozitsin, Vyacheslav O.},
  howpublished={Kaggle}, year={2020},
  doi={10.34740/KAGGLE/DSV/1693952}
}"""
FILE = RawFile(
    "SKAB_data.tar.xz",
    "https://github.com/waico/SKAB/archive/refs/heads/master.zip",
    ("74a26552c1d3329d59f70679327a673c3b57dc17ec33cec9faad53248300f52d",),
    members=("anomaly-free/*.csv", "valve1/*.csv", "valve2/*.csv", "other/*.csv"),
)
SENSORS = (
    "Accelerometer1RMS",
    "Accelerometer2RMS",
    "Current",
    "Pressure",
    "Temperature",
    "Thermocouple",
    "Voltage",
    "Volume Flow RateRMS",
)
WINDOW = 60
# Rows of a run before those that are tested, and the rows of these that train.
HISTORY = 400
_TRAINING = 320
_FAULT_FREE = "anomaly-free"
_FAULT_FREE_TRAINING = 8000


def runs(path: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Read the runs.

    Args:
        path: The archive, or the folder that it unpacks to.

    Returns:
        {"valve1/0": (values, labels)}: float32, (rows, 8), and int64, (rows,), which is
        1 in a fault. The fault-free run is "anomaly-free/anomaly-free".
    """
    members = archives.members(path, FILE.members)
    found = {}
    for name in sorted(members, key=_place):
        lines = members[name].decode().splitlines()
        header = lines[0].split(";")
        table = np.genfromtxt(
            io.StringIO("\n".join(lines[1:])),
            delimiter=";",
            usecols=range(1, len(header)),
        )
        columns = [header.index(sensor) - 1 for sensor in SENSORS]
        label = np.zeros(len(table), np.int64)
        if "anomaly" in header:
            label = table[:, header.index("anomaly") - 1].astype(np.int64)
        values = table[:, columns].astype(np.float32)
        found[name.removesuffix(".csv")] = (values, label)
    return found


def windows(values: np.ndarray) -> np.ndarray:
    """Return the windows of a run: (rows, 8) to (rows − 59, 60, 8)."""
    found = np.lib.stride_tricks.sliding_window_view(values, WINDOW, axis=0)
    return found.transpose(0, 2, 1)


def _place(name: str) -> tuple[str, int, str]:
    """Sort "valve1/10.csv" behind "valve1/9.csv"."""
    folder, file = name.split("/")
    return folder, len(file), file


def _read(paths: Sequence[Path]) -> dict[str, tuple[np.ndarray, ...]]:
    found = runs(paths[0])
    parts: dict[str, list[tuple[np.ndarray, np.ndarray]]]
    parts = {"test": [], "train": [], "validation": []}
    # Some runs begin with the rows that others end with: a row is only in the first of
    # these splits that it could be in.
    taken = set[bytes]()
    for split, pairs in parts.items():
        used = set[bytes]()
        for name, (values, label) in found.items():
            begin, end = _span(name, split, len(values))
            keys = [row.tobytes() for row in values[begin:end]]
            # The history before the tested rows is theirs alone, not of the split.
            used.update(keys[WINDOW - 1 :] if split == "test" else keys)
            if len(keys) < WINDOW:
                continue
            is_free = np.array([key not in taken for key in keys], bool)
            whole: np.ndarray = np.all(
                np.lib.stride_tricks.sliding_window_view(is_free, WINDOW), axis=1
            )
            # The label of a window is that of its last row.
            last = label[begin + WINDOW - 1 : end]
            pairs.append((windows(values[begin:end])[whole], last[whole]))
        taken |= used
    return {
        split: tuple(np.concatenate(columns) for columns in zip(*pairs, strict=True))
        for split, pairs in parts.items()
    }


def _span(name: str, split: str, rows: int) -> tuple[int, int]:
    """Return the rows of a run that the windows of a split lie in."""
    if name.startswith(_FAULT_FREE):
        edges = {"train": (0, _FAULT_FREE_TRAINING), "test": (0, 0)}
        return edges.get(split, (_FAULT_FREE_TRAINING, rows))
    return {
        "train": (0, _TRAINING),
        "validation": (_TRAINING, HISTORY),
        # The windows that end with row 400 or later.
        "test": (HISTORY - WINDOW + 1, rows),
    }[split]


SOURCE = CatalogSource(
    name="skab",
    version="1.0.0",
    shape=(WINDOW, len(SENSORS)),
    feature="window",
    label="state at the last row of the window: 0 normal, 1 fault",
    counts={"train": 16185, "validation": 1488, "test": 23801},
    split_rule="by time within each run: of the 34 runs with a fault, the windows "
    "within rows 0-319 train, those within rows 320-399 validate, and those that end "
    "with row 400 or later are tested on, one for each row; the first of these begin "
    "in the rows that validate. Of the run without a fault, rows 0-7,999 train and "
    "the others validate. Five runs begin with the rows that another ends with: "
    "windows with a row that is tested do not train or validate, and those with a row "
    "that trains do not validate",
    preprocessing="windows of 60 consecutive rows of eight sensors, one for each row",
    license="GPL-3.0, that of the repository; cite Katser & Kozitsin 2020",
    citation=_CITATION,
    homepage="https://github.com/waico/SKAB",
    columns=SENSORS,
    files=(FILE,),
    read=_read,
)
