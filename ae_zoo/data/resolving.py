"""`source`: from names, paths, arrays and datasets to sources."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import numpy as np

from ae_zoo._checks import check_folder, unknown_name
from ae_zoo.data import catalog, tfds_names
from ae_zoo.data.own import Arrays, Images, OwnSource, Table
from ae_zoo.data.own.image_options import checked_size
from ae_zoo.data.own.reading import is_table, is_table_file
from ae_zoo.data.sources import Source

StrPath = str | os.PathLike[str]
_NO_SIZE = (
    "`image_size` is for folders of images and sets of tensorflow-datasets. Received "
    "it with {}."
)
_REMEDY = (
    " Or pass a folder of images, a CSV or Parquet file, or any name of "
    "tensorflow-datasets."
)


def source(
    data: Any,
    data_dir: StrPath | None = None,
    image_size: tuple[int, int] | None = None,
) -> Source:
    """Return the source of data that are given in any way.

    Args:
        data: One of `names()`; any other name of tensorflow-datasets, such as
            "kmnist" or "emnist/letters", once it is prepared; a `Source`, which is
            returned unchanged; the path of a folder of images (see `Images`), of a
            CSV or Parquet file (see `Table`), or of an .npy file (see `Arrays`); or a
            DataFrame, an array, or a `tf.data.Dataset`.
        data_dir: Folder of prepared data. By default $TFDS_DATA_DIR, then
            ~/tensorflow_datasets.
        image_size: (height, width) that the images of a folder or of a set of
            tensorflow-datasets are resized to. Needed where they differ in size.

    Returns:
        A `Source`.

    Raises:
        TypeError: `data` is nothing of these.
        ValueError: There is no such data set, or `image_size` is given for other data.
        FileNotFoundError: There is no such path, or the set has not been prepared.

    Example:

    >>> source("digits").arrays("test").shape
    (250, 8, 8, 1)
    """
    size = checked_size(image_size)
    if isinstance(data, str | os.PathLike):
        return _named(data, data_dir, size)
    if size is not None:
        raise ValueError(_NO_SIZE.format(f"a {type(data).__name__}"))
    if isinstance(data, Source):
        return data
    if is_table(data):
        return Table(data)
    if (
        hasattr(data, "element_spec")
        or hasattr(data, "__array__")
        or (isinstance(data, tuple) and data and not isinstance(data[0], str | int))
    ):
        return Arrays(data)
    raise TypeError(
        "Expected the name of a data set as a string, a Source, a path, an array, a "
        f"DataFrame or a tf.data.Dataset. Received: {data!r:.200} of type "
        f"{type(data).__name__}. Known names: {catalog.names()}."
    )


def like(
    data: Any,
    own: Any,
    data_dir: StrPath | None = None,
    columns: tuple[str, ...] | None = None,
) -> Source:
    """Return the source of data that take the place of another source's.

    A path gets the options of the source that it replaces, such as the size of images
    and the length of windows.

    Args:
        data: As for `source`.
        own: The source that is replaced, or its name.
        data_dir: Folder of prepared data.
        columns: Names of the columns that a table must have, in this order.
    """
    if isinstance(own, str) and own in catalog.SOURCES:
        own = catalog.info(own)
    if not isinstance(data, str | os.PathLike):
        return source(data, data_dir)
    if not _is_path(data):
        is_of_images = isinstance(own, Source) and len(own.shape) == 3
        return _named(data, data_dir, None, own.shape[:2] if is_of_images else None)
    path = Path(data).expanduser()
    fits = Images if path.is_dir() else Table if is_table_file(path) else None
    if isinstance(own, OwnSource) and (fits is None or isinstance(own, fits)):
        return own.replaced(data, columns)
    if fits is Images and isinstance(own, Source) and len(own.shape) == 3:
        mode = {1: "grayscale", 3: "rgb", 4: "rgba"}.get(own.shape[2])
        return Images(data, image_size=own.shape[:2], color_mode=mode)
    if fits is Table and columns is not None:
        return Table(data, columns=columns)
    return source(data, data_dir)


def _is_path(data: StrPath) -> bool:
    return str(data) not in catalog.SOURCES and (
        isinstance(data, os.PathLike) or Path(data).expanduser().exists()
    )


def _named(
    name: StrPath,
    data_dir: StrPath | None,
    size: tuple[int, int] | None,
    fallback_size: tuple[int, int] | None = None,
) -> Source:
    if data_dir is not None:
        check_folder("data_dir", data_dir)
    if isinstance(name, str) and name in catalog.SOURCES:
        if size is not None:
            raise ValueError(_NO_SIZE.format(f"{name!r}, a set of the catalog"))
        return dataclasses.replace(catalog.info(name), data_dir=data_dir)
    path = Path(name).expanduser()
    if str(name) and path.exists():
        return _of_path(path, size)
    if isinstance(name, os.PathLike) or is_table_file(path) or path.suffix == ".npy":
        raise FileNotFoundError(f"There is no file or folder '{path}'.")
    found = tfds_names.find(name, data_dir, size, fallback_size)
    if found is not None:
        return found
    tfds_names.explain(name, data_dir)
    raise unknown_name("data set", name, catalog.SOURCES, _REMEDY)


def _of_path(path: Path, size: tuple[int, int] | None) -> Source:
    if path.is_dir():
        return Images(path, image_size=size)
    if size is not None:
        raise ValueError(_NO_SIZE.format(f"the file '{path}'"))
    if is_table_file(path):
        return Table(path)
    if path.suffix == ".npy":
        return Arrays(np.load(path, mmap_mode="r"), name=path.stem)
    raise ValueError(
        f"'{path}' is no data. Expected a folder of images, or a file that ends in "
        ".csv, .tsv, .parquet or .npy."
    )
