"""`Table`: rows of a CSV or Parquet file, or of a DataFrame, as a source of data."""

from __future__ import annotations

import os
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ae_zoo._checks import check_count
from ae_zoo.data.own import splitting
from ae_zoo.data.own.base import (
    DESCRIPTION,
    Contents,
    OwnSource,
    digest_of,
    held,
    held_if_small,
)
from ae_zoo.data.own.columns import choose
from ae_zoo.data.own.filling import column_medians, fill
from ae_zoo.data.own.reading import TableReader
from ae_zoo.data.own.rows import Rows
from ae_zoo.data.own.table_rows import MISSING, Roles, TableRows, read_rows
from ae_zoo.data.own.windows import Windows, largest, window_starts

_MOST_CLASSES = 1000


class Table(OwnSource):
    """Rows of a table of your own, or windows of consecutive rows.

    An example is a row, (columns,), or with `sequence_length` a window of rows,
    (sequence_length, columns), in the units of the table. A model can scale them itself
    with `ae_zoo.layers.Scaling`.

    Rows are divided into splits at random; series (with `sequence_length` or `time`) by
    time: the last rows are the test split, those before them the validation split. With
    `groups`, whole groups are divided at random. No window has rows of two splits or
    groups.

    Args:
        table: Path of a CSV file, with or without a row of names, or of a Parquet file;
            or a DataFrame of pandas or Polars.
        columns: Names of the columns that are the values of an example, in this order.
            None takes all columns that have a name and are not named below.
        sequence_length: Number of rows of a window; None gives single rows.
        sequence_stride: Number of rows from the start of a window to the next.
        label: Name of a column of labels: integers, booleans, or text, whose values are
            sorted and numbered from 0. The label of a window is the largest of its
            rows, so that one anomaly marks it.
        time: Name of a column of times or numbers by which the rows are sorted; it is
            checked and then left out.
        groups: Name of a column of groups that must stay in one split, such as the
            machine or the patient.
        missing: What to do with missing values: "error"; "drop" leaves out the rows,
            and no window spans the gap; "previous" repeats the last value of the
            column (before the first one, the first); "median" takes the median of the
            column's training rows.
        validation: A second table, of the validation split. None takes it from `table`.
        test: A second table, of the test split. None takes it from `table`.
        validation_split: Share of the rows in the validation split.
        test_split: Share of the rows in the test split.
        seed: Seed of a random division into splits.
        delimiter: What separates the values of a CSV file; None finds out.
        name: Name for cards and messages. Defaults to the name of the file.
        license: Terms of use of the data, for the card.
        citation: BibTeX, or an empty string.
        homepage: Page that describes the data, or an empty string.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: An argument has an unknown value; or, when the table is read, a
            column does not exist, holds text, missing or infinite values, or looks like
            a label; times are out of order; or there are too few rows.
        FileNotFoundError: When the table is read, there is no such file.

    Example:

    >>> from pathlib import Path
    >>> path = Path("sensors.csv")
    >>> rows = "".join(f"{t},{t % 7},{t % 5}\\n" for t in range(200))
    >>> _ = path.write_text("time,speed,current\\n" + rows)
    >>> sensors = Table("sensors.csv", time="time", sequence_length=10)
    >>> sensors.shape, sensors.columns
    ((10, 2), ('speed', 'current'))
    >>> sensors.counts
    {'train': 151, 'validation': 11, 'test': 11}
    """

    def __init__(
        self,
        table: Any,
        *,
        columns: Sequence[str] | None = None,
        sequence_length: int | None = None,
        sequence_stride: int = 1,
        label: str | None = None,
        time: str | None = None,
        groups: str | None = None,
        missing: str = "error",
        validation: Any = None,
        test: Any = None,
        validation_split: float = 0.1,
        test_split: float = 0.1,
        seed: int = 0,
        delimiter: str | None = None,
        name: str | None = None,
        license: str = "not stated",
        citation: str = "",
        homepage: str = "",
    ) -> None:
        self._options = {
            key: value
            for key, value in locals().items()
            if key not in ("self", "table", "__class__")
        }
        self._tables = {"train": table, "validation": validation, "test": test}
        for table in self._tables.values():
            if isinstance(table, str | os.PathLike) and not str(table):
                raise ValueError("`table` must be a path. Received: ''")
        _check_options(self._options)
        self._shares = splitting.Shares(validation_split, test_split, seed)
        self._length, self._stride = sequence_length, sequence_stride
        if name is None:
            is_path = isinstance(self._tables["train"], str | os.PathLike)
            name = Path(self._tables["train"]).stem if is_path else "table"
        self._describe(name, license, citation, homepage)
        # A path may be replaced by another one, and is opened when it is needed.
        if not isinstance(self._tables["train"], str | os.PathLike):
            self._reader(self._tables["train"])

    def replaced(self, data: Any, columns: Sequence[str] | None = None) -> Table:
        options = {k: v for k, v in self._options.items() if k not in DESCRIPTION}
        options |= {"validation": None, "test": None}
        if options["columns"] is None:
            options["columns"] = columns
        return Table(data, **options)

    def _reader(self, table: Any) -> TableReader:
        return TableReader(table, self._options["delimiter"])

    def _read_contents(self) -> Contents:
        readers = {
            split: self._reader(table)
            for split, table in self._tables.items()
            if table is not None
        }
        names = [self._options[key] for key in ("label", "groups", "time")]
        values = choose(readers["train"], self._options["columns"], names)
        roles = Roles(
            values=values,
            label=names[0],
            groups=names[1],
            time=names[2],
            missing=self._options["missing"],
        )
        groups: dict[Hashable, int] = {}
        for reader in readers.values():
            choose(reader, values, names)
        tables = {
            split: read_rows(reader, roles, groups) for split, reader in readers.items()
        }
        where = readers["train"].where
        labels, label = _numbered_labels(tables, roles.label, where)
        parts = self._divided(tables, where)
        filled = self._filled(tables, parts, readers)
        examples: dict[str, Rows] = {}
        found: dict[str, np.ndarray] = {}
        for split, (table, numbers) in parts.items():
            own = None if labels is None else labels[table]
            if self._length is None:
                examples[split] = held(filled[table], numbers)
                own = None if own is None else own[numbers]
            else:
                runs = np.full(len(filled[table]), -1)
                runs[numbers] = tables[table].runs[numbers]
                examples[split], own = self._examples(filled[table], runs, own, where)
            if own is not None:
                found[split] = own
        dropped = sum(table.dropped for table in tables.values())
        made = {
            "rows": self._preprocessing(values, dropped),
            "splits": self._rule(list(tables)),
        }
        return Contents(
            rows={split: examples[split] for split in splitting.SPLITS},
            labels=found or None,
            label=label,
            shape=examples["train"].shape,
            columns=tuple(values),
            fingerprint={
                **{
                    f"table ({split})" if len(tables) > 1 else "table": table.digest
                    for split, table in tables.items()
                },
                "splits": digest_of(values, names, made, self._options["seed"]),
            },
            split_rule=made["splits"],
            preprocessing=made["rows"],
        )

    @property
    def _is_series(self) -> bool:
        return self._length is not None or self._options["time"] is not None

    def _divided(
        self, tables: dict[str, TableRows], where: str
    ) -> dict[str, tuple[str, np.ndarray]]:
        """Return the table of each split, and the numbers of its rows there."""
        parts = {
            split: (split, np.arange(len(table.rows)))
            for split, table in tables.items()
        }
        wanted = [split for split in splitting.SPLITS if split not in tables]
        if not wanted:
            return parts
        train = tables["train"]
        given = {split: np.arange(0) for split in splitting.SPLITS if split in tables}
        given["train"] = np.arange(len(train.rows))
        if train.groups is not None:
            divided = splitting.at_random(given, train.groups, self._shares, "groups")
            divided = {split: np.sort(numbers) for split, numbers in divided.items()}
        elif self._is_series:
            _check_rows(len(train.rows), self._length or 1, where)
            divided = splitting.in_order(len(train.rows), self._shares, wanted)
        else:
            divided = splitting.at_random(given, given["train"], self._shares, "rows")
        for split in ("train", *wanted):
            parts[split] = ("train", divided[split])
        return parts

    def _filled(
        self,
        tables: dict[str, TableRows],
        parts: dict[str, tuple[str, np.ndarray]],
        readers: dict[str, TableReader],
    ) -> dict[str, Rows]:
        """Return the rows of each table without missing values."""
        missing, medians = self._options["missing"], None
        if missing not in ("previous", "median"):
            return {split: table.rows for split, table in tables.items()}
        if missing == "median":
            train = tables["train"].rows
            medians = column_medians(train, parts["train"][1], readers["train"].where)
        return {
            split: fill(table.rows, table.runs, medians, readers[split].where)
            for split, table in tables.items()
        }

    def _examples(
        self, rows: Rows, runs: np.ndarray, label: np.ndarray | None, where: str
    ) -> tuple[Rows, np.ndarray | None]:
        """Return the windows of a split, and their labels.

        Args:
            rows: The rows of its table.
            runs: Run of each of these rows; -1 for those of other splits.
            label: Label of each of these rows, or None.
            where: What the table is.
        """
        if self._length is None:
            raise RuntimeError("Single rows are no windows.")
        starts = window_starts(runs, self._length, self._stride)
        starts = starts[runs[starts] >= 0]
        if not len(starts):
            raise ValueError(
                f"A split of {where} has {(runs >= 0).sum()} rows, of which no "
                f"{self._length} follow on each other: no window of sequence_length="
                f"{self._length} fits. Choose a shorter one, or larger splits."
            )
        windows = held_if_small(Windows(rows, starts, self._length))
        return windows, label if label is None else largest(label, starts, self._length)

    def _preprocessing(self, values: Sequence[str], dropped: int) -> str:
        shown = ", ".join(values[:20]) + (", …" if len(values) > 20 else "")
        made = f"rows of the columns {shown}"
        if self._length is not None:
            made = (
                f"windows of {self._length} rows, {self._stride} apart, of the columns "
                f"{shown}"
            )
        missing = {
            "error": "",
            "drop": f"; {dropped:,} rows with missing values left out",
            "previous": "; missing values repeat the one before",
            "median": "; missing values are medians of the training rows",
        }
        return made + missing[self._options["missing"]]

    def _rule(self, given: Sequence[str]) -> str:
        if self._options["groups"] is not None:
            unit = f"groups of {self._options['groups']!r}"
            return splitting.random_rule(given, self._shares, unit)
        if not self._is_series:
            return splitting.random_rule(given, self._shares, "row")
        return splitting.time_rule(given, self._shares)


