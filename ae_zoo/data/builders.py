"""Builders for the sets of the catalog that tensorflow-datasets lacks.

Importing this module registers them: `tfds.load("frey_faces")` then works as for any
other set.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from ae_zoo.data import catalog, preparing
from ae_zoo.data.catalog.record import CatalogSource, RawFile


class _Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """Builds a set from the reader of its `CatalogSource`."""

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = "`ae_zoo.data.info(name).files` lists the files."

    @property
    def _source(self) -> CatalogSource:
        return catalog.info(self.name)

    def _info(self) -> tfds.core.DatasetInfo:
        source = self._source
        return self.dataset_info_from_configs(
            description=f"{source.name}, split in {source.split_rule}.",
            features=tfds.features.FeaturesDict(_features(source)),
            homepage=source.homepage,
            citation=source.citation,
            license=source.license,
            # The order of the raw files has a meaning: time, or person.
            disable_shuffling=True,
        )

    def _split_generators(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, Iterator[tuple[int, dict[str, Any]]]]:
        source = self._source
        if source.read is None:
            raise NotImplementedError(f"{source.name!r} has no reader of raw files.")
        splits = source.read([_fetch(dl_manager, file) for file in source.files])
        return {name: self._generate_examples(*rows) for name, rows in splits.items()}

    def _generate_examples(
        self, *columns: np.ndarray
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        keys = list(_features(self._source))
        for number, values in enumerate(zip(*columns, strict=True)):
            yield number, dict(zip(keys, values, strict=True))


def _features(source: CatalogSource) -> dict[str, tfds.features.FeatureConnector]:
    """The features of an example, in the order of the reader's arrays."""
    example: tfds.features.FeatureConnector
    if source.target_shape is not None:  # input and target, joined
        example = tfds.features.Tensor(
            shape=source.stored_shape, dtype=np.uint8, encoding="zlib"
        )
    elif len(source.shape) == 3:
        example = tfds.features.Image(shape=source.shape)
    else:
        example = tfds.features.Tensor(shape=source.shape, dtype=np.float32)
    features = {source.feature: example}
    if source.label is not None:
        features["label"] = tfds.features.Scalar(dtype=np.int64)
    return features


def _fetch(dl_manager: tfds.download.DownloadManager, file: RawFile) -> Path:
    """Return a verified raw file: the user's own, or else a download."""
    path = None
    try:
        path = preparing.locate(file, Path(dl_manager.manual_dir))
    except AssertionError:  # how tensorflow-datasets says that there is no such folder
        pass
    if path is None:
        path = Path(dl_manager.download_and_extract(file.url))
        if path.is_dir() and not file.members:
            path = path / file.name
    preparing.verify(path, file)
    return path


def _register(source: CatalogSource) -> None:
    """Define the builder class of a set; defining it registers it."""
    class_name = "".join(part.capitalize() for part in source.name.split("_"))
    version = tfds.core.Version(source.version)
    members = {"VERSION": version, "__module__": __name__}
    globals()[class_name] = type(class_name, (_Builder,), members)


for _source in catalog.SOURCES.values():
    if _source.read is not None and not _source.is_embedded:
        _register(_source)
