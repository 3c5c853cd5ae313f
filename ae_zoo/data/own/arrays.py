"""`Arrays`: arrays, tensors and `tf.data` datasets as a source of data."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from ae_zoo._checks import is_integer, to_array
from ae_zoo.data.own import splitting
from ae_zoo.data.own.base import (
    Contents,
    OwnSource,
    digest_of,
    digest_of_rows,
    held,
    held_if_small,
)
from ae_zoo.data.own.joined import Joined, joined_dtype
from ae_zoo.data.own.rows import ArrayRows, Rows, Spool, chunks, is_on_disk, mapped_rows

_KINDS = "fiub"
# Bytes up to which arrays on the disk are read into memory all the same.
_SMALL = 2**26


class Arrays(OwnSource):
    """Arrays of your own, or datasets of `tf.data`.

    Each split is an array of examples, (examples, ...), or a `tf.data.Dataset` of
    examples or of batches, or a pair of such. In a pair (x, y), y is the label if it is
    one integer for each example, and otherwise the target.

    Images of unsigned 8 or 16 bits, (examples, height, width, 1 to 4), are scaled to
    [0, 1]. All other values stay as they are.

    Arrays of `numpy.memmap` and datasets of h5py are read while they are used. A
    `tf.data.Dataset` must be finite and is read once; what does not fit in memory is
    kept in a temporary file.

    Args:
        train: Training examples.
        validation: Validation examples. None takes them from `train` at random.
        test: Test examples. None takes them from `train` at random.
        validation_split: Share of the examples in the validation split.
        test_split: Share of the examples in the test split.
        groups: Key of the group of each training example, (examples,); a group is in
            one split.
        by_time: Whether the examples are in the order of time, and the last ones are
            the test split, instead of a random division.
        batched: Whether the elements of a `tf.data.Dataset` are batches. None finds
            out: they are if their first size is unknown, or if they have four axes.
        seed: Seed of the division into splits.
        name: Name for cards and messages.
        label: What the labels mean.
        license: Terms of use of the data, for the card.
        citation: BibTeX, or an empty string.
        homepage: Page that describes the data, or an empty string.

    Raises:
        TypeError: A split is no array of numbers, or an argument has the wrong type.
        ValueError: Shapes differ between splits, values are not finite, a dataset is
            endless, or there are too few examples.

    Example:

    >>> x = np.random.default_rng(0).normal(size=(100, 6))
    >>> mine = Arrays(x, name="mine")
    >>> mine.counts
    {'train': 80, 'validation': 10, 'test': 10}
    """

    def __init__(
        self,
        train: Any,
        validation: Any = None,
        test: Any = None,
        *,
        validation_split: float = 0.1,
        test_split: float = 0.1,
        groups: Any = None,
        by_time: bool = False,
        batched: bool | None = None,
        seed: int = 0,
        name: str = "arrays",
        label: str = "label",
        license: str = "not stated",
        citation: str = "",
        homepage: str = "",
    ) -> None:
        self._shares = splitting.Shares(validation_split, test_split, seed)
        self._given = {"train": train, "validation": validation, "test": test}
        self._given = {s: v for s, v in self._given.items() if v is not None}
        if "train" not in self._given:
            raise TypeError("`train` must be an array of examples. Received None.")
        if groups is not None and by_time:
            raise ValueError(
                "`groups` and `by_time` exclude each other. Set one of them."
            )
        self._groups, self._by_time, self._batched = groups, by_time, batched
        self._label_text = label
        parts = [part for v in self._given.values() for part in _parts(v)]
        stays = any(_is_h5py(part) or is_on_disk(part) for part in parts)
        self._limit = _SMALL if stays else None
        self._describe(name, license, citation, homepage)
        self._read = {
            split: None if _is_dataset(value) else _columns(value, split)
            for split, value in self._given.items()
        }

    def replaced(self, data: Any, columns: Sequence[str] | None = None) -> Arrays:
        raise ValueError(
            f"The recipe makes the data {self.name!r} from arrays, which no path can "
            "replace. Let the recipe read the path itself, for example with "
            "ae_zoo.data.Images or ae_zoo.data.Table."
        )

    def _read_contents(self) -> Contents:
        columns = {
            split: found or _from_dataset(self._given[split], self._batched, split)
            for split, found in self._read.items()
        }
        _check_alike(columns)
        for split, rows in columns.items():
            for number, part in enumerate(rows):
                _check_finite(part, f"{split}[{number}]" if number else split)
        first = columns["train"]
        has_labels = len(first) == 2 and _is_label(first[1])
        has_targets = len(first) == 2 and not has_labels
        whole: dict[str, Rows] = {
            s: Joined(c) if has_targets else c[0] for s, c in columns.items()
        }
        labels = {
            s: np.asarray(c[1].read(np.arange(len(c[1]))), np.int64)
            for s, c in columns.items()
            if has_labels
        }
        splits = self._divided({split: len(part) for split, part in whole.items()})
        given = list(columns)
        divisor = _divisor(first)
        return Contents(
            rows={
                split: held_if_small(held(whole[table], numbers), self._limit)
                for split, (table, numbers) in splits.items()
            },
            labels={s: labels[t][numbers] for s, (t, numbers) in splits.items()}
            if has_labels
            else None,
            label=self._label_text if has_labels else None,
            shape=first[0].shape,
            target_shape=first[1].shape if has_targets else None,
            divisor=divisor,
            split_rule=self._rule(given),
            preprocessing="images scaled to [0, 1]" if divisor > 1 else "",
            fingerprint={
                **{
                    split: digest_of(*(digest_of_rows(part) for part in parts))
                    for split, parts in columns.items()
                },
                "splits": digest_of(
                    self._rule(given),
                    {
                        split: hashlib.sha256(numbers.tobytes()).hexdigest()
                        for split, (_, numbers) in splits.items()
                    },
                ),
            },
        )

    def _divided(self, counts: dict[str, int]) -> dict[str, tuple[str, np.ndarray]]:
        """Return the given split that each split is taken from, and its examples."""
        wanted = [split for split in splitting.SPLITS if split not in counts]
        parts = {split: (split, np.arange(count)) for split, count in counts.items()}
        if wanted and self._by_time:
            divided = splitting.in_order(counts["train"], self._shares, wanted)
        elif wanted:
            groups = np.arange(counts["train"])
            if self._groups is not None:
                groups = _numbered(self._groups, counts["train"])
            unit = "examples" if self._groups is None else "groups"
            given = {split: np.arange(0) for split in counts} | {
                "train": parts["train"][1]
            }
            divided = splitting.at_random(given, groups, self._shares, unit)
        else:
            return parts
        if not len(divided["train"]):
            raise ValueError(
                f"Three splits need at least 3 examples. Received {counts['train']}."
            )
        parts |= {split: ("train", divided[split]) for split in ("train", *wanted)}
        return {split: parts[split] for split in splitting.SPLITS}

    def _rule(self, given: Sequence[str]) -> str:
        if self._by_time:
            return splitting.time_rule(given, self._shares)
        unit = "example" if self._groups is None else "group"
        return splitting.random_rule(given, self._shares, unit)


def _columns(value: Any, role: str) -> tuple[Rows, ...]:
    """Return the examples of a split and, for a pair, its labels or targets."""
    parts = _parts(value)
    if len(parts) not in (1, 2):
        raise TypeError(
            f"`{role}` must be an array of examples, or a pair (x, y). Received a "
            f"tuple of {len(parts)}."
        )
    if any(map(_is_dataset, parts)):
        raise TypeError(
            f"`{role}` must be one tf.data.Dataset, of pairs if need be, and not a "
            "tuple of datasets. Use tf.data.Dataset.zip."
        )
    rows = tuple(_rows(part, role) for part in parts)
    if len({len(part) for part in rows}) > 1:
        raise ValueError(
            f"`{role}` holds {len(rows[0])} inputs and {len(rows[1])} labels or "
            "targets. Expected as many of both."
        )
    if not len(rows[0]):
        raise ValueError(f"`{role}` is empty: expected at least one example.")
    return rows


def _parts(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _is_h5py(value: object) -> bool:
    return type(value).__module__.startswith("h5py")


def _rows(value: Any, role: str) -> Rows:
    is_h5py = _is_h5py(value)
    array = value if is_h5py else to_array(value, role)
    if array.dtype.kind not in _KINDS and array.dtype.name != "bfloat16":
        raise TypeError(f"`{role}` must hold numbers. Received dtype {array.dtype}.")
    if not array.shape:
        raise TypeError(f"`{role}` must be an array of examples. Received: {value!r}")
    if array.dtype.kind == "b":
        array = np.asarray(array, np.uint8)
    elif array.dtype.kind != "f" and array.dtype.kind not in _KINDS:
        array = np.asarray(array, np.float32)  # bfloat16
    elif array.dtype.kind == "f" and not (is_h5py or is_on_disk(array)):
        array = np.asarray(array, np.float32)
    if is_on_disk(array):
        return mapped_rows(array) or ArrayRows(array)
    return ArrayRows(array)


def _is_label(rows: Rows) -> bool:
    return rows.shape in ((), (1,)) and rows.dtype.kind in "iu"


def _is_dataset(value: Any) -> bool:
    return hasattr(value, "element_spec")


def _from_dataset(dataset: Any, batched: bool | None, role: str) -> tuple[Rows, ...]:
    """Read a `tf.data.Dataset` once, into memory or a temporary file."""
    import tensorflow as tf

    spec = dataset.element_spec
    parts = spec if isinstance(spec, tuple) else (spec,)
    if not all(isinstance(part, tf.TensorSpec) for part in parts) or len(parts) > 2:
        raise TypeError(
            f"The dataset `{role}` must hold x, or pairs (x, y). Received elements of "
            f"{spec}. Map it to one of these."
        )
    if dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise ValueError(
            f"The dataset `{role}` is endless. Remove repeat(), or use take()."
        )
    if batched is None:
        shape = parts[0].shape
        batched = shape.rank is None or shape.rank > 3
        batched = batched or (shape.rank > 0 and shape[0] is None)
    if not batched:
        dataset = dataset.batch(256)
    spools = [Spool() for _ in parts]
    shapes: list[tuple[int, ...]] = []
    for element in dataset.as_numpy_iterator():
        arrays = element if isinstance(element, tuple) else (element,)
        shapes.append(arrays[0].shape[1:])
        if shapes[-1] != shapes[0]:
            raise ValueError(
                f"The examples of the dataset `{role}` differ in shape: {shapes[0]} "
                f"and {shapes[-1]}. Resize or pad them."
            )
        for spool, array in zip(spools, arrays, strict=True):
            if array.dtype.kind not in _KINDS:
                raise TypeError(
                    f"The dataset `{role}` must hold numbers. Received {array.dtype}."
                )
            is_float = array.dtype.kind == "f"
            spool.append(array.astype(np.float32) if is_float else array)
    if not shapes:
        raise ValueError(f"The dataset `{role}` is empty.")
    return tuple(spool.rows() for spool in spools)


def _check_alike(columns: dict[str, tuple[Rows, ...]]) -> None:
    """Check that the splits have examples of the same shape and type."""
    found = {
        split: [(rows.shape, str(rows.dtype)) for rows in parts]
        for split, parts in columns.items()
    }
    if any(kinds != found["train"] for kinds in found.values()):
        raise ValueError(
            f"The splits must have examples of the same shape and type. Received: "
            f"{found}"
        )
    if len(columns["train"]) == 2 and not _is_label(columns["train"][1]):
        x, y = columns["train"]
        if not x.shape or x.shape[:-1] != y.shape[:-1]:
            raise ValueError(
                "Inputs and targets must have the same shape, but for the last axis. "
                f"Received inputs of {x.shape} and targets of {y.shape}. A label must "
                "be one integer for each example."
            )
        joined_dtype(x, y)


def _check_finite(rows: Rows, role: str) -> None:
    if rows.dtype.kind != "f":
        return
    for numbers in chunks(len(rows), rows.shape):
        bad = ~np.isfinite(rows.read(numbers)).reshape(len(numbers), -1).all(axis=1)
        if bad.any():
            raise ValueError(
                f"`{role}` must be finite. Example {numbers[int(np.argmax(bad))]} "
                "holds NaN or infinite values. Remove or replace such examples."
            )


def _divisor(parts: tuple[Rows, ...]) -> float:
    shape, dtype = parts[0].shape, parts[0].dtype
    is_image = len(shape) == 3 and shape[-1] <= 4
    if is_image and dtype in (np.uint8, np.uint16):
        return float(np.iinfo(dtype).max)
    return 1.0


def _numbered(groups: Any, count: int) -> np.ndarray:
    keys = list(np.asarray(groups).ravel().tolist())
    if len(keys) != count:
        raise ValueError(
            f"`groups` must have one key for each of the {count} training examples. "
            f"Received {len(keys)}."
        )
    return splitting.numbered([int(k) if is_integer(k) else k for k in keys])
