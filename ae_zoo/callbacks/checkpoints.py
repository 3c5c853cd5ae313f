"""The callback that saves training, and lets it go on."""

import contextlib
import pathlib
import signal
import sys
import threading
import time

import keras
import tensorflow as tf

from ae_zoo._checks import check_count
from ae_zoo.callbacks import checkpoint_files as files
from ae_zoo.distribution.replicas import is_multi_worker, sum_over_replicas
from ae_zoo.distribution.strategies import TRY_AGAIN, is_chief

# What Keras's callbacks learn while they train, and forget when the process ends.
_MEMORY = {
    keras.callbacks.EarlyStopping: (
        "best",
        "best_epoch",
        "best_weights",
        "stopped_epoch",
        "wait",
    ),
    keras.callbacks.ModelCheckpoint: (
        "best",
        "_batches_seen_since_last_saving",
        "_last_batch_seen",
    ),
    keras.callbacks.ReduceLROnPlateau: ("best", "cooldown_counter", "wait"),
    keras.callbacks.SwapEMAWeights: ("_ema_weights_in_model",),
}


class Preempted(SystemExit):
    """SIGTERM came: training has saved and stopped.

    Uncaught, it ends the program with status 75 (EX_TEMPFAIL of sysexits.h: try again),
    by which a scheduler can tell it from failure.
    """

    def __init__(self):
        super().__init__(TRY_AGAIN)


