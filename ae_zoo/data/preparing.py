"""`prepare`: the only function of the package that may use the network."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from ae_zoo._checks import check_folder
from ae_zoo.data import archives, catalog, prepared, tfds_names
from ae_zoo.data.catalog.record import CatalogSource, RawFile


def prepare(
    name: str,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    manual_dir: str | os.PathLike[str] | None = None,
    download: bool = True,
) -> Path | None:
    """Prepare a set once, so that `load` and `arrays` find it.

    The raw files are taken from `manual_dir` or downloaded. Their checksums are
    verified before anything is written.

    Args:
        name: One of `names()`, or any other name of tensorflow-datasets, which then
            downloads it by its own rules.
        data_dir: Folder to prepare the set in. By default $TFDS_DATA_DIR, or
            ~/tensorflow_datasets if that is not set.
        manual_dir: Folder with all raw files of the set (`info(name).files`). If it is
            given, nothing is downloaded.
        download: Whether the network may be used when `manual_dir` is not given.

    Returns:
        The folder of the prepared set; None for `digits`, which needs no preparation.

    Raises:
        TypeError: `name` is not a string.
        ValueError: There is no such set, or a raw file has a wrong checksum.
        FileNotFoundError: A raw file is missing from `manual_dir`; or `manual_dir` is
            not given, and `download` is False or a file cannot be downloaded without
            an account.

    Example:

    >>> prepare("frey_faces", manual_dir="~/Downloads")  # doctest: +SKIP
    """
    for argument, folder in {"data_dir": data_dir, "manual_dir": manual_dir}.items():
        if folder is not None:
            check_folder(argument, folder)
    if isinstance(name, str) and name not in catalog.SOURCES and download:
        prepared_folder = _prepare_other(name, data_dir, manual_dir)
        if prepared_folder is not None:
            return prepared_folder
    source = catalog.info(name)
    if source.version is None:
        return None
    root = prepared.folders_to_search(data_dir)[0]
    target = root / source.name / source.version
    if (target / "dataset_info.json").exists():
        return target
    if manual_dir is not None:
        check_raw_files(source, manual_dir)
    elif not download or any(file.steps for file in source.files):
        reason = "" if download else ", and received download=False without manual_dir"
        raise FileNotFoundError(
            f"Found no prepared {source.name!r} in {target}{reason}. Put these files "
            "in a folder and pass it as manual_dir: "
            f"{', '.join(map(_origin, source.files))}."
        )
    _download_and_prepare(source.name, source.version, root, manual_dir)
    return target


def check_raw_files(source: CatalogSource, manual_dir: str | os.PathLike[str]) -> None:
    """Check that a folder has every raw file of a set, undamaged.

    Args:
        source: The set.
        manual_dir: Folder in which the user has put the raw files.

    Raises:
        FileNotFoundError: The folder or one of the files is missing.
        ValueError: The checksum of a file is not the published one.
    """
    folder = Path(manual_dir).expanduser()
    for file in source.files:
        path = locate(file, folder)
        if path is None:
            advice = "Put the folder, or an archive of it, there."
            if not file.steps:
                advice = (
                    "Download it (unpack it if it comes in a zip archive) and put it "
                    "there, or call prepare without manual_dir to have it downloaded."
                )
            raise FileNotFoundError(
                f"Preparing {source.name!r} needs {_origin(file)}, which is not in "
                f"{folder}. {advice}"
            )
        verify(path, file)


def _origin(file: RawFile) -> str:
    """Name a raw file, and say where it comes from."""
    steps = f": {file.steps}" if file.steps else ""
    return f"{file.name} ({file.url}{steps})"


def locate(file: RawFile, folder: Path) -> Path | None:
    """Find a raw file in a folder, or the folder that an archive unpacks to."""
    path = folder / file.name
    if path.is_file():
        return path
    unpacked = folder / file.name.partition(".")[0]
    return unpacked if file.members and unpacked.is_dir() else None


def verify(path: Path, file: RawFile) -> None:
    """Check that `path` has the checksum of `file`.

    Raises:
        ValueError: The checksum is another one.
    """
    if file.members:
        found = archives.digest(archives.members(path, file.members))
    else:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found not in file.sha256:
        raise ValueError(
            f"{path} is damaged or another version. "
            f"Expected sha256: {' or '.join(file.sha256)}. Received: {found}. "
            f"Delete it and download {file.name} again from {file.url}."
        )


def _prepare_other(
    name: str,
    data_dir: str | os.PathLike[str] | None,
    manual_dir: str | os.PathLike[str] | None,
) -> Path | None:
    """Prepare a set that the catalog lacks; None if there is no such set."""
    if not tfds_names.is_known(name):
        return None
    import tensorflow_datasets as tfds

    root = prepared.folders_to_search(data_dir)[0]
    _download_and_prepare(name, None, root, manual_dir)
    return Path(tfds.builder(name, data_dir=root, try_gcs=False).data_dir)


def _download_and_prepare(
    name: str,
    version: str | None,
    root: Path,
    manual_dir: str | os.PathLike[str] | None,
) -> None:
    import tensorflow_datasets as tfds

    from ae_zoo.data import builders  # noqa: F401  registers the sets TFDS lacks

    full_name = name if version is None else f"{name}:{version}"
    builder = tfds.builder(full_name, data_dir=root, try_gcs=False)
    config = tfds.download.DownloadConfig(
        manual_dir=None if manual_dir is None else Path(manual_dir).expanduser(),
        try_download_gcs=False,
    )
    # One folder per set: the files of MNIST and Fashion-MNIST have the same names, and
    # a shared cache would silently give the second set the first one's images.
    downloads = root / "downloads" / name
    builder.download_and_prepare(download_dir=downloads, download_config=config)
