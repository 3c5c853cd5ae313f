"""Training a recipe from its first step to a model folder with its card."""

import contextlib
import csv
import dataclasses
import importlib.util
import math
import pathlib
import shutil
import tempfile

import keras
import tensorflow as tf

from ae_zoo import data, evaluation, optimizers, plots, zoo
from ae_zoo._checks import check_batch_size, check_count
from ae_zoo.callbacks.checkpoints import Checkpoints
from ae_zoo.distribution.replicas import is_multi_worker
from ae_zoo.distribution.strategies import explained_losses, get_strategy, is_chief
from ae_zoo.evaluation._source import source
from ae_zoo.training.figures import draw_figures
from ae_zoo.training.recipe import Recipe, load_recipe, own_classes
from ae_zoo.zoo import cards


def train(
    recipe,
    strategy="default",
    *,
    epochs=None,
    seed=None,
    output_dir=None,
    resume=False,
    data_dir=None,
    verbose="auto",
    keep=3,
):
    """Trains a recipe, evaluates it on the test split and writes its model folder.

    The output directory holds `model/` (which `ae_zoo.load` reads), `training.csv`,
    `logs/` for TensorBoard where that is installed, and, while training,
    `checkpoints/`, from which an interrupted run resumes. Of several workers the chief
    alone writes it.

    Args:
        recipe: Name of a shipped recipe, path of a recipe file, or a `Recipe`.
        strategy: A name of `ae_zoo.distribution.get_strategy`, or a
            `tf.distribute.Strategy`. With "multi_worker" this must be the first that
            the program asks of TensorFlow.
        epochs: In place of the recipe's.
        seed: In place of the recipe's.
        output_dir: Default `runs/<name>`, with the seed where one is given.
        resume: Go on from the checkpoints in `output_dir`, to the weights of a run that
            was never interrupted. Where there are none yet the run begins, and where it
            is finished its model is returned: a scheduler can start the same command
            again and again.
        data_dir: Where the datasets are; see `ae_zoo.data.load`.
        verbose: As in `fit`.
        keep: How many checkpoints to keep while training.

    Returns:
        The trained model, compiled. Of a recipe in mixed precision it is as it was
        trained; the one in `model/` computes in float32.

    Raises:
        FileExistsError: `output_dir` holds a run already and `resume` is False.
        FloatingPointError: The loss became NaN or infinite.
        OSError: A checkpoint cannot be written, as when the disk is full.
        ae_zoo.callbacks.Preempted: SIGTERM came. The run is saved; the program ends
            with status 75.
        RuntimeError: Another worker was lost (`ae_zoo.distribution.WorkerLostError`),
            or did not start.
        ValueError: Unknown recipe or strategy, a cluster that makes no sense, a
            batch that does not divide among the replicas, initial weights of another
            network, or a finished run of another recipe or other settings.

    Example:

    >>> model = ae_zoo.train("undercomplete_digits", epochs=1, verbose=0)
    """
    if epochs is not None:
        check_count("epochs", epochs)
    # Before anything else: devices are set up together with those of other workers.
    strategy = get_strategy(strategy)
    given = recipe
    if isinstance(recipe, Recipe):
        name, command = "model", None
    else:
        command = f"ae-zoo train {recipe}" + (f" --epochs {epochs}" if epochs else "")
        name, recipe = load_recipe(recipe)
        command += "" if seed in (None, recipe.seed) else f" --seed {seed}"
    run = name if seed is None else f"{name}-seed{seed}"
    output_dir = pathlib.Path(output_dir or pathlib.Path("runs") / run)
    if seed is not None:
        recipe = dataclasses.replace(recipe, seed=seed)
    writes = is_chief(strategy)
    epochs = epochs or recipe.epochs
    if resume and (output_dir / "model").exists():
        model = zoo.load(output_dir / "model", own_classes(given))
        _check_finished(model, recipe, epochs, output_dir)
        if writes and verbose:
            print(f"The run in '{output_dir}' is finished; its model is loaded.")
        return model
    if writes and not resume:
        _check_output_dir(output_dir)
    with strategy.scope():
        check_batch_size(_part(recipe))
    steps = recipe.steps_per_epoch or _batches(recipe, "train", _part(recipe), data_dir)
    updates = math.ceil(steps / recipe.gradient_accumulation_steps)
    together = _divisor(steps, min(recipe.steps_per_execution, updates))
    callbacks = [StopOnDivergence(), *recipe.callbacks(), *_stopping(recipe)]
    if writes:
        callbacks += _boards(output_dir)
    checkpoints = Checkpoints(output_dir / "checkpoints", callbacks, keep)
    initial = None
    if recipe.initial_weights is not None and not checkpoints.steps_done:
        initial = zoo.load(recipe.initial_weights, own_classes(given))
    splits = _load_splits(recipe, data_dir, strategy, checkpoints.steps_done)

    keras.utils.set_random_seed(recipe.seed)
    with strategy.scope():
        model = compiled_model(
            dataclasses.replace(recipe, steps_per_execution=together), updates, epochs
        )
    if initial is not None:
        check_same_network(
            model,
            initial,
            f"Recipe.initial_weights, {str(recipe.initial_weights)!r}, must be a model "
            "of the network that the recipe builds. Name another, or build the same.",
        )
        model.set_weights(initial.get_weights())
    csv_logger = _csv_logger(output_dir, checkpoints.rows) if writes else None
    try:
        with explained_losses(strategy):
            model.fit(
                splits["train"],
                steps_per_epoch=steps,
                validation_data=splits["validation"],
                validation_steps=_batches(
                    recipe, "validation", recipe.batch_size, data_dir
                ),
                epochs=epochs,
                callbacks=[checkpoints, csv_logger] if writes else [checkpoints],
                verbose=verbose if writes else 0,
            )
    finally:
        checkpoints.close()
        if writes:
            with contextlib.suppress(OSError):  # a full disk has been reported
                csv_logger.on_train_end()  # which Keras forgets where training breaks
    if not writes:
        return model
    write_entry(
        _in_full_precision(_on_one_device(model, strategy), recipe),
        recipe,
        output_dir,
        data_dir=data_dir,
        name=name,
        command=command,
        epochs=len(checkpoints.rows),
        epochs_at_most=epochs,
        seconds=checkpoints.seconds,
    )
    shutil.rmtree(output_dir / "checkpoints", ignore_errors=True)
    if verbose:
        print(f"The model and its card are in '{output_dir / 'model'}'.")
    return model


