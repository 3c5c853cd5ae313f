"""Checkpoints on the disk: written whole or not at all, read only if undamaged."""

import json
import os
import shutil
import warnings

import numpy as np
import tensorflow as tf

_STATE = "state/.ATTRIBUTES/VARIABLE_VALUE"


def write(folder, state, values):
    """Writes a checkpoint beside its place and renames it.

    Args:
        folder: Its place; the name is a number.
        state: What JSON can hold.
        values: {name: list of `tf.Variable` or arrays}.
    """
    temporary = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    variables = {
        name: [v if isinstance(v, tf.Variable) else tf.Variable(v) for v in of_name]
        for name, of_name in values.items()
    }
    tf.train.Checkpoint(**variables, state=tf.Variable(json.dumps(state))).write(
        str(temporary / "checkpoint")
    )
    for path in [*temporary.iterdir(), temporary]:
        _flush(path)
    if folder.exists():
        _remove(folder)
    temporary.rename(folder)
    _flush(folder.parent)


def read(folder, variables):
    """Gives variables the values they have in a checkpoint.

    Args:
        folder: Of the checkpoint.
        variables: {name: list of `tf.Variable`}, as they were written.
    """
    saved = tf.train.Checkpoint(**variables)
    saved.read(str(folder / "checkpoint")).assert_existing_objects_matched()


def keep_newest(directory, number):
    """Removes all checkpoints in a directory but so many."""
    for old in folders(directory)[:-number]:
        _remove(old)


def newest(directory):
    """The newest checkpoint that is whole and its state, or (None, {})."""
    for folder in reversed(folders(directory)):
        try:
            reader = reader_of(folder)
            for name in reader.get_variable_to_shape_map():  # verifies checksums
                reader.get_tensor(name)
            return folder, json.loads(reader.get_tensor(_STATE))
        # TensorFlow's reader raises what Python has for a status, as IndexError.
        except (tf.errors.OpError, LookupError, RuntimeError, ValueError) as error:
            warnings.warn(
                f"The checkpoint '{folder}' is damaged and passed over for the one "
                f"before: {str(error).splitlines()[0]}",
                stacklevel=3,
            )
    return None, {}


def folders(directory):
    """The checkpoints in a directory, oldest first."""
    if not directory.is_dir():
        return []
    return sorted(path for path in directory.iterdir() if path.name.isdigit())


def reader_of(folder):
    """Gives the tensors of a checkpoint by name."""
    return tf.train.load_checkpoint(str(folder / "checkpoint"))


def _remove(folder):
    # Renamed first: a checkpoint is there as a whole or not at all.
    doomed = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(doomed, ignore_errors=True)
    folder.rename(doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def remove_unfinished(directory):
    """Removes what a write that failed or was killed has left."""
    for leftover in directory.glob(".*.new"):
        shutil.rmtree(leftover, ignore_errors=True)


def remove_leftovers(directory):
    """Removes what writes and removals that were killed have left."""
    remove_unfinished(directory)
    for leftover in directory.glob(".*.old"):
        shutil.rmtree(leftover, ignore_errors=True)


def _flush(path):
    """Makes the disk hold what was written, so that a power cut does not undo it."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def packed(value, arrays):
    """What JSON can hold in place of a value; arrays are put into `arrays`."""
    if isinstance(value, list) and all(isinstance(v, np.ndarray) for v in value):
        start = len(arrays)
        arrays.extend(value)
        return {"arrays": [start, len(arrays)]}
    if hasattr(value, "dtype"):
        return np.asarray(value).item()
    return value


def unpacked(value, reader):
    """What was packed, its arrays taken from `reader_of` its checkpoint."""
    if not isinstance(value, dict) or list(value) != ["arrays"]:
        return value
    key = "arrays/{}/.ATTRIBUTES/VARIABLE_VALUE"
    return [reader.get_tensor(key.format(number)) for number in range(*value["arrays"])]
