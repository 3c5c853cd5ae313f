"""A layer that maps data in the user's units to the space that a model learns in."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from ae_zoo._checks import check_number, unknown_name
from ae_zoo.layers import _statistics

Mode = Literal["standard", "min_max", "robust", "pixels"]
MODES = ("standard", "min_max", "robust", "pixels")
_LARGEST_PIXEL = 255.0
_FEW = 10  # rows whose values say little about their units
_FAR = 10.0  # ranges of the training data
_COMPARED = 1000  # rows


@keras.saving.register_keras_serializable("ae_zoo")
class Scaling(keras.layers.Layer):
    """Scales features as (x − shift) / width, and back.

    Each feature, which is a value of the last axis, has its own shift and width: each
    column of a table, each channel of an image or of a series. `axis=None` uses one
    pair for all values.

    `keras.layers.Normalization` does this for one of the modes, cannot scale back, and
    divides constant features by 1e-7. Here the width of a constant feature is 1, as in
    scikit-learn. A feature counts as constant if its values differ by less than
    float32 resolves. The layer always computes in float32.

    Args:
        mode: "standard": mean and standard deviation; "min_max": minimum and range, so
            that the training data lie in [0, 1]; "robust": median and interquartile
            range, or the standard deviation where this range is 0; "pixels": 0 and 255,
            for images with values in [0, 255].
        axis: −1, or None.
        factors: Factor of the width of each feature, such as the share of its standard
            deviation that is noise. Features with a smaller factor count more in losses
            and scores. None leaves the widths as they are.

    Raises:
        TypeError: `factors` is no list of numbers.
        ValueError: `mode` or `axis` is unknown, or `factors` has a value that is not
            positive, or does not go with `mode` and `axis`.

    Example:

    >>> scaling = ae_zoo.layers.Scaling("min_max")
    >>> scaling.adapt(np.array([[10.0, 0.5], [20.0, 0.7]]))
    >>> scaling.scale([[15.0, 0.5]]).numpy()
    array([[0.5, 0. ]], dtype=float32)
    >>> scaling.unscale([[0.5, 0.0]]).numpy()
    array([[15. ,  0.5]], dtype=float32)
    """

    def __init__(
        self,
        mode: Mode = "standard",
        axis: Literal[-1] | None = -1,
        factors: Sequence[float] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs | {"dtype": "float32", "trainable": False})
        if mode not in MODES:
            raise unknown_name("mode", mode, MODES)
        if axis is not None and (isinstance(axis, bool) or axis != -1):
            raise ValueError(
                "`axis` must be -1, for a scale of each feature, or None, for one of "
                f"all values. Received: {axis!r}"
            )
        self.mode = mode
        self.axis = axis
        self.factors = _checked_factors(factors, mode, axis)
        self._is_bypassed = False

    def build(self, input_shape: Sequence[int | None]) -> None:
        if self.built:
            return
        if self.mode != "pixels":
            shape = () if self.axis is None else (input_shape[-1],)
            if self.factors is not None and input_shape[-1] != len(self.factors):
                raise ValueError(
                    "`factors` must have one value for each feature. Received "
                    f"{len(self.factors)} for {input_shape[-1]} features."
                )
            if shape == (None,):
                raise ValueError(
                    "Scaling needs a known number of features, the size of the last "
                    f"axis. Received the shape {tuple(input_shape)}."
                )
            # Widths of 0 say that the layer is not adapted.
            self._shift, self._width, self._low, self._high = (
                self.add_weight(
                    shape, "zeros", name=name, trainable=False, autocast=False
                )
                for name in ("shift", "width", "low", "high")
            )
        self.built = True

    built: bool

    @property
    def shift(self) -> np.ndarray:
        """The shift of each feature: (features,), or () for all values."""
        return self._pair()[0]

    @property
    def width(self) -> np.ndarray:
        """The width of each feature, in the user's units: (features,) or ()."""
        return self._pair()[1]

    def _pair(self) -> tuple[np.ndarray, np.ndarray]:
        if self.mode == "pixels":
            return np.array(0.0), np.array(_LARGEST_PIXEL)
        self.check_is_adapted()
        shift, width = self._shift, self._width
        return _numpy(shift), _numpy(width)

    @property
    def scaled_range(self) -> tuple[float, float] | None:
        """The interval of scaled training data, if the mode determines it."""
        return (0.0, 1.0) if self.mode in ("min_max", "pixels") else None

    @property
    def input_range(self) -> tuple[float, float] | None:
        """The interval of valid data in the user's units, if the mode determines it."""
        return (0.0, _LARGEST_PIXEL) if self.mode == "pixels" else None

    @property
    def is_adapted(self) -> bool:
        """Whether `adapt` has been called, or adapted weights have been loaded."""
        if self.mode == "pixels":
            return True
        return self.built and bool((_numpy(self._width) > 0).all())

    def check_is_adapted(self) -> None:
        """Raise ValueError if the layer has not seen any data."""
        if not self.is_adapted:
            raise ValueError(
                f"Scaling({self.mode!r}) is not adapted to data yet. Call "
                "`model.scaling.adapt(x)` with the training data, in their own units, "
                "before the model is used."
            )

    def adapt(self, data: Any) -> None:
        """Take shift and width from data; the results of earlier calls are forgotten.

        "robust" takes quantiles of at most 100,000 rows, drawn with a fixed seed.

        Args:
            data: (batch, ..., features) array or table, or a `tf.data.Dataset` of
                batches of x, (x, y) or dictionaries with "x", of which x counts.

        Raises:
            TypeError: It is neither.
            ValueError: It is empty, infinite, has values that are not finite, or has
                another number of features than data or model before.
        """
        # A layer that is not built takes the number of features from the data.
        statistics = _statistics.collect(
            data, self.axis, self.features, self.input_range
        )
        self.build((None, statistics.low.shape[-1]))
        if self.mode == "pixels":
            return
        shift, width = statistics.shift_and_width(self.mode)
        if self.factors is not None:
            width = width * np.asarray(self.factors)
        values = (shift, width, statistics.low, statistics.high)
        variables = (self._shift, self._width, self._low, self._high)
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value.reshape(variable.shape))

    @property
    def features(self) -> int | None:
        """Number of features with a scale of their own; None for one of all values."""
        if not self.built or self.mode == "pixels" or self.axis is None:
            return None
        return self._shift.shape[0]

    def fits(self, sample_shape: Sequence[int | None]) -> bool:
        """Whether samples of a shape have the features that the layer is built for."""
        return self.features in (None, 1) or sample_shape[-1] == self.features

    def scale(self, x: Any) -> tf.Tensor:
        """(x − shift) / width: (batch, ..., features) to the same shape, in float32."""
        x = ops.cast(x, "float32")
        if self._is_bypassed:
            return x
        if self.mode == "pixels":
            return x / _LARGEST_PIXEL
        return (x - self._shift) / self._width

    def unscale(self, x: Any) -> tf.Tensor:
        """x width + shift, the inverse of `scale`."""
        x = ops.cast(x, "float32")
        if self._is_bypassed:
            return x
        if self.mode == "pixels":
            return x * _LARGEST_PIXEL
        return x * self._width + self._shift

    @contextlib.contextmanager
    def bypassed(self) -> Iterator[None]:
        """Let `scale` and `unscale` return what they are given, within a `with` block.

        Exports use it for files whose users scale the data outside of the file.
        """
        self._is_bypassed = True
        try:
            yield
        finally:
            self._is_bypassed = False

    @property
    def is_bypassed(self) -> bool:
        """Whether a `with layer.bypassed():` block is running."""
        return self._is_bypassed

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return self.scale(inputs)

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["trainable"]
        config |= {"mode": self.mode, "axis": self.axis}
        # Files without factors are as they were before there were any.
        return config if self.factors is None else config | {"factors": self.factors}

    # Comparison of new data with those that the layer was adapted to.

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Minimum and maximum of each feature in the data that `adapt` saw.

        Returns:
            Two of (features,), or () for all values, in the user's units.
        """
        if self.mode == "pixels":
            return np.array(0.0), np.array(_LARGEST_PIXEL)
        self.check_is_adapted()
        return _numpy(self._low), _numpy(self._high)

    def difference_of_units(self, x: np.ndarray) -> str | None:
        """Say if data seem to have other units than the data that `adapt` saw.

        They do if more than half of the values of a feature are outside of its range
        in those data, or, in fewer than 10 rows, all of them by over 10 ranges.

        Args:
            x: (batch, ..., features).

        Returns:
            A sentence, or None.
        """
        if self._is_bypassed:
            return None
        rows = np.asarray(x[:: max(1, len(x) // _COMPARED)], "float64")
        rows = rows.reshape(-1, 1 if self.axis is None else rows.shape[-1])
        if self.mode == "pixels":
            is_narrow = len(rows) >= _FEW and 0 < rows.max() <= 1
            return "All values are in [0, 1], not in [0, 255]." if is_narrow else None
        low, high = (np.atleast_1d(bound) for bound in self.bounds())
        if low.shape != rows.shape[1:] and low.size != 1:
            return None
        few = len(rows) < _FEW
        reach = _FAR * np.where(high > low, high - low, np.abs(high)) if few else 0
        is_outside = (rows < low - reach) | (rows > high + reach)
        share = is_outside.mean(axis=0)
        found = np.flatnonzero(share == 1 if few else share > 0.5)
        if not len(found):
            return None
        worst = found[0]
        values, number = rows[:, worst], worst if low.size > 1 else 0
        where = "" if rows.shape[1] == 1 else f"Feature {worst} has "
        return (
            f"{where or 'There are '}values between {values.min():.6g} and "
            f"{values.max():.6g}, but those that the model was adapted to are between "
            f"{low[number]:.6g} and {high[number]:.6g}."
        )


def _checked_factors(factors: Any, mode: str, axis: int | None) -> list[float] | None:
    if factors is None:
        return None
    if isinstance(factors, str) or not isinstance(factors, Sequence):
        raise TypeError(
            "`factors` must be a list of numbers, one for each feature. Received: "
            f"{factors!r} of type {type(factors).__name__}"
        )
    if axis is None or mode not in ("standard", "robust"):
        raise ValueError(
            "`factors` need axis=-1 and the mode 'standard' or 'robust': the others "
            f"promise an interval. Received: mode={mode!r}, axis={axis!r}"
        )
    for factor in factors:
        check_number("factors", factor, above=0)
    return [float(factor) for factor in factors]


def _numpy(variable: keras.Variable) -> np.ndarray:
    return variable.value.numpy()  # also of a variable that replicas mirror
