"""The catalog: which data sets there are. Each set has a file of its own here."""

from __future__ import annotations

from ae_zoo._checks import unknown_name
from ae_zoo.data.catalog import (
    bsds500,
    cifar10,
    digits,
    dirty_documents,
    ecg5000,
    fashion_mnist,
    frey_faces,
    mnist,
    olivetti_faces,
    skab,
)
from ae_zoo.data.catalog.record import CatalogSource

SOURCES: dict[str, CatalogSource] = {
    source.name: source
    for source in (
        digits.SOURCE,
        mnist.SOURCE,
        fashion_mnist.SOURCE,
        cifar10.SOURCE,
        frey_faces.SOURCE,
        olivetti_faces.SOURCE,
        ecg5000.SOURCE,
        bsds500.SOURCE,
        bsds500.GRAY_SOURCE,
        dirty_documents.SOURCE,
        dirty_documents.PUBLIC_SPLIT,
        skab.SOURCE,
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
