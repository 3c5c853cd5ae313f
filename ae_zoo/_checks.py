"""Checks of arguments and data, made before any long work starts; NumPy only."""

from __future__ import annotations

import difflib
import inspect
import math
import numbers
import os
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from typing import TypeGuard

    import tensorflow as tf
    from numpy.typing import ArrayLike

# Noise may push the input of a denoiser this far outside the range of the targets.
# Images in 0–255 are much farther outside.
_NOISE_MARGIN = 5.0
_ROUNDING = 1e-6
# `keras.utils.set_random_seed` takes seeds below this.
SEED_LIMIT = 2**32


def check_array(
    array: ArrayLike | tf.Tensor,
    role: str,
    shape: Sequence[int | None],
    support: Sequence[float] | None = None,
    noisy: bool = False,
) -> None:
    """Check an array of samples.

    Args:
        array: (batch, *shape).
        role: Name of the array, for the message: "x", "y", "z".
        shape: Expected shape of one sample.
        support: Allowed interval (low, high) of the values, or None.
        noisy: Whether corruption may have moved values out of `support`.

    Raises:
        TypeError: The array is not numeric, or has integers although `support` is
            given.
        ValueError: The array is empty, has another shape, or has values that are
            not finite or outside `support`.
    """
    array = to_array(array, role)
    if (
        array.dtype == object
        or array.dtype.kind not in "fiub"
        and not _is_bfloat(array)
    ):
        raise TypeError(
            f"`{role}` must hold numbers of shape (batch, {_join(shape)}). "
            f"Received dtype {array.dtype}."
        )
    if len(array.shape) != len(shape) + 1 or any(
        expected is not None and size != expected
        for size, expected in zip(array.shape[1:], shape, strict=False)
    ):
        raise ValueError(
            f"`{role}` must have the shape (batch, {_join(shape)}). Received "
            f"{array.shape}.{_shape_hint(array.shape, shape)}"
        )
    if array.size == 0:
        raise ValueError(f"`{role}` is empty: expected at least one sample.")
    _check_values(array, role, support, noisy)


def to_array(values: ArrayLike | tf.Tensor, role: str) -> np.ndarray:
    """Convert `values` to a NumPy array.

    Raises:
        TypeError: The rows of a list differ in length.
    """
    try:
        return np.asarray(values)
    except ValueError as error:
        raise TypeError(
            f"`{role}` must be an array of samples of equal shape. Received a "
            f"{type(values).__name__} whose rows differ in shape. ({error})"
        ) from error


def check_at_least(name: str, value: float, least: float, reason: str = "") -> None:
    """Check the lower bound of a number; NaN fails the check.

    Raises:
        ValueError: `value` < `least`.
    """
    if not value >= least:
        raise ValueError(f"`{name}` must be ≥ {least}{reason}. Received: {value}")


