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
from ae_zoo._checks import check_name_or_path, unknown_name
from ae_zoo.training.context import RunContext
from ae_zoo.training.fields import check_fields

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from ae_zoo.data import Source
    from ae_zoo.evaluation import AnyProtocol
    from ae_zoo.models import Autoencoder


def _default_optimizer(steps: int) -> keras.optimizers.Optimizer:
    from ae_zoo import optimizers

    return optimizers.adam(1e-3)(steps)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """Describes how a model is built, trained and measured.

    Attributes:
        build: Function that returns an uncompiled `Autoencoder`. It is called inside
            the scope of the strategy.
        dataset: The data: a name of `ae_zoo.data.names()` or of tensorflow-datasets; an
            `ae_zoo.data.Source`, such as `data.Images("photos/")`; or a path, an array
            or a `tf.data.Dataset`, as for `ae_zoo.data.source`.
        task: One sentence for the card that says what the model is for.
        epochs: Number of passes over the training split.
        batch_size: Number of samples per optimizer step, over all replicas.
        optimizer: Function that takes the number of optimizer steps of the run and
            returns a Keras optimizer, so that learning-rate schedules can span the run.
            See `ae_zoo.optimizers`. Defaults to `ae_zoo.optimizers.adam(1e-3)`.
        metrics: Protocols of `ae_zoo.evaluation`. The first one gives the headline.
            Defaults to the squared error or, for data that are pairs, to
            `evaluation.Restoration()`.
        paper: The publication that the model follows, if any.
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
            `steps_per_epoch`. The card states that the training data are these batches,
            and names `dataset` for validation and test only; int8 files are calibrated
            on these batches.
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
        TypeError: A field is missing or has the wrong type.
        ValueError: A field is out of range, or two fields contradict each other.
    """

    build: Callable[[], Autoencoder]
    dataset: Any
    task: str
    epochs: int
    batch_size: int = 64
    optimizer: Callable[[int], keras.optimizers.Optimizer] = _default_optimizer
    metrics: Sequence[AnyProtocol] | None = None
    paper: str = ""
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
        for field, value in check_fields(self).items():
            object.__setattr__(self, field, value)

    def protocols(self, source: Source) -> Sequence[AnyProtocol]:
        """Return `metrics`, or the default for a source."""
        if self.metrics is not None:
            return self.metrics
        from ae_zoo import evaluation

        has_pairs = source.target_shape is not None
        return (evaluation.Restoration() if has_pairs else evaluation.SquaredError(),)


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
        TypeError: `name_or_file` is no name or path, or a field has the wrong type.
        ValueError: There is no such recipe, the file is not valid Python, or it defines
            no `recipe` or one with an unknown, missing or invalid field.
        FileNotFoundError: There is no such file.

    Example:

    >>> name, recipe = load_recipe("denoising_digits")
    >>> recipe.batch_size
    64
    """
    check_name_or_path("recipe", name_or_file)
    path = pathlib.Path(name_or_file)
    if path.suffix != ".py":
        if str(name_or_file) not in list_recipes():
            remedy = " Or pass the path of a .py file."
            raise unknown_name("recipe", name_or_file, list_recipes(), remedy)
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
    except SyntaxError as error:
        raise ValueError(
            f"'{error.filename}' is not valid Python: {error.msg} in line "
            f"{error.lineno}."
        ) from error
    except TypeError as error:
        _explain_fields(error, path)
        raise
    return vars(module)


def _explain_fields(error: TypeError, path: pathlib.Path) -> None:
    """Raise a clearer error if unknown or missing fields of a recipe caused this one.

    Raises:
        ValueError: A field is unknown or missing.
    """
    call, text = r"Recipe\.__init__\(\) ", str(error)
    unknown = re.search(call + r"got an unexpected keyword argument '(\w+)'", text)
    if unknown is not None:
        fields = [field.name for field in dataclasses.fields(Recipe)]
        raise unknown_name(
            "Recipe field", unknown[1], fields, f" In '{path}'."
        ) from error
    missing = re.search(call + r"missing \d+ required .*: (.*)", text)
    if missing is not None:
        raise ValueError(
            f"The recipe in '{path}' lacks these fields: {missing[1]}. Every recipe "
            "states them."
        ) from error
