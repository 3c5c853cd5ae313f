"""Resolves what a call of `train` asks for, and plans the steps of the run."""

from __future__ import annotations

import dataclasses
import math
import os
import pathlib
from typing import TYPE_CHECKING, Any

from ae_zoo._checks import check_count
from ae_zoo.distribution.replicas import check_batch_size
from ae_zoo.distribution.strategies import is_chief
from ae_zoo.training.context import RunContext
from ae_zoo.training.loading import own_classes, with_data
from ae_zoo.training.recipe import Recipe, load_recipe

if TYPE_CHECKING:
    import tensorflow as tf

    from ae_zoo.data import Source


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """A call of `train` after its arguments have been resolved.

    Attributes:
        name: Name of the model on its card.
        command: Command line that trains it, or None for a `Recipe` object.
        recipe: The recipe, with the epochs and the seed of this call.
        own_classes: Classes that its models may contain in addition to the zoo's.
        strategy: The `tf.distribute.Strategy`.
        source: The data that it trains on.
        data_dir: Folder of prepared data, as passed to `train`.
        output_dir: Folder of the run.
        verbose: As in `keras.Model.fit`.
    """

    name: str
    command: str | None
    recipe: Recipe
    own_classes: dict[str, type]
    strategy: tf.distribute.Strategy
    source: Source
    data_dir: str | os.PathLike[str] | None
    output_dir: pathlib.Path
    verbose: int | str

    @property
    def model_folder(self) -> pathlib.Path:
        """The folder that `ae_zoo.load` reads once the run is finished."""
        return self.output_dir / "model"

    @property
    def checkpoint_folder(self) -> pathlib.Path:
        """The folder of the checkpoints, which exists until the run is finished."""
        return self.output_dir / "checkpoints"

    @property
    def is_writer(self) -> bool:
        """Whether this process writes the files of the run."""
        return is_chief(self.strategy)


def resolve(
    recipe: Recipe | str | os.PathLike[str],
    strategy: tf.distribute.Strategy,
    *,
    epochs: int | None = None,
    seed: int | None = None,
    output_dir: str | os.PathLike[str] | None = None,
    data_dir: str | os.PathLike[str] | None = None,
    replacement: Any = None,
    verbose: int | str = "auto",
) -> Job:
    """Return the `Job` that the arguments of `train` describe."""
    if isinstance(recipe, Recipe):
        name, command, chosen = "model", None, recipe
    else:
        name, chosen = load_recipe(recipe)
        other_seed = None if seed == chosen.seed else seed
        command = _command(recipe, epochs, other_seed, replacement)
    chosen = with_data(chosen, replacement, data_dir)
    run = name if seed is None else f"{name}-seed{seed}"
    return Job(
        name=name,
        command=command,
        recipe=dataclasses.replace(
            chosen,
            epochs=chosen.epochs if epochs is None else epochs,
            seed=chosen.seed if seed is None else seed,
        ),
        own_classes=own_classes(recipe),
        strategy=strategy,
        source=chosen.dataset,
        data_dir=data_dir,
        output_dir=pathlib.Path(output_dir or pathlib.Path("runs") / run),
        verbose=verbose,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """The sizes and numbers of steps of a run.

    The optimizer makes one step for every `Recipe.gradient_accumulation_steps` training
    steps, each of which takes one part of a batch. By default both numbers are equal.

    Attributes:
        part_size: Number of samples per training step, over all replicas.
        steps_per_epoch: Number of training steps in an epoch.
        optimizer_steps: Number of optimizer steps in the run.
        steps_per_execution: Number of training steps per call of the compiled graph.
        validation_steps: Number of batches in the validation split.
    """

    part_size: int
    steps_per_epoch: int
    optimizer_steps: int
    steps_per_execution: int
    validation_steps: int


def make_plan(job: Job) -> Plan:
    """Plan the steps of a run.

    Raises:
        ValueError: The batch does not divide among the replicas, or the data lack a
            split.
    """
    recipe = job.recipe
    for split in ("train", "validation", "test"):
        job.source.check_split(split)
        check_count(f"Source.counts[{split!r}]", job.source.counts[split])
    part_size = recipe.batch_size // recipe.gradient_accumulation_steps
    with job.strategy.scope():
        check_batch_size(part_size)
    steps = recipe.steps_per_epoch or _count_batches(job, "train", part_size)
    updates = math.ceil(steps / recipe.gradient_accumulation_steps)
    return Plan(
        part_size=part_size,
        steps_per_epoch=steps,
        optimizer_steps=updates * recipe.epochs,
        steps_per_execution=_divisor(steps, min(recipe.steps_per_execution, updates)),
        validation_steps=_count_batches(job, "validation", recipe.batch_size),
    )


def make_context(job: Job, plan: Plan) -> RunContext:
    """Return the facts about the run that the functions of the recipe receive."""
    return RunContext(
        source=job.source,
        data_dir=job.data_dir,
        seed=job.recipe.seed,
        epochs=job.recipe.epochs,
        steps=plan.optimizer_steps,
    )


def run_settings(job: Job) -> dict[str, Any]:
    """Return what a run must have in common with the one that it resumes."""
    recipe = job.recipe
    return {
        "batch_size": recipe.batch_size,
        "seed": recipe.seed,
        "classes": list(recipe.classes or []) or None,
        "dataset": job.source.name,
        "fingerprint": dict(job.source.fingerprint),
    }


def _command(
    recipe: str | os.PathLike[str],
    epochs: int | None,
    seed: int | None,
    replacement: Any,
) -> str:
    # Where the data lie is a matter of this machine alone.
    own = None if replacement is None else "PATH"
    options = {"--epochs": epochs, "--seed": seed, "--data": own}
    words = [f"{key} {value}" for key, value in options.items() if value is not None]
    return " ".join(["ae-zoo train", str(recipe), *words])


def _count_batches(job: Job, split: str, batch_size: int) -> int:
    classes = job.recipe.classes
    if classes is None:
        return math.ceil(job.source.counts[split] / batch_size)
    batches = job.source.load(split, batch_size=batch_size, classes=classes)
    return int(batches.cardinality())


def _divisor(steps: int, limit: int) -> int:
    """Return the largest divisor of `steps` up to `limit`.

    If calls of several steps do not fill an epoch exactly, Keras runs past its end.
    """
    return max(k for k in range(1, min(steps, limit) + 1) if steps % k == 0)
