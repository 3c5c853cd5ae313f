"""The data sets of the catalog behind the interface that `read_splits` reads."""

from __future__ import annotations

import dataclasses
import os

import numpy as np

from ae_zoo import data


@dataclasses.dataclass(frozen=True)
class Source:
    """A data set by its name in the catalog."""

    name: str
    data_dir: str | os.PathLike | None = None

    @property
    def label(self) -> str | None:
        return data.info(self.name).label

    def arrays(
        self, split: str, labels: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        return data.arrays(self.name, split, labels=labels, data_dir=self.data_dir)


def source(name: str, data_dir: str | os.PathLike | None = None) -> Source:
    """The data set of a name, in a folder of prepared data."""
    return Source(name, data_dir)
