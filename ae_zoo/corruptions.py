"""Random corruptions x → x̃ that a denoising autoencoder learns to remove."""

from __future__ import annotations

from typing import Any, TypeAlias

import keras
import tensorflow as tf

from ae_zoo._checks import argument_names

Range: TypeAlias = float | tuple[float, float]
Seed: TypeAlias = tf.Tensor | tuple[int, int]


class Corruption:
    """Base class of random corruptions x → x̃. A corruption has no weights.

    Subclasses implement `__call__(x, seed)` and draw all random numbers from `seed`, so
    that equal seeds give equal corruptions. Validation relies on this: it uses the same
    noise in every epoch.

    To be saved with a model, a subclass needs
    `keras.saving.register_keras_serializable` and, for each constructor argument, an
    attribute of the same name.

    Example:

    >>> @keras.saving.register_keras_serializable("my_package")
    ... class Dimming(ae_zoo.corruptions.Corruption):
    ...     def __init__(self, factor=0.5):
    ...         self.factor = factor
    ...
    ...     def __call__(self, x, seed):
    ...         return self.factor * x
    >>> Dimming()(tf.ones((1, 2)), seed=(1, 2)).numpy()
    array([[0.5, 0.5]], dtype=float32)
    """

    def __call__(self, x: tf.Tensor, seed: Seed) -> tf.Tensor:
        """Corrupt a batch.

        Args:
            x: Clean samples, (batch, ...).
            seed: Two integers, as a tensor of shape (2,) or a tuple.

        Returns:
            x̃, a tensor with the shape of `x`.
        """
        raise TypeError(
            f"{type(self).__name__} must implement `__call__(x, seed)` and return x̃ "
            "with the shape of x."
        )

    def get_config(self) -> dict[str, Any]:
        names = argument_names(type(self), Corruption)
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Corruption:
        return cls(**config)


@keras.saving.register_keras_serializable("ae_zoo")
class GaussianCorruption(Corruption):
    """Add Gaussian noise: x̃ = clip(x + σ ε), ε ~ N(0, 1).

    Args:
        stddev: Standard deviation σ, or a range (low, high) from which a σ is drawn
            uniformly for each sample. A range trains one model for all its noise
            levels.
        clip: Interval (low, high) that x̃ is clipped to, or None.

    Raises:
        ValueError: σ is negative, or an interval is not increasing.

    Example:

    >>> ae_zoo.corruptions.GaussianCorruption(0.5)(tf.zeros((2, 3)), seed=(1, 2)).shape
    TensorShape([2, 3])
    """

    def __init__(
        self, stddev: Range = 0.5, clip: tuple[float, float] | None = (0.0, 1.0)
    ) -> None:
        self.stddev = _tuple_or_number(stddev)
        self.clip = None if clip is None else (clip[0], clip[1])
        low, high = _as_range(self.stddev)
        if not 0 <= low <= high:
            raise ValueError(
                "`stddev` must be a number ≥ 0 or a pair (low, high) with "
                f"0 ≤ low ≤ high. Received: {stddev}"
            )
        if self.clip is not None and not self.clip[0] < self.clip[1]:
            raise ValueError(
                f"`clip` must be (low, high) with low < high. Received: {clip}"
            )

    def __call__(self, x: tf.Tensor, seed: Seed) -> tf.Tensor:
        stddev = _draw_per_sample(self.stddev, x, seed)
        noise = tf.random.stateless_normal(tf.shape(x), seed, dtype=x.dtype)
        noisy = x + stddev * noise
        if self.clip is None:
            return noisy
        low, high = self.clip
        return tf.clip_by_value(noisy, low, high)


class _RateCorruption(Corruption):
    """Base class of corruptions that change each input with a probability."""

    def __init__(self, rate: Range) -> None:
        self.rate = _tuple_or_number(rate)
        low, high = _as_range(self.rate)
        if not 0 <= low <= high <= 1:
            raise ValueError(
                "`rate` must be a number in [0, 1] or a pair (low, high) with "
                f"0 ≤ low ≤ high ≤ 1. Received: {rate}"
            )

    def hit(self, x: tf.Tensor, seed: Seed) -> tf.Tensor:
        """Draw which inputs to change: booleans with the shape of `x`."""
        rate = _draw_per_sample(self.rate, x, seed)
        return tf.random.stateless_uniform(tf.shape(x), seed, dtype=x.dtype) < rate


@keras.saving.register_keras_serializable("ae_zoo")
class MaskingCorruption(_RateCorruption):
    """Set each input to zero, independently, with probability `rate`.

    Based on Vincent et al. 2010, section 3.3, where the number of masked inputs is
    fixed.

    Args:
        rate: Probability, or a range (low, high) from which one is drawn uniformly for
            each sample.

    Raises:
        ValueError: A rate is outside [0, 1].

    Example:

    >>> ae_zoo.corruptions.MaskingCorruption(1.0)(tf.ones((1, 3)), seed=(1, 2)).numpy()
    array([[0., 0., 0.]], dtype=float32)
    """

    def __call__(self, x: tf.Tensor, seed: Seed) -> tf.Tensor:
        return tf.where(self.hit(x, seed), tf.zeros_like(x), x)


@keras.saving.register_keras_serializable("ae_zoo")
class SaltAndPepperCorruption(_RateCorruption):
    """Set each input to 0 or 1, with equal chances, with probability `rate`.

    Based on Vincent et al. 2010, section 3.3, where the number of corrupted inputs is
    fixed.

    Args:
        rate: Probability, or a range (low, high) from which one is drawn uniformly for
            each sample.

    Raises:
        ValueError: A rate is outside [0, 1].

    Example:

    >>> corruption = ae_zoo.corruptions.SaltAndPepperCorruption(rate=0.1)
    >>> corruption(tf.fill((2, 3), 0.5), seed=(1, 2)).shape
    TensorShape([2, 3])
    """

    def __call__(self, x: tf.Tensor, seed: Seed) -> tf.Tensor:
        coin_seed = tf.random.fold_in(seed, 2)
        coin = tf.random.stateless_uniform(tf.shape(x), coin_seed, dtype=x.dtype)
        salt_or_pepper = tf.cast(coin < 0.5, x.dtype)
        return tf.where(self.hit(x, seed), salt_or_pepper, x)


def _tuple_or_number(value: Range | list[float]) -> Range:
    # JSON turns tuples into lists.
    if isinstance(value, list | tuple):
        low, high = value
        return low, high
    return value


def _as_range(value: Range) -> tuple[float, float]:
    return value if isinstance(value, tuple) else (value, value)


def _draw_per_sample(value: Range, x: tf.Tensor, seed: Seed) -> tf.Tensor:
    """A number, or one for each sample, (batch, 1, ...), drawn from a range."""
    low, high = _as_range(value)
    if low == high:
        return tf.cast(low, x.dtype)
    shape: Any = [tf.shape(x)[0], *[1] * (len(x.shape) - 1)]  # (batch, 1, ...)
    level_seed = tf.random.fold_in(seed, 1)
    return tf.random.stateless_uniform(shape, level_seed, low, high, dtype=x.dtype)
