"""The training and validation data of a run, divided among its workers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import tensorflow as tf

from ae_zoo.distribution.replicas import is_multi_worker
from ae_zoo.training.context import RunContext
from ae_zoo.training.naming import naming
from ae_zoo.training.plan import Job, Plan, make_context
from ae_zoo.training.recipe import Recipe

if TYPE_CHECKING:
    from ae_zoo.models import Autoencoder

_ADAPTED = 256  # samples that the scaling is adapted to at a time


def load_training(job: Job, plan: Plan, skip: int) -> tf.data.Dataset:
    """Load the endless training data of a run.

    Args:
        job: The job.
        plan: Its plan.
        skip: Number of training steps already made, whose batches are left out.
    """
    recipe = job.recipe

    def load(shard: tuple[int, int]) -> tf.data.Dataset:
        if recipe.batches is not None:
            return _own_batches(recipe.batches, make_context(job, plan), skip, shard)
        with _naming_functions(recipe):
            return job.source.load(
                "train",
                batch_size=plan.part_size,
                shuffle=True,
                seed=recipe.seed,
                binarize=recipe.binarize,
                augment=recipe.augment,
                repeat=True,
                skip=skip,
                pair=recipe.pair,
                classes=recipe.classes,
                shard=shard,
            )

    return _share(load, job.strategy)


def load_validation(job: Job) -> tf.data.Dataset:
    """Load one pass over the validation split, not shuffled and not augmented."""
    recipe = job.recipe

    def load(shard: tuple[int, int]) -> tf.data.Dataset:
        with _naming_functions(recipe):
            return job.source.load(
                "validation",
                batch_size=recipe.batch_size,
                binarize=recipe.binarize and "fixed",
                pair=recipe.pair,
                classes=recipe.classes,
                shard=shard,
            )

    return _share(load, job.strategy)


def adapt_scaling(model: Autoencoder, job: Job, plan: Plan) -> None:
    """Adapt the scaling of a model to the training data, unless `build` has done so."""
    if model.scaling is None or model.scaling.is_adapted:
        return
    recipe = job.recipe
    if recipe.batches is not None:
        run = make_context(job, plan)
        training = _own_batches(recipe.batches, run, 0, (0, 1))
        model.scaling.adapt(training.take(plan.steps_per_epoch))
        return
    with _naming_functions(recipe):
        model.scaling.adapt(
            job.source.load(
                "train",
                batch_size=_ADAPTED,
                pair=recipe.pair,
                classes=recipe.classes,
            )
        )


def _own_batches(
    make: Callable[[RunContext, int, tuple[int, int]], tf.data.Dataset],
    run: RunContext,
    skip: int,
    shard: tuple[int, int],
) -> tf.data.Dataset:
    with naming("Recipe.batches"):
        batches = make(run, skip, shard)
    if not isinstance(batches, tf.data.Dataset):
        raise TypeError(
            "`Recipe.batches` must return a tf.data.Dataset. Received an object of "
            f"type {type(batches).__name__}"
        )
    return batches


def _naming_functions(recipe: Recipe) -> contextlib.AbstractContextManager[None]:
    """Name the fields whose functions `Source.load` calls, if one of them fails."""
    fields = [
        f"Recipe.{field}"
        for field in ("augment", "pair")
        if getattr(recipe, field) is not None
    ]
    if not fields:
        return contextlib.nullcontext()
    return naming(" or ".join(fields), also_deliberate=False)


def _share(
    load: Callable[[tuple[int, int]], tf.data.Dataset],
    strategy: tf.distribute.Strategy,
) -> tf.data.Dataset:
    """Load one dataset, of which each worker reads its share of every global batch.

    Args:
        load: Function from (index, number) of a shard to a dataset.
        strategy: The strategy.
    """
    if not is_multi_worker(strategy):
        return load((0, 1))

    def load_worker(worker: tf.distribute.InputContext) -> tf.data.Dataset:
        replicas = strategy.num_replicas_in_sync
        per_worker = replicas // worker.num_input_pipelines
        first = worker.input_pipeline_id * per_worker
        shards = [load((first + index, replicas)) for index in range(per_worker)]
        turns = tf.data.Dataset.range(per_worker).repeat()
        return tf.data.Dataset.choose_from_datasets(shards, turns)

    return strategy.distribute_datasets_from_function(load_worker)
