"""Builders for the sets that tensorflow-datasets lacks.

Importing this module registers them: `tfds.load("frey_faces")` then works as for any
other set.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

from ae_zoo.data import catalogue, raw_files
from ae_zoo.data.dataset_info import RawFile


class _Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """What the three share; a subclass gives features and splits."""

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = "`ae_zoo.data.info(name).files` names the files."

    def _features(self) -> dict[str, tfds.features.FeatureConnector]:
        raise NotImplementedError

    def _splits(self, paths: list[Path]) -> dict[str, tuple[np.ndarray, ...]]:
        """Returns one array per feature, in the order of `_features`, by split."""
        raise NotImplementedError

    def _info(self) -> tfds.core.DatasetInfo:
        facts = catalogue.info(self.name)
        return self.dataset_info_from_configs(
            description=f"{facts.name}, split in {facts.split_rule}.",
            features=tfds.features.FeaturesDict(self._features()),
            homepage=facts.homepage,
            citation=facts.citation,
            license=facts.licence,
            # The order of the raw files means something: time, or person.
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager) -> dict[str, Iterator]:
        files = catalogue.info(self.name).files
        paths = [_fetch(dl_manager, file) for file in files]
        splits = self._splits(paths)
        return {name: self._generate_examples(*rows) for name, rows in splits.items()}

    def _generate_examples(self, *columns: np.ndarray) -> Iterator[tuple[int, dict]]:
        keys = list(self._features())
        for number, values in enumerate(zip(*columns, strict=True)):
            yield number, dict(zip(keys, values, strict=True))


class FreyFaces(_Builder):
    """Frey faces: 1,965 frames of a video of one face."""

    def _features(self):
        return {"image": tfds.features.Image(shape=(28, 20, 1))}

    def _splits(self, paths):
        frames = raw_files.read_frey(paths[0])
        train, validation, test = np.split(frames, [1565, 1765])
        return {"train": (train,), "validation": (validation,), "test": (test,)}


class OlivettiFaces(_Builder):
    """Olivetti faces: 40 people, ten photographs each."""

    def _features(self):
        return {
            "image": tfds.features.Image(shape=(64, 64, 1)),
            "label": tfds.features.ClassLabel(num_classes=40),
        }

    def _splits(self, paths):
        photographs = raw_files.read_olivetti(paths[0])
        person = np.arange(len(photographs)) // 10
        blocks = {
            "train": person < 30,
            "validation": (30 <= person) & (person < 35),
            "test": 35 <= person,
        }
        return {name: (photographs[i], person[i]) for name, i in blocks.items()}


class Ecg5000(_Builder):
    """ECG5000: 5,000 heartbeats of one patient, 140 values each."""

    def _features(self):
        return {
            "series": tfds.features.Tensor(shape=(140,), dtype=np.float32),
            "label": tfds.features.Scalar(dtype=np.int64),
        }

    def _splits(self, paths):
        series, label = raw_files.read_ecg(paths[0])
        # The file is sorted by class: its last rows would be a validation set without
        # one normal heartbeat. RandomState's stream is frozen for good.
        order = np.random.RandomState(0).permutation(len(series))
        train, validation = np.sort(order[:450]), np.sort(order[450:])
        return {
            "train": (series[train], label[train]),
            "validation": (series[validation], label[validation]),
            "test": raw_files.read_ecg(paths[1]),
        }


def _fetch(dl_manager, file: RawFile) -> Path:
    """Returns a verified raw file, the user's own or else a download."""
    try:
        path = Path(dl_manager.manual_dir) / file.name
    except AssertionError:  # how tensorflow-datasets says that there is no such folder
        path = None
    if path is None or not path.exists():
        path = Path(dl_manager.download_and_extract(file.url))
        if path.is_dir():
            path = path / file.name
    raw_files.verify(path, file)
    return path
