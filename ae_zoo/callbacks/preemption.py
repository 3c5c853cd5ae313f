"""How training stops on SIGTERM, on one machine or several."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import tensorflow as tf

from ae_zoo.distribution.replicas import is_multi_worker, sum_over_replicas
from ae_zoo.distribution.strategies import TRY_AGAIN


class Preempted(SystemExit):
    """Training was stopped by SIGTERM, after it saved a checkpoint.

    If it is not caught, it ends the program with status 75 (EX_TEMPFAIL in sysexits.h,
    "try again"), which a scheduler can distinguish from a failure.
    """

    def __init__(self) -> None:
        super().__init__(TRY_AGAIN)


class SigtermFlag:
    """A handler of SIGTERM that only sets a flag.

    Attributes:
        is_set: Whether SIGTERM was received.
    """

    def __init__(self) -> None:
        self.is_set = False
        self._previous: Any = None

    def install(self) -> None:
        """Handle SIGTERM from now on, if this is the main thread."""
        # Python allows signal handlers only in the main thread.
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGTERM, self._set)

    def uninstall(self) -> None:
        """Restore the previous handler."""
        if self._previous is not None:
            signal.signal(signal.SIGTERM, self._previous)
            self._previous = None

    def _set(self, number: int, frame: FrameType | None) -> None:
        self.is_set = True
        self.uninstall()  # so that a second SIGTERM ends the program at once


class WorkerSum:
    """The sum of a number over all workers. All of them must call it.

    Args:
        strategy: A `tf.distribute.Strategy`. Without several workers, the sum is the
            number itself.
    """

    def __init__(self, strategy: tf.distribute.Strategy) -> None:
        self._strategy = strategy
        self._sum: Callable | None = None  # traced when it is first used

    def __call__(self, value: float) -> float:
        if not is_multi_worker(self._strategy):
            return value
        if self._sum is None:

            def add(value: tf.Tensor) -> tf.Tensor:
                # The copy is on the device of the replica, where it is summed.
                return sum_over_replicas(tf.identity(value))

            self._sum = tf.function(lambda value: self._strategy.run(add, (value,)))
        total = self._sum(tf.constant(float(value)))
        return float(self._strategy.experimental_local_results(total)[0])
