"""Random corruptions x → x̃ that a denoising autoencoder learns to undo."""

import keras
import tensorflow as tf

from ae_zoo._checks import argument_names


class Corruption:
    """A random x → x̃, a callable without weights.

    Subclasses implement `__call__(x, seed)` with stateless draws from `seed`, an
    integer tensor of shape (2,): equal seeds corrupt equally, which is what lets
    validation measure the same noise at every epoch. Registered with
    `keras.saving.register_keras_serializable`, and with an attribute of the same name
    for each constructor argument, they are saved with the model.
    """

    def __call__(self, x, seed):
        raise TypeError(
            f"{type(self).__name__} must implement `__call__(x, seed)` and return x̃ of "
            "the shape of x."
        )

    def get_config(self):
        names = argument_names(type(self), Corruption)
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@keras.saving.register_keras_serializable("ae_zoo")
class GaussianCorruption(Corruption):
    """Adds Gaussian noise, x̃ = clip(x + σ ε), ε ~ N(0, 1).

    Args:
        stddev: σ, or a pair (low, high) from which each sample draws its own σ
            uniformly, which trains one model for all levels of noise.
        clip: Interval to clip x̃ to, or None.

    Raises:
        ValueError: A negative σ, or an interval that does not increase.

    Example:

    >>> GaussianCorruption(0.5)(tf.zeros((2, 3)), seed=(1, 2)).shape
    TensorShape([2, 3])
    """

    def __init__(self, stddev=0.5, clip=(0.0, 1.0)):
        self.stddev = _tuple_or_number(stddev)
        self.clip = None if clip is None else tuple(clip)
        low, high = _as_range(self.stddev)
        if not 0 <= low <= high:
            raise ValueError(
                "`stddev` must be a number ≥ 0 or a pair (low, high) with "
                f"0 ≤ low ≤ high. Received: {stddev}"
            )
        if self.clip is not None and not self.clip[0] < self.clip[1]:
            raise ValueError(
                f"`clip` must be (low, high), low < high. Received: {clip}"
            )

    def __call__(self, x, seed):
        stddev = _draw_per_sample(self.stddev, x, seed)
        noise = tf.random.stateless_normal(tf.shape(x), seed, dtype=x.dtype)
        noisy = x + stddev * noise
        return noisy if self.clip is None else tf.clip_by_value(noisy, *self.clip)


class _RateCorruption(Corruption):
    def __init__(self, rate):
        self.rate = _tuple_or_number(rate)
        low, high = _as_range(self.rate)
        if not 0 <= low <= high <= 1:
            raise ValueError(
                "`rate` must be a number in [0, 1] or a pair (low, high) with "
                f"0 ≤ low ≤ high ≤ 1. Received: {rate}"
            )

    def hit(self, x, seed):
        """True where an input is to be corrupted, the shape of `x`."""
        rate = _draw_per_sample(self.rate, x, seed)
        return tf.random.stateless_uniform(tf.shape(x), seed, dtype=x.dtype) < rate


@keras.saving.register_keras_serializable("ae_zoo")
class MaskingCorruption(_RateCorruption):
    """Sets each input, independently, to zero with probability `rate`.

    After Vincent et al. 2010, section 3.3, who mask a fixed share of the inputs.

    Args:
        rate: Probability, or a pair (low, high) from which each sample draws its own.

    Raises:
        ValueError: A rate outside [0, 1].
    """

    def __call__(self, x, seed):
        return tf.where(self.hit(x, seed), tf.zeros_like(x), x)


@keras.saving.register_keras_serializable("ae_zoo")
class SaltAndPepperCorruption(_RateCorruption):
    """Sets each input, with probability `rate`, to 0 or 1 by a fair coin.

    After Vincent et al. 2010, section 3.3, who corrupt a fixed share of the inputs.

    Args:
        rate: Probability, or a pair (low, high) from which each sample draws its own.

    Raises:
        ValueError: A rate outside [0, 1].
    """

    def __call__(self, x, seed):
        coin_seed = tf.random.experimental.stateless_fold_in(seed, 2)
        coin = tf.random.stateless_uniform(tf.shape(x), coin_seed, dtype=x.dtype)
        salt_or_pepper = tf.cast(coin < 0.5, x.dtype)
        return tf.where(self.hit(x, seed), salt_or_pepper, x)


def _tuple_or_number(value):
    # JSON gives pairs back as lists.
    return tuple(value) if isinstance(value, (list, tuple)) else value


def _as_range(value):
    return value if isinstance(value, tuple) else (value, value)


def _draw_per_sample(value, x, seed):
    low, high = _as_range(value)
    if low == high:
        return tf.cast(low, x.dtype)
    shape = [tf.shape(x)[0], *[1] * (len(x.shape) - 1)]  # (batch, 1, ...)
    level_seed = tf.random.experimental.stateless_fold_in(seed, 1)
    return tf.random.stateless_uniform(shape, level_seed, low, high, dtype=x.dtype)