def compiled_model(recipe, steps, epochs):
    """The model of a recipe, for so many optimizer steps an epoch."""
    model = _built(recipe, recipe.dtype_policy)
    optimizer = recipe.optimizer(steps * epochs)
    # A LossScaleOptimizer leaves both to the one it wraps.
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    if recipe.global_clipnorm is not None:
        inner.global_clipnorm = recipe.global_clipnorm
    if recipe.gradient_accumulation_steps > 1:
        optimizers.accumulate_gradients(inner, recipe.gradient_accumulation_steps)
    model.compile(
        optimizer,
        steps_per_execution=min(recipe.steps_per_execution, steps),
        jit_compile=recipe.jit_compile,
        gradient_dtype=recipe.gradient_dtype,
    )
    return model


def check_same_network(expected, received, explanation):
    """Checks that two models have weights of the same shapes, one by one.

    Args:
        expected: A model.
        received: Another.
        explanation: What the error begins with.

    Raises:
        ValueError: They have not.
    """
    expected, received = (
        [tuple(weight.shape) for weight in model.weights]
        for model in (expected, received)
    )
    if expected != received:
        raise ValueError(
            f"{explanation} Expected weights of shapes {expected}; received {received}."
        )


def _built(recipe, dtype_policy):
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype_policy)
    try:
        return recipe.build()
    finally:
        keras.config.set_dtype_policy(policy)


def write_entry(model, recipe, output_dir, data_dir=None, **facts):
    """Measures a trained model and writes its folder, `output_dir/model`.

    Args:
        model: The trained model.
        recipe: Its `Recipe`.
        output_dir: Of the run, with its `training.csv`.
        data_dir: Where the datasets are; see `ae_zoo.data.load`.
        **facts: What else the card says; see `ae_zoo.zoo.cards.make_card`.
    """
    output_dir = pathlib.Path(output_dir)
    splits = evaluation.read_splits(source(recipe.dataset, data_dir))
    card = cards.make_card(
        model=model,
        recipe=recipe,
        metrics=evaluation.evaluate(model, recipe.metrics, splits),
        subset=evaluation.measure_subset(model, recipe.metrics, splits),
        **facts,
    )

    def draw(folder):
        plots.training_curve(output_dir / "training.csv", folder / "training.png")
        draw_figures(model, recipe, folder, data_dir)

    can_draw = importlib.util.find_spec("matplotlib")
    folder = output_dir / "model"
    zoo.save(model, folder, card, pictures=draw if can_draw else None, overwrite=True)


class StopOnDivergence(keras.callbacks.Callback):
    """Stops with an error as soon as the loss is NaN or infinite."""

    def on_train_batch_end(self, batch, logs=None):
        loss = (logs or {}).get("loss")
        if loss is not None and not math.isfinite(loss):
            raise FloatingPointError(
                f"The loss became {loss} at step {batch} of epoch "
                f"{self._epoch + 1}. Lower the learning rate, clip gradients "
                "(the optimizer's `clipnorm`), or look for NaN in the data."
            )

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch


def _check_output_dir(output_dir):
    if (output_dir / "model").exists() or (output_dir / "checkpoints").exists():
        raise FileExistsError(
            f"'{output_dir}' holds a run already. Resume it if it is unfinished "
            "(--resume), or choose another output directory (--output-dir)."
        )


