"""`train`: from a recipe to a model folder with its card."""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import TYPE_CHECKING, Any

import keras

from ae_zoo import _staging, zoo
from ae_zoo._checks import check_count, check_folder
from ae_zoo.callbacks.checkpoints import Checkpoints
from ae_zoo.distribution.strategies import explain_lost_workers, get_strategy
from ae_zoo.training.callbacks import make_callbacks, make_csv_logger
from ae_zoo.training.finished import check_is_new, load_finished
from ae_zoo.training.model import (
    build_and_compile,
    check_same_network,
    in_full_precision,
    on_one_device,
)
from ae_zoo.training.plan import Job, Plan, make_plan, resolve
from ae_zoo.training.publish import publish
from ae_zoo.training.rehearsal import rehearse
from ae_zoo.training.splits import adapt_scaling, load_training, load_validation

if TYPE_CHECKING:
    import tensorflow as tf

    from ae_zoo.models import Autoencoder
    from ae_zoo.training.recipe import Recipe


def train(
    recipe: str | os.PathLike[str] | Recipe,
    strategy: str | tf.distribute.Strategy = "default",
    *,
    epochs: int | None = None,
    seed: int | None = None,
    output_dir: str | os.PathLike[str] | None = None,
    resume: bool = False,
    data_dir: str | os.PathLike[str] | None = None,
    data: Any = None,
    verbose: int | str = "auto",
    keep: int = 3,
) -> Autoencoder:
    """Train a recipe, evaluate the model on the test split and write its folder.

    `output_dir` receives `model/` (which `ae_zoo.load` reads), `training.csv`, `logs/`
    for TensorBoard if that is installed and, during training, `checkpoints/`, from
    which an interrupted run resumes. With several workers, only the chief writes.

    Before the training, the metrics are tried on an untrained model and a few samples,
    and this model is saved to a temporary folder, to find mistakes early. It takes a
    second or two for small models, changes no result, and is left out only if the run
    is finished already.

    Args:
        recipe: Name of a shipped recipe, path of a recipe file, or a `Recipe`.
        strategy: A name for `ae_zoo.distribution.get_strategy`, or a
            `tf.distribute.Strategy`. With "multi_worker", this call must be the first
            use of TensorFlow in the program.
        epochs: Replaces the number of epochs of the recipe.
        seed: Replaces the seed of the recipe.
        output_dir: Folder of the run. Defaults to `runs/<name>`, or to
            `runs/<name>-seed<seed>` if `seed` is given.
        resume: Continue from the checkpoints in `output_dir`, to the same weights as a
            run that was never interrupted. Without checkpoints the run starts; if it is
            finished, its model is returned. So a scheduler can repeat one command.
        data_dir: Folder of prepared data, as in `ae_zoo.data.load`.
        data: Data that take the place of `Recipe.dataset`, as for
            `ae_zoo.data.source`. A folder or file gets the options of the source that
            it replaces, such as the size of images.
        verbose: As in `keras.Model.fit`.
        keep: Number of checkpoints to keep during training.

    Returns:
        The trained model, compiled. In mixed precision it is the model as it was
        trained, while the one in `model/` computes in float32.

    Raises:
        FileExistsError: `output_dir` holds a run already and `resume` is False.
        FloatingPointError: The loss became NaN or infinite.
        OSError: A checkpoint cannot be written, for example because the disk is full.
        ae_zoo.callbacks.Preempted: The process received SIGTERM. The run is saved, and
            the program ends with status 75.
        RuntimeError: Another worker was lost (`ae_zoo.distribution.WorkerLostError`) or
            did not start.
        ValueError: The recipe, strategy or cluster is unknown or invalid; a function of
            the recipe failed; the batch does not divide among the replicas; the initial
            weights are those of another network; or `output_dir` holds a run with other
            data or settings.

    Example:

    >>> model = ae_zoo.train("undercomplete_digits", epochs=1, verbose=0)
    """
    if epochs is not None:
        check_count("epochs", epochs)
    check_count("keep", keep)
    if output_dir is not None:
        check_folder("output_dir", output_dir)
    # First of all, because a cluster must be set up before TensorFlow is used.
    strategy = get_strategy(strategy)
    job = resolve(
        recipe,
        strategy,
        epochs=epochs,
        seed=seed,
        output_dir=output_dir,
        data_dir=data_dir,
        replacement=data,
        verbose=verbose,
    )
    if resume and job.model_folder.exists():
        return load_finished(job)
    if job.is_writer and not resume:
        check_is_new(job)
    plan = make_plan(job)
    model, checkpoints = _fit(job, plan, keep)
    if job.is_writer:
        publish(
            in_full_precision(on_one_device(model, strategy), job.recipe),
            job,
            epochs=len(checkpoints.rows),
            seconds=checkpoints.seconds,
        )
        shutil.rmtree(job.checkpoint_folder, ignore_errors=True)
        # Studies move runs from private folders, or remove them.
        if verbose and not _staging.is_private(job.model_folder):
            print(f"The model and its card are in '{job.model_folder}'.")
    return model


def _fit(job: Job, plan: Plan, keep: int) -> tuple[Autoencoder, Checkpoints]:
    """Train the model of a job from its last checkpoint, if there is one."""
    # Functions of the recipe may make datasets that draw from the global seed.
    keras.utils.set_random_seed(job.recipe.seed)
    checkpoints = Checkpoints(job.checkpoint_folder, make_callbacks(job, plan), keep)
    training = load_training(job, plan, skip=checkpoints.steps_done)
    validation = load_validation(job)
    model = _make_model(job, plan, is_resumed=checkpoints.steps_done > 0)
    csv_logger = None
    if job.is_writer:
        csv_logger = make_csv_logger(job.output_dir, checkpoints.rows)
    try:
        with explain_lost_workers(job.strategy):
            model.fit(
                training,
                steps_per_epoch=plan.steps_per_epoch,
                validation_data=validation,
                validation_steps=plan.validation_steps,
                epochs=job.recipe.epochs,
                callbacks=[checkpoints, csv_logger] if csv_logger else [checkpoints],
                verbose=job.verbose if job.is_writer else 0,
            )
    finally:
        checkpoints.close()
        if csv_logger:
            # Keras does not close the file if training ends with an error. On a full
            # disk closing it fails too, and that has already been reported.
            with contextlib.suppress(OSError):
                csv_logger.on_train_end()
    return model, checkpoints


def _make_model(job: Job, plan: Plan, is_resumed: bool) -> Autoencoder:
    """Build and compile the model, with the recipe's initial weights if it is new."""
    recipe, initial = job.recipe, None
    if job.is_writer:
        rehearse(job, plan)
    if recipe.initial_weights is not None and not is_resumed:
        initial = zoo.load(recipe.initial_weights, job.own_classes)
    keras.utils.set_random_seed(recipe.seed)
    with job.strategy.scope():
        model = build_and_compile(
            recipe, plan.optimizer_steps, plan.steps_per_execution
        )
    adapt_scaling(model, job, plan)
    if initial is not None:
        check_same_network(
            model,
            initial,
            f"Recipe.initial_weights, {str(recipe.initial_weights)!r}, must be a model "
            "with the network that the recipe builds. Name another model, or build "
            "the same network.",
        )
        model.set_weights(initial.get_weights())
    return model
