"""Protocols of the code itself: how sparse it is, how still it stands."""

import dataclasses

import numpy as np

from ae_zoo import zoo
from ae_zoo.evaluation import measures
from ae_zoo.evaluation.protocol import Measurement, Protocol


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sparsity(Protocol):
    """How sparse the codes of the test split are: L0, dead units, what they explain.

    Attributes:
        threshold: |z| above which a unit counts as active.
    """

    threshold: float = 1e-6

    def __call__(self, model, splits):
        test = splits.test.x
        active = np.abs(model.encode(test).numpy()) > self.threshold
        dead = 100 * (1 - active.any(axis=0).mean())
        neutral = {"higher_is_better": None}
        units = {"baseline": model.latent_dim, "baseline_name": "code size", **neutral}
        error = measures.normalized_squared_error(test, model.reconstruct(test))
        unit = 100 / model.latent_dim
        return [
            Measurement("active units per sample", active.sum(1).mean(), **units),
            Measurement("dead units, %", dead, tolerance=unit),
            Measurement("squared error / squared norm", error, 1.0, "zeros"),
        ]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contraction(Protocol):
    """The encoder's mean Jacobian norm ‖J_f‖_F and the share of saturated units.

    A sigmoid unit counts as saturated below 0.05 or above 0.95.

    Attributes:
        twin: Name or folder of a model without the penalty, to stand beside; or None.
    """

    twin: str | None = None

    def __call__(self, model, splits):
        values = _contraction(model, splits.test.x)
        twin = [None, None]
        if self.twin is not None:
            twin = _contraction(zoo.load(self.twin), splits.test.x)
        name = "" if self.twin is None else "no penalty"
        return [
            Measurement(metric, value, baseline, name, higher_is_better=None)
            for metric, value, baseline in zip(
                ("Jacobian norm ‖J‖", "saturated units, %"), values, twin, strict=True
            )
        ]


def _contraction(model, x):
    codes = model.encode(x).numpy()
    saturated = 100 * ((codes < 0.05) | (codes > 0.95)).mean()
    return measures.jacobian_norm(model, x).mean(), saturated
