"""The contents of a checkpoint: model, optimizer, metrics, callbacks and progress."""

from __future__ import annotations

import pathlib
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ae_zoo import _machine
from ae_zoo.callbacks import checkpoint_files as files
from ae_zoo.callbacks import memory


def write(
    folder: pathlib.Path,
    model: keras.Model,
    callbacks: Iterable[keras.callbacks.Callback],
    metrics: list[np.ndarray],
    progress: Mapping[str, Any],
) -> None:
    """Write a checkpoint.

    Args:
        folder: Folder of the checkpoint.
        model: A compiled model whose optimizer is built.
        callbacks: Callbacks whose states are saved.
        metrics: The values of the model's metric variables within an epoch, or [].
        progress: Values that JSON can represent, by name.
    """
    arrays: list[np.ndarray] = []
    states = memory.get_states(callbacks)
    state = {
        **progress,
        "shapes": _shapes(model),
        "onednn": _machine.uses_onednn(),
        **files.pack({"metrics": metrics}, arrays),
        "callbacks": {key: files.pack(states[key], arrays) for key in states},
    }
    files.write(folder, state, _variables(model) | {"arrays": arrays})


def restore(
    folder: pathlib.Path,
    state: Mapping[str, Any],
    model: keras.Model,
    callbacks: Iterable[keras.callbacks.Callback],
) -> list[np.ndarray]:
    """Give model, optimizer and callbacks the state that they have in a checkpoint.

    Args:
        folder: Folder of the checkpoint.
        state: What `checkpoint_files.newest` returned for it.
        model: A compiled model with the same variables.
        callbacks: Callbacks of the same classes in the same order.

    Returns:
        The values of the model's metric variables, or [].

    Raises:
        ValueError: The variables of the checkpoint have other shapes.

    Warns:
        UserWarning: TensorFlow used oneDNN when the checkpoint was written and does not
            now, or the reverse.
    """
    if not model.optimizer.built:
        with model.distribute_strategy.scope():
            model.optimizer.build(model.trainable_variables)
    shapes = _shapes(model)
    if state["shapes"] != shapes:
        raise ValueError(
            f"The checkpoints in '{folder.parent}' are of another model or optimizer. "
            f"Expected variables of shapes {shapes}; received {state['shapes']}. To "
            "train from the start, choose another directory."
        )
    onednn = _machine.uses_onednn()
    if state.get("onednn", onednn) != onednn:
        warnings.warn(
            f"The checkpoints in '{folder.parent}' were written "
            f"{'without' if onednn else 'with'} oneDNN, and training resumes "
            f"{'with' if onednn else 'without'} it. The numbers will differ "
            "from those of an uninterrupted run by rounding errors. To resume exactly, "
            "set the environment variable TF_ENABLE_ONEDNN_OPTS to "
            f"{int(not onednn)} before Python starts.",
            stacklevel=4,
        )
    files.read(folder, _variables(model))
    reader = files.reader_of(folder)
    states = state["callbacks"]
    memory.set_states(
        callbacks, {key: files.unpack(states[key], reader) for key in states}
    )
    return files.unpack({"metrics": state["metrics"]}, reader)["metrics"]


def _variables(model: keras.Model) -> dict[str, list[tf.Variable]]:
    """What `tf.train.Checkpoint` saves of model and optimizer."""
    return {
        "model": [variable.value for variable in model.variables],
        "optimizer": [variable.value for variable in model.optimizer.variables],
    }


def _shapes(model: keras.Model) -> dict[str, list[list[int | None]]]:
    return {
        name: [variable.shape.as_list() for variable in variables]
        for name, variables in _variables(model).items()
    }
