"""Checks of the options of `load`, before any data are read."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ae_zoo._checks import is_integer
from ae_zoo.data.sources import Source


def check_classes(source: Source, classes: Any) -> None:
    """Check that `classes` are labels, and that the source has labels."""
    if classes is None:
        return
    if source.label is None:
        raise ValueError(
            f"Received classes={classes!r}, but {source.name!r} has no labels. Leave "
            "classes=None."
        )
    if not isinstance(classes, Collection) or not all(map(is_integer, classes)):
        raise TypeError(
            "`classes` must be a sequence of integer labels, such as (1,), or None. "
            f"Received: {classes!r}"
        )


def check_binarize(source: Source, binarize: Any, augment: Any) -> None:
    """Check the value of `binarize`, and that the examples can be binarized."""
    # True would not say which of the two.
    if binarize is not None and not isinstance(binarize, str):
        raise TypeError(
            "`binarize` must be 'dynamic', 'fixed' or None. Received: "
            f"{binarize!r} of type {type(binarize).__name__}"
        )
    if binarize not in (None, "dynamic", "fixed"):
        raise ValueError(
            "`binarize` must be 'dynamic' (a new draw in every pass), 'fixed' (drawn "
            f"once from the seed) or None. Received: {binarize!r}"
        )
    if binarize and len(source.shape) != 3:
        raise ValueError(
            f"Cannot binarize {source.name!r}: its values are not probabilities in "
            "[0, 1]. Leave binarize=None, or use a set of images."
        )
    if binarize == "fixed" and augment is not None:
        raise ValueError(
            "Received binarize='fixed' with augment: a fixed binary image would not "
            "stay binary when it is augmented. Use binarize='dynamic', which is drawn "
            "after augment."
        )


def check_functions(augment: Any, pair: Any, labels: bool) -> None:
    """Check that `augment` and `pair` are functions, and `pair` excludes labels."""
    for name, function in {"augment": augment, "pair": pair}.items():
        if function is not None and not callable(function):
            raise TypeError(
                f"`{name}` must be a function of a batch, or None. Received: "
                f"{function!r} of type {type(function).__name__}"
            )
    if labels and pair is not None:
        raise ValueError(
            "Received both labels=True and pair, and each sets what follows x. Use "
            "one of them."
        )


def check_pairs(source: Source, binarize: Any, pair: Any) -> None:
    """Check that examples that are pairs are not paired or binarized again."""
    for name, value in {"pair": pair, "binarize": binarize}.items():
        if source.target_shape is not None and value is not None:
            raise ValueError(
                f"The examples of {source.name!r} are pairs (input, target) already. "
                f"Leave {name}=None. Received: {value!r}"
            )
