"""Checks of data against the scaling of a model."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from keras import ops

from ae_zoo import _checks
from ae_zoo._batches import slices
from ae_zoo.layers import Scaling
from ae_zoo.losses import ReconstructionLoss

_ROWS = 1024  # scaled at once


@contextlib.contextmanager
def in_scaled_values(
    scaling: Scaling | None,
) -> Iterator[Callable[[np.ndarray], np.ndarray]]:
    """Let a model take and return scaled values, within a `with` block.

    Measures and pictures compare features, so they need values of one unit.

    Args:
        scaling: The scaling of the model, or None.

    Yields:
        The function that scales values, which is the identity without a scaling.
    """
    if scaling is None or scaling.is_bypassed:
        yield lambda x: x
        return
    shift, width = scaling.shift, scaling.width
    with scaling.bypassed():
        yield lambda x: (np.asarray(x, "float32") - shift) / width


def check_target(scaling: Scaling, loss: ReconstructionLoss, y: Any, role: str) -> None:
    """Check that a loss of limited support is defined for scaled targets.

    Args:
        scaling: The adapted scaling.
        loss: The reconstruction loss.
        y: Targets in the user's units, (batch, ...).
        role: Name of the targets, for the message.

    Raises:
        ValueError: A target is outside of the support.
    """
    if loss.support is None:
        return
    margin = _checks.margin(loss.support, False)
    low, high = loss.support[0] - margin, loss.support[1] + margin
    for rows in slices(len(y), _ROWS):
        scaled = ops.convert_to_numpy(scaling.scale(y[rows]))
        is_outside = (scaled < low) | (scaled > high)
        if is_outside.any():
            raise ValueError(
                f"`{role}` must be in the range of the data that the scaling was "
                f"adapted to, because the loss {loss.name!r} is not defined outside of "
                f"it. Received {_first(scaling, np.asarray(y[rows]), is_outside)}. Use "
                "the loss 'gaussian' for data that exceed it, such as anomalies."
            )


def _first(scaling: Scaling, y: np.ndarray, is_outside: np.ndarray) -> str:
    index = tuple(np.argwhere(is_outside)[0])
    bounds = (np.broadcast_to(bound, y.shape[-1:]) for bound in scaling.bounds())
    low, high = (bound[index[-1]] for bound in bounds)
    return (
        f"{y[index]:.6g} in feature {index[-1]}, whose range is [{low:.6g}, {high:.6g}]"
    )


def warn_about_units(scaling: Scaling, x: Any) -> bool:
    """Warn if inputs seem to have other units than the training data.

    Args:
        scaling: The adapted scaling.
        x: Inputs, (batch, ...).

    Returns:
        Whether it warned.
    """
    difference = scaling.difference_of_units(_checks.to_array(x, "x"))
    if difference is None:
        return False
    warnings.warn(
        f"{difference} Are the units the same? The model scales its inputs itself: "
        "pass them as they were in training.",
        stacklevel=5,
    )
    return True
