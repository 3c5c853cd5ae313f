"""Output files of verbs: never half-written, and never over others unasked."""

from __future__ import annotations

import os
from pathlib import Path

from ae_zoo import _staging


def check_free(path: Path, overwrite: bool) -> None:
    """Check that nothing is at the path of an output.

    Raises:
        FileExistsError: Something is, and may not be overwritten.
        IsADirectoryError: A folder is there, where a file is to be written.
    """
    if path.is_dir():
        raise IsADirectoryError(f"'{path}' is a folder. Name a file.")
    if os.path.lexists(path) and not overwrite:
        raise FileExistsError(
            f"'{path}' exists. Choose another path, or replace it with --overwrite."
        )


def write(path: Path, content: bytes, overwrite: bool) -> None:
    """Write a file completely or not at all.

    Raises:
        FileExistsError: It exists and may not be overwritten.
        OSError: It cannot be written, for example because the disk is full.
    """
    check_free(path, overwrite)
    with _staging.explained(path), _staging.scratch(path.parent) as private:
        new = private / path.name
        new.write_bytes(content)
        if overwrite:
            _staging.flush(new)
            os.replace(new, path)
        else:
            _staging.publish([new], [path])
