"""Rows of numbers in NPY and CSV files."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

SUFFIXES = (".npy", ".csv")


class Rows(NamedTuple):
    """The samples of a file.

    Attributes:
        x: (samples, ...).
        header: Names of the columns of a CSV file, or None.
    """

    x: np.ndarray
    header: list[str] | None = None


def read(path: Path) -> Rows:
    """Read an array of samples.

    Raises:
        ValueError: The file holds no numbers, or rows that differ in length.
        OSError: The file cannot be read.
    """
    if path.suffix.lower() == ".npy":
        try:
            x = np.load(path, allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise ValueError(f"'{path}' is no array of numbers: {error}") from error
        if x.dtype.kind not in "fiub":
            raise ValueError(f"'{path}' must hold numbers. Received dtype {x.dtype}.")
        return Rows(x)
    return _read_csv(path)


def _read_csv(path: Path) -> Rows:
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"'{path}' is not a text file in UTF-8.") from None
    lines = [row for row in csv.reader(io.StringIO(text)) if row]
    if not lines:
        raise ValueError(f"'{path}' is empty: expected a row for each sample.")
    header = None
    if not any(_is_number(cell) for cell in lines[0]):
        header, lines = [cell.strip() for cell in lines[0]], lines[1:]
    if not lines:
        raise ValueError(f"'{path}' has a header and no rows.")
    width = len(header or lines[0])
    values = np.empty((len(lines), width), np.float32)
    for number, row in enumerate(lines, start=2 if header else 1):
        if len(row) != width:
            raise ValueError(
                f"'{path}', line {number}: expected {width} values. Received: "
                f"{len(row)}."
            )
        for place, cell in enumerate(row):
            name = header[place] if header else str(place + 1)
            if not _is_number(cell):
                raise ValueError(
                    f"'{path}', line {number}: column {name!r} holds {cell!r}. "
                    "Expected a number. Remove text, and rows that lack values."
                )
            values[number - (2 if header else 1), place] = float(cell)
    return Rows(values, header)


def check_suffix(path: Path) -> None:
    """Raise ValueError for a path that does not end in `.npy` or `.csv`."""
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"The output must end in .npy or .csv. Received: '{path}'")


def encode(x: np.ndarray, suffix: str, header: list[str] | None = None) -> bytes:
    """Encode an array of samples as a NPY or CSV file; samples become rows."""
    file = io.BytesIO()
    if suffix.lower() == ".npy":
        np.save(file, x, allow_pickle=False)
        return file.getvalue()
    rows = x.reshape(len(x), -1)
    if header is not None and len(header) != rows.shape[1]:
        header = None
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    if header is not None:
        writer.writerow(header)
    writer.writerows([f"{value:.9g}" for value in row] for row in rows.tolist())
    return text.getvalue().encode()


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False
