"""The training and test steps of all variants, on any number of replicas."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras import ops, tree

from ae_zoo.distribution import replicas
from ae_zoo.distribution.keras_patches import clear_own_losses
from ae_zoo.losses import ReconstructionLoss
from ae_zoo.models import inputs
from ae_zoo.models.hooks import Hooks
from ae_zoo.models.objective import Batch, Draws, Tensor, Terms, weighted_mean


class TrainingStep(Hooks):
    """Combines the terms of a variant into the loss that a step minimizes.

    The loss is the mean over samples of the reconstruction loss plus the weighted
    penalty, which is added with `add_loss`; or the mean of the bound that replaces
    both.
    """

    gradient_dtype = "float32"
    _penalty_tracker: keras.metrics.Metric | None

    def train_step(self, data: Any) -> dict[str, Tensor]:
        received = self.unpacked(data)
        data, size = replicas.without_empty(received)
        # What the forward pass assigns, such as the statistics of batch normalization.
        state = [tf.identity(weight) for weight in self.non_trainable_weights]
        with replicas.sharing(size) as rows:
            with tf.GradientTape() as tape:
                loss, batch, terms = self._loss_of_rows(data, size, training=True)
                is_finite = tf.math.is_finite(tf.cast(loss, "float32"))
                loss = loss if rows is None else loss * rows.weight
                loss = self.optimizer.scale_loss(loss)
            own: Any = tape.gradient(loss, self.trainable_weights)
            logs = self._metrics_of(data, batch, terms, size)
            signs = {"data": ~self._are_valid(*data), "loss": ~is_finite}
            gradients, (logs, signs) = replicas.reduce_step(
                own, (logs, _as_floats(signs)), self.gradient_dtype
            )
            cause = self._cause(signs, gradients)
            is_healthy = self._apply(gradients, cause, received)
            self.after_step(batch, terms)
            self._restore(state, is_healthy)
        return self._marked(logs, is_healthy)

    def test_step(self, data: Any) -> dict[str, Tensor]:
        received = self.unpacked(data)
        data, size = replicas.without_empty(received)
        with replicas.sharing(size):
            _, batch, terms = self._loss_of_rows(data, size, training=False)
        logs = self._metrics_of(data, batch, terms, size)
        signs = _as_floats({"data": ~self._are_valid(*data)})
        logs, signs = replicas.reduce_step([], (logs, signs))[1]
        is_healthy = self._note_data("test", signs["data"], received)
        return self._marked(logs, is_healthy)

    def predict_step(self, data: Any) -> Tensor:
        x, _, _ = self.unpacked(data, for_prediction=True)
        (filled,), size = replicas.without_empty((x,))
        signs = _as_floats({"data": ~self._are_valid(filled, is_target=False)})
        invalid = replicas.sum_over_replicas(signs["data"])
        self._note_data("predict", invalid, (x, None, None))
        return super().predict_step((filled,))[:size]

    def loss_of_batch(self, batch: Any) -> Tensor:
        """Compute the training loss of a batch, as a step does on one replica."""
        data = self.unpacked(tuple(batch))
        return self._loss_of_rows(data, tf.shape(data[0])[0], training=True)[0]

    def _loss_of_rows(
        self, data: Any, size: Tensor, training: bool
    ) -> tuple[Tensor, Batch, Terms]:
        """Compute the loss of a batch whose first `size` rows are samples."""
        x, y, sample_weight = data
        x = self.scale(ops.cast(x, "float32"))
        element_weight = None
        if y is None:
            y = x
            x, element_weight = self._corrupted(x, training)
        else:
            y = self.scale(ops.cast(y, "float32"))
        if sample_weight is None:  # 0 for the filler row of an empty batch
            weight = tf.cast(tf.range(ops.shape(x)[0]) < size, "float32")
        else:
            weight = inputs.per_sample(sample_weight)
            if not inputs.is_per_sample(sample_weight):
                element_weight = inputs.product(element_weight, sample_weight)
                sample_weight = None
        batch = Batch(x, y, weight, element_weight, training)
        terms = self.terms(self.parts(training), batch, self._drawn(x, training))
        # Replicas are threads that share the list of losses. They switch only where a
        # penalty reduces over all replicas, which nothing below does.
        clear_own_losses(self)  # of the previous step
        if terms.penalty is not None and self._penalty_tracker is not None:
            self._penalty_tracker.update_state(
                weighted_mean(terms.penalty, weight), sample_weight=size
            )
        added = self.added_to_reconstruction(batch, terms)
        if added is not None:
            self.add_loss(weighted_mean(added, weight))
        loss = self.compute_loss(
            x,
            y,
            terms.reconstruction,
            inputs.product(sample_weight, element_weight),
            training=training,
        )
        # Inside a replica Keras divides the loss by the number of replicas.
        unscaled = loss * tf.distribute.get_strategy().num_replicas_in_sync
        loss_tracker = next(m for m in self.metrics if m.name == "loss")
        loss_tracker.update_state(unscaled, sample_weight=size)
        self._reconstruction_tracker.update_state(
            unscaled - sum(self.losses), sample_weight=size
        )
        return loss, batch, terms

    def added_to_reconstruction(self, batch: Batch, terms: Terms) -> Tensor | None:
        """Return what a batch adds to its reconstruction loss.

        Returns:
            (batch,) values, a scalar for the whole batch, or None.
        """
        if terms.bound is not None:
            return terms.bound - self.reconstruction_loss.per_sample(
                batch.y, terms.reconstruction, batch.element_weight
            )
        argument = self.penalty_weight_argument
        if terms.penalty is None or argument is None:
            return terms.penalty
        return self.annealed(argument, batch.training) * terms.penalty

    def _corrupted(self, x: Tensor, training: bool) -> tuple[Tensor, Tensor | None]:
        corrupted = self.corrupt(x, training)
        return corrupted if isinstance(corrupted, tuple) else (corrupted, None)

    def _drawn(self, x: Tensor, training: bool) -> Draws:
        return {
            name: draw.sample_on_replica(x, self.next_seed(training, shared=True))
            for name, draw in self.draws(training).items()
        }

    def compute_loss(
        self,
        x: Tensor = None,
        y: Tensor = None,
        y_pred: Tensor = None,
        sample_weight: Tensor = None,
        **kwargs: Any,
    ) -> Tensor:
        y = x if y is None else y
        if sample_weight is not None:
            sample_weight = self._for_loss(sample_weight, y, y_pred)
        return super().compute_loss(x, y, y_pred, sample_weight, **kwargs)

    def _for_loss(self, sample_weight: Tensor, y: Tensor, y_pred: Tensor) -> Tensor:
        """Give weights the number of axes that the values of a Keras loss have."""
        losses = [loss for loss in tree.flatten(self.loss) if loss is not None]
        loss = keras.losses.get(losses[0]) if len(losses) == 1 else None
        if loss is None or isinstance(loss, ReconstructionLoss):
            return sample_weight
        function = loss.call if isinstance(loss, keras.losses.Loss) else loss
        return inputs.expand(sample_weight, len(function(y, y_pred).shape))

    def compute_metrics(
        self, x: Tensor, y: Tensor, y_pred: Tensor, sample_weight: Tensor = None
    ) -> dict[str, Tensor]:
        y = x if y is None else y
        if sample_weight is not None and len(sample_weight.shape) == len(y.shape) > 2:
            # Metrics average over the last axis, too.
            sample_weight = ops.mean(sample_weight, axis=-1)
        return super().compute_metrics(x, y, y_pred, sample_weight)

    def _metrics_of(
        self, data: Any, batch: Batch, terms: Terms, size: Tensor
    ) -> dict[str, Tensor]:
        values = [batch.x, batch.y, terms.reconstruction, data[2]]
        if tf.distribute.get_strategy().num_replicas_in_sync > 1:
            values = [None if v is None else v[:size] for v in values]
        return self.compute_metrics(*values)

    def next_seed(self, training: bool, shared: bool = False) -> Tensor:
        """Return a new seed for stateless draws, of shape (2,).

        Evaluation has its own sequence of seeds, which restarts with every `evaluate`,
        so that each epoch is validated on the same noise.

        Args:
            training: Whether to use the sequence of training or that of evaluation.
            shared: Whether all replicas get the same seed, to draw for the global batch
                with `ae_zoo.distribution.replicas.of_global_batch`; otherwise each gets
                its own.
        """
        generator = self._training_seeds if training else self._evaluation_seeds
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        return tf.random.experimental.stateless_fold_in(
            generator.next(), 0 if shared else replica
        )

    def reset_metrics(self) -> None:
        super().reset_metrics()
        self._evaluation_seeds.state.assign([self.seed, 0])


def _as_floats(signs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Convert booleans to numbers, which replicas can sum."""
    return {name: tf.cast(sign, "float32") for name, sign in signs.items()}