def is_integer(value: object) -> TypeGuard[int | np.integer]:
    """Tell whether a value is an integer: Python's or NumPy's, but not a boolean."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def check_integer(
    name: str,
    value: object,
    least: int | None = None,
    most: int | None = None,
    alternatives: str = "",
) -> int:
    """Check that an argument is an integer, Python's or NumPy's.

    Args:
        name: Name of the argument, for the message.
        value: What was received.
        least: Lower bound, or None.
        most: Upper bound, or None.
        alternatives: What else the caller accepts, for the message: ", 'all' or None".

    Returns:
        The value as an `int`.

    Raises:
        TypeError: It is not an integer, such as 2.5 or True.
        ValueError: It is out of bounds.
    """
    bounds = "" if least is None else f" ≥ {least}"
    bounds += "" if most is None else f" and ≤ {most}"
    message = f"`{name}` must be an integer{bounds}{alternatives}. Received: {value!r}"
    if not is_integer(value):
        raise TypeError(f"{message} of type {type(value).__name__}")
    if (least is not None and value < least) or (most is not None and value > most):
        raise ValueError(message)
    return int(value)


def check_count(name: str, value: object, alternatives: str = "") -> int:
    """Check that an argument is a positive integer, and return it as an `int`.

    Raises:
        TypeError: It is not an integer.
        ValueError: It is below 1.
    """
    return check_integer(name, value, least=1, alternatives=alternatives)


def check_number(
    name: str,
    value: object,
    least: float | None = None,
    most: float | None = None,
    above: float | None = None,
) -> None:
    """Check that an argument is a finite real number, Python's or NumPy's.

    Args:
        name: Name of the argument, for the message.
        value: What was received.
        least: Lower bound, or None.
        most: Upper bound, or None.
        above: Bound that the number must exceed, or None.

    Raises:
        TypeError: It is not a number, such as "1" or True.
        ValueError: It is not finite, or out of bounds.
    """
    bounds = {"≥": least, "≤": most, ">": above}
    texts = [f"{sign} {bound}" for sign, bound in bounds.items() if bound is not None]
    wanted = " and ".join(["a finite number", *texts])
    message = f"`{name}` must be {wanted}. Received: {value!r}"
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        raise TypeError(f"{message} of type {type(value).__name__}")
    number = float(value)
    if (
        not math.isfinite(number)
        or (least is not None and number < least)
        or (most is not None and number > most)
        or (above is not None and number <= above)
    ):
        raise ValueError(message)


def check_boolean(name: str, value: object) -> bool:
    """Check that an argument is True or False, Python's or NumPy's.

    Raises:
        TypeError: It is anything else.
    """
    if not isinstance(value, bool | np.bool_):
        raise TypeError(
            f"`{name}` must be True or False. Received: {value!r} of type "
            f"{type(value).__name__}"
        )
    return bool(value)


def check_share(name: str, value: float) -> None:
    """Check that a number is in [0, 1].

    Raises:
        TypeError: It is not a number.
        ValueError: The number is outside [0, 1].
    """
    check_number(name, value)
    if not 0 <= value <= 1:
        raise ValueError(f"`{name}` must be in [0, 1]. Received: {value}")


def check_dataset(
    dataset: tf.data.Dataset, check_batch: Callable[[Any], object]
) -> None:
    """Check the first batch of a `tf.data.Dataset` without consuming the dataset.

    Args:
        dataset: Dataset of batches, as for `fit`.
        check_batch: Function that is called with the first batch.

    Raises:
        ValueError: The dataset is empty, or `check_batch` raises it.
    """
    for batch in dataset.take(1):
        check_batch(batch)
        return
    raise ValueError(
        "The dataset is empty: expected at least one batch. If it was filtered or "
        "batched with drop_remainder=True, check that a whole batch remains."
    )


def check_weights_have_targets(y: object, sample_weight: object) -> None:
    """Check that targets accompany sample weights: Keras ignores these otherwise.

    Raises:
        ValueError: `sample_weight` is given without `y`.
    """
    if y is None and sample_weight is not None:
        raise ValueError(
            "`sample_weight` needs targets. Received y=None. Pass targets too, as in "
            "fit(x, x, sample_weight=sample_weight); for a denoising model "
            "fit(noisy, x, sample_weight=sample_weight)."
        )


def check_name_or_path(kind: str, value: object) -> None:
    """Check that an argument can be the name of something, or a path.

    Args:
        kind: What has the name, for the message: "model", "recipe".
        value: What was received.

    Raises:
        TypeError: It is neither a string nor a path.
        ValueError: It is empty.
    """
    if not isinstance(value, str | os.PathLike):
        raise TypeError(
            f"Expected the name of a {kind}, or a path. Received: {value!r} of type "
            f"{type(value).__name__}"
        )
    if not str(value):
        raise ValueError(f"Expected the name of a {kind}, or a path. Received: ''")


def check_folder(name: str, value: object) -> None:
    """Check that an argument is the path of a folder, whether or not it exists.

    Raises:
        TypeError: It is not a path.
    """
    if not isinstance(value, str | os.PathLike):
        raise TypeError(
            f"`{name}` must be the path of a folder. Received: {value!r} of type "
            f"{type(value).__name__}"
        )


def unknown_name(
    kind: str, name: object, known: Iterable[str], remedy: str = ""
) -> ValueError:
    """Make the `ValueError` for an unknown name, with the nearest known one.

    Args:
        kind: What has this name: "model", "recipe".
        name: The name received.
        known: All names that exist.
        remedy: A sentence on what to do, beginning with a space.

    Returns:
        The error, for the caller to raise.
    """
    known = sorted(known)
    return ValueError(
        f"Found no {kind} named {name!r}. {did_you_mean(name, known)}"
        f"Known: {known}.{remedy}"
    )


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Return "Did you mean 'mnist'? " for 'mnits', or an empty string."""
    near = difflib.get_close_matches(str(name).lower(), list(known), n=1)
    return f"Did you mean {near[0]!r}? " if near else ""


def argument_names(cls: type, base: type) -> list[str]:
    """List the constructor arguments of a class, including inherited ones.

    Args:
        cls: A subclass of `base`.
        base: The most general class whose arguments are included.
    """
    return sorted(
        {
            name
            for owner in cls.__mro__
            if issubclass(owner, base) and "__init__" in vars(owner)
            for name, parameter in inspect.signature(
                vars(owner)["__init__"]
            ).parameters.items()
            if name != "self"
            and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        }
    )


def _check_values(
    array: np.ndarray, role: str, support: Sequence[float] | None, noisy: bool
) -> None:
    if support is not None and array.dtype.kind in "iu":
        raise TypeError(
            f"`{role}` must hold floats in [{support[0]:g}, {support[1]:g}]. Received "
            f"{array.dtype} between {array.min()} and {array.max()}. Scale images with "
            "`x.astype('float32') / 255`."
        )
    array = array.astype("float32", copy=False)
    low, high = float(array.min()), float(array.max())  # NaN and ±inf show in these
    if not np.isfinite([low, high]).all():
        bad = int(np.size(array) - np.isfinite(array).sum())
        raise ValueError(
            f"`{role}` must be finite. Received {bad} NaN or infinite values out of "
            f"{array.size}. Remove or replace these samples."
        )
    if support is None:
        return
    margin = _NOISE_MARGIN if noisy else _ROUNDING
    if low < support[0] - margin or high > support[1] + margin:
        hint = "Rescale them, or build the model with reconstruction_loss='gaussian'."
        if high > 100 and low >= 0:
            hint = "Scale images with `x / 255`."
        raise ValueError(
            f"`{role}` must be in [{support[0]:g}, {support[1]:g}], the range of this "
            f"model's loss. Received values between {low:g} and {high:g}. {hint}"
        )


def _is_bfloat(array: np.ndarray) -> bool:
    return array.dtype.name in ("bfloat16", "float8_e4m3fn", "float8_e5m2")


def _join(shape: Iterable[int | None]) -> str:
    return ", ".join("any" if size is None else str(size) for size in shape)


def _shape_hint(received: tuple[int, ...], shape: Sequence[int | None]) -> str:
    if received == tuple(shape):
        return " For one sample pass x[None]."
    if len(shape) == 3 and shape[-1] == 1 and received[1:] == tuple(shape[:2]):
        return " Add the channel axis with x[..., None]."
    return ""
