"""The callbacks that `train` adds to those of a recipe."""

from __future__ import annotations

import csv
import importlib.util
import math
import pathlib
from collections.abc import Mapping, Sequence

import keras

from ae_zoo.training.plan import Job, Plan, make_context


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


def make_callbacks(job: Job, plan: Plan) -> list[keras.callbacks.Callback]:
    """Return the callbacks of a run whose state belongs in its checkpoints."""
    callbacks: list[keras.callbacks.Callback] = [StopOnDivergence()]
    if job.recipe.callbacks is not None:
        callbacks += job.recipe.callbacks(make_context(job, plan))
    if job.recipe.patience is not None:
        callbacks.append(
            keras.callbacks.EarlyStopping(
                patience=job.recipe.patience, restore_best_weights=True, verbose=1
            )
        )
    if job.is_writer and importlib.util.find_spec("tensorboard"):
        callbacks.append(keras.callbacks.TensorBoard(job.output_dir / "logs"))
    return callbacks


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
