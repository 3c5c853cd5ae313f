"""What a run tells the functions of its recipe."""

from __future__ import annotations

import dataclasses
import os


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunContext:
    """Facts of a run, handed to `Recipe.callbacks` and `Recipe.batches`.

    Attributes:
        dataset: Name of the run's data set.
        data_dir: Folder of prepared data, as passed to `ae_zoo.train`. Pass it on to
            `ae_zoo.data.load` or `arrays`.
        seed: Seed of the run.
        epochs: Number of epochs the run lasts at most.
        steps: Number of optimizer steps the run lasts at most, as passed to
            `Recipe.optimizer`.

    Example:

    >>> def training_callbacks(run):
    ...     return [ae_zoo.callbacks.Anneal("beta", start=0.0, epochs=run.epochs // 2)]
    """

    dataset: str
    data_dir: str | os.PathLike[str] | None
    seed: int
    epochs: int
    steps: int
