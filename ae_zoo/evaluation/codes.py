"""Protocols of the latent code: its sparsity and its sensitivity to the input."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np

from ae_zoo._checks import SEED_LIMIT, check_count, check_integer, check_number
from ae_zoo.evaluation import measures
from ae_zoo.evaluation.protocol import Measurement, Protocol
from ae_zoo.evaluation.splits import Splits
from ae_zoo.models import Autoencoder


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sparsity(Protocol):
    """Active units per sample (L0), dead units, and relative reconstruction error.

    A unit is dead if it is not active for any test sample.

    Attributes:
        threshold: A unit counts as active if |z| is larger.
    """

    threshold: float = 1e-6

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number(self.argument("threshold"), self.threshold, least=0)

    def __call__(self, model: Autoencoder, splits: Splits) -> list[Measurement]:
        test = splits.test.x
        active = np.abs(measures.flat(model.encode(test))) > self.threshold
        dead = 100 * (1 - active.any(axis=0).mean())
        error = measures.normalized_squared_error(test, model.reconstruct(test))
        one_unit = 100 / model.latent_dim
        return [
            Measurement(
                "active units per sample",
                active.sum(1).mean(),
                baseline=model.latent_dim,
                baseline_name="code size",
                higher_is_better=None,
            ),
            Measurement("dead units, %", dead, tolerance=one_unit),
            Measurement("squared error / squared norm", error, 1.0, "zeros"),
        ]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contraction(Protocol):
    """Mean Jacobian norm ‖J_f‖_F of the encoder, and share of saturated units.

    A sigmoid unit counts as saturated below 0.05 and above 0.95. The baseline is the
    same model without the penalty, which the protocol trains from fresh weights, by
    Adam with a cosine decay of the learning rate to zero.

    Attributes:
        twin_epochs: Epochs of training the baseline; None leaves it out.
        batch_size: Batch size of that training.
        learning_rate: Its initial learning rate.
        seed: Seed of its weights and of the order of its samples.
    """

    twin_epochs: int | None = None
    batch_size: int = 128
    learning_rate: float = 1e-3
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.twin_epochs is not None:
            check_count(self.argument("twin_epochs"), self.twin_epochs, " or None")
        check_count(self.argument("batch_size"), self.batch_size)
        check_number(self.argument("learning_rate"), self.learning_rate, above=0)
        check_integer(self.argument("seed"), self.seed, 0, SEED_LIMIT - 1)

    def rehearsal(self) -> Contraction:
        return dataclasses.replace(self, twin_epochs=self.twin_epochs and 1)

    @property
    def is_slow(self) -> bool:
        return self.twin_epochs is not None

    def __call__(self, model: Autoencoder, splits: Splits) -> list[Measurement]:
        norm, saturated = _contraction(model, splits.test.x)
        twin_norm = twin_saturated = None
        name = ""
        if self.twin_epochs is not None:
            twin = self._twin(model, splits.train.x, self.twin_epochs)
            twin_norm, twin_saturated = _contraction(twin, splits.test.x)
            name = "no penalty"
        return [
            Measurement(metric, value, baseline, name, higher_is_better=None)
            for metric, value, baseline in (
                ("Jacobian norm ‖J‖", norm, twin_norm),
                ("saturated units, %", saturated, twin_saturated),
            )
        ]

    def _twin(self, model: Autoencoder, x: np.ndarray, epochs: int) -> Autoencoder:
        argument = model.penalty_weight_argument
        if argument is None:
            raise ValueError(
                "Contraction(twin_epochs=...) trains a twin without the penalty, so it "
                f"needs a model with one. Received: a {type(model).__name__}"
            )
        keras.utils.set_random_seed(self.seed)
        twin = type(model).from_config(
            model.get_config() | {argument: 0.0, "scaling": None}
        )
        steps = -(-len(x) // self.batch_size) * epochs
        schedule = keras.optimizers.schedules.CosineDecay(self.learning_rate, steps)
        twin.compile(keras.optimizers.Adam(schedule))
        twin.fit(x, batch_size=self.batch_size, epochs=epochs, verbose=0)
        return twin


def _contraction(model: Autoencoder, x: np.ndarray) -> tuple[float, float]:
    codes = model.encode(x)
    saturated = 100 * ((codes < 0.05) | (codes > 0.95)).mean()
    return measures.jacobian_norm(model, x).mean(), saturated
