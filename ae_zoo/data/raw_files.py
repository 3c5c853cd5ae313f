"""Raw files as published: found, verified by checksum, parsed to arrays."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np

from ae_zoo.data.dataset_info import DatasetInfo, RawFile


def require_manual(facts: DatasetInfo, manual_dir: str | os.PathLike) -> None:
    """Checks that every raw file of a set is in a folder, undamaged.

    Args:
        facts: The set.
        manual_dir: Folder in which the user has put the raw files.

    Raises:
        FileNotFoundError: If the folder or one of the files is missing.
        ValueError: If a file has another checksum than the published one.
    """
    folder = Path(manual_dir).expanduser()
    for file in facts.files:
        path = folder / file.name
        if not path.is_file():
            raise FileNotFoundError(
                f"`ae_zoo.data.prepare` needs {file.name} to prepare {facts.name!r} "
                f"and found no such file in {folder}. Download it from {file.url} "
                f"(unpack it if it comes in a zip archive), put it there, or call "
                f"prepare without manual_dir to have it downloaded."
            )
        verify(path, file)


def verify(path: Path, file: RawFile) -> None:
    """Raises a ValueError unless `path` has the checksum of `file`."""
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found not in file.sha256:
        raise ValueError(
            f"`ae_zoo.data.prepare` refused {path}: it is damaged or another version. "
            f"Expected sha256: {' or '.join(file.sha256)}. Received: {found}. "
            f"Delete it and fetch {file.name} again from {file.url}."
        )


def read_frey(path: Path) -> np.ndarray:
    """Reads frey_rawface.mat.

    Args:
        path: The file, whose variable `ff` is uint8, (560, frames).

    Returns:
        Images in time order, uint8, (frames, 28, 20, 1).
    """
    from scipy.io import loadmat

    columns = loadmat(path)["ff"]
    return columns.T.reshape(-1, 28, 20, 1)


def read_olivetti(path: Path) -> np.ndarray:
    """Reads olivettifaces.mat.

    Args:
        path: The file, whose variable `faces` is uint8, (4096, photographs), each
            photograph column by column, ten of each person in a row.

    Returns:
        Images, uint8, (photographs, 64, 64, 1).
    """
    from scipy.io import loadmat

    columns = loadmat(path)["faces"]
    upright = columns.T.reshape(-1, 64, 64).transpose(0, 2, 1)
    return upright[..., np.newaxis].astype(np.uint8)


def read_ecg(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Reads ECG5000_TRAIN.txt or ECG5000_TEST.txt.

    Args:
        path: The file: one heartbeat a row, its class and then 140 values.

    Returns:
        series: float32, (rows, 140).
        label: int64, (rows,), 1 to 5.
    """
    table = np.loadtxt(path)
    return table[:, 1:].astype(np.float32), table[:, 0].astype(np.int64)
