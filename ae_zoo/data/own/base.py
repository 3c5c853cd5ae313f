"""The base class of the sources that hold data of the user's own."""

from __future__ import annotations

import abc
import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ae_zoo.data import batches as dealing
from ae_zoo.data import order
from ae_zoo.data.own.rows import ArrayRows, Chosen, Rows, chunks, memory_limit
from ae_zoo.data.sources import Source

if TYPE_CHECKING:
    import tensorflow as tf

    from ae_zoo.data.batches import Batches
    from ae_zoo.data.order import Plan

# Bytes of float32 that protocols read of one split.
MEASURED_BYTES = 2**29


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contents:
    """What a source found in its files or arrays.

    Attributes:
        rows: The examples of each split.
        labels: The label of each example of each split, int64; None without labels.
        shape: Shape of an example.
        fingerprint: As `Source.fingerprint`.
        The others are fields of `Source`.
    """

    rows: Mapping[str, Rows]
    shape: tuple[int, ...]
    fingerprint: Mapping[str, str]
    split_rule: str
    labels: Mapping[str, np.ndarray] | None = None
    label: str | None = None
    preprocessing: str = ""
    divisor: float = 1.0
    target_shape: tuple[int, ...] | None = None
    columns: tuple[str, ...] | None = None


class OwnSource(Source):
    """A source whose files or arrays are read when something is first asked of them.

    A subclass implements `_read_contents`, and calls `_describe` in its constructor.
    """

    # Examples are equal if they are the same object: comparing contents would read
    # them.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def _describe(self, name: str, license: str, citation: str, homepage: str) -> None:
        texts = {
            "name": name,
            "license": license,
            "citation": citation,
            "homepage": homepage,
        }
        for field, text in texts.items():
            if not isinstance(text, str):
                raise TypeError(
                    f"`{field}` must be a string. Received: {text!r} of type "
                    f"{type(text).__name__}"
                )
            object.__setattr__(self, field, text)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"

    @abc.abstractmethod
    def _read_contents(self) -> Contents:
        """Read what `contents` holds."""

    @abc.abstractmethod
    def replaced(self, data: Any, columns: Sequence[str] | None = None) -> Source:
        """Return a source with the same options for other data.

        Name, license, citation and homepage are those of the data that are replaced,
        and are not taken over.

        Args:
            data: What takes the place of the first argument of this source.
            columns: Names of the columns that a table must have, in this order.
        """

    @functools.cached_property
    def contents(self) -> Contents:
        """What the files or arrays hold; the first access reads all of them once."""
        return self._read_contents()

    @property
    def shape(self) -> tuple[int, ...]:
        return self.contents.shape

    @property
    def counts(self) -> Mapping[str, int]:
        return {split: len(rows) for split, rows in self.contents.rows.items()}

    @property
    def label(self) -> str | None:
        return self.contents.label

    @property
    def split_rule(self) -> str:
        return self.contents.split_rule

    @property
    def preprocessing(self) -> str:
        return self.contents.preprocessing

    @property
    def divisor(self) -> float:
        return self.contents.divisor

    @property
    def target_shape(self) -> tuple[int, ...] | None:
        return self.contents.target_shape

    @property
    def columns(self) -> tuple[str, ...] | None:
        return self.contents.columns

    @property
    def fingerprint(self) -> Mapping[str, str]:
        return self.contents.fingerprint

    def is_held(self, split: str) -> bool:
        return self.contents.rows[split].array is not None

    def measured(self, split: str) -> int:
        size = 4 * int(np.prod(self.stored_shape))
        return min(self.counts[split], max(1, MEASURED_BYTES // size))

    def stored(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        rows = self.contents.rows[split]
        if rows.array is not None:
            return rows.array, self._labels(split)
        return self.head(split, len(rows))

    def head(self, split: str, count: int) -> tuple[np.ndarray, np.ndarray]:
        rows = self.contents.rows[split]
        stored = rows.read(np.arange(min(count, len(rows))))
        return stored, self._labels(split)[: len(stored)]

    def batches(
        self,
        split: str,
        plan: Plan,
        *,
        classes: Sequence[int] | None = None,
        fixed_binary: bool = False,
    ) -> Batches:
        rows = self.contents.rows[split]
        if rows.array is not None:
            return dealing.in_memory(
                self, split, plan, classes=classes, fixed_binary=fixed_binary
            )
        label = self._labels(split)
        if classes is not None:
            chosen = dealing.rows_of_classes(self, split, label, classes)
            rows, label = Chosen(rows, chosen), label[chosen]
        seed = plan.seed if fixed_binary else None
        return _read_by_number(rows, label, plan, self.divisor, seed)

    def _labels(self, split: str) -> np.ndarray:
        labels = self.contents.labels
        count = len(self.contents.rows[split])
        return np.zeros(count, np.int64) if labels is None else labels[split]


def _read_by_number(
    rows: Rows, label: np.ndarray, plan: Plan, divisor: float, binary_seed: int | None
) -> dealing.Batches:
    """Deal examples that are read when their batch is due, in any order."""
    import tensorflow as tf

    def read(numbers: np.ndarray, key: np.ndarray) -> np.ndarray:
        stored = rows.read(numbers, key)
        if binary_seed is None:
            return stored
        # Keyed by the example's number: neither pass nor batch size matters.
        draws = [
            np.random.default_rng([binary_seed, int(number)]).random(rows.shape)
            for number in numbers
        ]
        return (np.stack(draws) < stored / divisor).astype(rows.dtype)

    with tf.device("CPU"):
        labels = tf.constant(label)

    def fetch(numbers: Any, key: Any) -> tuple[tf.Tensor, tf.Tensor]:
        stored = tf.numpy_function(read, [numbers, key], tf.as_dtype(rows.dtype))
        stored.set_shape((numbers.shape[0], *rows.shape))
        return stored, tf.gather(labels, numbers)

    return dealing.Batches(order.rows(len(rows), plan), fetch, len(rows))


# Options that describe data and not how they are read.
DESCRIPTION = ("name", "license", "citation", "homepage")


def held(rows: Rows, numbers: np.ndarray) -> Rows:
    """Return some of the examples: a copy in memory if the others are held there."""
    if rows.array is not None:
        return ArrayRows(rows.array[numbers])
    return Chosen(rows, numbers)


def held_if_small(rows: Rows, limit: int | None = None) -> Rows:
    """Read examples into memory once, if they fit or are below a limit in bytes."""
    size = int(np.prod(rows.shape)) * rows.dtype.itemsize * len(rows)
    most = memory_limit() if limit is None else min(limit, memory_limit())
    if rows.array is not None or size > most:
        return rows
    return ArrayRows(rows.read(np.arange(len(rows))))


def digest_of_rows(rows: Rows) -> str:
    """SHA-256 of the shape, type and values of examples, read in parts."""
    digest = hashlib.sha256()
    digest.update(repr((len(rows), *rows.shape, rows.dtype.str)).encode())
    for numbers in chunks(len(rows), rows.shape, rows.dtype.itemsize):
        digest.update(np.ascontiguousarray(rows.read(numbers)).data)
    return digest.hexdigest()


def digest_of(*facts: Any) -> str:
    """SHA-256 of facts that JSON can hold."""
    text = json.dumps(facts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
