"""The callback that saves the state of training and resumes from it."""

from __future__ import annotations

import contextlib
import os
import pathlib
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import keras
import tensorflow as tf

from ae_zoo import _staging
from ae_zoo._checks import check_count
from ae_zoo.callbacks import checkpoint_files as files
from ae_zoo.callbacks import training_state
from ae_zoo.callbacks.preemption import Preempted, SigtermFlag, WorkerSum
from ae_zoo.distribution.keras_patches import set_initial_epoch
from ae_zoo.distribution.strategies import is_chief

Logs: TypeAlias = Mapping[str, float] | None


class Checkpoints(keras.callbacks.CallbackList):
    """Save the complete state of training, and resume exactly from it.

    A checkpoint holds the weights, the optimizer with its learning rate and step, the
    seeds of the model and its layers, the epoch and the step within it, the logs, the
    training time, and the state of `callbacks`. It appears complete or not at all,
    whatever ends the process. A damaged checkpoint is skipped with a warning, and the
    one before it is used.

    The data resume exactly as well with `data.load(..., repeat=True,
    skip=checkpoints.steps_done)`. Other data start from the beginning.

    On SIGTERM, it saves after the current step (during validation: after the
    validation) and raises `Preempted`. With several workers, only the chief writes and
    all of them read, so `directory` must be on a file system that they share.

    Args:
        directory: Folder for the checkpoints of this run only.
        callbacks: Keras callbacks, passed here instead of to `fit`. The state of
            Keras's own callbacks is saved. The state of another callback is saved if it
            has the methods `get_state()`, which returns a dict of values that JSON can
            represent and of lists of arrays, and `set_state(state)`.
        keep: Number of checkpoints to keep.
        save_freq: "epoch", or a number of steps after which to save within an epoch as
            well. Without a strategy, metrics compiled into the model restart when
            training resumes within an epoch. The loss does not.

    Raises:
        OSError: A checkpoint cannot be written, for example because the disk is
            full. Earlier checkpoints are intact.
        TypeError: `keep` is not an integer.
        ValueError: `keep` or `save_freq` is not valid, or the checkpoints belong
            to a model with other shapes.

    Example:

    >>> stopping = keras.callbacks.EarlyStopping("loss")
    >>> checkpoints = ae_zoo.callbacks.Checkpoints("run", [stopping])
    >>> order = {"batch_size": 64, "shuffle": True, "repeat": True}
    >>> train = ae_zoo.data.load("digits", **order, skip=checkpoints.steps_done)
    >>> model = ae_zoo.load("undercomplete_digits")
    >>> history = model.fit(
    ...     train, steps_per_epoch=21, epochs=2, callbacks=[checkpoints], verbose=0
    ... )
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        callbacks: Iterable[keras.callbacks.Callback] = (),
        keep: int = 3,
        save_freq: str | int = "epoch",
    ) -> None:
        super().__init__(list(callbacks))
        if save_freq != "epoch":
            save_freq = check_count("save_freq", save_freq, " (steps) or 'epoch'")
        self.directory = pathlib.Path(directory)
        self.keep = check_count("keep", keep)
        self.save_freq = save_freq
        self._found, state = files.newest(self.directory)
        self.epoch: int = state.get("epoch", 0)
        self.steps_done: int = state.get("steps_done", 0)
        self.rows: list[dict[str, float]] = state.get("rows", [])
        self._found_state = state
        self._offset: int = state.get("step", 0)  # steps of the epoch already done
        self._seconds_before: float = state.get("seconds", 0.0)
        self._started: float | None = None
        self._saved_at = self.steps_done
        self._is_cut = False
        self._sigterm = SigtermFlag()

    @property
    def seconds(self) -> float:
        """Training time in seconds, over all parts of the run."""
        now = 0.0 if self._started is None else time.monotonic() - self._started
        return self._seconds_before + now

    # The events of `fit`.

    def on_train_begin(self, logs: Logs = None) -> None:
        if getattr(self, "model", None) is None:
            raise ValueError("Pass `Checkpoints` in a list: fit(callbacks=[...]).")
        super().on_train_begin(logs)
        self._sum_over_workers = WorkerSum(self.model.distribute_strategy)
        self._check_same_on_all_workers()
        if self._found is not None:
            self._restore(self._found, self._found_state)
        if is_chief(self.model.distribute_strategy):
            _staging.repair(self.directory)
        self._epoch_begin = self.steps_done - self._offset
        self._started = time.monotonic()
        self._sigterm.install()

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self.epoch = epoch
        if self._offset:
            for variable, value in zip(
                self.model.metrics_variables, self._metrics, strict=False
            ):
                variable.assign(value)
        super().on_epoch_begin(epoch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        super().on_train_batch_end(batch, logs)
        steps = self.params.get("steps")  # None for data of unknown size
        step = self._offset + batch + 1
        step = min(step, steps) if steps else step
        self.steps_done = self._epoch_begin + step
        if step == steps:
            # An epoch that another process began has fewer steps left than `fit` runs.
            self._is_cut = self._offset > 0
            self.model.stop_training = self.model.stop_training or self._is_cut
        elif self._must_leave():
            self._save(step=step)
            self._leave()
        elif (
            isinstance(self.save_freq, int)
            and self.steps_done - self._saved_at >= self.save_freq
        ):
            self._save(step=step)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if self._is_cut:
            self.model.stop_training = self._is_cut = False
        self.rows.append({"epoch": epoch, **_numbers(logs)})
        with self._explained():
            super().on_epoch_end(epoch, logs)
        self.epoch, self._offset = epoch + 1, 0
        self._epoch_begin = self.steps_done
        self._save(step=0)
        if self._must_leave():
            self._leave()

    def on_train_end(self, logs: Logs = None) -> None:
        super().on_train_end(logs)
        self.close()
        set_initial_epoch(self.model, None)

    def close(self) -> None:
        """Restore the previous handler of SIGTERM. Call it if `fit` raised an error."""
        self._sigterm.uninstall()

    # Several workers, and SIGTERM.

    def _check_same_on_all_workers(self) -> None:
        replicas = self.model.distribute_strategy.num_replicas_in_sync
        total = self._sum_over_workers(self.steps_done)
        if total not in (self.steps_done, self.steps_done * replicas):
            raise ValueError(
                f"The workers see different checkpoints in '{self.directory}'. Use a "
                "folder on a file system that all of them share."
            )

    def _must_leave(self) -> bool:
        return self._sum_over_workers(self._sigterm.is_set) > 0

    def _leave(self) -> None:
        self.close()
        self._sum_over_workers(1)  # no worker leaves while the chief still writes
        if is_chief(self.model.distribute_strategy):
            print(
                f"\nStopped by SIGTERM after {self.steps_done} steps, saved in "
                f"'{self.directory}'. To resume, start the same command again (`ae-zoo "
                "train` with --resume).",
                file=sys.stderr,
                flush=True,
            )
        raise Preempted

    # Saving and restoring.

    def _save(self, step: int) -> None:
        # All workers take part in reading the metrics.
        metrics = [
            keras.ops.convert_to_numpy(variable)
            for variable in (self.model.metrics_variables if step else [])
        ]
        self._saved_at = self.steps_done
        if not is_chief(self.model.distribute_strategy):
            return
        progress = {
            "epoch": self.epoch,
            "step": step,
            "steps_done": self.steps_done,
            "steps": self.params.get("steps"),
            "has_stopped": bool(self.model.stop_training),
            "seconds": self.seconds,
            "rows": self.rows,
        }
        folder = self.directory / f"{self.steps_done:012d}"
        with self._explained():
            training_state.write(folder, self.model, self.callbacks, metrics, progress)
            files.keep_newest(self.directory, self.keep)

    def _restore(self, folder: pathlib.Path, state: Mapping[str, Any]) -> None:
        if self._offset and state["steps"] != self.params.get("steps"):
            raise ValueError(
                f"The checkpoint in '{self.directory}' was saved within an epoch of "
                f"{state['steps']} steps. Received: {self.params.get('steps')}. Resume "
                "with the same data and batch size."
            )
        self._metrics = training_state.restore(
            folder, state, self.model, self.callbacks
        )
        epoch = self.params["epochs"] if state["has_stopped"] else self.epoch
        set_initial_epoch(self.model, epoch)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:  # of the output that a callback printed
            raise
        except (OSError, tf.errors.OpError) as error:
            folders = files.folders(self.directory)
            code = _staging.disk_error(error)
            reason = os.strerror(code) if code else str(error).splitlines()[0]
            last = f"The last good one, '{folders[-1]}', is" if folders else "None is"
            raise OSError(
                f"Training stopped after {self.steps_done} steps: a file in or next to "
                f"'{self.directory}' cannot be written ({reason}). "
                f"{last} intact. To resume, free some space and start the same command "
                "again (`ae-zoo train` with --resume)."
            ) from error


def _numbers(logs: Logs) -> dict[str, float]:
    return {name: float(value) for name, value in (logs or {}).items()}
