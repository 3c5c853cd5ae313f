"""Checkpoints from which training goes on as if it had never been interrupted."""

from ae_zoo.checkpoints.callback import Checkpoints, Preempted

__all__ = ["Checkpoints", "Preempted"]