class Checkpoints(keras.callbacks.CallbackList):
    """Saves training with all that it remembers, and goes on where it was.

    A checkpoint holds the weights, the optimizer with its learning rate and step, the
    seeds of the model and its layers, the epoch and the step in it, the logs and the
    seconds so far, and what `callbacks` remember. It is written beside and renamed; one
    that is damaged is passed over, with a warning, for the one before. Training goes on
    exactly where its data do, too: with `data.load(..., repeat=True,
    skip=checkpoints.steps_done)`; other data start a new pass.

    On SIGTERM it saves after the current step (after validation, if it comes during
    validation) and raises `Preempted`. Of several workers the chief alone writes, and
    all read: `directory` must be on a file system that they share.

    Args:
        directory: For the checkpoints of this run alone.
        callbacks: Keras callbacks, passed here instead of to `fit`. Those of Keras are
            known; one of your own is remembered if it has `get_state()`, a dict that
            JSON can hold or with lists of arrays, and `set_state(state)`.
        keep: How many checkpoints to keep.
        save_freq: "epoch", or a number of steps after which to save within an epoch
            too. Metrics compiled into a model without a strategy restart at such a
            place; the loss does not.

    Raises:
        OSError: A checkpoint cannot be written, as when the disk is full. Those written
            before are intact.
        ValueError: The checkpoints are of a model of other shapes.

    Example:

    >>> checkpoints = Checkpoints("run", [keras.callbacks.EarlyStopping('loss')])
    >>> order = {"batch_size": 64, "shuffle": True, "repeat": True}
    >>> train = data.load("digits", **order, skip=checkpoints.steps_done)
    >>> model = ae_zoo.load("undercomplete_digits")
    >>> history = model.fit(
    ...     train, steps_per_epoch=21, epochs=2, callbacks=[checkpoints], verbose=0
    ... )
    """

    def __init__(self, directory, callbacks=(), keep=3, save_freq="epoch"):
        super().__init__(list(callbacks))
        check_count("keep", keep)
        if save_freq != "epoch" and (not isinstance(save_freq, int) or save_freq < 1):
            raise ValueError(
                "`save_freq` must be 'epoch' or a number of steps ≥ 1. Received: "
                f"{save_freq!r}"
            )
        self.directory = pathlib.Path(directory)
        self.keep, self.save_freq = keep, save_freq
        self._found, state = files.newest(self.directory)
        self.epoch = state.get("epoch", 0)
        self.steps_done = state.get("steps_done", 0)
        self.rows = state.get("rows", [])
        self._found_state = state
        self._offset = state.get("step", 0)
        self._seconds_before, self._started = state.get("seconds", 0.0), None
        self._saved_at = self.steps_done
        self._is_asked = self._is_cut = False
        self._previous_handler = self._sum = None

    @property
    def seconds(self):
        """Wall time of training, over all parts of the run."""
        now = 0.0 if self._started is None else time.monotonic() - self._started
        return self._seconds_before + now

    # The events of `fit`.

    def on_train_begin(self, logs=None):
        if getattr(self, "model", None) is None:
            raise ValueError("Pass `Checkpoints` in a list: fit(callbacks=[...]).")
        super().on_train_begin(logs)
        self._check_same_on_all_workers()
        if self._found is not None:
            self._restore()
        elif is_chief(self.model.distribute_strategy):
            files.remove_leftovers(self.directory)
        self._epoch_begin = self.steps_done - self._offset
        self._started = time.monotonic()
        if threading.current_thread() is threading.main_thread():
            self._previous_handler = signal.signal(signal.SIGTERM, self._on_sigterm)

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch
        if self._offset:
            for variable, value in zip(
                self.model.metrics_variables, self._metrics, strict=False
            ):
                variable.assign(value)
        super().on_epoch_begin(epoch, logs)

    def on_train_batch_end(self, batch, logs=None):
        super().on_train_batch_end(batch, logs)
        steps = self.params.get("steps") or float("inf")
        step = min(self._offset + batch + 1, steps)
        self.steps_done = self._epoch_begin + step
        if step == steps:
            # Ends the rest of an epoch that another process began.
            self._is_cut = self._offset > 0
            self.model.stop_training = self.model.stop_training or self._is_cut
        elif self._must_leave():
            self._save(step=step)
            self._leave()
        elif (
            self.save_freq != "epoch"
            and self.steps_done - self._saved_at >= self.save_freq
        ):
            self._save(step=step)

    def on_epoch_end(self, epoch, logs=None):
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

    def on_train_end(self, logs=None):
        super().on_train_end(logs)
        self.close()
        self.model._initial_epoch = None

    def close(self):
        """Gives SIGTERM back; for a `fit` that ended by an exception."""
        if self._previous_handler is not None:
            signal.signal(signal.SIGTERM, self._previous_handler)
            self._previous_handler = None

    # SIGTERM.

    def _on_sigterm(self, number, frame):
        self._is_asked = True
        self.close()  # so that a second one ends the program at once

    def _must_leave(self):
        return self._sum_over_workers(self._is_asked) > 0

    def _leave(self):
        self.close()
        self._sum_over_workers(1)  # no worker leaves while the chief still writes
        if is_chief(self.model.distribute_strategy):
            print(
                f"\nStopped by SIGTERM after {self.steps_done} steps, saved in "
                f"'{self.directory}'. Start the same command again to go on, "
                "`ae-zoo train` with --resume.",
                file=sys.stderr,
                flush=True,
            )
        raise Preempted

    def _sum_over_workers(self, value):
        strategy = self.model.distribute_strategy
        if not is_multi_worker(strategy):
            return value
        if self._sum is None:

            def add(value):  # a copy on the device of the replica, where it is summed
                return sum_over_replicas(tf.identity(value))

            self._sum = tf.function(lambda value: strategy.run(add, (value,)))
        total = self._sum(tf.constant(float(value)))
        return float(strategy.experimental_local_results(total)[0])

    def _check_same_on_all_workers(self):
        replicas = self.model.distribute_strategy.num_replicas_in_sync
        total = self._sum_over_workers(self.steps_done)
        if total not in (self.steps_done, self.steps_done * replicas):
            raise ValueError(
                f"The workers see different checkpoints in '{self.directory}': put it "
                "on a file system that all of them share."
            )

    # Writing and reading.

    def _save(self, step):
        # Reading them takes part in all workers.
        metrics = [
            keras.ops.convert_to_numpy(variable)
            for variable in (self.model.metrics_variables if step else [])
        ]
        self._saved_at = self.steps_done
        if not is_chief(self.model.distribute_strategy):
            return
        arrays = []
        state = {
            "epoch": self.epoch,
            "step": step,
            "steps_done": self.steps_done,
            "steps": self.params.get("steps"),
            "has_stopped": bool(self.model.stop_training),
            "seconds": self.seconds,
            "rows": self.rows,
            "shapes": _shapes(self._variables()),
            "metrics": files.packed(metrics, arrays),
            "callbacks": {
                name: {
                    key: files.packed(value, arrays) for key, value in memory.items()
                }
                for name, memory in self._memories().items()
            },
        }
        with self._explained():
            files.write(
                self.directory / f"{self.steps_done:012d}",
                state,
                self._variables() | {"arrays": arrays},
            )
            files.keep_newest(self.directory, self.keep)

    def _restore(self):
        state = self._found_state
        optimizer = self.model.optimizer
        if not optimizer.built:
            with self.model.distribute_strategy.scope():
                optimizer.build(self.model.trainable_variables)
        shapes = _shapes(self._variables())
        if state["shapes"] != shapes:
            raise ValueError(
                f"The checkpoints in '{self.directory}' are of another model or "
                f"optimizer. Expected variables of shapes {shapes}; received "
                f"{state['shapes']}. Choose another directory to train anew."
            )
        if self._offset and state["steps"] != self.params.get("steps"):
            raise ValueError(
                f"The checkpoint in '{self.directory}' lies within an epoch of "
                f"{state['steps']} steps. Received: {self.params.get('steps')}. Go on "
                "with the same data and batch size."
            )
        files.read(self._found, self._variables())
        reader = files.reader_of(self._found)
        self._metrics = files.unpacked(state["metrics"], reader)
        for name, callback in self._named_callbacks().items():
            memory = state["callbacks"].get(name, {})
            values = {
                key: files.unpacked(value, reader) for key, value in memory.items()
            }
            if hasattr(callback, "set_state"):
                callback.set_state(values)
            else:
                vars(callback).update(values)
        self.model._initial_epoch = (
            self.params["epochs"] if state["has_stopped"] else self.epoch
        )
        if is_chief(self.model.distribute_strategy):
            files.remove_leftovers(self.directory)

    def _variables(self):
        """What `tf.train.Checkpoint` saves of model and optimizer."""
        return {
            name: [variable.value for variable in variables]
            for name, variables in {
                "model": self.model.variables,
                "optimizer": self.model.optimizer.variables,
            }.items()
        }

    def _named_callbacks(self):
        names = {}
        for callback in self.callbacks:
            kind = type(callback).__name__
            number = sum(name.startswith(f"{kind} ") for name in names)
            names[f"{kind} {number}"] = callback
        return names

    def _memories(self):
        memories = {}
        for name, callback in self._named_callbacks().items():
            if hasattr(callback, "get_state"):
                memories[name] = callback.get_state()
                continue
            for kind, attributes in _MEMORY.items():
                if isinstance(callback, kind):
                    memories[name] = {key: vars(callback)[key] for key in attributes}
        return memories

    @contextlib.contextmanager
    def _explained(self):
        try:
            yield
        except (OSError, tf.errors.OpError) as error:
            files.remove_unfinished(self.directory)
            folders = files.folders(self.directory)
            last = f"The last good one, '{folders[-1]}', is" if folders else "None is"
            raise OSError(
                f"Training stopped after {self.steps_done} steps: what belongs in "
                f"'{self.directory}' or beside it cannot be written "
                f"({str(error).splitlines()[0]}). {last} intact. Make room and start "
                "the same command again to go on, `ae-zoo train` with --resume."
            ) from error


def _shapes(variables):
    return {
        name: [list(variable.shape) for variable in values]
        for name, values in variables.items()
    }


def _numbers(logs):
    return {name: float(value) for name, value in (logs or {}).items()}
