"""The source behind each data set of the catalog."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ae_zoo.data import batches, prepared
from ae_zoo.data.sources import Source

if TYPE_CHECKING:
    from ae_zoo.data.batches import Batches
    from ae_zoo.data.order import Plan

# From the paths of the raw files to the arrays of each split: the examples, then
# their labels if there are any.
Reader = Callable[[Sequence[Path]], Mapping[str, tuple[np.ndarray, ...]]]

OWN_SPLITS = {"train": "train", "validation": "validation", "test": "test"}


@dataclasses.dataclass(frozen=True)
class RawFile:
    """One file as its publishers distribute it.

    Args:
        name: File name, as looked for in `manual_dir`.
        url: Where it can be downloaded, alone or inside a zip archive.
        sha256: Accepted checksums (hexadecimal) of the file itself, not of the
            archive. The first is the one the numbers of the zoo were measured with.
        members: Patterns of the files that count, such as "train/*.jpg", if this is a
            tar or zip archive of many, or the folder that it unpacks to, which has the
            same name but for the suffix. `sha256` then holds checksums of the list of
            these files and their checksums, by `ae_zoo.data.archives.digest`: how they
            were packed does not matter.
        steps: What to do at `url` to get the file, where that is a page and not a
            download.
    """

    name: str
    url: str
    sha256: tuple[str, ...]
    members: tuple[str, ...] = ()
    steps: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class CatalogSource(Source):
    """A data set of the catalog. For the other arguments see `Source`.

    Args:
        version: Version of the copy prepared by tensorflow-datasets, or None for a
            set that is embedded in an installed package.
        feature: Key of the example in the prepared copy.
        splits: Where each split is in the prepared copy.
        files: The raw files it is prepared from.
        read: Function that reads the raw files, or None for a set that
            tensorflow-datasets prepares by itself.
        data_dir: Folder of prepared data. By default $TFDS_DATA_DIR, then
            ~/tensorflow_datasets.
        image_size: (height, width) that the prepared images are resized to; None
            keeps their size.
    """

    version: str | None
    feature: str = "image"
    splits: Mapping[str, str] = dataclasses.field(default_factory=OWN_SPLITS.copy)
    files: tuple[RawFile, ...] = ()
    read: Reader | None = None
    data_dir: str | os.PathLike[str] | None = None
    image_size: tuple[int, int] | None = None

    @property
    def urls(self) -> tuple[str, ...]:
        """Addresses of the raw files, each once."""
        return tuple(dict.fromkeys(file.url for file in self.files))

    @property
    def sha256(self) -> dict[str, str]:
        """Checksum of each raw file, by file name."""
        return {file.name: file.sha256[0] for file in self.files}

    @property
    def fingerprint(self) -> Mapping[str, str]:
        return self.sha256

    @property
    def is_embedded(self) -> bool:
        """Whether the data come with an installed package, without preparation."""
        return self.version is None

    def stored(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        if self.is_embedded:
            return _embedded(self.read, split)
        return prepared.decoded(
            prepared.find(self, self.data_dir),
            self.splits[split],
            self.feature,
            self.label is not None,
            self.image_size,
        )

    def batches(
        self,
        split: str,
        plan: Plan,
        *,
        classes: Sequence[int] | None = None,
        fixed_binary: bool = False,
    ) -> Batches:
        # Only labels in memory say how many examples the classes have.
        if (
            classes is not None
            or self.is_embedded
            or batches.fits_in_memory(self, split)
        ):
            return batches.in_memory(
                self, split, plan, classes=classes, fixed_binary=fixed_binary
            )
        slices, decode = prepared.records(
            prepared.find(self, self.data_dir),
            self.splits[split],
            self.feature,
            self.label is not None,
            self.image_size,
        )
        return batches.streamed(
            self, split, plan, slices, decode, fixed_binary=fixed_binary
        )


def held_out(train: int) -> dict[str, str]:
    """Splits of a set without a published validation split: the end of train."""
    return {
        "train": f"train[:{train}]",
        "validation": f"train[{train}:]",
        "test": "test",
    }


def idx_files(url: str, *checksums: str) -> tuple[RawFile, ...]:
    """The four files in which MNIST and its successors are published."""
    names = [
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
        "t10k-images-idx3-ubyte.gz",
        "t10k-labels-idx1-ubyte.gz",
    ]
    pairs = zip(names, checksums, strict=True)
    return tuple(RawFile(name, url + name, (sha256,)) for name, sha256 in pairs)


@functools.lru_cache(maxsize=3)
def _embedded(read: Reader, split: str) -> tuple[np.ndarray, np.ndarray]:
    image, label = read([])[split]
    return prepared.read_only(image, label)
