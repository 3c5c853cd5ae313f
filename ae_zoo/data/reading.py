"""Reads prepared data. Nothing here touches the network."""

from __future__ import annotations

import functools
import os
from pathlib import Path

import numpy as np

from ae_zoo.data import catalogue
from ae_zoo.data.dataset_info import DatasetInfo


def arrays(
    name: str,
    split: str = "train",
    *,
    labels: bool = False,
    data_dir: str | os.PathLike | None = None,
) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
    """Reads a whole split into memory.

    Args:
        name: One of `names()`.
        split: "train", "validation" or "test".
        labels: Whether to return the labels too.
        data_dir: Folder of prepared data; see `load`.

    Returns:
        x: float32, (examples, *shape): images in [0, 1], `ecg5000` z-normalised.
            With labels, the pair (x, label) with label int64, (examples,).

    Raises:
        TypeError: If `name` or `split` is not a string.
        ValueError: If the set or split does not exist, or has no labels.
        FileNotFoundError: If the set has not been prepared.

    Example:
        >>> arrays("digits", "test").shape
        (250, 8, 8, 1)
    """
    facts = catalogue.lookup(name, caller="arrays")
    catalogue.check_split(facts, split, caller="arrays")
    catalogue.check_labels(facts, labels, caller="arrays")
    stored, label = stored_arrays(facts, split, data_dir)
    x = stored.astype(np.float32) / np.float32(facts.divisor)
    return (x, label.copy()) if labels else x


def stored_arrays(
    facts: DatasetInfo, split: str, data_dir: str | os.PathLike | None
) -> tuple[np.ndarray, np.ndarray]:
    """Returns a split as it is stored, read once per process.

    Args:
        facts: The set.
        split: One of its splits.
        data_dir: Folder of prepared data, or None.

    Returns:
        stored: Undivided and read-only, (examples, *shape).
        label: int64, (examples,); zeros for a set without labels.
    """
    if facts.version is None:
        return _embedded(split)
    return _decoded(facts.name, split, find_prepared(facts, data_dir))


def files(facts: DatasetInfo, split: str, folder: Path):
    """Where the examples of a prepared split lie, and how one is decoded.

    Args:
        facts: The set.
        split: One of its splits.
        folder: Its prepared copy.

    Returns:
        The list of (path of a TFRecord file, records to skip, records to take), in a
        fixed order, and the function from a serialized record to (stored, label);
        label is 0 where there is none.
    """
    import tensorflow as tf
    import tensorflow_datasets as tfds

    info = tfds.builder_from_directory(folder).info
    slices = [
        (part.filename, part.skip, part.take)
        for part in info.splits[facts.splits[split]].file_instructions
    ]

    def decode(record):
        example = info.features.deserialize_example(record)
        label = example["label"] if facts.label else tf.constant(0, tf.int64)
        return example[facts.feature], label

    return slices, decode


def folders_to_search(data_dir: str | os.PathLike | None) -> list[Path]:
    """Returns the folders that may hold prepared data, the first one preferred."""
    if data_dir is not None:
        return [Path(data_dir).expanduser()]
    named = os.environ.get("TFDS_DATA_DIR")
    default = Path("~/tensorflow_datasets").expanduser()
    return [Path(named).expanduser(), default] if named else [default]


def find_prepared(facts: DatasetInfo, data_dir: str | os.PathLike | None) -> Path:
    """Returns the folder of a prepared set.

    Raises:
        FileNotFoundError: If there is none, with the folders looked at and the
            command that prepares the set.
    """
    searched = [
        folder / facts.name / facts.version for folder in folders_to_search(data_dir)
    ]
    for folder in searched:
        if (folder / "dataset_info.json").exists():
            return folder
    listed = ", ".join(str(folder) for folder in searched)
    raise FileNotFoundError(
        f"`ae_zoo.data` found no prepared copy of {facts.name!r}. Looked at: "
        f"{listed}. If you have one, set TFDS_DATA_DIR (or data_dir=) to the folder "
        f"that holds {facts.name}/{facts.version}. Otherwise prepare it once: "
        f"{prepare_command(facts)}. The set 'digits' needs no preparation."
    )


def prepare_command(facts: DatasetInfo) -> str:
    """Returns the command that prepares a set, with what it must be given."""
    command = f"`ae-zoo prepare {facts.name}`"
    needed = " and ".join(file.name for file in facts.files)
    return f"{command}, with `--manual-dir FOLDER` if you have {needed} already"


@functools.lru_cache(maxsize=4)
def _decoded(name: str, split: str, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    # Decoding 55,000 PNGs takes seconds, and a run asks for the same split again:
    # for another epoch loop, for evaluation, for the figures.
    import tensorflow as tf

    facts = catalogue.lookup(name, caller="load")
    slices, decode = files(facts, split, folder)
    parts = []
    for path, skip, take in slices:
        records = tf.data.TFRecordDataset(path).skip(skip).take(take)
        examples = records.map(decode, tf.data.AUTOTUNE, deterministic=True)
        parts.extend(examples.batch(1024).as_numpy_iterator())
    return _read_only(*(np.concatenate(part) for part in zip(*parts, strict=True)))


@functools.lru_cache(maxsize=3)
def _embedded(split: str) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    blocks = {"train": (0, 1297), "validation": (1297, 1547), "test": (1547, 1797)}
    rows = slice(*blocks[split])
    image = digits.images[rows, :, :, np.newaxis].astype(np.uint8)
    return _read_only(image, digits.target[rows].astype(np.int64))


def _read_only(stored: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # Shared between callers, who must not change each other's data.
    stored.flags.writeable = False
    label.flags.writeable = False
    return stored, label
