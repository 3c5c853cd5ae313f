"""Protocols of the code itself: how sparse it is, how still it stands."""

import dataclasses

import keras
import numpy as np

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
        active = np.abs(measures.flat(model.encode(test).numpy())) > self.threshold
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

    A sigmoid unit counts as saturated below 0.05 or above 0.95. The baseline is a twin
    without the penalty, which the protocol trains: from fresh weights, by Adam with a
    learning rate that falls to zero.

    Attributes:
        twin_epochs: Of the twin; None leaves it out.
        batch_size: Of the twin.
        learning_rate: Of the twin, at the start.
        seed: Of the twin's weights and order.
    """

    twin_epochs: int | None = None
    batch_size: int = 128
    learning_rate: float = 1e-3
    seed: int = 0

    @property
    def is_slow(self):
        return self.twin_epochs is not None

    def __call__(self, model, splits):
        values = _contraction(model, splits.test.x)
        twin, name = [None, None], ""
        if self.twin_epochs is not None:
            twin = _contraction(self._twin(model, splits.train.x), splits.test.x)
            name = "no penalty"
        return [
            Measurement(metric, value, baseline, name, higher_is_better=None)
            for metric, value, baseline in zip(
                ("Jacobian norm ‖J‖", "saturated units, %"), values, twin, strict=True
            )
        ]

    def _twin(self, model, x):
        keras.utils.set_random_seed(self.seed)
        without = {model.penalty_weight_argument: 0.0}
        twin = type(model).from_config(model.get_config() | without)
        steps = -(-len(x) // self.batch_size) * self.twin_epochs
        schedule = keras.optimizers.schedules.CosineDecay(self.learning_rate, steps)
        twin.compile(keras.optimizers.Adam(schedule))
        twin.fit(x, batch_size=self.batch_size, epochs=self.twin_epochs, verbose=0)
        return twin


def _contraction(model, x):
    codes = model.encode(x).numpy()
    saturated = 100 * ((codes < 0.05) | (codes > 0.95)).mean()
    return measures.jacobian_norm(model, x).mean(), saturated
