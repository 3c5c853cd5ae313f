"""What `ae-zoo detect` reads and trains."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

    from ae_zoo.cli._use import Notes
    from ae_zoo.estimators import AutoencoderDetector

_FEW = 100  # rows, below which the threshold is said to be unreliable


class NewRows(NamedTuple):
    """Rows of a table.

    Attributes:
        values: A table of Arrow.
        times: Their times as text; None without a column of times.
    """

    values: pa.Table
    times: list[str] | None


class Files(NamedTuple):
    """What is read before the training.

    Attributes:
        train: The rows of TRAIN, with the columns that are used.
        new: Those of NEW.
        have_times: Whether TRAIN also has a column of times.
    """

    train: pa.Table
    new: NewRows
    have_times: bool


def read_files(options: argparse.Namespace) -> Files | None:
    """Read TRAIN and NEW, or return None if TRAIN is a folder.

    This needs no TensorFlow, so errors of the tables are reported at once.

    Raises:
        ValueError: NEW lacks a column, a column holds text or looks like a label, a
            table is shorter than the window, or another error of the tables.
    """
    for path in (options.train, options.new):
        if not path.exists():
            raise FileNotFoundError(f"There is no file '{path}'.")
    if options.train.is_dir():
        for name in ("window", "columns", "label", "contamination", "save"):
            if getattr(options, name) is not None:
                raise ValueError(
                    f"--{name} is an option of training, and '{options.train}' is a "
                    "trained detector. Leave it out, or pass a table as TRAIN."
                )
        return None
    columns = _columns(options)
    _check_has(options.new, columns)
    train = read(options.train, columns).values
    new = read(options.new, columns, times=True)
    for path, table in ((options.train, train), (options.new, new.values)):
        if len(table) < (options.window or 1):
            raise ValueError(
                f"A series must be at least as long as the window of {options.window} "
                f"rows. '{path}' has {len(table)} rows."
            )
    return Files(train, new, _time_column(options.train) is not None)


def trained(
    options: argparse.Namespace, files: Files, notes: Notes
) -> AutoencoderDetector:
    """Train a detector."""
    from ae_zoo.estimators import AutoencoderDetector

    detector = AutoencoderDetector(
        window=options.window,
        contamination="auto" if not options.contamination else options.contamination,
        random_state=options.seed,
    )
    detector._callbacks = _progress(options.json)
    detector.fit(files.train)
    if len(files.train) < _FEW:
        notes.say(
            f"'{options.train}' has only {len(files.train)} rows. The threshold is "
            f"not reliable with fewer than about {_FEW}."
        )
    if options.window is None and files.have_times:
        notes.say(
            "The rows have times. To judge them in their order, pass --window N, the "
            "number of rows that belong together."
        )
    return detector


def loaded(options: argparse.Namespace) -> tuple[AutoencoderDetector, NewRows]:
    """Load the detector in the folder TRAIN, and the rows of NEW that it judges."""
    from ae_zoo.estimators import AutoencoderDetector

    detector = AutoencoderDetector.load(options.train)
    names = getattr(detector, "feature_names_in_", None)
    if names is None:
        names = range(detector.n_features_in_)
    columns = [str(name) for name in names]
    _check_has(options.new, columns)
    return detector, read(options.new, columns, times=True)


def read(path: Path, columns: Sequence[str], times: bool = False) -> NewRows:
    """Read columns of a table by name, in the order of time if it has times.

    Raises:
        ValueError: A column is missing or holds no numbers, a value is missing or
            infinite, or the times are out of order.
    """
    import pyarrow as pa

    from ae_zoo.data.own.reading import TableReader
    from ae_zoo.data.own.table_rows import Roles, read_rows

    reader = TableReader(path)
    time = _time_column(path)
    roles = Roles(values=columns, label=None, groups=None, time=time, missing="error")
    with warnings.catch_warnings():
        # The detector warns of constant columns, and new rows may well be equal.
        warnings.filterwarnings("ignore", "These columns of")
        rows = read_rows(reader, roles, {}).rows
    values = rows.read(np.arange(len(rows))).astype("float64")
    found = None
    if times and time is not None:
        blocks = reader.blocks([time])
        found = [str(value) for block in blocks for value in block[time].to_pylist()]
    table = pa.table(dict(zip(columns, values.T, strict=True)))
    return NewRows(table, found)


def _columns(options: argparse.Namespace) -> list[str]:
    """Names of the columns of TRAIN that are used."""
    from ae_zoo.data.own.columns import choose
    from ae_zoo.data.own.reading import TableReader

    reader = TableReader(options.train)
    wanted = None if options.columns is None else options.columns.split(",")
    wanted = wanted and [name.strip() for name in wanted]
    used = [options.label, _time_column(options.train)]
    return choose(reader, wanted, used)


def _check_has(path: Path, columns: Sequence[str]) -> None:
    """Check that a table has columns, as numbers; others are ignored."""
    from ae_zoo.data.own.columns import choose
    from ae_zoo.data.own.reading import TableReader

    choose(TableReader(path), columns, [])


def _time_column(path: Path) -> str | None:
    """Name of the only column of times of a table, or None."""
    from ae_zoo.data.own.reading import TableReader

    kinds = TableReader(path).kinds.items()
    times = [name for name, kind in kinds if kind == "time"]
    return times[0] if len(times) == 1 else None


def _progress(is_json: bool) -> list[Any]:
    """A bar of the rounds of training, if somebody can see it."""
    import keras
    from tqdm import tqdm

    if is_json or sys.stderr is None or not sys.stderr.isatty():
        return []

    class Progress(keras.callbacks.Callback):
        def on_train_begin(self, logs: Any = None) -> None:
            self.bar = tqdm(
                total=self.params["epochs"], desc="Training", leave=False, unit="round"
            )

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.bar.update()

        def on_train_end(self, logs: Any = None) -> None:
            self.bar.close()

    return [Progress()]
