"""Sets of tensorflow-datasets that the catalog lacks."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ae_zoo.data import prepared
from ae_zoo.data.catalog.record import OWN_SPLITS, CatalogSource

StrPath = str | os.PathLike[str]
_NAME = re.compile(r"[a-z0-9_]+(/[\w.\-]+)?(:\d+\.\d+\.\d+)?")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TfdsSource(CatalogSource):
    """A set that tensorflow-datasets has prepared. For the arguments see above."""

    @property
    def fingerprint(self) -> Mapping[str, str]:
        folder = prepared.find(self, self.data_dir)
        return dict(_digests(folder, tuple(self.splits.items())))


def find(
    name: str,
    data_dir: StrPath | None,
    image_size: tuple[int, int] | None = None,
    fallback_size: tuple[int, int] | None = None,
) -> TfdsSource | None:
    """Return the source of a name of tensorflow-datasets, or None if none is prepared.

    Args:
        name: Such as "kmnist", "emnist/letters" or "kmnist:3.0.1". Without a
            configuration or version, the first configuration and the latest version
            that are prepared.
        data_dir: As in `ae_zoo.data.source`.
        image_size: As in `ae_zoo.data.source`.
        fallback_size: (height, width) for a set whose images differ in size.
    """
    if not _NAME.fullmatch(name):
        return None
    base, _, version = name.partition(":")
    for root in prepared.folders_to_search(data_dir):
        folders = [
            path.parent
            for path in (root / base).glob("**/dataset_info.json")
            if not version or path.parent.name == version
        ]
        if folders:
            latest = sorted(folders, key=_order)[-1]
            sizes = image_size, fallback_size
            return _describe(latest, root, data_dir, sizes)
    return None


def explain(name: str, data_dir: StrPath | None) -> None:
    """Raise if tensorflow-datasets knows a name whose data are not prepared.

    Raises:
        FileNotFoundError: It knows the name.
    """
    if not _NAME.fullmatch(name) or not is_known(name):
        return
    searched = ", ".join(map(str, prepared.folders_to_search(data_dir)))
    raise FileNotFoundError(
        f"Found no prepared copy of {name!r}, a set of tensorflow-datasets. Searched: "
        f"{searched}. Prepare it once: `ae-zoo prepare {name}`."
    )


def is_known(name: str) -> bool:
    """Whether tensorflow-datasets can prepare a set of this name."""
    import tensorflow_datasets as tfds

    base = name.partition(":")[0].partition("/")[0]
    return base in tfds.list_builders(with_community_datasets=False)


def _order(folder: Path) -> tuple[bool, list[int]]:
    numbers = folder.name.split(".")
    return folder.parent.parent.name == "", [int(n) for n in numbers if n.isdigit()]


def _describe(
    folder: Path,
    root: Path,
    data_dir: StrPath | None,
    sizes: tuple[tuple[int, int] | None, tuple[int, int] | None],
) -> TfdsSource:
    import tensorflow_datasets as tfds

    info = tfds.builder_from_directory(folder).info
    name = folder.parent.relative_to(root).as_posix()
    feature, stored_shape = _feature(info, name)
    image_size, shape = _resized(name, stored_shape, *sizes)
    splits, rule = _splits(info, name)
    has_labels = "label" in info.features and info.features["label"].shape == ()
    return TfdsSource(
        name=name,
        version=folder.name,
        feature=feature,
        shape=shape,
        image_size=image_size,
        preprocessing=""
        if image_size is None
        else f"resized to {shape[0]}×{shape[1]} (bilinear)",
        divisor=255.0 if len(shape) == 3 else 1.0,
        label=_meaning(info.features["label"]) if has_labels else None,
        splits=splits,
        counts={
            split: info.splits[part].num_examples for split, part in splits.items()
        },
        split_rule=rule,
        license=(info.redistribution_info.license or "not stated"),
        citation=info.citation or "",
        homepage=info.homepage or "",
        data_dir=data_dir,
    )


def _feature(info: Any, name: str) -> tuple[str, tuple[Any, ...]]:
    """Return the key and the shape of the feature that is the example.

    Height and width are None if the images differ in size.
    """
    import tensorflow_datasets as tfds

    features = dict(info.features.items()) if hasattr(info.features, "items") else {}
    images = {k: f for k, f in features.items() if isinstance(f, tfds.features.Image)}
    arrays = {
        k: f
        for k, f in features.items()
        if type(f) is tfds.features.Tensor and f.dtype.kind == "f" and f.shape
    }
    for key, feature in {**images, **arrays}.items():
        is_small = key not in images or feature.dtype == "uint8"
        is_open = feature.shape[:2] == (None, None) if key in images else False
        if is_small and (is_open or None not in feature.shape):
            return key, tuple(feature.shape)
    raise ValueError(
        f"{name!r} of tensorflow-datasets has no image and no array of one shape. "
        f"Its features: {list(map(str, features.items()))}. Load it with "
        "tfds.load, map its elements to examples of one shape, for example with "
        "tf.image.resize, and pass the datasets as ae_zoo.data.Arrays(train, "
        "validation, test)."
    )


def _resized(
    name: str,
    shape: tuple[Any, ...],
    image_size: tuple[int, int] | None,
    fallback_size: tuple[int, int] | None,
) -> tuple[tuple[int, int] | None, tuple[int, ...]]:
    """Return the size that images are resized to, or None, and the final shape."""
    is_image = len(shape) == 3
    if image_size is not None and not is_image:
        raise ValueError(
            f"`image_size` is for sets of images, and the examples of {name!r} have "
            f"the shape {shape}. Received: image_size={image_size}"
        )
    if image_size is None and None in shape:
        image_size = fallback_size
    if image_size is None and None in shape:
        raise ValueError(
            f"The images of {name!r} differ in size. Choose one, which they are "
            f"resized to: ae_zoo.data.source({name!r}, image_size=(64, 64))."
        )
    if image_size is None or image_size == shape[:2]:
        return None, shape
    return image_size, (*image_size, shape[2])


def _splits(info: Any, name: str) -> tuple[dict[str, str], str]:
    """Return where each split is, and the rule in words."""
    known = list(info.splits)
    if "train" not in known:
        raise ValueError(f"{name!r} has no split 'train'. Its splits: {known}.")
    missing = [split for split in ("validation", "test") if split not in known]
    splits = OWN_SPLITS.copy()
    end = 100
    for split in reversed(missing):
        splits[split] = f"train[{end - 10}%:{end}%]"
        end -= 10
    if not missing:
        return splits, "as published"
    splits["train"] = f"train[:{end}%]"
    return (
        splits,
        f"as published; {' and '.join(missing)}: 10 % each of the end of train",
    )


def _meaning(feature: Any) -> str:
    names = list(getattr(feature, "names", []))[:20]
    return ", ".join(f"{n} {name}" for n, name in enumerate(names)) or "label"


@functools.lru_cache(maxsize=8)
def _digests(
    folder: Path, splits: tuple[tuple[str, str], ...]
) -> tuple[tuple[str, str], ...]:
    """SHA-256 of the files of each split, and of the part of them that it is."""
    import tensorflow_datasets as tfds

    info = tfds.builder_from_directory(folder).info
    found = []
    for split, part in splits:
        digest = hashlib.sha256(part.encode())
        for file in info.splits[part].file_instructions:
            with open(file.filename, "rb") as stream:
                while block := stream.read(2**20):
                    digest.update(block)
        found.append((split, digest.hexdigest()))
    return tuple(found)
