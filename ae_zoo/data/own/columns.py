"""Which columns of a table are the values of an example, and what the others are."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence

import numpy as np

from ae_zoo._checks import did_you_mean
from ae_zoo.data.own.reading import TableReader, to_floats

# Names of columns that are labels more often than measurements, in lower case.
_LABELS = {
    "anomalous",
    "anomaly",
    "class",
    "is_anomaly",
    "is_outlier",
    "label",
    "labels",
    "outlier",
    "target",
    "y",
}
_FEW = 20  # different values that a label may have


def choose(
    reader: TableReader, wanted: Sequence[str] | None, used: Iterable[str | None]
) -> list[str]:
    """Return the names of the columns that are the values of an example.

    Args:
        reader: The table.
        wanted: The argument `columns`; None takes all that are not used otherwise.
        used: Names of the columns of labels, groups and times.

    Raises:
        ValueError: A column does not exist, holds text or times, or looks like a label.
    """
    others = [name for name in used if name is not None]
    for name in [*(wanted or []), *others]:
        if name not in reader.names:
            raise ValueError(
                f"{reader.where} has no column named {name!r}. "
                f"{did_you_mean(name, reader.names)}Its columns: {reader.names}."
            )
    if wanted is None:
        # pandas writes its row numbers as a first column without a name.
        others = [*others, *reader.unnamed]
        names = [name for name in reader.names if name not in others]
        _check_no_label(reader, names)
    else:
        names = list(wanted)
        doubled = sorted(set(names) & set(others))
        if doubled or len(set(names)) < len(names):
            raise ValueError(
                f"`columns` names a column twice, or one that is also the label, group "
                f"or time. Received: {names}, besides {others}"
            )
    for kind, remedy in {
        "text": "Use it as `label` or `groups`, or leave it out of `columns`.",
        "time": "Use it as `time`, or leave it out of `columns`.",
    }.items():
        found = [name for name in names if reader.kinds[name] == kind]
        if found:
            raise ValueError(
                f"The column{'s' * (len(found) > 1)} {', '.join(map(repr, found))} of "
                f"{reader.where} hold{'s' * (len(found) == 1)} {kind}, not numbers. "
                f"{remedy}"
            )
    if not names:
        raise ValueError(f"{reader.where} has no column of numbers.")
    return names


def check_values(
    values: np.ndarray, names: Sequence[str], where: str, row: int
) -> None:
    """Check that a block of rows holds no infinite values.

    Args:
        values: (rows, columns) float64.
        names: Names of the columns.
        where: What the table is.
        row: Number of the first row of the block, from 1 on.
    """
    # Also what float32 cannot hold.
    with np.errstate(over="ignore"):
        bad = np.isinf(values.astype(np.float32))
    if bad.any():
        place, column = np.argwhere(bad)[0]
        raise ValueError(
            f"Row {row + place} of {where} holds {values[place, column]:g} in the "
            f"column {names[column]!r}. Expected finite numbers within the range of "
            "float32."
        )


def check_complete(
    values: np.ndarray, names: Sequence[str], where: str, row: int
) -> None:
    """Check that a block of rows holds no missing values; arguments as above."""
    bad = np.isnan(values)
    if bad.any():
        place, column = np.argwhere(bad)[0]
        raise ValueError(
            f"Row {row + place} of {where} has no value in the column "
            f"{names[column]!r}. Fill missing values, remove these rows, or choose "
            "a rule for `missing`: 'drop' leaves out these rows, 'previous' repeats "
            "the last value before, 'median' takes the median of the training rows."
        )


def warn_of_constants(
    lowest: np.ndarray, highest: np.ndarray, names: Sequence[str], where: str
) -> None:
    """Warn of columns whose values are all equal."""
    constant = [
        name
        for name, low, high in zip(names, lowest, highest, strict=True)
        if not low < high  # also if all are missing
    ]
    if constant:
        warnings.warn(
            f"These columns of {where} have the same value in every row: {constant}. "
            "They hold no information; leave them out of `columns`.",
            stacklevel=2,
        )


def _check_no_label(reader: TableReader, names: Sequence[str]) -> None:
    suspects = [
        name
        for name in names
        if name.lower() in _LABELS and reader.kinds[name] == "number"
    ]
    for name in suspects:
        values: set[float] = set()
        for block in reader.blocks([name]):
            found = to_floats(block[name])
            values.update(np.unique(found[np.isfinite(found)]).tolist())
            if len(values) > _FEW:
                break
        if len(values) <= _FEW and all(value == round(value) for value in values):
            raise ValueError(
                f"The column {name!r} of {reader.where} looks like a label: it holds "
                f"only {sorted(values)}. Name it as `label`; or, if it is a "
                "measurement, name it in `columns`."
            )
