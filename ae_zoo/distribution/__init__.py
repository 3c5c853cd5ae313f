"""Training on several devices and machines with `tf.distribute`."""

from ae_zoo.distribution.strategies import (
    NAMES,
    TRY_AGAIN,
    WorkerLostError,
    explain_lost_workers,
    get_strategy,
    is_chief,
)

__all__ = [
    "NAMES",
    "TRY_AGAIN",
    "WorkerLostError",
    "explain_lost_workers",
    "get_strategy",
    "is_chief",
]
