"""The callbacks that `train` adds to those of a recipe."""

from __future__ import annotations

import csv
import importlib.util
import json
import math
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from ae_zoo.training.context import RunContext
from ae_zoo.training.naming import naming
from ae_zoo.training.plan import Job, Plan, make_context, run_settings


class StopOnDivergence(keras.callbacks.Callback):
    """Raises an error as soon as the loss is NaN or infinite.

    Raises:
        FloatingPointError: The loss is not finite.
    """

    def on_epoch_begin(
        self, epoch: int, logs: Mapping[str, float] | None = None
    ) -> None:
        self._epoch = epoch

    def on_train_batch_end(
        self, batch: int, logs: Mapping[str, float] | None = None
    ) -> None:
        loss = (logs or {}).get("loss")
        if loss is not None and not math.isfinite(loss):
            raise FloatingPointError(
                f"The loss became {loss} at step {batch} of epoch {self._epoch + 1}. "
                "Lower the learning rate, clip the gradients (Recipe.global_clipnorm), "
                "or look for NaN in the data."
            )


class SameData(keras.callbacks.Callback):
    """Keeps the data of a run in its checkpoints, and refuses to resume with others.

    Args:
        settings: What a run must have in common with the one that it resumes.

    Raises:
        ValueError: The checkpoint is of a run with other settings.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__()
        self._settings = settings

    def get_state(self) -> dict[str, Any]:
        return {"settings": json.dumps(self._settings, sort_keys=True)}

    def set_state(self, state: Mapping[str, Any]) -> None:
        if not state:  # a checkpoint of an earlier version
            return
        expected = json.loads(state["settings"])
        received = json.loads(self.get_state()["settings"])
        differing = [key for key in expected if received.get(key) != expected[key]]
        if differing:
            raise ValueError(
                "A run resumes with the settings that it began with, which are "
                f"{ {key: expected[key] for key in differing} }. Received: "
                f"{ {key: received.get(key) for key in differing} }. Use the same "
                "settings, or choose another output directory."
            )


def make_callbacks(job: Job, plan: Plan) -> list[keras.callbacks.Callback]:
    """Return the callbacks of a run whose state belongs in its checkpoints.

    Raises:
        TypeError: `Recipe.callbacks` returns something else than callbacks.
        ValueError: `Recipe.callbacks` failed.
    """
    callbacks: list[keras.callbacks.Callback] = [
        StopOnDivergence(),
        SameData(run_settings(job)),
    ]
    if job.recipe.callbacks is not None:
        callbacks += _own_callbacks(job.recipe.callbacks, make_context(job, plan))
    if job.recipe.patience is not None:
        callbacks.append(
            keras.callbacks.EarlyStopping(
                patience=job.recipe.patience, restore_best_weights=True, verbose=1
            )
        )
    if job.is_writer and importlib.util.find_spec("tensorboard"):
        callbacks.append(keras.callbacks.TensorBoard(job.output_dir / "logs"))
    return callbacks


def _own_callbacks(
    make: Callable[[RunContext], Sequence[keras.callbacks.Callback]], run: RunContext
) -> list[keras.callbacks.Callback]:
    with naming("Recipe.callbacks"):
        callbacks = make(run)
    if not isinstance(callbacks, list | tuple) or not all(
        isinstance(callback, keras.callbacks.Callback) for callback in callbacks
    ):
        raise TypeError(
            "`Recipe.callbacks` must return a list of Keras callbacks. Received: "
            f"{callbacks!r} of type {type(callbacks).__name__}"
        )
    return list(callbacks)


def make_csv_logger(
    output_dir: pathlib.Path, rows: Sequence[Mapping[str, float]]
) -> keras.callbacks.CSVLogger:
    """Return a callback that logs to `training.csv` from a checkpoint onward.

    A killed run may have logged epochs after its last checkpoint, which will be trained
    again. So the file is first rewritten with the rows of the checkpoint.

    Args:
        output_dir: Folder of the run.
        rows: Logs of the epochs before the checkpoint, each with its "epoch".
    """
    output_dir.mkdir(parents=True, exist_ok=True)
    path = output_dir / "training.csv"
    if rows:
        temporary = path.with_suffix(".new")
        with open(temporary, "w", encoding="utf-8", newline="") as file:
            names = sorted(set(rows[0]) - {"epoch"})
            writer = csv.DictWriter(file, ["epoch", *names])
            writer.writeheader()
            writer.writerows(rows)
        temporary.replace(path)
    return keras.callbacks.CSVLogger(path, append=bool(rows))
