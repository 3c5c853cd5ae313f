"""The catalog: which data sets there are. Each set has a file of its own here."""

from __future__ import annotations

import dataclasses
import os

from ae_zoo._checks import check_folder, unknown_name
from ae_zoo.data.catalog import (
    cifar10,
    digits,
    ecg5000,
    fashion_mnist,
    frey_faces,
    mnist,
    olivetti_faces,
)
from ae_zoo.data.catalog.record import CatalogSource
from ae_zoo.data.sources import Source

SOURCES: dict[str, CatalogSource] = {
    module.SOURCE.name: module.SOURCE
    for module in (
        digits,
        mnist,
        fashion_mnist,
        cifar10,
        frey_faces,
        olivetti_faces,
        ecg5000,
    )
}


def names() -> list[str]:
    """List the data sets of the catalog.

    Returns:
        The names that `info`, `source`, `prepare`, `load` and `arrays` accept.

    Example:

    >>> "mnist" in names()
    True
    """
    return list(SOURCES)


def info(name: str) -> CatalogSource:
    """Describe a data set of the catalog, whether or not its data are present.

    Args:
        name: One of `names()`.

    Returns:
        Its `CatalogSource`.

    Raises:
        TypeError: `name` is not a string.
        ValueError: There is no such data set.

    Example:

    >>> info("mnist").counts["test"]
    10000
    """
    if not isinstance(name, str):
        raise TypeError(
            "Expected the name of a data set as a string. Received: "
            f"{name!r} of type {type(name).__name__}. Known: {names()}."
        )
    if name not in SOURCES:
        raise unknown_name("data set", name, SOURCES)
    return SOURCES[name]


def source(
    name_or_source: str | Source, data_dir: str | os.PathLike[str] | None = None
) -> Source:
    """Return the source of a name.

    Args:
        name_or_source: One of `names()`, or a `Source`, which is returned unchanged.
        data_dir: Folder of prepared data. By default $TFDS_DATA_DIR, then
            ~/tensorflow_datasets.

    Returns:
        A `Source`.

    Raises:
        TypeError: `name_or_source` is neither a string nor a `Source`.
        ValueError: There is no such data set.

    Example:

    >>> source("digits").arrays("test").shape
    (250, 8, 8, 1)
    """
    if isinstance(name_or_source, Source):
        return name_or_source
    if data_dir is not None:
        check_folder("data_dir", data_dir)
    return dataclasses.replace(info(name_or_source), data_dir=data_dir)
