"""`prepare`: the one function of the package that may use the network."""

from __future__ import annotations

import os
from pathlib import Path

from ae_zoo.data import catalogue, raw_files, reading


def prepare(
    name: str,
    *,
    data_dir: str | os.PathLike | None = None,
    manual_dir: str | os.PathLike | None = None,
    download: bool = True,
) -> Path | None:
    """Prepares a set once, so that `load` and `arrays` find it.

    The raw files are taken from `manual_dir` or downloaded; either way their
    checksums are verified before anything is written.

    Args:
        name: One of `names()`.
        data_dir: Folder to prepare it in. By default $TFDS_DATA_DIR, or
            ~/tensorflow_datasets if that is not set.
        manual_dir: Folder that holds all raw files of the set
            (`info(name).files`). With it nothing is downloaded.
        download: Whether the network may be used when `manual_dir` is not given.

    Returns:
        The folder of the prepared set; None for `digits`, which needs no preparation.

    Raises:
        TypeError: If `name` is not a string.
        ValueError: If there is no such set, or a raw file has a wrong checksum.
        FileNotFoundError: If a raw file is missing from `manual_dir`, or neither
            `manual_dir` nor `download` says where to take the files from.

    Example:
        >>> prepare("frey_faces", manual_dir="~/Downloads")  # doctest: +SKIP
    """
    facts = catalogue.lookup(name, caller="prepare")
    if facts.version is None:
        return None
    root = reading.folders_to_search(data_dir)[0]
    target = root / facts.name / facts.version
    if (target / "dataset_info.json").exists():
        return target
    if manual_dir is not None:
        raw_files.require_manual(facts, manual_dir)
    elif not download:
        wanted = ", ".join(f"{file.name} ({file.url})" for file in facts.files)
        raise FileNotFoundError(
            f"`ae_zoo.data.prepare` found no prepared {facts.name!r} in {target} and "
            f"got download=False without manual_dir. Put these files in a folder and "
            f"name it by manual_dir: {wanted}."
        )
    _download_and_prepare(facts.name, facts.version, root, manual_dir)
    return target


def _download_and_prepare(name, version, root, manual_dir) -> None:
    import tensorflow_datasets as tfds

    from ae_zoo.data import builders  # noqa: F401  registers the zoo's own sets

    builder = tfds.builder(f"{name}:{version}", data_dir=root, try_gcs=False)
    config = tfds.download.DownloadConfig(
        manual_dir=None if manual_dir is None else Path(manual_dir).expanduser(),
        try_download_gcs=False,
    )
    # One folder per set: the files of MNIST and Fashion-MNIST have the same names,
    # and from a shared cache the second set would silently get the first one's images.
    downloads = root / "downloads" / name
    builder.download_and_prepare(download_dir=downloads, download_config=config)
