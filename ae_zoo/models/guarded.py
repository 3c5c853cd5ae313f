"""Steps that check their data and results, and do not train on after a fault."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from ae_zoo import _checks
from ae_zoo.distribution import replicas
from ae_zoo.distribution.keras_patches import MultiWorkerModel, fused_update
from ae_zoo.layers import Scaling
from ae_zoo.losses import ReconstructionLoss
from ae_zoo.models import diagnosis, faults, inputs
from ae_zoo.models.faults import DATA, GRADIENT, LOSS, Fault, FaultFlag, are_valid
from ae_zoo.models.objective import Tensor

# The functions of Keras that run the steps, by the kind of step.
FUNCTIONS = {
    "train": "train_function",
    "test": "test_function",
    "predict": "predict_function",
}


class GuardedModel(MultiWorkerModel):
    """A model whose steps set a flag when something goes wrong; see `faults`.

    After a faulty step, the weights are those of the step before. The function that
    ran the step raises the error.
    """

    seed: int
    input_range: tuple[float, float] | None
    reconstruction_loss: ReconstructionLoss
    scaling: Scaling | None
    train_function: Callable[..., Any] | None
    test_function: Callable[..., Any] | None
    predict_function: Callable[..., Any] | None
    _sample_shape: tuple[Any, ...]
    _reconstruction_shape: tuple[Any, ...]
    _fault_flags: dict[str, FaultFlag]
    _ends_at_nan = False
    _is_first_step = False  # of an epoch or an evaluation
    _weight_rank: int | None = None

    # In the graph of a step.

    def unpacked(self, data: Any, for_prediction: bool = False) -> tuple[Any, Any, Any]:
        """Return (x, y, sample_weight) of a batch in a step, and check their shapes.

        Raises:
            TypeError, ValueError: As `fit`.
        """
        x, y, sample_weight = inputs.unpack(data)
        x = inputs.check_tensor(x, "x", self._sample_shape, self.input_range)
        if for_prediction:
            return x, None, None
        if y is None:
            self._check_self_target()
        else:
            shape = self._reconstruction_shape
            y = inputs.check_tensor(y, "y", shape, self._target_range)
        if sample_weight is not None:
            inputs.check_weight_shape(sample_weight.shape, self._reconstruction_shape)
        return x, y, sample_weight

    def _are_valid(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        is_target: bool | None = None,
    ) -> Any:
        if self._trusts_data:
            return tf.constant(True)
        noisy = y is not None if is_target is None else not is_target
        margin = _checks.margin(self.input_range, noisy) if self.input_range else 0
        valid = are_valid(tf.cast(x, "float32"), self.input_range, margin)
        if y is not None:
            interval = self._target_range
            margin = _checks.margin(interval, False) if interval else 0
            valid &= are_valid(tf.cast(y, "float32"), interval, margin)
        target = x if y is None and not noisy else y
        if target is not None and self.scaling is not None:
            interval = self._scaled_target_range
            if interval is not None:
                margin = _checks.margin(interval, False)
                valid &= are_valid(self.scaling.scale(target), interval, margin)
        if sample_weight is not None:
            weight = tf.cast(sample_weight, "float32")
            valid &= are_valid(weight, (0.0, math.inf), 0)
        return valid

    def _cause(self, signs: Mapping[str, Tensor], gradients: Any) -> Tensor:
        """Return the cause of a fault from sums over all replicas, or 0."""
        cause = tf.where(faults.are_finite(gradients), 0, GRADIENT)
        if isinstance(self.optimizer, keras.optimizers.LossScaleOptimizer):
            cause = tf.constant(0)  # it skips the step and lowers its scale
        cause = tf.where(signs["loss"] > 0, LOSS, cause)
        return tf.where(signs["data"] > 0, DATA, cause)

    def _note_data(self, kind: str, invalid: Tensor, received: Any) -> Tensor:
        """Set the flag of a step that only reads; return whether all was healthy."""
        flag = self.fault_flag(kind)
        is_healthy, is_first = flag.update(tf.where(invalid > 0, DATA, 0))
        if self._keeps_faulty_batches:
            replicas.run_if(is_first, lambda: flag.keep(received))
        return is_healthy

    def _apply(self, gradients: Any, cause: Tensor, received: Any) -> Tensor:
        """Set the flag of a training step, and update the weights if all is healthy."""
        flag, weights = self.fault_flag("train"), self.trainable_weights
        is_healthy, is_first = flag.update(cause)

        def apply(gradients: Any) -> None:
            if gradients:  # none where everything is frozen
                with fused_update(self.optimizer):
                    self.optimizer.apply_gradients(zip(gradients, weights, strict=True))

        def keep() -> None:
            if self._keeps_faulty_batches:
                replicas.run_if(is_first, lambda: flag.keep(received))

        replicas.run_if(is_healthy, apply, gradients, otherwise=keep)
        return is_healthy

    def _restore(self, state: Sequence[Tensor], is_healthy: Tensor) -> None:
        def assign(*state: Tensor) -> None:
            for weight, value in zip(self.non_trainable_weights, state, strict=True):
                weight.assign(value)

        if state:
            replicas.run_if(~is_healthy, assign, *state)

    @property
    def _keeps_faulty_batches(self) -> bool:
        is_alone = self.distribute_strategy.num_replicas_in_sync == 1
        return is_alone and not self.jit_compile  # XLA has no variable shapes

    def _marked(self, logs: dict[str, Tensor], is_healthy: Tensor) -> dict[str, Tensor]:
        # A loss of NaN makes the caller read the flag.
        if "loss" in logs:
            logs = {**logs, "loss": tf.where(is_healthy, logs["loss"], math.nan)}
        return logs

    # Around the steps.

    def fault_flag(self, kind: str) -> FaultFlag:
        """Return the flag of the steps of a kind: "train", "test" or "predict"."""
        if kind not in self._fault_flags:
            self._fault_flags[kind] = FaultFlag(
                self.distribute_strategy, self.input_shape, self.output_shape
            )
        return self._fault_flags[kind]

    def check_is_adapted(self) -> None:
        """Raise ValueError if the model has a scaling that is not adapted to data."""
        if self.scaling is not None:
            self.scaling.check_is_adapted()

    def _begin(self, kind: str) -> None:
        self.check_is_adapted()
        self.refresh_graphs()
        self.fault_flag(kind).reset()

    def reset_metrics(self) -> None:
        super().reset_metrics()
        self._is_first_step = True  # callbacks may change layers between epochs

    def make_train_function(self, force: bool = False) -> None:
        if self.train_function is None or force:
            super().make_train_function(force=True)
            self.train_function = self._guarded("train")

    def make_test_function(self, force: bool = False) -> None:
        if self.test_function is None or force:
            super().make_test_function(force=True)
            self.test_function = self._guarded("test")

    def make_predict_function(self, force: bool = False) -> None:
        if self.predict_function is None or force:
            super().make_predict_function(force=True)
            self.predict_function = self._guarded("predict")

    def _guarded(self, kind: str) -> Callable[[Any], Any]:
        """Let the function of a kind of step notice outdated graphs and faults."""
        name = FUNCTIONS[kind]
        function = getattr(self, name)

        def guarded(data: Any) -> Any:
            self.refresh_graphs(layers=self._is_first_step)
            if self._is_first_step:
                self._is_first_step = False
            current = getattr(self, name)
            if current is not guarded:  # it was outdated
                return current(data)
            try:
                results = function(data)
            except (TypeError, ValueError):
                setattr(self, name, None)  # a graph cannot be traced a second time
                raise
            loss = results.get("loss") if isinstance(results, dict) else None
            if loss is None or not math.isfinite(float(loss)):
                self._raise_fault(kind)
            return results

        return guarded

    def _raise_fault(self, kind: str) -> None:
        fault = self.fault_flag(kind).read()
        if fault is None:
            return
        error = self._error_of(kind, fault)
        if not (self._ends_at_nan and isinstance(error, FloatingPointError)):
            raise error

    def _error_of(self, kind: str, fault: Fault) -> Exception:
        if fault.cause != DATA:
            return FloatingPointError(diagnosis.describe(self, fault))
        message = (
            "its values are NaN, infinite or out of range, or a weight is negative."
        )
        if fault.batch is not None:
            try:
                self._check_batch(fault.batch)
            except (TypeError, ValueError) as error:
                message = str(error)
        step = {
            "train": "Step",
            "test": "Evaluation step",
            "predict": "Prediction step",
        }
        return ValueError(f"{step[kind]} {fault.step} received invalid data: {message}")

    def refresh_graphs(self, layers: bool = True) -> None:
        """Trace the steps and endpoints again if the model has changed."""

    # What the classes built on this one define.

    def _check_batch(self, batch: Any) -> None:
        """Check the values of a batch; raise TypeError or ValueError."""

    def _check_self_target(self) -> None:
        """Raise ValueError if inputs cannot be their own targets."""

    @property
    def _target_range(self) -> tuple[float, float] | None:
        """The interval of valid targets, in the user's units."""
        own = None if self.scaling is not None else self.reconstruction_loss.support
        return own or self.input_range

    @property
    def _scaled_target_range(self) -> tuple[float, float] | None:
        """The interval of valid scaled targets, unless `_target_range` implies it."""
        if self.scaling is None or self.scaling.input_range is not None:
            return None
        return self.reconstruction_loss.support
