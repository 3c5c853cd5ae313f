"""The record that describes one data set."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class RawFile:
    """One file as its publishers distribute it.

    Args:
        name: File name, as looked for in `manual_dir`.
        url: Where it can be downloaded, alone or inside a zip archive.
        sha256: Accepted checksums (hexadecimal) of the file itself, not of the
            archive. The first is the one the zoo's numbers were measured with.
    """

    name: str
    url: str
    sha256: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class DatasetInfo:
    """The facts of one data set.

    Args:
        name: The name `load` takes.
        version: Version of the copy prepared by tensorflow-datasets, or None for a
            set that is embedded in an installed package.
        shape: Shape of one example, channels last for images.
        feature: Key of the example in the prepared copy.
        divisor: The stored value that means 1.0; `load` divides by it.
        label: What the label means, or None for a set without labels.
        counts: Number of examples of each split.
        splits: Where each split is found in the prepared copy.
        split_rule: How the splits were made, in words.
        licence: Terms of use.
        citation: BibTeX.
        homepage: Page that describes the set.
        files: The raw files it is prepared from.
    """

    name: str
    version: str | None
    shape: tuple[int, ...]
    feature: str
    divisor: float
    label: str | None
    counts: Mapping[str, int]
    splits: Mapping[str, str]
    split_rule: str
    licence: str
    citation: str
    homepage: str
    files: tuple[RawFile, ...]

    @property
    def urls(self) -> tuple[str, ...]:
        """Addresses of the raw files, each once."""
        return tuple(dict.fromkeys(file.url for file in self.files))

    @property
    def sha256(self) -> dict[str, str]:
        """Checksum of each raw file, by file name."""
        return {file.name: file.sha256[0] for file in self.files}
