"""What the inputs of a model look like, so that others can be noticed.

A card holds percentiles of two numbers over validation inputs, clean and with each
kind of noise that the model was measured at: the score, and the roughness of the input.
Together they tell noise, which raises both, from images of another kind, which raise
the score alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

# The field of a card that holds them.
FIELD = "typical_inputs"
PERCENTILES = (0, 1, 50, 99, 100)
# Samples that a call looks at: more would take longer and tell little more.
SAMPLES = 32
# An input is unusual if a number lies outside the range of the validation inputs by
# this share of the range, and at least by this factor's logarithm. At most 0.1 % of
# test samples do, at each noise level of each card of the zoo.
_SHARE = 0.25
_LEAST = math.log(1.25)
# The range of few validation samples is narrower than that of all inputs: with this
# number, the margins are twice as wide as with very many.
_FEW = 100
# Below this share of the median, a number counts as zero.
_ZERO = 1e-3

Numbers = dict[str, np.ndarray]


def describe(model: Any, x: np.ndarray, name: str) -> dict[str, Any]:
    """Return the entry of a card for one kind of inputs.

    Args:
        model: The model.
        x: (samples, ...) inputs.
        name: What they are: "clean", "noise 0.5".
    """
    values = {score_name(model): size_free(model, model.score(x), x)}
    values["roughness"] = roughness(x)
    return {
        "input": name,
        "samples": len(x),
        **{key: _percentiles(numbers) for key, numbers in values.items()},
    }


def measure(model: Any, x: np.ndarray) -> Numbers:
    """Return the numbers of a few samples, without compiling a function."""
    endpoint = model.endpoints()["score"]
    draws = model.drawn_for_score(x, seed=0).values()
    score = np.asarray(endpoint.function(tf.constant(x), *draws))
    values = {score_name(model): size_free(model, score, x)}
    return values | {"roughness": roughness(x)}


def score_name(model: Any) -> str:
    """Name of the score on the card; of images of any size it is a mean."""
    return "score_per_value" if None in model.sample_shape else "score"


def size_free(model: Any, score: np.ndarray, x: np.ndarray) -> np.ndarray:
    if None not in model.sample_shape:
        return score
    return score / math.prod(x.shape[1:])


def roughness(x: np.ndarray) -> np.ndarray:
    """Root mean square of the differences between neighbors along the first axis.

    Args:
        x: (batch, ...); for images, neighbors are one below the other.

    Returns:
        (batch,).
    """
    x = np.asarray(x, "float64")
    steps = np.diff(x, axis=1) if x.shape[1] > 1 else x
    return np.sqrt(np.mean(np.square(steps), axis=tuple(range(1, x.ndim))))


def are_unusual(kinds: Sequence[Mapping[str, Any]], values: Numbers) -> np.ndarray:
    """Tell which samples are far from all kinds of inputs on a card.

    Args:
        kinds: The field `typical_inputs` of a card: clean inputs first, then stronger
            and stronger noise. Inputs between two neighbors are usual too.
        values: As `measure` returns them.

    Returns:
        (batch,) of booleans.
    """
    usual = np.zeros(len(next(iter(values.values()))), bool)
    for pair in _neighbors(kinds):
        inside = np.ones_like(usual)
        for name, numbers in values.items():
            if all(name in kind for kind in pair):
                margin = 1 + _FEW / max(1, min(kind["samples"] for kind in pair))
                fits = _in_range([kind[name] for kind in pair], numbers, margin)
                # Nothing changes from row to row in a binary image of the digit 1.
                inside &= fits | ((numbers == 0) & (name == "roughness"))
        usual |= inside
    return ~usual


def is_alarming(unusual: np.ndarray) -> bool:
    """Whether so many samples are unusual that it is no accident."""
    count, total = int(unusual.sum()), len(unusual)
    return count >= min(total, 2) and count > total / 4


def message(name: str, limits: str | None, unusual: np.ndarray) -> str:
    """Say what was noticed."""
    count, total = int(unusual.sum()), len(unusual)
    samples = "the input" if total == 1 else f"{count} of {total} inputs"
    return (
        f"{samples[0].upper()}{samples[1:]} {'is' if count == 1 else 'are'} far from "
        f"what '{name}' was made for: score and roughness are those of none of its "
        "validation inputs, clean or noisy. The output may be useless. Check the "
        "subject, the scale of the values and the polarity."
        + (f" Its card says: {limits}" if limits else "")
    )


def _neighbors(kinds: Sequence[Any]) -> Iterator[Sequence[Any]]:
    if len(kinds) == 1:
        yield kinds
    for start in range(len(kinds) - 1):
        yield kinds[start : start + 2]


def _in_range(
    percentiles: Sequence[Mapping[str, float]], x: np.ndarray, margin: float
) -> np.ndarray:
    low = min(one["p0"] for one in percentiles)
    high = max(one["p100"] for one in percentiles)
    median = min(one["p50"] for one in percentiles)
    if median <= 0:  # a score that can be negative has no logarithm
        slack = margin * max(_SHARE * (high - low), _LEAST * max(abs(low), abs(high)))
        return (x >= low - slack) & (x <= high + slack)
    zero = _ZERO * median
    low, high = (math.log(max(end, zero)) for end in (low, high))
    x = np.log(np.maximum(x, zero))
    slack = margin * max(_SHARE * (high - low), _LEAST)
    return (x >= low - slack) & (x <= high + slack)


def _percentiles(values: np.ndarray) -> dict[str, float]:
    found = np.percentile(values, PERCENTILES)
    return {
        f"p{place}": float(f"{value:.6g}")
        for place, value in zip(PERCENTILES, found, strict=True)
    }
