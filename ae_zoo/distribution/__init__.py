"""Training on several devices and machines with `tf.distribute`."""

from ae_zoo.distribution.strategies import (
    NAMES,
    TRY_AGAIN,
    WorkerLostError,
    explained_losses,
    get_strategy,
    is_chief,
)

__all__ = [
    "NAMES",
    "TRY_AGAIN",
    "WorkerLostError",
    "explained_losses",
    "get_strategy",
    "is_chief",
]
