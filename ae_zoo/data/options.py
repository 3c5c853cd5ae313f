"""Checks the options of `load` before any data are read."""

from __future__ import annotations

import numbers

from ae_zoo.data.dataset_info import DatasetInfo


def check(
    facts: DatasetInfo, batch_size, seed, labels, classes, binarize, augment, pair
):
    """Raises TypeError or ValueError unless the options of `load` make sense.

    Args:
        facts: The set to be loaded; the others are named as in `load`.
    """
    if batch_size is not None:
        check_integer("batch_size", batch_size, 1, "a positive integer or None")
    check_integer("seed", seed, 0, "an integer of 0 or more")
    _check_classes(facts, classes)
    _check_binarize(facts, binarize, augment)
    for name, function in {"augment": augment, "pair": pair}.items():
        if function is not None and not callable(function):
            raise TypeError(
                f"`ae_zoo.data.load` takes {name} as a function of a batch, or None. "
                f"Received: {function!r} of type {type(function).__name__}."
            )
    if labels and pair is not None:
        raise ValueError(
            "`ae_zoo.data.load` got both labels=True and pair, and both say what "
            "comes after x. Give one of them."
        )


def check_found(facts: DatasetInfo, split: str, classes, count: int) -> None:
    """Raises ValueError where no example of a split has one of the classes."""
    if not count:
        raise ValueError(
            f"`ae_zoo.data.load` found no example of the classes {list(classes)} in "
            f"the split {split!r} of {facts.name!r}, whose labels are: {facts.label}."
        )


def _check_classes(facts: DatasetInfo, classes) -> None:
    if classes is None:
        return
    if facts.label is None:
        raise ValueError(
            f"`ae_zoo.data.load` got classes={classes!r}, but {facts.name!r} has no "
            "labels. Leave classes=None."
        )
    if isinstance(classes, (str, numbers.Integral)) or not all(
        isinstance(label, numbers.Integral) for label in classes
    ):
        raise TypeError(
            "`ae_zoo.data.load` takes classes as a sequence of integer labels, such as "
            f"(1,), or None. Received: {classes!r}."
        )


def check_sequence(batch_size, repeat, skip, shard) -> None:
    """Raises TypeError or ValueError unless the place in the sequence makes sense.

    Args: as in `load`.
    """
    check_integer("skip", skip, 0, "a number of batches of 0 or more")
    if not isinstance(shard, tuple) or len(shard) != 2:
        raise TypeError(
            "`ae_zoo.data.load` takes shard as the pair (index, number of workers), "
            f"such as (0, 2). Received: {shard!r}."
        )
    check_integer("the number of workers in shard", shard[1], 1, "a positive integer")
    check_integer("the index in shard", shard[0], 0, "an integer of 0 or more")
    if shard[0] >= shard[1]:
        raise ValueError(
            "`ae_zoo.data.load` takes shard as (index, number of workers), the index "
            f"counted from 0. Received: {shard!r}."
        )
    if skip and not repeat:
        raise ValueError(
            f"`ae_zoo.data.load` got skip={skip} without repeat=True: only the endless "
            "sequence has a fixed order to start within."
        )
    if batch_size is None and (skip or shard[1] > 1):
        raise ValueError(
            "`ae_zoo.data.load` got skip or shard without batch_size: both count in "
            "batches. Give batch_size."
        )


def check_integer(name: str, value, least: int, expected: str) -> None:
    message = f"`ae_zoo.data.load` takes {name} as {expected}. Received: {value!r}"
    # bool is an int in Python, but batch_size=True is a slip.
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{message} of type {type(value).__name__}.")
    if not least <= value < 2**32:
        raise ValueError(f"{message}.")


def _check_binarize(facts: DatasetInfo, binarize, augment) -> None:
    # Compared by type too: binarize=True would not say which of the two.
    if binarize is not None and not isinstance(binarize, str):
        raise TypeError(
            "`ae_zoo.data.load` takes binarize as 'dynamic', 'fixed' or None. "
            f"Received: {binarize!r} of type {type(binarize).__name__}."
        )
    if binarize not in (None, "dynamic", "fixed"):
        raise ValueError(
            "`ae_zoo.data.load` takes binarize as 'dynamic' (drawn anew on every "
            "pass), 'fixed' (drawn once by the seed) or None. "
            f"Received: {binarize!r}."
        )
    if binarize and len(facts.shape) != 3:
        raise ValueError(
            f"`ae_zoo.data.load` cannot binarize {facts.name!r}: its values are not "
            "probabilities in [0, 1]. Leave binarize=None, or choose an image set."
        )
    if binarize == "fixed" and augment is not None:
        raise ValueError(
            "`ae_zoo.data.load` got binarize='fixed' with augment: an image drawn "
            "once does not stay binary when it is augmented on every pass. Use "
            "binarize='dynamic', which is drawn after augment."
        )
