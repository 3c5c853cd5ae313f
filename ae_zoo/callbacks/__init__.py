"""Keras callbacks for `fit`: annealing, dead units, checkpoints, logged images."""

from ae_zoo.callbacks.anneal import Anneal
from ae_zoo.callbacks.checkpoints import Checkpoints
from ae_zoo.callbacks.log_images import LogImages
from ae_zoo.callbacks.preemption import Preempted
from ae_zoo.callbacks.revive_units import ReviveUnits

__all__ = ["Anneal", "Checkpoints", "LogImages", "Preempted", "ReviveUnits"]