def _check_finished(model, recipe, epochs, output_dir):
    """Whether a finished run is one of what is asked for now."""
    data_set, training = model.card["dataset"], model.card["training"]
    received = {
        "batch_size": training["batch_size"],
        "seed": training["seed"],
        # Cards of earlier versions know neither of these two.
        "epochs": training.get("epochs_at_most", epochs),
        "classes": data_set.get("classes"),
        "dataset": data_set["name"],
    }
    expected = {
        "batch_size": recipe.batch_size,
        "seed": recipe.seed,
        "epochs": epochs,
        "classes": list(recipe.classes or []) or None,
        "dataset": recipe.dataset,
    }
    differing = [field for field in expected if expected[field] != received[field]]
    advice = "Ask for the same again, or choose another output directory."
    if differing:
        raise ValueError(
            f"The run in '{output_dir}' is finished, with "
            f"{ {field: received[field] for field in differing} }. Expected: "
            f"{ {field: expected[field] for field in differing} }. {advice}"
        )
    check_same_network(
        _built(recipe, "float32"),
        model,
        f"The run in '{output_dir}' is finished, of another network. {advice}",
    )


def _part(recipe):
    return recipe.batch_size // recipe.gradient_accumulation_steps


def _batches(recipe, split, size, data_dir):
    if recipe.classes is None:
        return math.ceil(data.info(recipe.dataset).counts[split] / size)
    chosen = data.load(
        recipe.dataset,
        split,
        batch_size=size,
        classes=recipe.classes,
        data_dir=data_dir,
    )
    return int(chosen.cardinality())


def _divisor(steps, limit):
    """The most steps in one call that make up an epoch; Keras oversteps it else."""
    return max(k for k in range(1, min(steps, limit) + 1) if steps % k == 0)


def _load_splits(recipe, data_dir, strategy, steps_done):
    def train(shard):
        if recipe.batches is not None:
            return recipe.batches(steps_done, shard)
        return data.load(
            recipe.dataset,
            "train",
            batch_size=_part(recipe),
            shuffle=True,
            seed=recipe.seed,
            binarize=recipe.binarize,
            augment=recipe.augment,
            pair=recipe.pair,
            classes=recipe.classes,
            data_dir=data_dir,
            repeat=True,
            skip=steps_done,
            shard=shard,
        )

    def validation(shard):
        return data.load(
            recipe.dataset,
            "validation",
            batch_size=recipe.batch_size,
            binarize=recipe.binarize and "fixed",
            pair=recipe.pair,
            classes=recipe.classes,
            data_dir=data_dir,
            shard=shard,
        )

    return {
        "train": _shared(train, strategy),
        "validation": _shared(validation, strategy),
    }


def _shared(load, strategy):
    """A dataset of which each worker reads its own share of every global batch."""
    if not is_multi_worker(strategy):
        return load((0, 1))

    def share(worker):
        replicas = strategy.num_replicas_in_sync
        own = replicas // worker.num_input_pipelines
        first = worker.input_pipeline_id * own
        parts = [load((first + number, replicas)) for number in range(own)]
        turns = tf.data.Dataset.range(own).repeat()
        return tf.data.Dataset.choose_from_datasets(parts, turns)

    return strategy.distribute_datasets_from_function(share)


def _csv_logger(output_dir, rows):
    """Writes `training.csv` anew, up to the checkpoint, and goes on from there."""
    output_dir.mkdir(parents=True, exist_ok=True)
    path = output_dir / "training.csv"
    if rows:
        beside = path.with_suffix(".new")
        with open(beside, "w", encoding="utf-8", newline="") as file:
            names = sorted(set(rows[0]) - {"epoch"})
            writer = csv.DictWriter(file, ["epoch", *names])
            writer.writeheader()
            writer.writerows(rows)
        beside.replace(path)
    return keras.callbacks.CSVLogger(path, append=bool(rows))


def _on_one_device(model, strategy):
    """A copy that needs no other worker, for the chief to measure and save."""
    if not is_multi_worker(strategy):
        return model
    with tempfile.TemporaryDirectory() as folder:
        model.save(pathlib.Path(folder) / "model.keras")
        return keras.saving.load_model(pathlib.Path(folder) / "model.keras")


def _in_full_precision(model, recipe):
    """A copy of a model in mixed precision that computes in that of its weights.

    Half precision is slow on processors without instructions for it.
    """
    policy = keras.dtype_policies.get(recipe.dtype_policy)
    if policy.compute_dtype == policy.variable_dtype:
        return model
    exact = _built(recipe, policy.variable_dtype)
    exact.set_weights(model.get_weights())
    exact.compile()
    return exact


def _stopping(recipe):
    if recipe.patience is None:
        return []
    return [
        keras.callbacks.EarlyStopping(
            patience=recipe.patience, restore_best_weights=True, verbose=1
        )
    ]


def _boards(output_dir):
    if not importlib.util.find_spec("tensorboard"):
        return []
    return [keras.callbacks.TensorBoard(output_dir / "logs")]
