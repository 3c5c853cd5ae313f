"""The zoo: pretrained models by name, and any folder that looks like one of theirs.

Importing this module does not import TensorFlow.
"""

import contextlib
import json
import os
import pathlib
import shutil
import tempfile
import types

from ae_zoo._checks import unknown_name

_PACKAGE = pathlib.Path(__file__).parents[1]
_FOLDERS = (_PACKAGE / "saved_models", _PACKAGE.parent / "saved_models")


def list_models():
    """Names of the pretrained models.

    Returns:
        A sorted list of names for `load` and `info`.
    """
    folder = next((folder for folder in _FOLDERS if folder.is_dir()), None)
    if folder is None:
        return []
    return sorted(path.parent.name for path in folder.glob("*/card.json"))


def info(name_or_folder):
    """The card of a model: task, data, licence, size, metrics beside baselines.

    Args:
        name_or_folder: A name of `list_models()`, or the path of a model folder.

    Returns:
        A dict, the contents of `card.json`.

    Raises:
        ValueError: No model of that name, or a damaged card.
        FileNotFoundError: No such folder, or it has no card.
    """
    folder = _find(name_or_folder)
    path = folder / "card.json"
    if not path.is_file():
        raise FileNotFoundError(
            f"'{folder}' is not a model folder: no card.json in it."
        )
    try:
        return json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(
            f"'{path}' is damaged: expected JSON. Restore the folder. ({error})"
        ) from error


def load(name_or_folder, custom_objects=None):
    """Loads a pretrained autoencoder, compiled and ready for `fit`.

    The files are checked against SHA256SUMS, and the model's configuration against
    the classes a zoo model may hold, before Keras reads it: a folder from a stranger
    cannot run code.

    Args:
        name_or_folder: A name of `list_models()`, or the path of a model folder.
        custom_objects: {name: class} of your own layers that the model may hold too.

    Returns:
        An `ae_zoo.models.Autoencoder`. Inside a `tf.distribute` strategy's scope, it
        is created under that strategy.

    Raises:
        ValueError: No model of that name, a damaged or tampered file, or a model that
            holds something it may not.
        FileNotFoundError: No such folder, or a file of it is missing.

    Example:

    >>> model = ae_zoo.load("denoising_mnist")
    >>> clean = model.predict(noisy, verbose=0)  # (batch, 28, 28, 1) in [0, 1]
    """
    folder = _find(name_or_folder)

    from ae_zoo import models  # noqa: F401  (registers the variants)
    from ae_zoo.zoo import safe_load

    digests = safe_load.verify_checksums(folder)
    model = safe_load.load_model(folder, custom_objects, sha256=digests["model.keras"])
    if not model.compiled:
        model.compile()
    # A plain dict Keras would track, and wrap in one of its own.
    model.card = types.MappingProxyType(info(folder))
    return model


def save(model, folder, card, pictures=None, overwrite=False):
    """Writes a model folder: model.keras, card.json, README.md and SHA256SUMS.

    The folder is written beside and renamed, so that it is there whole or not at all.
    The optimizer's state is left out.

    Args:
        model: An `ae_zoo.models.Autoencoder`.
        folder: Path of the folder.
        card: A dict as `ae_zoo.zoo.cards.make_card` returns it.
        pictures: A function that draws PNG files into the folder it is given.
        overwrite: Replace an existing folder.

    Raises:
        FileExistsError: The folder exists and `overwrite` is False.
    """
    folder = pathlib.Path(folder)
    if folder.exists() and not overwrite:
        raise FileExistsError(f"'{folder}' exists. Pass overwrite=True to replace it.")
    with _replacement(folder) as fresh:
        fresh.mkdir()
        _without_optimizer(model).save(fresh / "model.keras")
        if pictures is not None:
            pictures(fresh)
        _describe(fresh, card | {"bytes": (fresh / "model.keras").stat().st_size})


def amend(name_or_folder, facts, write=None, replaces=()):
    """Adds facts and files to a model folder, whole or not at all.

    Args:
        name_or_folder: A name of `list_models()`, or the path of a model folder.
        facts: A dict that joins the card.
        write: A function that writes files into the folder it is given, a copy.
        replaces: Names of files and folders that the copy leaves out, because `write`
            writes them anew.

    Raises:
        FileNotFoundError, ValueError: As `info`.
        OSError: The folder cannot be written.
    """
    folder = _find(name_or_folder).resolve()
    card = info(folder)

    def left_out(directory, names):
        return set(replaces) & set(names) if pathlib.Path(directory) == folder else ()

    with _replacement(folder) as fresh:
        shutil.copytree(folder, fresh, ignore=left_out)
        if write is not None:
            write(fresh)
        _describe(fresh, card | facts)


@contextlib.contextmanager
def _replacement(folder):
    """A path beside `folder` whose contents take its place in the end."""
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".saving-") as scratch:
        fresh = pathlib.Path(scratch) / "model"
        yield fresh
        old = pathlib.Path(scratch) / "old"
        if folder.exists():
            os.replace(folder, old)
        try:
            os.replace(fresh, folder)
        except BaseException:
            if old.exists():
                os.replace(old, folder)
            raise


def _describe(folder, card):
    """Writes what tells of a folder's files: card, page and checksums."""
    from ae_zoo.zoo import cards, safe_load

    pictures = [path.name for path in folder.glob("*.png")]
    card = card | {"pictures": sorted(pictures, key=_place)}
    text = json.dumps(card, indent=2, ensure_ascii=False) + "\n"
    (folder / "card.json").write_text(text, "utf-8")
    (folder / "README.md").write_text(cards.render(card), "utf-8")
    safe_load.write_checksums(folder)


def _place(picture):
    """What the model does comes first and how it was trained last."""
    return picture != "picture.png", picture == "training.png", picture


def _without_optimizer(model):
    uncompiled = type(model).from_config(model.get_config())
    uncompiled.set_weights(model.get_weights())
    return uncompiled


def _find(name_or_folder):
    if str(name_or_folder) in list_models():
        return next(
            folder / str(name_or_folder)
            for folder in _FOLDERS
            if (folder / str(name_or_folder)).is_dir()
        )
    path = pathlib.Path(name_or_folder)
    if path.is_dir():
        return path
    if path.name != str(name_or_folder):
        raise FileNotFoundError(f"There is no model folder '{path}'.")
    raise unknown_name(
        "model", name_or_folder, list_models(), " Or pass the path of a model folder."
    )
