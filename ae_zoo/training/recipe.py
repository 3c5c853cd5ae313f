"""Recipes: what a zoo entry is made of, one Python file each."""

import dataclasses
import importlib.util
import pathlib
from collections.abc import Callable

from ae_zoo import zoo
from ae_zoo._checks import unknown_name

_PACKAGE = pathlib.Path(__file__).parents[1]
_FOLDERS = (_PACKAGE / "recipes", _PACKAGE.parent / "recipes")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a model is built, trained and judged.

    Attributes:
        build: () → an uncompiled `Autoencoder`; called inside the strategy's scope.
        dataset: A name of `ae_zoo.data`.
        task: What the model is for, in a sentence.
        epochs: Passes over the training split.
        batch_size: Samples of an optimizer step, over all replicas.
        optimizer: Number of steps in all → a Keras optimizer, so that learning-rate
            schedules can span the run.
        metrics: Protocols of `ae_zoo.evaluation`, the headline first.
        paper: The publication the entry follows.
        initial_weights: A zoo model, or the path of a model folder, of the same
            network: training begins with its weights. None begins with fresh ones.
        seed: Of fresh weights, shuffling and noise.
        binarize: As in `ae_zoo.data.load`, for the training split; the validation and
            test splits are then binarized once.
        augment: As in `ae_zoo.data.load`, for the training split.
        steps_per_epoch: Steps between validations and checkpoints; by default a pass
            over the training split.
        batches: (skip, shard) → endless dataset of batches, in place of the training
            split, as from `ae_zoo.data.tfrecords`; needs `steps_per_epoch`.
        pair: x → (input, target), where the target is not the input.
        classes: Labels of the samples to train and validate on, as in
            `ae_zoo.data.load`; None takes all.
        patience: Epochs without a better validation loss before the run stops and goes
            back to its best weights; None never stops early.
        callbacks: () → further Keras callbacks.
        steps_per_execution: Steps in one call of the compiled graph.
        jit_compile: As in `Model.compile`.
        dtype_policy: Of the model's layers, as in Keras: "mixed_bfloat16" and
            "mixed_float16" train in half the bytes on float32 weights. With the second
            the loss is scaled. The model folder computes in float32.
        gradient_accumulation_steps: In how many parts a batch goes through the model,
            whose gradients are averaged before the optimizer's step: memory for the
            size of a part. On one replica only.
        global_clipnorm: Norm of all gradients together above which they are scaled
            down to it.
        gradient_dtype: What gradients are sent as between replicas: "bfloat16" halves
            the bytes.
        limits: Where the model should not be used, for the card.
    """

    build: Callable
    dataset: str
    task: str
    epochs: int
    batch_size: int
    optimizer: Callable
    metrics: tuple
    paper: str
    initial_weights: str | None = None
    seed: int = 0
    binarize: str | None = None
    augment: Callable | None = None
    steps_per_epoch: int | None = None
    batches: Callable | None = None
    pair: Callable | None = None
    classes: tuple | None = None
    patience: int | None = None
    callbacks: Callable = list
    steps_per_execution: int = 20
    jit_compile: bool | str = "auto"
    dtype_policy: str = "float32"
    gradient_accumulation_steps: int = 1
    global_clipnorm: float | None = None
    gradient_dtype: str = "float32"
    limits: str = ""

    def __post_init__(self):
        if not self.metrics:
            raise ValueError(
                "Recipe.metrics must name at least one protocol of ae_zoo.evaluation, "
                "such as evaluation.SquaredError(): the card shows it."
            )
        if self.batches is not None and self.steps_per_epoch is None:
            raise ValueError(
                "Recipe.batches is without end: say in Recipe.steps_per_epoch how many "
                "of its batches make an epoch."
            )
        counts = [
            "epochs",
            "batch_size",
            "steps_per_execution",
            "gradient_accumulation_steps",
        ]
        if self.steps_per_epoch is not None:
            counts.append("steps_per_epoch")
        for field in counts:
            value = getattr(self, field)
            if not isinstance(value, int) or value < 1:
                raise ValueError(
                    f"Recipe.{field} must be an integer ≥ 1. Received: {value!r}"
                )
        if self.batch_size % self.gradient_accumulation_steps:
            raise ValueError(
                f"Recipe.batch_size, {self.batch_size}, must be a multiple of "
                f"gradient_accumulation_steps, {self.gradient_accumulation_steps}."
            )


def list_recipes():
    """Names of the recipes that come with the package."""
    return sorted(
        path.stem
        for path in _recipe_folder().glob("*.py")
        if not path.stem.startswith("_")
    )


def load_recipe(name_or_file):
    """Reads a recipe: its name and what its file defines as `recipe`.

    Args:
        name_or_file: A name of `list_recipes()`, or the path of a Python file. The
            file is run: name only files you trust.

    Returns:
        (name, Recipe), the name being the file's.

    Raises:
        ValueError: No recipe of that name; or the file defines none, or one with an
            unknown field.
        FileNotFoundError: No such file.
    """
    path = pathlib.Path(name_or_file)
    if path.suffix != ".py":
        if str(name_or_file) not in list_recipes():
            raise unknown_name(
                "recipe", name_or_file, list_recipes(), " Or pass the path of a file."
            )
        path = _recipe_folder() / f"{name_or_file}.py"
    if not path.is_file():
        raise FileNotFoundError(f"There is no recipe file '{path}'.")
    spec = importlib.util.spec_from_file_location(f"ae_zoo_recipe_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except TypeError as error:
        raise _explained(error, path) from error
    recipe = getattr(module, "recipe", None)
    if not isinstance(recipe, Recipe):
        raise ValueError(
            f"'{path}' must define `recipe = ae_zoo.Recipe(...)` at its top level."
        )
    return path.stem, recipe


def load_with_recipe(name_or_folder, recipe=None):
    """A model and the recipe it was trained by: the one of its name, or the one given.

    Args:
        name_or_folder: As for `ae_zoo.load`.
        recipe: Name or file.

    Returns:
        (model, Recipe).

    Raises:
        ValueError: There is no recipe of the model's name; or as `ae_zoo.load`.
        FileNotFoundError: As `ae_zoo.load`.
    """
    name = zoo.info(name_or_folder)["name"]
    if recipe is None and name not in list_recipes():
        raise ValueError(
            f"The zoo has no recipe named {name!r}, as the model is. Pass the file it "
            "was trained from (--recipe FILE)."
        )
    _, found = load_recipe(recipe or name)
    return zoo.load(name_or_folder, own_classes(recipe or name)), found


def own_classes(recipe):
    """Classes that the models of a recipe may hold beside those of any model folder.

    Args:
        recipe: A name of `list_recipes()`, whose models hold none; or the path of a
            file that has been read, or a `Recipe`: a program of your own, which has
            registered them with Keras.

    Returns:
        {name: class}, for `ae_zoo.load`.
    """
    if not isinstance(recipe, Recipe) and str(recipe) in list_recipes():
        return {}
    import keras

    return dict(keras.saving.get_custom_objects())


def _recipe_folder():
    return next(folder for folder in _FOLDERS if folder.is_dir())


def _explained(error, path):
    marker = "unexpected keyword argument "
    if "Recipe" not in str(error) or marker not in str(error):
        return error
    field = str(error).split(marker)[1].split("'")[1]
    fields = [field.name for field in dataclasses.fields(Recipe)]
    return unknown_name("Recipe field", field, fields, f" In '{path}'.")
