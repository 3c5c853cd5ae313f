"""Writes the folder of a trained model: weights, card and pictures."""

from __future__ import annotations

import importlib.util
import pathlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ae_zoo import evaluation, plots, zoo
from ae_zoo.models import typical
from ae_zoo.training import typical_inputs
from ae_zoo.zoo import cards

if TYPE_CHECKING:
    from ae_zoo.models import Autoencoder
    from ae_zoo.training.plan import Job
    from ae_zoo.zoo.entry import Card


def publish(model: Autoencoder, job: Job, *, epochs: int, seconds: float) -> None:
    """Evaluate a trained model on the test split and write its folder.

    Args:
        model: The trained model.
        job: The job that trained it.
        epochs: Number of epochs it was trained for.
        seconds: Wall time of the training.
    """
    recipe = job.recipe
    protocols = recipe.protocols(job.source)
    splits = evaluation.read_splits(job.source)
    card = make_card(
        model,
        job,
        evaluation.evaluate(model, protocols, splits),
        evaluation.measure_subset(model, protocols, splits),
        epochs=epochs,
        seconds=seconds,
    ) | {typical.FIELD: typical_inputs.measure(model, recipe, splits.validation.x)}

    def draw(folder: pathlib.Path) -> None:
        plots.training_curve(job.output_dir / "training.csv", folder / "training.png")
        plots.card_figures(
            model,
            splits.test,
            folder,
            pair=recipe.pair,
            normal_classes=recipe.classes,
            threshold=evaluation.threshold_of(card["metrics"]),
        )

    pictures = draw if importlib.util.find_spec("matplotlib") else None
    zoo.save(model, job.model_folder, card, pictures=pictures, overwrite=True)


def make_card(
    model: Autoencoder,
    job: Job,
    metrics: Sequence[evaluation.Measurement],
    subset: Mapping[str, object],
    *,
    epochs: int,
    seconds: float,
) -> Card:
    """Make the card of a model.

    Args:
        model: The model.
        job: The job that trained it.
        metrics: Its measurements.
        subset: Its headline on the first test samples.
        epochs: Number of epochs it was trained for.
        seconds: Wall time of the training.
    """
    recipe = job.recipe
    return cards.make_card(
        name=job.name,
        model=model,
        source=job.source,
        task=recipe.task,
        paper=recipe.paper,
        limits=recipe.limits,
        license=recipe.license,
        training={
            "command": job.command,
            "epochs": epochs,
            "epochs_at_most": recipe.epochs,
            "batch_size": recipe.batch_size,
            "initial_weights": recipe.initial_weights and str(recipe.initial_weights),
            "seed": recipe.seed,
            "seconds": round(seconds, 1),
        },
        metrics=metrics,
        subset=subset,
        binarize=recipe.binarize,
        classes=recipe.classes,
        has_own_batches=recipe.batches is not None,
    )
