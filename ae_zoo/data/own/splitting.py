"""Divides examples into training, validation and test splits."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from ae_zoo._checks import SEED_LIMIT, check_integer, check_number

SPLITS = ("train", "validation", "test")


@dataclasses.dataclass(frozen=True)
class Shares:
    """How much of the data is validated and tested on.

    Args:
        validation_split: Share of the examples in the validation split.
        test_split: Share of the examples in the test split.
        seed: Seed of the division.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: A share is not in (0, 1), or nothing is left to train on.
    """

    validation_split: float = 0.1
    test_split: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("validation_split", "test_split"):
            check_number(name, getattr(self, name), above=0)
        check_integer("seed", self.seed, 0, SEED_LIMIT - 1)
        if self.validation_split + self.test_split >= 1:
            raise ValueError(
                "`validation_split` and `test_split` must leave examples to train on: "
                f"their sum must be below 1. Received: {self.validation_split} and "
                f"{self.test_split}"
            )

    def of(self, split: str) -> float:
        """Return the share of "validation" or "test"."""
        return self.validation_split if split == "validation" else self.test_split


def numbered(keys: Sequence[Hashable]) -> np.ndarray:
    """Number the different keys in the order in which they first appear."""
    known: dict[Hashable, int] = {}
    return np.array([known.setdefault(key, len(known)) for key in keys], np.int64)


def joined(groups: np.ndarray, copies: np.ndarray) -> np.ndarray:
    """Join groups that share an example; equal numbers in `copies` are one example."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    first = int(groups.max()) + 1
    size = first + int(copies.max()) + 1
    edges = coo_matrix(
        (np.ones(len(groups), bool), (groups, first + copies)), (size, size)
    )
    return connected_components(edges, directed=False)[1][groups]


def at_random(
    given: Mapping[str, np.ndarray], groups: np.ndarray, shares: Shares, unit: str
) -> dict[str, np.ndarray]:
    """Take the splits that are not given from "train", at random by whole groups.

    Args:
        given: Numbers of the examples of the splits that are given, "train" at least.
        groups: Group of each example, (examples,) integers.
        shares: The shares of the splits that are taken.
        unit: What a group is, in the plural, for messages.

    Returns:
        The numbers of the examples of each split. Those that were divided are in a
        random order, so that the first ones of a split are typical of it.

    Raises:
        ValueError: There are too few groups.
    """
    splits = dict(given)
    left = np.asarray(splits.pop("train"))
    wanted = [split for split in ("test", "validation") if split not in splits]
    if not wanted:
        return {split: np.asarray(given[split]) for split in SPLITS}
    kinds, groups = np.unique(np.asarray(groups)[left], return_inverse=True)
    if len(kinds) <= len(wanted):
        raise ValueError(
            f"Training, validation and test splits without common {unit} need at "
            f"least {len(wanted) + 1} {unit}. Received {len(kinds)}."
        )
    # RandomState's stream never changes between versions, unlike default_rng's.
    order = np.random.RandomState(shares.seed).permutation(len(kinds))
    ranks = np.empty(len(kinds), np.int64)
    ranks[order] = np.arange(len(kinds))
    ends = np.cumsum(np.bincount(groups)[order])  # examples in the first groups
    start = 0
    for number, split in enumerate(wanted):
        done = ends[start - 1] if start else 0
        target = done + shares.of(split) * len(left)
        most = len(kinds) - (len(wanted) - number) - 1
        end = start + int(np.abs(ends[start : most + 1] - target).argmin()) + 1
        splits[split] = _members(left, ranks[groups], start, end)
        start = end
    splits["train"] = _members(left, ranks[groups], start, len(kinds))
    return {split: splits[split] for split in SPLITS}


def _members(
    numbers: np.ndarray, ranks: np.ndarray, start: int, end: int
) -> np.ndarray:
    inside = np.flatnonzero((ranks >= start) & (ranks < end))
    return numbers[inside[np.argsort(ranks[inside], kind="stable")]]


def in_order(
    count: int, shares: Shares, wanted: Sequence[str]
) -> dict[str, np.ndarray]:
    """Divide examples in the order of time: train, then validation, then test.

    Args:
        count: Number of examples.
        shares: The shares of the splits.
        wanted: Which of "validation" and "test" are taken.
    """
    splits, end = {}, count
    for split in ("test", "validation"):
        if split in wanted:
            start = end - max(1, round(shares.of(split) * count))
            splits[split] = np.arange(start, end)
            end = start
    return {"train": np.arange(end), **splits}


def random_rule(given: Sequence[str], shares: Shares, unit: str) -> str:
    """State in words what `at_random` did; `unit` is in the singular."""
    taken = [split for split in ("validation", "test") if split not in given]
    if not taken:
        return "as given"
    parts = " and ".join(f"{shares.of(split):.3g} for {split}" for split in taken)
    rule = f"at random by {unit}, {parts}, seed {shares.seed}"
    return _with_given(given, rule)


def time_rule(given: Sequence[str], shares: Shares) -> str:
    """State in words what `in_order` did."""
    taken = [split for split in ("validation", "test") if split not in given]
    if not taken:
        return "as given"
    parts = " and then ".join(f"{shares.of(split):.3g} for {split}" for split in taken)
    return _with_given(given, f"by time, the last rows: {parts}")


def _with_given(given: Sequence[str], rule: str) -> str:
    others = [split for split in given if split != "train"]
    return f"{' and '.join(others)} as given; the rest {rule}" if others else rule
