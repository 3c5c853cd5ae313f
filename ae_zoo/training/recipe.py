"""Recipes: how a model is built, trained and measured, one Python file each."""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import pathlib
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ae_zoo import _resources
from ae_zoo._checks import check_integer, unknown_name
from ae_zoo.training.context import RunContext

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from ae_zoo.data import Source
    from ae_zoo.evaluation import Measurement, Splits
    from ae_zoo.models import Autoencoder

# Fields that hold integers, and their lower bounds.
_INTEGERS = {
    "epochs": 1,
    "batch_size": 1,
    "seed": 0,
    "steps_per_epoch": 1,
    "patience": 0,
    "steps_per_execution": 1,
    "gradient_accumulation_steps": 1,
}
_OPTIONAL = ("steps_per_epoch", "patience")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """Describes how a model is built, trained and measured.

    Attributes:
        build: Function that returns an uncompiled `Autoencoder`. It is called inside
            the scope of the strategy.
        dataset: Name of a data set of `ae_zoo.data`, or an `ae_zoo.data.Source`.
        task: One sentence for the card that says what the model is for.
        epochs: Number of passes over the training split.
        batch_size: Number of samples per optimizer step, over all replicas.
        optimizer: Function that takes the number of optimizer steps of the run and
            returns a Keras optimizer, so that learning-rate schedules can span the run.
            See `ae_zoo.optimizers`.
        metrics: Protocols of `ae_zoo.evaluation`. The first one gives the headline.
        paper: The publication that the model follows.
        license: License of the trained weights, such as "Apache-2.0". With None, the
            card says that it is not stated.
        limits: One or two sentences for the card about where not to use the model.
        initial_weights: Name of a zoo model, or path of a model folder, with the same
            network. Training starts from its weights. None starts from fresh weights.
        seed: Seed of the fresh weights, the order of the samples and all noise.
        binarize: As in `ae_zoo.data.load`, for the training split. The validation and
            test splits are binarized once.
        augment: As in `ae_zoo.data.load`, for the training split.
        steps_per_epoch: Number of training steps between two validations and
            checkpoints. Defaults to one pass over the training split.
        batches: Function `(run, skip, shard)` that returns an endless dataset of
            batches, used instead of the training split. `run` is a `RunContext`;
            `skip` and `shard` are as in `ae_zoo.data.tfrecords`. Requires
            `steps_per_epoch`.
        pair: Function from x to (input, target), if the target is not the input.
        classes: Labels of the samples to train and validate on, as in
            `ae_zoo.data.load`. None uses all samples.
        patience: Number of epochs without a better validation loss after which
            training stops and restores the best weights. None never stops early.
        callbacks: Function that takes the `RunContext` and returns further Keras
            callbacks.
        steps_per_execution: Number of training steps per call of the compiled graph.
        jit_compile: As in `keras.Model.compile`.
        dtype_policy: Keras dtype policy of the model's layers. "mixed_bfloat16" and
            "mixed_float16" compute in half precision with float32 weights;
            "mixed_float16" also scales the loss. The saved model computes in float32.
        gradient_accumulation_steps: Number of parts that a batch is split into. Their
            gradients are averaged before each optimizer step, which takes only the
            memory of one part. Works on a single replica.
        global_clipnorm: Upper limit for the norm of all gradients taken together.
            Larger gradients are scaled down to it.
        gradient_dtype: Dtype in which replicas exchange gradients. "bfloat16" halves
            the bytes.

    Raises:
        TypeError: A field is missing, or is no integer where one is expected.
        ValueError: A field is out of range, or two fields contradict each other.
    """

    build: Callable[[], Autoencoder]
    dataset: str | Source
    task: str
    epochs: int
    batch_size: int
    optimizer: Callable[[int], keras.optimizers.Optimizer]
    metrics: Sequence[Callable[[Autoencoder, Splits], list[Measurement]]]
    paper: str
    license: str | None = None
    limits: str = ""
    initial_weights: str | os.PathLike[str] | None = None
    seed: int = 0
    binarize: str | None = None
    augment: Callable[..., tf.Tensor] | None = None
    steps_per_epoch: int | None = None
    batches: Callable[[RunContext, int, tuple[int, int]], tf.data.Dataset] | None = None
    pair: Callable[[tf.Tensor], tuple[Any, Any]] | None = None
    classes: Sequence[int] | None = None
    patience: int | None = None
    callbacks: Callable[[RunContext], Sequence[keras.callbacks.Callback]] | None = None
    steps_per_execution: int = 20
    jit_compile: bool | str = "auto"
    dtype_policy: str = "float32"
    gradient_accumulation_steps: int = 1
    global_clipnorm: float | None = None
    gradient_dtype: str = "float32"

    def __post_init__(self) -> None:
        if not self.metrics:
            raise ValueError(
                "Recipe.metrics must contain at least one protocol of "
                "ae_zoo.evaluation, such as evaluation.SquaredError()."
            )
        if self.batches is not None and self.steps_per_epoch is None:
            raise ValueError(
                "Recipe.batches is endless: set Recipe.steps_per_epoch to the number "
                "of its batches that make an epoch."
            )
        for field, least in _INTEGERS.items():
            value = getattr(self, field)
            if value is not None or field not in _OPTIONAL:
                # As `int`: JSON cannot hold NumPy's integers.
                value = check_integer(f"Recipe.{field}", value, least)
                object.__setattr__(self, field, value)
        if self.classes is not None:
            labels = [check_integer("Recipe.classes", label) for label in self.classes]
            object.__setattr__(self, "classes", tuple(labels))
        if self.batch_size % self.gradient_accumulation_steps:
            raise ValueError(
                f"Recipe.batch_size must be a multiple of gradient_accumulation_steps, "
                f"{self.gradient_accumulation_steps}. Received: {self.batch_size}"
            )