def _numbered_labels(
    tables: dict[str, TableRows], name: str | None, where: str
) -> tuple[dict[str, np.ndarray] | None, str | None]:
    """Return the label of each row of each table as an integer, and what it means."""
    if name is None:
        return None, None
    values = {split: table.labels or [] for split, table in tables.items()}
    kinds = set().union(*values.values())
    if all(isinstance(kind, bool | int) for kind in kinds) or all(
        isinstance(kind, bool | int | float) and kind == round(kind) for kind in kinds
    ):
        return {s: np.array(own, np.int64) for s, own in values.items()}, name
    if not all(isinstance(kind, str) for kind in kinds) or len(kinds) > _MOST_CLASSES:
        raise ValueError(
            f"The column {name!r} of {where} is no label: it must hold integers, or up "
            f"to {_MOST_CLASSES} different texts. Received {len(kinds)} different "
            f"values, such as {next(iter(kinds))!r}."
        )
    names = sorted(map(str, kinds))
    numbers: dict[Hashable, int] = {kind: number for number, kind in enumerate(names)}
    text = ", ".join(f"{number} {kind}" for number, kind in enumerate(names[:20]))
    return {
        split: np.array([numbers[value] for value in own], np.int64)
        for split, own in values.items()
    }, f"{name}: {text}{', …' if len(names) > 20 else ''}"


def _check_options(options: dict[str, Any]) -> None:
    for key in ("label", "time", "groups", "delimiter"):
        if not isinstance(options[key], str | None):
            raise TypeError(
                f"`{key}` must be a string or None. Received: {options[key]!r} of type "
                f"{type(options[key]).__name__}"
            )
    columns = options["columns"]
    if columns is not None and (
        isinstance(columns, str)
        or not isinstance(columns, Sequence)
        or not all(isinstance(column, str) for column in columns)
    ):
        raise TypeError(
            f"`columns` must be a list of names, or None. Received: {columns!r}"
        )
    if options["sequence_length"] is not None:
        check_count("sequence_length", options["sequence_length"], " or None")
    check_count("sequence_stride", options["sequence_stride"])
    if options["missing"] not in MISSING:
        raise ValueError(
            f"`missing` must be one of {list(MISSING)}. Received: "
            f"{options['missing']!r}"
        )


def _check_rows(count: int, length: int, where: str) -> None:
    if count < 3 * length:
        raise ValueError(
            f"{where} has {count} rows. Three splits with at least one window each "
            f"need {3 * length} rows for sequence_length={length}."
        )
