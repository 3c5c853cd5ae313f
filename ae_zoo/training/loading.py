"""Loads models whose recipe may define classes of its own."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ae_zoo import data, zoo
from ae_zoo.data.own import OwnSource
from ae_zoo.training.recipe import Recipe, list_recipes, load_recipe
from ae_zoo.zoo.entry import is_keras_file

if TYPE_CHECKING:
    from ae_zoo.models import Autoencoder


def load_with_recipe(
    name_or_folder: str | os.PathLike[str],
    recipe: str | os.PathLike[str] | None = None,
) -> tuple[Autoencoder, Recipe]:
    """Load a model together with the recipe it was trained from.

    Args:
        name_or_folder: As for `ae_zoo.load`.
        recipe: Name or file of the recipe. Defaults to the recipe with the name of
            the model.

    Returns:
        (model, recipe).

    Raises:
        ValueError: No recipe has the name of the model, the recipe builds another kind
            of model; or as `ae_zoo.load`.
        FileNotFoundError: As `ae_zoo.load`.

    Example:

    >>> model, recipe = load_with_recipe("denoising_digits")
    """
    # A `.keras` file has no card.
    is_file = is_keras_file(name_or_folder)
    name = str(name_or_folder) if is_file else zoo.info(name_or_folder)["name"]
    if recipe is None and name not in list_recipes():
        raise ValueError(
            f"The zoo has no recipe with the name of the model, {name!r}. Pass the "
            "file it was trained from (--recipe FILE)."
        )
    _, loaded = load_recipe(recipe or name)
    model = zoo.load(name_or_folder, own_classes(recipe or name))
    _check_recipe_of(model, loaded)
    return model, loaded


def with_data(
    recipe: Recipe,
    replacement: Any = None,
    data_dir: str | os.PathLike[str] | None = None,
    columns: tuple[str, ...] | None = None,
) -> Recipe:
    """Return a recipe whose `dataset` is a `Source` and whose `metrics` are known.

    Args:
        recipe: The recipe.
        replacement: Data that take the place of `Recipe.dataset`, as for
            `ae_zoo.data.source`; a path gets the options of the source that it
            replaces. None keeps the data of the recipe.
        data_dir: Folder of prepared data; see `ae_zoo.data.load`.
        columns: Names of the columns that the model was trained with, of a table.

    Raises:
        ValueError, FileNotFoundError: The data do not exist.
    """
    if replacement is None:
        source = data.source(recipe.dataset, data_dir)
    else:
        source = data.like(replacement, recipe.dataset, data_dir, columns)
    return dataclasses.replace(recipe, dataset=source, metrics=recipe.protocols(source))


def load_with_data(
    name_or_folder: str | os.PathLike[str],
    recipe: str | os.PathLike[str] | None = None,
    replacement: Any = None,
    data_dir: str | os.PathLike[str] | None = None,
    is_strict: bool = True,
) -> tuple[Autoencoder, Recipe]:
    """Load a model with its recipe and the data of its card.

    Args:
        name_or_folder: As for `ae_zoo.load`.
        recipe: As for `load_with_recipe`.
        replacement, data_dir: As for `with_data`.
        is_strict: Whether data of another content than those of the card are refused.
            Otherwise they are refused only if they are to be the user's own of the
            card.

    Returns:
        (model, recipe), the recipe with a `Source` as its `dataset`.

    Raises:
        ValueError: As `load_with_recipe`; or the data have another content.
        FileNotFoundError: As `ae_zoo.load`; or the data do not exist.
    """
    model, used = load_with_recipe(name_or_folder, recipe)
    card = model.card  # None for a .keras file
    dataset = {} if card is None else card["dataset"]
    names = dataset.get("columns")
    used = with_data(used, replacement, data_dir, names and tuple(names))
    is_compared = dataset.get("kind") or (is_strict and replacement is not None)
    if card is not None and is_compared:
        check_is_data_of(card, used.dataset)
    return model, used


def check_is_data_of(card: Mapping[str, Any], source: data.Source) -> None:
    """Check that data are those that a card was measured on.

    Raises:
        ValueError: They have other checksums.
    """
    stated, found = card["dataset"].get("sha256", {}), dict(source.fingerprint)
    if found == stated:
        return
    others = [key for key in {**stated, **found} if stated.get(key) != found.get(key)]
    if others == ["splits"]:
        reason = (
            "hold the same files, but were divided or prepared in another way. Pass "
            "the recipe that the model was trained with, unchanged (--recipe)."
        )
    else:
        reason = (
            f"have other checksums ({', '.join(others)}). Pass the folder or file that "
            "the model was trained with (--data PATH). To measure the model on other "
            "data, use `ae-zoo transfer`."
        )
    raise ValueError(
        f"The card of {card['name']!r} was measured on {card['dataset']['name']!r}. "
        f"The data {source.name!r} {reason}"
    )


def is_own(source: data.Source) -> bool:
    """Whether data are of the user's own, so that a card must say how to find them."""
    return isinstance(source, OwnSource)


def _check_recipe_of(model: Autoencoder, recipe: Recipe) -> None:
    """Check that a recipe builds models of the same variant and the same shapes.

    Raises:
        ValueError: The recipe builds another kind of model.
    """
    from ae_zoo.distribution.keras_patches import names_kept
    from ae_zoo.training.model import build

    with names_kept():
        built = build(recipe, "float32")
    expected, received = (
        f"a {type(one).__name__} from {one.input_shape[1:]} to {one.output_shape[1:]}"
        for one in (built, model)
    )
    if expected != received:
        raise ValueError(
            f"The recipe must be the one the model was trained with. It builds "
            f"{expected}, and the model is {received}. Pass the recipe of the model "
            "(--recipe)."
        )


def own_classes(recipe: Recipe | str | os.PathLike[str]) -> dict[str, type]:
    """Return the classes that models of a recipe may contain in addition to the zoo's.

    Args:
        recipe: One of `list_recipes()`, whose models contain no such classes. Or the
            path of a file that has been loaded, or a `Recipe`: the user runs this code,
            so every class that it registered with Keras is allowed.

    Returns:
        {name: class}, for `ae_zoo.load`.
    """
    if not isinstance(recipe, Recipe) and str(recipe) in list_recipes():
        return {}
    import keras

    return dict(keras.saving.get_custom_objects())
