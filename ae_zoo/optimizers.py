"""Optimizers of Keras, with learning rates that span a whole run.

`adam` and `muon` return what `Recipe.optimizer` takes: a function from the number of
optimizer steps of the run to the optimizer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import keras
from keras import ops
from keras.optimizers import schedules

from ae_zoo._checks import check_number, check_share
from ae_zoo.distribution.keras_patches import MatrixMuon, learning_rate_or_schedule

_WARMUP_START = 1e-5
_WARMUP_STEPS = 200


def adam(
    learning_rate: float,
    decay: Literal["cosine", "exponential"] | None = None,
    *,
    alpha: float = 0.0,
    warmup: bool = False,
    weight_decay: float | None = None,
    hold: float = 0.0,
    ema_momentum: float | None = None,
) -> Callable[[int], keras.optimizers.Optimizer]:
    """Adam with a learning rate that decays over the run.

    Args:
        learning_rate: Initial learning rate; with `warmup`, the highest one.
        decay: "cosine", "exponential" (by the same factor in each step), or None for a
            constant learning rate.
        alpha: Learning rate at the last step, as a fraction of `learning_rate`.
            "exponential" requires a value above 0.
        warmup: Whether the learning rate first rises linearly from 1e-5, over 200 steps
            or a tenth of a short run. Only with "cosine". At the full rate from the
            first step, the output bias of a convolutional decoder, which all pixels
            share, can saturate a sigmoid permanently.
        weight_decay: Weight decay of `keras.optimizers.AdamW`. None uses
            `keras.optimizers.Adam`.
        hold: Share of the steps at the initial learning rate, before the decay begins.
            Only with "cosine". Until the decay begins, a run does not depend on its
            number of epochs, unless the held steps are fewer than those of the warm-up.
            A copy of its checkpoints can therefore be continued to another end.
        ema_momentum: Training ends with moving averages of the weights, which change by
            1 − `ema_momentum` of the difference in each step, as with `use_ema` of
            Keras's optimizers. None ends with the weights themselves.

    Returns:
        A function from the number of optimizer steps to the optimizer.

    Raises:
        TypeError: A rate is not a number.
        ValueError: A rate is out of range, or `decay` is unknown or does not go with
            `alpha` or `warmup`.

    Example:

    >>> make_optimizer = adam(2e-3, decay="cosine")
    >>> optimizer = make_optimizer(1000)
    >>> round(float(optimizer.learning_rate), 6)  # at the first step
    0.002
    """
    rate_over = _schedule(learning_rate, decay, alpha, warmup, hold)
    averaging = _averaging(ema_momentum)
    if weight_decay is not None:
        check_number("weight_decay", weight_decay, least=0)

    def make_optimizer(steps: int) -> keras.optimizers.Optimizer:
        rate = rate_over(steps)
        if weight_decay is None:
            return keras.optimizers.Adam(rate, **averaging)
        return keras.optimizers.AdamW(rate, weight_decay=weight_decay, **averaging)

    return make_optimizer


def muon(
    learning_rate: float,
    decay: Literal["cosine", "exponential"] | None = None,
    *,
    alpha: float = 0.0,
    warmup: bool = False,
    hold: float = 0.0,
    ema_momentum: float | None = None,
    exclude_layers: Sequence[str] | None = None,
) -> Callable[[int], keras.optimizers.Optimizer]:
    """Muon for kernels and Adam for all other weights, without weight decay.

    The steps of Muon have the same length in all directions of a kernel (Jordan et al.
    2024, "Muon: an optimizer for hidden layers in neural networks"). Keras's own Muon
    leaves convolutions to Adam; here their kernel counts as the matrix from a patch to
    the filters if there are several filters. Depthwise kernels stay with Adam.

    Args:
        learning_rate: Initial learning rate, of Muon and Adam.
        decay: "cosine", "exponential" (by the same factor in each step), or None for a
            constant learning rate.
        alpha: Learning rate at the last step, as a fraction of `learning_rate`.
            "exponential" requires a value above 0.
        warmup: As for `adam`.
        hold: As for `adam`.
        ema_momentum: As for `adam`.
        exclude_layers: Regular expressions. Weights with a match in their path are left
            to Adam, since a step of Muon is expensive for large kernels.

    Returns:
        A function from the number of optimizer steps to the optimizer.

    Raises:
        TypeError: A rate is not a number, or `exclude_layers` is a string.
        ValueError: A rate is out of range, or `decay` is unknown or does not go with
            `alpha`.
        RuntimeError: Raised by the returned function before Keras 3.13, whose Muon does
            not train on TensorFlow.

    Example:

    >>> make_optimizer = muon(3e-3, "exponential", alpha=1 / 60)
    >>> optimizer = make_optimizer(1000)  # doctest: +SKIP
    """
    if isinstance(exclude_layers, str):
        raise TypeError(
            f"`exclude_layers` must be a list of strings. Received: {exclude_layers!r}"
        )
    rate_over = _schedule(learning_rate, decay, alpha, warmup, hold)
    averaging = _averaging(ema_momentum)

    def make_optimizer(steps: int) -> keras.optimizers.Optimizer:
        if tuple(map(int, keras.__version__.split(".")[:2])) < (3, 13):
            raise RuntimeError(
                "The Muon of Keras before 3.13 does not train on TensorFlow. Upgrade "
                "Keras (on Python 3.11 or later). Received: Keras "
                f"{keras.__version__}"
            )
        return ConvolutionalMuon(
            rate_over(steps),
            weight_decay=0.0,
            adam_weight_decay=0.0,
            exclude_layers=None if exclude_layers is None else list(exclude_layers),
            **averaging,
        )

    return make_optimizer


def _schedule(
    learning_rate: float,
    decay: str | None,
    alpha: float,
    warmup: bool,
    hold: float,
) -> Callable[[int], float | schedules.LearningRateSchedule]:
    """Return a function from the number of steps to the learning rate or schedule."""
    check_number("learning_rate", learning_rate, above=0)
    check_number("alpha", alpha, 0, 1)
    if decay not in (None, "cosine", "exponential"):
        raise ValueError(
            "`decay` must be 'cosine', 'exponential' or None. Received: "
            f"decay={decay!r}"
        )
    if warmup and decay != "cosine":
        raise ValueError(f"`warmup` needs decay='cosine'. Received: decay={decay!r}")
    check_share("hold", hold)
    if hold and decay != "cosine":
        raise ValueError(f"`hold` needs decay='cosine'. Received: decay={decay!r}")
    if decay == "exponential" and not alpha > 0:
        raise ValueError(
            "decay='exponential' never reaches 0: `alpha` must be > 0. Received: "
            f"alpha={alpha}"
        )

    def rate_over(steps: int) -> float | schedules.LearningRateSchedule:
        if decay is None:
            return learning_rate
        if decay == "exponential":
            return schedules.ExponentialDecay(learning_rate, steps, alpha)
        if hold:
            held = min(round(hold * steps), steps - 1)
            return HeldCosineDecay(
                learning_rate,
                held,
                steps - held,
                alpha,
                warmup_steps=min(_WARMUP_STEPS, held) if warmup else 0,
            )
        if not warmup:
            return schedules.CosineDecay(learning_rate, steps, alpha)
        return schedules.CosineDecay(
            _WARMUP_START,
            steps,
            alpha,
            warmup_target=learning_rate,
            warmup_steps=min(_WARMUP_STEPS, steps // 10),
        )

    return rate_over


@keras.saving.register_keras_serializable("ae_zoo")
class HeldCosineDecay(schedules.LearningRateSchedule):
    """A constant learning rate, and then a cosine; a linear rise may come first.

    Args:
        initial_learning_rate: The constant rate.
        hold_steps: Number of steps before the decay, with those of the rise.
        decay_steps: Number of steps of the decay.
        alpha: Rate at the end, as a fraction of the constant rate.
        warmup_steps: Number of steps over which the rate rises to the constant rate.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        hold_steps: int,
        decay_steps: int,
        alpha: float = 0.0,
        warmup_steps: int = 0,
    ) -> None:
        self.initial_learning_rate = initial_learning_rate
        self.hold_steps = hold_steps
        self.decay_steps = decay_steps
        self.alpha = alpha
        self.warmup_steps = warmup_steps

    def __call__(self, step: Any) -> Any:
        step = ops.cast(step, "float32")
        done = ops.clip((step - self.hold_steps) / self.decay_steps, 0, 1)
        cosine = 0.5 * (1 + ops.cos(math.pi * done))
        rate = self.alpha + (1 - self.alpha) * cosine
        risen = ops.minimum((step + 1) / max(1, self.warmup_steps), 1)
        return self.initial_learning_rate * risen * rate

    def get_config(self) -> dict[str, Any]:
        return dict(vars(self))


