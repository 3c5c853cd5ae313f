"""Callbacks for `fit`."""

from ae_zoo.callbacks.annealing import Anneal, ReviveUnits
from ae_zoo.callbacks.checkpoints import Checkpoints, Preempted

__all__ = ["Anneal", "Checkpoints", "Preempted", "ReviveUnits"]
