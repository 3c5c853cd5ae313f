"""The protocol of a data source: what `load`, cards and protocols ask of data."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict, overload

import numpy as np

from ae_zoo._checks import unknown_name

if TYPE_CHECKING:
    import tensorflow as tf
    from typing_extensions import Unpack

    from ae_zoo.data.batches import Batches
    from ae_zoo.data.order import Plan


class LoadOptions(TypedDict, total=False):
    """The options of `ae_zoo.data.load`, where they are documented."""

    batch_size: int | None
    shuffle: bool
    seed: int
    labels: bool
    classes: Sequence[int] | None
    binarize: str | None
    augment: Callable[..., tf.Tensor] | None
    pair: Callable[[tf.Tensor], tuple[Any, Any]] | None
    drop_remainder: bool
    repeat: bool
    skip: int
    shard: tuple[int, int]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source(abc.ABC):
    """A data set with its splits, its description, and a way to read it.

    A subclass implements `fingerprint` and `stored`. A source that does not fit in
    memory also overrides `batches`.

    Args:
        name: Short name, for cards and messages.
        shape: Shape of one example, channels last for images.
        counts: Number of examples in each split.
        label: What the label means, or None for a source without labels.
        license: Terms of use of the data.
        citation: BibTeX, or an empty string.
        homepage: Page that describes the data, or an empty string.
        split_rule: How the splits were made, in words.
        divisor: Stored value that becomes 1.0 when the data are loaded.
        preprocessing: How examples were made of the files, in words.
        target_shape: Shape of a target, for a source of pairs (input, target); None
            where the target is the input. The stored examples of a source of pairs
            hold input and target, joined along the last axis.
        columns: Names of the values in the last axis, for tables; None for others.

    Example:

    >>> class Ramps(Source):
    ...     fingerprint = {}
    ...
    ...     def stored(self, split):
    ...         x = np.linspace(0, 1, 8 * self.counts[split], dtype="float32")
    ...         return x.reshape(-1, 8), np.zeros(len(x) // 8, "int64")
    >>> ramps = Ramps(name="ramps", shape=(8,), counts={"train": 90, "test": 10})
    >>> ramps.arrays("test").shape
    (10, 8)
    >>> next(iter(ramps.load("train", batch_size=32))).shape
    TensorShape([32, 8])
    """

    name: str
    shape: tuple[int, ...]
    counts: Mapping[str, int]
    label: str | None = None
    license: str = "not stated"
    citation: str = ""
    homepage: str = ""
    split_rule: str = ""
    divisor: float = 1.0
    preprocessing: str = ""
    target_shape: tuple[int, ...] | None = None
    columns: tuple[str, ...] | None = None

    @property
    @abc.abstractmethod
    def fingerprint(self) -> Mapping[str, str]:
        """SHA-256 checksums of the content (hexadecimal), by file name."""

    @abc.abstractmethod
    def stored(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Read a split as it is stored.

        Args:
            split: A key of `counts`.

        Returns:
            stored: (examples, *shape), before the division by `divisor`.
            label: int64, (examples,); zeros for a source without labels.
        """

    def head(self, split: str, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Read the first examples of a split as they are stored; see `stored`."""
        if self.is_held(split):
            stored, label = self.stored(split)
            return stored[:count], label[:count]
        has_labels = self.label is not None and self.target_shape is None
        loaded = next(iter(self.load(split, batch_size=count, labels=has_labels)))
        parts = [
            np.asarray(part) for part in (loaded if self._yields_two else [loaded])
        ]
        label = parts.pop() if has_labels else np.zeros(len(parts[0]), np.int64)
        return np.concatenate(parts, axis=-1) * np.float32(self.divisor), label

    def is_held(self, split: str) -> bool:
        """Whether a split is held in memory, so that `stored` costs little."""
        from ae_zoo.data.batches import fits_in_memory

        return fits_in_memory(self, split)

    def measured(self, split: str) -> int:
        """Return how many examples of a split protocols read into memory."""
        return self.counts[split]

    @property
    def _yields_two(self) -> bool:
        return self.label is not None or self.target_shape is not None

    @property
    def stored_shape(self) -> tuple[int, ...]:
        """Shape of a stored example: of the input, or of input and target joined."""
        if self.target_shape is None:
            return self.shape
        return (*self.shape[:-1], self.shape[-1] + self.target_shape[-1])

    def divided(self, joined: Any) -> tuple[Any, Any]:
        """Divide stored examples of a source of pairs into inputs and targets."""
        return joined[..., : self.shape[-1]], joined[..., self.shape[-1] :]

    def batches(
        self,
        split: str,
        plan: Plan,
        *,
        classes: Sequence[int] | None = None,
        fixed_binary: bool = False,
    ) -> Batches:
        """Deal a split into batches; this implementation holds it in memory.

        Args:
            split: A key of `counts`.
            plan: The order of the examples and the size of the batches.
            classes: Only examples with one of these labels; None gives all.
            fixed_binary: Whether to draw each stored value once, from Bernoulli(x).
        """
        from ae_zoo.data.batches import in_memory

        return in_memory(self, split, plan, classes=classes, fixed_binary=fixed_binary)

    def load(
        self, split: str = "train", **options: Unpack[LoadOptions]
    ) -> tf.data.Dataset:
        """Load a split as a `tf.data` pipeline; see `ae_zoo.data.load`."""
        from ae_zoo.data import pipeline  # builds on sources

        return pipeline.load(self, split, **options)

    @overload
    def arrays(self, split: str = ..., labels: Literal[False] = ...) -> np.ndarray: ...

    @overload
    def arrays(
        self, split: str = ..., *, labels: Literal[True]
    ) -> tuple[np.ndarray, np.ndarray]: ...

    @overload
    def arrays(
        self, split: str = ..., labels: bool = ...
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]: ...

    def arrays(
        self, split: str = "train", labels: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Read a split into memory; see `ae_zoo.data.arrays`."""
        self.check_split(split)
        self.check_labels(labels)
        stored, label = self.stored(split)
        x = stored.astype(np.float32) / np.float32(self.divisor)
        if self.target_shape is not None:
            return self.divided(x)
        return (x, label.copy()) if labels else x

    def check_split(self, split: str) -> None:
        """Check that the source has a split of this name.

        Raises:
            TypeError: `split` is not a string.
            ValueError: There is no such split.
        """
        if not isinstance(split, str):
            raise TypeError(
                f"`split` must be a string. Received: {split!r} of type "
                f"{type(split).__name__}. Splits of {self.name!r}: {list(self.counts)}."
            )
        if split not in self.counts:
            raise unknown_name(f"split of {self.name!r}", split, self.counts)

    def check_labels(self, labels: bool) -> None:
        """Check that labels are asked only of a source that has them.

        Raises:
            ValueError: `labels` is set for a source without labels, or of pairs.
        """
        if labels and self.target_shape is not None:
            raise ValueError(
                f"Received labels=True, but the examples of {self.name!r} are pairs "
                "(input, target). Leave labels=False."
            )
        if labels and self.label is None:
            raise ValueError(
                f"Received labels=True, but {self.name!r} has no labels. Leave "
                "labels=False, or use a source with labels."
            )
