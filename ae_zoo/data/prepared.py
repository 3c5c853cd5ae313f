"""Reads sets that tensorflow-datasets has prepared; never uses the network."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf

    from ae_zoo.data.catalog.record import CatalogSource

# Part of a TFRecord file: (path, records to skip, records to take or -1 for all).
Slice = tuple[str, int, int]
Decode = Callable[["tf.Tensor"], tuple["tf.Tensor", "tf.Tensor"]]


def records(
    folder: Path,
    instruction: str,
    feature: str,
    has_labels: bool,
    image_size: tuple[int, int] | None = None,
) -> tuple[list[Slice], Decode]:
    """Find the records of a split, and how to decode one.

    Args:
        folder: The prepared copy of a set.
        instruction: Split of the prepared copy, such as "train[:55000]".
        feature: Key of the example.
        has_labels: Whether the set has labels.
        image_size: (height, width) that images of uint8 are resized to; None keeps
            their size.

    Returns:
        slices: Parts of TFRecord files, in a fixed order.
        decode: Function from a serialized record to (stored, label); label is 0 where
            there is none.
    """
    import tensorflow as tf
    import tensorflow_datasets as tfds

    info = tfds.builder_from_directory(folder).info
    slices = [
        (part.filename, part.skip, part.take)
        for part in info.splits[instruction].file_instructions
    ]

    def decode(record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        example = info.features.deserialize_example(record)
        label = example["label"] if has_labels else tf.constant(0, tf.int64)
        stored = example[feature]
        return (stored if image_size is None else _resized(stored, image_size)), label

    return slices, decode


def _resized(image: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    """Resize an image of uint8, without aliasing."""
    import tensorflow as tf

    resized = tf.round(tf.image.resize(image, size, antialias=True))
    return tf.cast(tf.clip_by_value(resized, 0, 255), tf.uint8)


# Decoding 55,000 PNGs takes seconds, and a run reads the same split several times:
# for training, for evaluation, for the figures.
@functools.lru_cache(maxsize=4)
def decoded(
    folder: Path,
    instruction: str,
    feature: str,
    has_labels: bool,
    image_size: tuple[int, int] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Decode a split, once per process.

    Args: as of `records`.

    Returns:
        stored: Read-only, (examples, *shape).
        label: Read-only int64, (examples,).
    """
    import tensorflow as tf

    slices, decode = records(folder, instruction, feature, has_labels, image_size)
    parts: list[Any] = []
    for path, skip, take in slices:
        found = tf.data.TFRecordDataset(path).skip(skip).take(take)
        examples = found.map(decode, tf.data.AUTOTUNE, deterministic=True)
        parts.extend(examples.batch(1024).as_numpy_iterator())
    stored, label = (np.concatenate(part) for part in zip(*parts, strict=True))
    return read_only(stored, label)


def folders_to_search(data_dir: str | os.PathLike[str] | None) -> list[Path]:
    """Return the folders that may hold prepared data, the preferred one first."""
    if data_dir is not None:
        return [Path(data_dir).expanduser()]
    named = os.environ.get("TFDS_DATA_DIR")
    default = Path("~/tensorflow_datasets").expanduser()
    return [Path(named).expanduser(), default] if named else [default]


def find(source: CatalogSource, data_dir: str | os.PathLike[str] | None) -> Path:
    """Return the folder of a prepared set.

    Raises:
        FileNotFoundError: There is none. The message lists the folders searched
            and the command that prepares the set.
    """
    within = Path(source.name, str(source.version))
    searched = [folder / within for folder in folders_to_search(data_dir)]
    for folder in searched:
        if (folder / "dataset_info.json").exists():
            return folder
    raise FileNotFoundError(
        f"Found no prepared copy of {source.name!r}. Searched: "
        f"{', '.join(map(str, searched))}. If you have one, set TFDS_DATA_DIR (or "
        f"data_dir=) to the folder that contains {within}. Otherwise prepare it once: "
        f"{prepare_command(source)}. The set 'digits' needs no preparation."
    )


def prepare_command(source: CatalogSource) -> str:
    """Return the command that prepares a set, with its options."""
    needed = " and ".join(file.name for file in source.files)
    return (
        f"`ae-zoo prepare {source.name}`, with `--manual-dir FOLDER` if you have "
        f"{needed} already"
    )


def read_only(stored: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Make cached arrays read-only: a caller must not change those of another."""
    stored.flags.writeable = False
    label.flags.writeable = False
    return stored, label
