"""The pictures of a model folder, drawn again."""

from ae_zoo import zoo
from ae_zoo.plots import card_pictures
from ae_zoo.training.recipe import load_with_recipe

# Drawn of a run's log, which a model folder does not hold.
_TRAINING = "training.png"


def redraw(name_or_folder, recipe=None, data_dir=None):
    """Draws the pictures of a model folder again, all but the training curve.

    Args:
        name_or_folder: A name of `ae_zoo.list_models()`, or the path of a model folder.
        recipe: Name or file of its recipe; the default is that of the model's name.
        data_dir: Where the datasets are; see `ae_zoo.data.load`.

    Returns:
        The names of the pictures drawn.

    Raises:
        FileNotFoundError, ValueError: As `ae_zoo.load`, or no such recipe.
        ImportError: matplotlib is not installed.

    Example:

    >>> redraw("sparse_digits")  # doctest: +SKIP
    """
    model, recipe = load_with_recipe(name_or_folder, recipe)
    old = set(model.card.get("pictures", [])) - {_TRAINING}
    zoo.amend(
        name_or_folder,
        {},
        lambda folder: card_pictures.draw(model, recipe, folder, data_dir),
        replaces=old,
    )
    return [name for name in zoo.info(name_or_folder)["pictures"] if name != _TRAINING]
