"""Checks of the fields of a recipe, by type and value."""

from __future__ import annotations

import inspect
import os
import reprlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from ae_zoo._checks import SEED_LIMIT, check_integer, check_number

if TYPE_CHECKING:
    from ae_zoo.training.recipe import Recipe

# Fields that hold integers, with their lower and upper bounds.
_INTEGERS: dict[str, tuple[int, int | None]] = {
    "epochs": (1, None),
    "batch_size": (1, None),
    "seed": (0, SEED_LIMIT - 1),
    "steps_per_epoch": (1, None),
    "patience": (0, None),
    "steps_per_execution": (1, None),
    "gradient_accumulation_steps": (1, None),
}
_OPTIONAL_INTEGERS = ("steps_per_epoch", "patience")
_TEXTS = ("task", "paper", "limits", "dtype_policy", "gradient_dtype")
# Fields that hold functions: the numbers of arguments that they may take, and what
# these arguments are.
_FUNCTIONS: dict[str, tuple[tuple[int, ...], str]] = {
    "build": ((0,), "without arguments that returns an Autoencoder"),
    "optimizer": (
        (1,),
        "of the number of optimizer steps that returns a Keras optimizer, such as "
        "ae_zoo.optimizers.adam(1e-3)",
    ),
    "augment": ((1, 2), "of a batch, or of a batch and a seed"),
    "batches": ((3,), "of a RunContext, the steps to skip, and a shard"),
    "pair": ((1,), "of a batch that returns (input, target)"),
    "callbacks": ((1,), "of a RunContext that returns a list of Keras callbacks"),
}
_REQUIRED_FUNCTIONS = ("build", "optimizer")


def check_fields(recipe: Recipe) -> dict[str, Any]:
    """Check the fields of a recipe.

    Returns:
        The values of fields that are to be replaced by equal ones of another type, for
        example NumPy's integers, which JSON cannot hold.

    Raises:
        TypeError: A field has the wrong type.
        ValueError: A field is out of range, or two fields contradict each other.
    """
    _check_texts(recipe)
    _check_functions(recipe)
    _check_metrics(recipe)
    _check_options(recipe)
    changes: dict[str, Any] = {"dataset": _dataset(recipe.dataset)}
    for field, (least, most) in _INTEGERS.items():
        value = getattr(recipe, field)
        if value is not None or field not in _OPTIONAL_INTEGERS:
            changes[field] = check_integer(f"Recipe.{field}", value, least, most)
    if recipe.classes is not None:
        changes["classes"] = _labels(recipe.classes)
    batch_size, parts = changes["batch_size"], changes["gradient_accumulation_steps"]
    if batch_size % parts:
        raise ValueError(
            "Recipe.batch_size must be a multiple of gradient_accumulation_steps, "
            f"{parts}. Received: {batch_size}"
        )
    if recipe.batches is not None and recipe.steps_per_epoch is None:
        raise ValueError(
            "Recipe.batches is endless: set Recipe.steps_per_epoch to the number of "
            "its batches that make an epoch."
        )
    return changes


def _wrong_type(field: str, expected: str, value: object) -> TypeError:
    return TypeError(
        f"`Recipe.{field}` must be {expected}. Received: {reprlib.repr(value)} of type "
        f"{type(value).__name__}"
    )


def _check_texts(recipe: Recipe) -> None:
    for field in _TEXTS:
        if not isinstance(getattr(recipe, field), str):
            raise _wrong_type(field, "a string", getattr(recipe, field))
    if not isinstance(recipe.license, str | None):
        raise _wrong_type("license", "a string or None", recipe.license)
    if not isinstance(recipe.initial_weights, str | os.PathLike | None):
        expected = "the name or the folder of a model, or None"
        raise _wrong_type("initial_weights", expected, recipe.initial_weights)


def _dataset(dataset: Any) -> Any:
    """Return a name, which is looked up when the recipe is used, or a `Source`."""
    from ae_zoo import data

    if isinstance(dataset, str | data.Source):
        return dataset
    try:
        return data.source(dataset)
    except TypeError as error:
        if type(dataset).__module__ == "builtins" and not isinstance(dataset, tuple):
            expected = "the name of a data set, or a Source"
            raise _wrong_type("dataset", expected, dataset) from error
        raise


def _check_functions(recipe: Recipe) -> None:
    for field, (counts, description) in _FUNCTIONS.items():
        function = getattr(recipe, field)
        if function is None and field not in _REQUIRED_FUNCTIONS:
            continue
        expected = f"a function {description}"
        # A class of optimizers would take the number of steps as its learning rate.
        is_class = field == "optimizer" and isinstance(function, type)
        if is_class or not callable(function):
            raise _wrong_type(field, expected, function)
        if not any(_takes(function, count) for count in counts):
            raise TypeError(
                f"`Recipe.{field}` must be {expected}. Received a function with the "
                f"arguments {inspect.signature(function)}"
            )


def _check_metrics(recipe: Recipe) -> None:
    metrics = recipe.metrics
    if metrics is None:
        return
    if not isinstance(metrics, list | tuple):
        raise _wrong_type("metrics", "a list or tuple of protocols", metrics)
    if not metrics:
        raise ValueError(
            "Recipe.metrics must contain at least one protocol of ae_zoo.evaluation, "
            "such as evaluation.SquaredError()."
        )
    for number, protocol in enumerate(metrics):
        if (
            isinstance(protocol, type)
            or not callable(protocol)
            or not _takes(protocol, 2)
        ):
            expected = (
                "a protocol of ae_zoo.evaluation, such as evaluation.SquaredError(), "
                "or a function of a model and Splits"
            )
            raise _wrong_type(f"metrics[{number}]", expected, protocol)


def _check_options(recipe: Recipe) -> None:
    if recipe.binarize not in (None, "dynamic", "fixed"):
        raise ValueError(
            "`Recipe.binarize` must be 'dynamic', 'fixed' or None. Received: "
            f"{reprlib.repr(recipe.binarize)}"
        )
    if not isinstance(recipe.jit_compile, bool) and recipe.jit_compile != "auto":
        raise ValueError(
            "`Recipe.jit_compile` must be True, False or 'auto'. Received: "
            f"{reprlib.repr(recipe.jit_compile)}"
        )
    if recipe.global_clipnorm is not None:
        check_number("Recipe.global_clipnorm", recipe.global_clipnorm, above=0)
    if recipe.dtype_policy != "float32":
        _check_policy(recipe.dtype_policy)


def _check_policy(name: str) -> None:
    import keras

    try:
        keras.dtype_policies.get(name)
    except ValueError as error:
        raise ValueError(
            "`Recipe.dtype_policy` must be a policy of Keras, such as 'float32' or "
            f"'mixed_bfloat16'. Received: {name!r}"
        ) from error


def _labels(classes: Any) -> tuple[int, ...]:
    if isinstance(classes, str) or not isinstance(classes, Iterable):
        raise _wrong_type("classes", "a sequence of labels, or None", classes)
    labels = tuple(check_integer("Recipe.classes", label) for label in classes)
    if not labels:
        raise ValueError("`Recipe.classes` must have at least one label, or be None.")
    return labels


def _takes(function: Callable[..., Any], count: int) -> bool:
    """Whether a function can be called with this number of arguments."""
    try:
        inspect.signature(function).bind(*[None] * count)
    except TypeError:
        return False
    except ValueError:  # some functions written in C have no signature
        pass
    return True
