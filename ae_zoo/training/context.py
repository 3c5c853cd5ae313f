"""The facts about a run that the functions of its recipe receive."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ae_zoo.data import Source


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunContext:
    """Facts about a run, passed to `Recipe.callbacks` and `Recipe.batches`.

    Attributes:
        source: The data that the run trains on. Read them with `source.arrays(split)`
            or `source.load(split)`.
        data_dir: Folder of prepared data, as passed to `ae_zoo.train`.
        seed: Seed of the run.
        epochs: Number of epochs, unless a callback stops earlier.
        steps: Number of optimizer steps in these epochs, as passed to
            `Recipe.optimizer`.

    Example:

    >>> def training_callbacks(run):
    ...     return [ae_zoo.callbacks.Anneal("k", start=100, epochs=run.epochs // 2)]
    """

    source: Source
    data_dir: str | os.PathLike[str] | None
    seed: int
    epochs: int
    steps: int
