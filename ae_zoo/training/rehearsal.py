"""Measures and saves an untrained model, so that mistakes show before the training."""

from __future__ import annotations

import pathlib
import tempfile
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ae_zoo import evaluation, zoo
from ae_zoo.distribution.keras_patches import names_kept
from ae_zoo.evaluation.protocol import (
    SUBSET_SAMPLES,
    measure_one,
    without_repeats,
)
from ae_zoo.evaluation.splits import read_few
from ae_zoo.training.model import build, in_full_precision
from ae_zoo.training.naming import naming
from ae_zoo.training.publish import make_card
from ae_zoo.training.splits import adapt_scaling

if TYPE_CHECKING:
    from ae_zoo.data import Source
    from ae_zoo.evaluation import AnyProtocol, Measurement, Splits
    from ae_zoo.models import Autoencoder
    from ae_zoo.training.plan import Job, Plan


def rehearse(job: Job, plan: Plan) -> None:
    """Measure an untrained model on a few samples, and save it to a temporary folder.

    This is what happens after the training, in a second or two for small models. It
    draws random numbers, so the caller sets the seed of the run afterward. Layers that
    are built later have the same names as without it.

    Raises:
        TypeError: `Recipe.build` or a protocol returns something else than it must.
        ValueError: `Recipe.build`, a protocol or the saving failed. The message names
            the field.
    """
    with names_kept(), tempfile.TemporaryDirectory() as folder:
        built = build(job.recipe)
        adapt_scaling(built, job, plan)
        model = in_full_precision(built, job.recipe)
        model.compile()
        few = read_few(job.source, SUBSET_SAMPLES)
        protocols = [_quick(protocol) for protocol in job.recipe.protocols(job.source)]
        rows = without_repeats(
            row
            for number, protocol in enumerate(protocols)
            for row in _measure(model, protocol, number, few, job.source)
        )
        subset = _on_enough(
            lambda splits: evaluation.measure_subset(model, protocols, splits),
            "The headline, Recipe.metrics[0], on the first test samples",
            few,
            job.source,
        )
        with naming("Writing the model that Recipe.build makes"):
            card = make_card(model, job, rows, subset, epochs=0, seconds=0.0)
            zoo.save(model, pathlib.Path(folder) / "model", card)


def _quick(protocol: AnyProtocol) -> AnyProtocol:
    return (
        protocol.rehearsal() if isinstance(protocol, evaluation.Protocol) else protocol
    )


def _measure(
    model: Autoencoder, protocol: AnyProtocol, number: int, few: Splits, source: Source
) -> Sequence[Measurement]:
    field = f"Recipe.metrics[{number}]"
    if isinstance(protocol, evaluation.Protocol):
        field += f", {type(protocol).__name__}(...)"
    rows = _on_enough(
        lambda splits: measure_one(model, protocol, splits), field, few, source
    )
    if not isinstance(rows, Sequence) or not all(
        isinstance(row, evaluation.Measurement) for row in rows
    ):
        raise TypeError(
            f"{field} must return a list of Measurement. Received: {rows!r} of type "
            f"{type(rows).__name__}"
        )
    return rows


def _on_enough(
    measure: Callable[[Splits], Any], field: str, few: Splits, source: Source
) -> Any:
    """Measure on a few samples or, if they are too few, on all of them."""
    try:
        return measure(few)
    except Exception:  # a PCA, for example, needs as many samples as components
        with naming(field):
            return measure(evaluation.read_splits(source))
