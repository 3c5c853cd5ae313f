"""Loads models whose recipe may define classes of its own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ae_zoo import zoo
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
