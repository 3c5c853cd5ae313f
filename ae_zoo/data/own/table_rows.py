"""The rows of one table, with its columns of labels, groups and times."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from ae_zoo.data.own import columns as checks
from ae_zoo.data.own.base import digest_of_rows
from ae_zoo.data.own.reading import TableReader, to_floats, to_keys, to_order
from ae_zoo.data.own.rows import ArrayRows, Rows, Spool

MISSING = ("error", "drop", "previous", "median")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Roles:
    """What the columns of a table are.

    Attributes:
        values: Columns of the values of an example.
        label, groups, time: Names of the other columns, or None.
        missing: What to do with missing values; one of `MISSING`.
    """

    values: Sequence[str]
    label: str | None
    groups: str | None
    time: str | None
    missing: str

    @property
    def used(self) -> list[str]:
        """All columns that are read."""
        others = (self.label, self.groups, self.time)
        return [*self.values, *(name for name in others if name is not None)]


@dataclasses.dataclass(frozen=True)
class TableRows:
    """The rows of a table, those of a group together and in their order.

    Attributes:
        rows: The values, float32, (rows, columns).
        runs: (rows,) integers that differ where rows do not follow on each other,
            because a row between them was dropped or the group is another one.
        groups: Group of each row, (rows,) integers; None without groups.
        labels: Label of each row as it is in the table; None without labels.
        dropped: Number of rows left out.
        digest: SHA-256 of the file, or of the values.
    """

    rows: Rows
    runs: np.ndarray
    groups: np.ndarray | None
    labels: list[Hashable] | None
    dropped: int
    digest: str


def read_rows(
    reader: TableReader, roles: Roles, known: dict[Hashable, int]
) -> TableRows:
    """Read a table.

    Args:
        reader: The table.
        roles: What its columns are.
        known: Number of each group, which new groups are added to.

    Raises:
        ValueError: A value is missing or infinite, or times are out of order.
    """
    found = _Collected(reader, roles, known)
    for block in reader.blocks(roles.used):
        found.add(block)
    if not found.count:
        raise ValueError(f"{reader.where} has no rows.")
    checks.warn_of_constants(found.lowest, found.highest, roles.values, reader.where)
    return found.finish()


class _Collected:
    """What was read of a table so far."""

    def __init__(
        self, reader: TableReader, roles: Roles, known: dict[Hashable, int]
    ) -> None:
        self._reader, self._roles, self._known = reader, roles, known
        self._spool = Spool()
        self._groups: list[np.ndarray] = []
        self._places: list[np.ndarray] = []  # of a row among those of its group
        self._labels: list[Hashable] = []
        self._members: dict[int, int] = {}  # rows of each group so far
        self._latest: dict[int, tuple[float, int]] = {}  # time and number of its last
        self.count = 0
        self.lowest = np.full(len(roles.values), np.inf)
        self.highest = np.full(len(roles.values), -np.inf)

    def add(self, block: dict[str, Any]) -> None:
        roles, where = self._roles, self._reader.where
        values = np.stack([to_floats(block[name]) for name in roles.values], axis=1)
        first = self.count + 1
        checks.check_values(values, roles.values, where, first)
        if roles.missing == "error":
            checks.check_complete(values, roles.values, where, first)
        self.lowest = np.fmin(self.lowest, np.fmin.reduce(values, axis=0))
        self.highest = np.fmax(self.highest, np.fmax.reduce(values, axis=0))
        groups, places = self._numbered(block, len(values))
        if roles.time is not None:
            times = to_order(block[roles.time], roles.time, where)
            self._check_order(times, groups, first)
        keep = np.ones(len(values), bool)
        if roles.missing == "drop":
            keep = ~np.isnan(values).any(axis=1)
        self._spool.append(values[keep].astype(np.float32))
        self._groups.append(groups[keep])
        self._places.append(places[keep])
        if roles.label is not None:
            labels = to_keys(block[roles.label], roles.label, where)
            self._labels += [labels[row] for row in np.flatnonzero(keep)]
        self.count += len(values)

    def finish(self) -> TableRows:
        rows: Rows = self._spool.rows()
        if not len(rows):
            raise ValueError(
                f"Every row of {self._reader.where} has a missing value, so "
                "missing='drop' leaves none. Leave columns out of `columns`, or "
                "choose missing='previous' or 'median'."
            )
        groups, places = np.concatenate(self._groups), np.concatenate(self._places)
        labels = self._labels if self._roles.label is not None else None
        order = np.argsort(groups, kind="stable")
        if not np.array_equal(order, np.arange(len(order))):
            rows = self._reordered(rows, order)
            groups, places = groups[order], places[order]
            labels = labels and [labels[place] for place in order]
        begins = (np.diff(groups) != 0) | (np.diff(places) != 1)
        return TableRows(
            rows,
            np.concatenate([[0], np.cumsum(begins)]),
            groups if self._roles.groups is not None else None,
            labels,
            self.count - len(rows),
            self._reader.digest() or digest_of_rows(rows),
        )

    def _numbered(
        self, block: dict[str, Any], count: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the group of each row, and its place among the rows of the group."""
        groups = np.zeros(count, np.int64)
        name, known = self._roles.groups, self._known
        if name is not None:
            keys = to_keys(block[name], name, self._reader.where)
            groups = np.array([known.setdefault(key, len(known)) for key in keys])
        places = np.empty(count, np.int64)
        for group in np.unique(groups).tolist():
            own = groups == group
            before = self._members.get(group, 0)
            self._members[group] = before + int(own.sum())
            places[own] = np.arange(before, self._members[group])
        return groups, places

    def _check_order(self, times: np.ndarray, groups: np.ndarray, first: int) -> None:
        for group in np.unique(groups).tolist():
            rows = np.flatnonzero(groups == group)
            own = times[rows]
            time, number = self._latest.get(group, (own[0], 0))
            is_earlier = np.diff(own, prepend=time) < 0
            if is_earlier.any():
                bad = int(np.argmax(is_earlier))
                last = first + rows[bad - 1] if bad else number
                raise ValueError(
                    f"The column {self._roles.time!r} of {self._reader.where} is out "
                    f"of order: row {first + rows[bad]} is earlier than row {last}. "
                    "Sort the rows by time."
                )
            self._latest[group] = (own[-1], first + int(rows[-1]))

    def _reordered(self, rows: Rows, order: np.ndarray) -> Rows:
        if rows.array is None:
            raise ValueError(
                f"{self._reader.where} does not fit in memory, and its groups are "
                f"mixed. Sort it by {self._roles.groups!r}, so that the rows of a "
                "group follow on each other."
            )
        return ArrayRows(rows.array[order])
