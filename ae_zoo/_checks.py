"""Checks of arguments and data, made before any long work starts; NumPy only."""

from __future__ import annotations

import difflib
import functools
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

# Noise may push the input of a denoiser outside the range of the targets by this
# multiple of its width. Images in 0–255 are much farther outside [0, 1].
_NOISE_MARGIN = 5.0
_ROUNDING = 1e-6
# `keras.utils.set_random_seed` takes seeds below this.
SEED_LIMIT = 2**32
_EXTENDED_FLOATS = ("bfloat16", "float8_e4m3fn", "float8_e5m2")


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
    found = ""
    if array.dtype.kind in "iu" and array.size:
        found = f" between {array.min()} and {array.max()}"
    check_type_and_shape(array.dtype, array.shape, role, shape, support, found)
    if array.size == 0:
        raise ValueError(f"`{role}` is empty: expected at least one sample.")
    _check_values(array, role, support, noisy)


def check_type_and_shape(
    dtype: np.dtype[Any],
    received: Sequence[int | None],
    role: str,
    shape: Sequence[int | None],
    support: Sequence[float] | None = None,
    found: str = "",
) -> None:
    """Check what is known of samples before their values are.

    Args:
        dtype: Their dtype.
        received: Their shape with the batch; None where it is not known.
        role, shape, support: See `check_array`.
        found: What is known of the values, for the message.

    Raises:
        TypeError: If the dtype is not numeric, or is an integer although `support` is
            as narrow as [0, 1] or [−1, 1].
        ValueError: If the shape is not (batch, *shape).
    """
    if dtype.kind not in "fiub" and dtype.name not in _EXTENDED_FLOATS:
        raise TypeError(
            f"`{role}` must hold numbers of shape (batch, {_join(shape)}). "
            f"Received dtype {dtype}."
        )
    received = tuple(received)
    if len(received) != len(shape) + 1 or any(
        None not in (expected, size) and size != expected
        for size, expected in zip(received[1:], shape, strict=True)
    ):
        raise ValueError(
            f"`{role}` must have the shape (batch, {_join(shape)}). Received "
            f"{received}.{_shape_hint(role, received, shape)}"
        )
    if support is not None and dtype.kind in "iu" and support[1] <= 1:
        raise TypeError(
            f"`{role}` must hold floats in [{support[0]:g}, {support[1]:g}]. Received "
            f"{dtype}{found}. Scale images with `x.astype('float32') / 255`."
        )


def margin(support: Sequence[float], noisy: bool) -> float:
    """Return by how much values may be outside of `support`; see `check_array`."""
    low, high = support
    return (_NOISE_MARGIN if noisy else _ROUNDING) * (high - low)


def to_array(values: ArrayLike | tf.Tensor, role: str) -> np.ndarray:
    """Convert an array, a table, a tensor or a list to a NumPy array.

    Args:
        values: Anything that NumPy converts: arrays, lists, TensorFlow and PyTorch
            tensors, DataFrames.
        role: Name of the array, for the message.

    Raises:
        TypeError: It is no array, such as None, a dictionary, a sparse matrix or a
            dataset; or the rows of a list differ in length.
    """
    received: Any = values
    if hasattr(received, "detach"):  # a tensor of PyTorch
        received = received.detach().cpu()
    reason = ""
    try:
        array = np.asarray(received)
    except (TypeError, ValueError) as error:
        reason = " whose rows differ in shape" if isinstance(values, list) else ""
        raise _no_array(values, role, reason, f" ({error})") from error
    if array.dtype == object and array.ndim == 0:
        raise _no_array(values, role)
    return array


def _no_array(
    values: object, role: str, reason: str = "", details: str = ""
) -> TypeError:
    if values is None:
        return TypeError(f"`{role}` must be an array of samples. Received None.")
    remedy = ""
    if hasattr(values, "toarray"):
        remedy = " Pass x.toarray()."
    elif hasattr(values, "element_spec") or hasattr(values, "take"):
        remedy = " Of datasets, use `predict`, or call this method for each batch."
    elif isinstance(values, dict):
        remedy = f" Pass one of its values: {sorted(map(str, values))}."
    return TypeError(
        f"`{role}` must be an array of samples of equal shape. Received a "
        f"{type(values).__name__}{reason}.{remedy}{details}"
    )


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


def check_draw_seed(seed: object) -> int:
    """Check the seed of random draws, and return it as an `int`.

    Raises:
        TypeError: It is not an integer.
        ValueError: It is negative, or 2³¹ or more.
    """
    return check_integer("seed", seed, 0, 2**31 - 1)


def check_share(name: str, value: float) -> None:
    """Check that a number is in [0, 1].

    Raises:
        TypeError: It is not a number.
        ValueError: The number is outside [0, 1].
    """
    check_number(name, value, least=0, most=1)


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


def argument_names(cls: type, base: type) -> tuple[str, ...]:
    """List the constructor arguments of a class, including inherited ones.

    Args:
        cls: A subclass of `base`.
        base: The most general class whose arguments are included.
    """
    return _argument_names(cls, base)


@functools.lru_cache(maxsize=256)
def _argument_names(cls: type, base: type) -> tuple[str, ...]:
    names = {
        name
        for owner in cls.__mro__
        if issubclass(owner, base) and "__init__" in vars(owner)
        for name, parameter in inspect.signature(
            vars(owner)["__init__"]
        ).parameters.items()
        if name != "self"
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    }
    return tuple(sorted(names))


def _check_values(
    array: np.ndarray, role: str, support: Sequence[float] | None, noisy: bool
) -> None:
    # NaN and ±inf show in these. Converting the array would copy it.
    with np.errstate(over="ignore"):  # beyond float32 is infinite
        low, high = (float(np.float32(v)) for v in (array.min(), array.max()))
    if not np.isfinite([low, high]).all():
        with np.errstate(over="ignore"):
            bad = int(array.size - np.isfinite(array.astype("float32")).sum())
        raise ValueError(
            f"`{role}` must be finite. Received {bad} NaN or infinite values out of "
            f"{array.size}. Remove or replace these samples."
        )
    if support is None:
        return
    allowed = margin(support, noisy)
    if low < support[0] - allowed or high > support[1] + allowed:
        hint = "Rescale them, or build the model with reconstruction_loss='gaussian'."
        if high > 100 and low >= 0 and support[1] <= 1:
            hint = "Scale images with `x / 255`."
        raise ValueError(
            f"`{role}` must be in [{support[0]:g}, {support[1]:g}], the range of this "
            f"model's loss. Received values between {low:g} and {high:g}. {hint}"
        )


def _join(shape: Iterable[int | None]) -> str:
    return ", ".join("any" if size is None else str(size) for size in shape)


def _shape_hint(
    role: str, received: tuple[int | None, ...], shape: Sequence[int | None]
) -> str:
    if role == "y" and len(received) <= min(2, len(shape)):
        return (
            " An autoencoder takes no labels. Drop them, as in "
            "dataset.map(lambda x, y: x) or fit(x)."
        )
    if received == tuple(shape):
        return " For one sample pass x[None]."
    if len(shape) == 3 and shape[-1] == 1 and received[1:] == tuple(shape[:2]):
        return " Add the channel axis with x[..., None]."
    return ""
