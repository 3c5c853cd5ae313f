"""Checkpoint files: written completely or not at all, and verified when read."""

from __future__ import annotations

import json
import pathlib
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from ae_zoo import _staging

_KEY = "{}/.ATTRIBUTES/VARIABLE_VALUE"
# What checkpoints hold besides variables of the model and the optimizer.
_READ_BY_NAME = ("state", "arrays", "_CHECKPOINTABLE_OBJECT_GRAPH")


class Reader(Protocol):
    """What TensorFlow returns for reading the tensors of a checkpoint by name."""

    def get_tensor(self, name: str) -> Any: ...

    def get_variable_to_shape_map(self) -> dict[str, list[int]]: ...


def write(
    folder: pathlib.Path,
    state: Mapping[str, Any],
    values: Mapping[str, Sequence[tf.Variable | np.ndarray]],
) -> None:
    """Write a checkpoint, which appears complete or not at all.

    Args:
        folder: Folder of the checkpoint. Its name is a number.
        state: Values that JSON can represent.
        values: A dict from name to variables or arrays.
    """
    variables: dict[str, Any] = {
        name: [_variable(value) for value in of_name]
        for name, of_name in values.items()
    }
    variables["state"] = _variable(json.dumps(state))
    with _staging.replacement(folder) as new:
        new.mkdir()
        tf.train.Checkpoint(**variables).write(str(new / "checkpoint"))


def read(folder: pathlib.Path, variables: Mapping[str, Sequence[tf.Variable]]) -> None:
    """Assign the values in a checkpoint to variables.

    Args:
        folder: Folder of the checkpoint.
        variables: A dict from name to variables, with the names and the order in which
            they were written.
    """
    status = tf.train.Checkpoint(**variables).read(str(folder / "checkpoint"))
    status.assert_existing_objects_matched()
    # "state" and "arrays" are read by name. Any other value would be lost, which
    # TensorFlow then warns about.
    names = reader_of(folder).get_variable_to_shape_map()
    if {name.split("/")[0] for name in names} <= {*variables, *_READ_BY_NAME}:
        status.expect_partial()


def keep_newest(directory: pathlib.Path, number: int) -> None:
    """Keep the newest `number` checkpoints of a directory and remove the others."""
    for old in folders(directory)[:-number]:
        _staging.discard(old)


def newest(directory: pathlib.Path) -> tuple[pathlib.Path | None, dict[str, Any]]:
    """Return the newest undamaged checkpoint and its state, or (None, {}).

    Warns:
        UserWarning: For each damaged checkpoint that is skipped.
    """
    for folder in reversed(folders(directory)):
        try:
            reader = reader_of(folder)
            for name in reader.get_variable_to_shape_map():  # verifies checksums
                reader.get_tensor(name)
            return folder, json.loads(reader.get_tensor(_KEY.format("state")))
        # TensorFlow's reader maps statuses to Python's exceptions, such as IndexError.
        except (tf.errors.OpError, LookupError, RuntimeError, ValueError) as error:
            warnings.warn(
                f"The checkpoint '{folder}' is damaged, so the one before it is used: "
                f"{str(error).splitlines()[0]}",
                stacklevel=3,
            )
    return None, {}


def folders(directory: pathlib.Path) -> list[pathlib.Path]:
    """Return the checkpoints in a directory, oldest first."""
    if not directory.is_dir():
        return []
    return sorted(path for path in directory.iterdir() if path.name.isdigit())


def reader_of(folder: pathlib.Path) -> Reader:
    """Return a reader of the tensors in a checkpoint by name."""
    return tf.train.load_checkpoint(str(folder / "checkpoint"))


def pack(values: Mapping[str, Any], arrays: list[np.ndarray]) -> dict[str, Any]:
    """Replace arrays by references that JSON can represent.

    Args:
        values: A dict of numbers, strings, and lists of arrays.
        arrays: The list that the arrays are appended to. Write it under the name
            "arrays".
    """
    return {key: _packed(value, arrays) for key, value in values.items()}


def unpack(values: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
    """Replace the references that `pack` made by the arrays of a checkpoint."""
    return {key: _unpacked(value, reader) for key, value in values.items()}


def _variable(value: tf.Variable | np.ndarray | str) -> tf.Variable:
    # `tf.train.Checkpoint` writes variables only.
    return value if isinstance(value, tf.Variable) else tf.Variable(tf.constant(value))


def _packed(value: Any, arrays: list[np.ndarray]) -> Any:
    if isinstance(value, list) and all(isinstance(v, np.ndarray) for v in value):
        start = len(arrays)
        arrays.extend(value)
        return {"arrays": [start, len(arrays)]}
    if hasattr(value, "dtype"):
        return np.asarray(value).item()
    return value


def _unpacked(value: Any, reader: Reader) -> Any:
    if not isinstance(value, dict) or list(value) != ["arrays"]:
        return value
    return [
        reader.get_tensor(_KEY.format(f"arrays/{number}"))
        for number in range(*value["arrays"])
    ]