def list_recipes() -> list[str]:
    """Return the names of the recipes that come with the package."""
    return sorted(
        path.stem
        for path in _resources.folder("recipes").glob("*.py")
        if not path.stem.startswith("_")
    )


def load_recipe(name_or_file: str | os.PathLike[str]) -> tuple[str, Recipe]:
    """Load a recipe by name or from a Python file.

    Args:
        name_or_file: One of `list_recipes()`, or the path of a Python file that
            defines `recipe`. The file is executed, so only load files you trust.

    Returns:
        (name, recipe), where the name is that of the file without ".py".

    Raises:
        ValueError: There is no such recipe, or the file defines no `recipe` or one
            with an unknown field.
        FileNotFoundError: There is no such file.

    Example:

    >>> name, recipe = load_recipe("denoising_digits")
    >>> recipe.batch_size
    64
    """
    path = pathlib.Path(name_or_file)
    if path.suffix != ".py":
        if str(name_or_file) not in list_recipes():
            raise unknown_name(
                "recipe", name_or_file, list_recipes(), " Or pass the path of a file."
            )
        path = _resources.folder("recipes") / f"{name_or_file}.py"
    if not path.is_file():
        raise FileNotFoundError(f"There is no recipe file '{path}'.")
    recipe = _run_file(path).get("recipe")
    if not isinstance(recipe, Recipe):
        raise ValueError(
            f"'{path}' must define `recipe = ae_zoo.Recipe(...)` at its top level."
        )
    return path.stem, recipe


def _run_file(path: pathlib.Path) -> dict[str, Any]:
    """Execute a Python file as a module and return what it defines."""
    spec = importlib.util.spec_from_file_location(f"ae_zoo_recipe_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(f"'{path}' cannot be read as a Python file.")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except TypeError as error:
        field = re.search(r"Recipe\..* unexpected keyword argument '(\w+)'", str(error))
        if field is None:
            raise
        fields = [field.name for field in dataclasses.fields(Recipe)]
        raise unknown_name(
            "Recipe field", field[1], fields, f" In '{path}'."
        ) from error
    return vars(module)
