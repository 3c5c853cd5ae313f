"""Which data sets there are, and what is said when one is misnamed."""

from __future__ import annotations

from ae_zoo._checks import did_you_mean
from ae_zoo.data.dataset_info import DatasetInfo
from ae_zoo.data.facts import FACTS


def names() -> list[str]:
    """Lists the data sets.

    Returns:
        Names that `info`, `prepare`, `load` and `arrays` take.

    Example:
        >>> "mnist" in names()
        True
    """
    return list(FACTS)


def info(name: str) -> DatasetInfo:
    """Describes a data set, whether or not its data are present.

    Args:
        name: One of `names()`.

    Returns:
        Its `DatasetInfo`.

    Raises:
        TypeError: If `name` is not a string.
        ValueError: If there is no such data set.

    Example:
        >>> info("mnist").counts["test"]
        10000
    """
    return lookup(name, caller="info")


def lookup(name: str, caller: str) -> DatasetInfo:
    """Returns the facts of `name`, or an error in the name of `caller`."""
    if not isinstance(name, str):
        raise TypeError(
            f"`ae_zoo.data.{caller}` takes the name of a data set as a string. "
            f"Received: {name!r} of type {type(name).__name__}. "
            f"Data sets: {names()}."
        )
    if name not in FACTS:
        raise ValueError(
            f"`ae_zoo.data.{caller}` found no data set named {name!r}. "
            f"{did_you_mean(name, FACTS)}Data sets: {names()}."
        )
    return FACTS[name]


def check_split(facts: DatasetInfo, split: str, caller: str) -> None:
    """Raises an error in the name of `caller` unless `facts` has that split."""
    if not isinstance(split, str):
        raise TypeError(
            f"`ae_zoo.data.{caller}` takes the split as a string. "
            f"Received: {split!r} of type {type(split).__name__}. "
            f"Splits: {list(facts.counts)}."
        )
    if split not in facts.counts:
        raise ValueError(
            f"`ae_zoo.data.{caller}` found no split named {split!r} in "
            f"{facts.name!r}. {did_you_mean(split, facts.counts)}"
            f"Splits: {list(facts.counts)}."
        )


def check_labels(facts: DatasetInfo, labels: bool, caller: str) -> None:
    """Raises an error in the name of `caller` if labels are asked where none are."""
    if labels and facts.label is None:
        labelled = [key for key, value in FACTS.items() if value.label]
        raise ValueError(
            f"`ae_zoo.data.{caller}` got labels=True, but {facts.name!r} has no "
            f"labels. Leave labels=False, or use one of {labelled}."
        )
