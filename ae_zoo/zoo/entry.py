"""Listing, describing and loading models: by name, or from a folder.

Importing this module does not import TensorFlow.
"""

from __future__ import annotations

import os
import pathlib
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ae_zoo import _resources, _staging
from ae_zoo._bounds import MAX_CARD
from ae_zoo._checks import check_name_or_path, unknown_name
from ae_zoo._reading import (
    UnsafeModelError,
    escaped_texts,
    parse_json,
    read_limited,
)
from ae_zoo.zoo.card_check import check_card
from ae_zoo.zoo.model_card import ModelCard

if TYPE_CHECKING:
    from ae_zoo.models import Autoencoder

Card = dict[str, Any]
StrPath = str | os.PathLike[str]


def list_models() -> list[str]:
    """Names of the pretrained models.

    Returns:
        A sorted list of names for `load` and `info`.
    """
    return _resources.model_names()


def info(name_or_folder: StrPath) -> ModelCard:
    """The card of a model: task, data, license, size, metrics and baselines.

    Args:
        name_or_folder: A name of `list_models()`, the path of a model folder, or
            "hf://user/repo".

    Returns:
        A dict, the contents of `card.json`, which prints as a summary. Control
        characters in its texts, which a terminal would obey, are replaced by their
        escape sequences.

    Raises:
        ValueError: There is no model of that name.
        UnsafeModelError: A ValueError. The card is damaged or too large.
        FileNotFoundError: There is no such folder, or it has no card.
    """
    folder = _find(name_or_folder)
    path = folder / "card.json"
    if not path.exists():
        raise FileNotFoundError(
            f"'{folder}' is not a model folder: no card.json in it."
        )
    try:
        card = parse_json(read_limited(path, MAX_CARD), path.name)
        if not isinstance(card, dict):
            raise UnsafeModelError("card.json: expected a JSON object.")
        card = _with_current_keys(escaped_texts(card))
        check_card(card)
    except UnsafeModelError as error:
        raise error.of(path) from None
    return ModelCard(card)


def load(
    name_or_folder: StrPath, custom_objects: Mapping[str, object] | None = None
) -> Autoencoder:
    """Load a pretrained autoencoder, compiled and ready for `fit`.

    Before Keras reads the model, its files are compared with `SHA256SUMS`, and its
    configuration with the classes that a zoo model may contain. So a folder from an
    unknown source cannot run code.

    Args:
        name_or_folder: A name of `list_models()`; the path of a model folder; the path
            of a `.keras` file, which is checked as a folder is, but without checksums,
            as a warning says; or "hf://user/repo" or "hf://user/repo@revision", a
            repository of the Hugging Face Hub that holds a model folder.
        custom_objects: {name: class} of your own layers that the model may contain.

    Returns:
        An `ae_zoo.models.Autoencoder`. Inside the scope of a `tf.distribute` strategy,
        the model is created under that strategy.

    Raises:
        ValueError: There is no model of that name.
        UnsafeModelError: A ValueError. A file is damaged or was changed, the model
            contains something that is not allowed, or it would cost more memory or time
            than its weights can need; see `SECURITY.md`.
        FileNotFoundError: There is no such folder or repository, or one of its files is
            missing.
        ImportError: The package huggingface_hub, which "hf://" needs, is not installed.

    Example:

    >>> model = ae_zoo.load("denoising_mnist")
    >>> noisy = np.random.random((2, 28, 28, 1))
    >>> clean = model.predict(noisy, verbose=0)  # (batch, 28, 28, 1) in [0, 1]
    """
    if is_keras_file(name_or_folder):
        return _load_file(pathlib.Path(name_or_folder), custom_objects)
    folder = _find(name_or_folder)

    from ae_zoo.models import Autoencoder
    from ae_zoo.zoo import checksums, safe_load

    digests = checksums.verify_checksums(folder)
    card = info(folder)
    model = safe_load.load_model(
        folder, custom_objects, digests[checksums.MODEL], Autoencoder
    )
    if not model.compiled:
        model.compile()
    model.remember_origin(card, digests[checksums.MODEL])
    return model


def _load_file(
    path: pathlib.Path, custom_objects: Mapping[str, object] | None
) -> Autoencoder:
    """Load a `.keras` file, which has neither checksums nor a card."""
    from ae_zoo.models import Autoencoder
    from ae_zoo.zoo import safe_load

    model = safe_load.load_model(path, custom_objects, expected=Autoencoder)
    warnings.warn(
        f"'{path}' has no checksums and no card, so damage to its weights would not be "
        "noticed. Its configuration was checked as that of a model folder. "
        "`model.save_pretrained(folder)` writes both.",
        stacklevel=3,
    )
    if not model.compiled:
        model.compile()
    return model


def _with_current_keys(card: Card) -> Card:
    """Rename the key `licence` of cards that older versions wrote."""
    return {
        "license" if key == "licence" else key: (
            _with_current_keys(value)
            if key == "dataset" and isinstance(value, dict)
            else value
        )
        for key, value in card.items()
    }


def is_keras_file(name_or_folder: StrPath) -> bool:
    """Whether what `load` received is the path of an existing `.keras` file."""
    check_name_or_path("model", name_or_folder)
    path = pathlib.Path(name_or_folder)
    return path.suffix == ".keras" and path.is_file()


def is_remote(name_or_folder: StrPath) -> bool:
    """Whether what `load` received is the name of a repository of a hub."""
    return isinstance(name_or_folder, str) and name_or_folder.startswith("hf://")


def check_is_local(name_or_folder: StrPath) -> None:
    """Raise ValueError for a repository of a hub, to which nothing can be added."""
    if is_remote(name_or_folder):
        raise ValueError(
            f"'{name_or_folder}' is not on this machine, so nothing can be added to "
            "it. Write it to a folder first: "
            f"ae_zoo.load('{name_or_folder}').save_pretrained(folder)."
        )


def _find(name_or_folder: StrPath) -> pathlib.Path:
    """Return the folder of a model.

    Args:
        name_or_folder: A name of `list_models()`, the path of a model folder, or
            "hf://user/repo", which is downloaded.

    Raises:
        ValueError: There is no model of that name.
        FileNotFoundError: There is no such folder or repository.
    """
    check_name_or_path("model", name_or_folder)
    if is_remote(name_or_folder):
        from ae_zoo.zoo import hub

        return hub.fetch(str(name_or_folder))
    if str(name_or_folder) in list_models():
        return _resources.folder("saved_models") / str(name_or_folder)
    path = pathlib.Path(name_or_folder)
    if not path.exists():
        _staging.repair(path.parent)
    if path.is_dir():
        return path
    if is_keras_file(path):
        raise ValueError(
            f"'{path}' is a file, which has no card, and no folder for further files. "
            "Write a model folder: ae_zoo.load(file).save_pretrained(folder)."
        )
    if path.is_file():
        raise ValueError(
            f"'{path}' is a file. Expected the name of a model, or a folder with "
            "model.keras, card.json and SHA256SUMS, as `model.save_pretrained` writes. "
            "`ae_zoo.load` also takes a file whose name ends in .keras."
        )
    if path.name != str(name_or_folder):
        raise FileNotFoundError(f"There is no model folder '{path}'.")
    raise unknown_name(
        "model", name_or_folder, list_models(), " Or pass the path of a model folder."
    )