def _averaging(ema_momentum: float | None) -> dict[str, Any]:
    if ema_momentum is None:
        return {}
    check_share("ema_momentum", ema_momentum)
    return {"use_ema": True, "ema_momentum": ema_momentum}


def accumulate_gradients(optimizer: keras.optimizers.Optimizer, parts: int) -> None:
    """Make an optimizer average the gradients of several parts of a batch per step.

    Keras calls the learning-rate schedule with the number of parts; this makes the
    schedule count optimizer steps.

    Args:
        optimizer: A Keras optimizer that has not been built. It is changed in place.
        parts: Number of parts per optimizer step, at least 2.

    Example:

    >>> optimizer = keras.optimizers.SGD(0.1)
    >>> accumulate_gradients(optimizer, 4)
    >>> optimizer.gradient_accumulation_steps
    4
    """
    optimizer.gradient_accumulation_steps = parts
    schedule = learning_rate_or_schedule(optimizer)
    if isinstance(schedule, schedules.LearningRateSchedule):
        optimizer.learning_rate = _ScheduleOfSteps(schedule, parts)


@keras.saving.register_keras_serializable("ae_zoo")
class _ScheduleOfSteps(schedules.LearningRateSchedule):
    """Calls a schedule with the number of optimizer steps instead of parts."""

    def __init__(self, schedule: schedules.LearningRateSchedule, parts: int) -> None:
        self.schedule = schedule
        self.parts = parts

    def __call__(self, step: Any) -> Any:
        return self.schedule(step // self.parts)

    def get_config(self) -> dict[str, Any]:
        return {
            "schedule": keras.saving.serialize_keras_object(self.schedule),
            "parts": self.parts,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> _ScheduleOfSteps:
        schedule = keras.saving.deserialize_keras_object(config["schedule"])
        return cls(schedule, config["parts"])


@keras.saving.register_keras_serializable("ae_zoo")
class ConvolutionalMuon(MatrixMuon):
    """Muon that also handles the kernels of convolutions; `muon` creates it."""
