"""Protocols of how well a code predicts labels that its training did not use."""

from __future__ import annotations

import dataclasses
import functools
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import keras
import numpy as np
import tensorflow as tf

from ae_zoo._checks import SEED_LIMIT, check_count, check_integer, check_number
from ae_zoo.evaluation.measures import flat
from ae_zoo.evaluation.protocol import Measurement, Protocol, check_tuple
from ae_zoo.evaluation.splits import Split, Splits
from ae_zoo.models import Autoencoder

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

# Of 10,000 test samples, the number whose prediction may differ on other hardware.
_UNDECIDED = 5


@dataclasses.dataclass(frozen=True, kw_only=True)
class LinearProbe(Protocol):
    """Test error in % of a logistic regression on the frozen codes.

    scikit-learn fits it to the training split. The inverse regularization C is chosen
    on the validation split. The baseline is the same regression on the inputs.

    Attributes:
        inverse_regularizations: Values of C to choose from, for codes scaled to a mean
            square of 1.
        iterations: Maximum number of L-BFGS iterations. The last ones take long, above
            all on raw inputs, and change little.
        k: Number of units that a k-sparse model keeps in the codes, instead of its own
            number. More units hold more information about the label (Makhzani & Frey
            2013, section 2.1, keep αk). None leaves the model unchanged.
    """

    inverse_regularizations: tuple[float, ...] = (0.01, 0.1, 1.0, 10.0)
    iterations: int = 2000
    k: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_tuple(
            self.argument("inverse_regularizations"),
            self.inverse_regularizations,
            functools.partial(check_number, above=0),
            None,
        )
        check_count(self.argument("iterations"), self.iterations)
        if self.k is not None:
            check_count(self.argument("k"), self.k, " or None")

    def rehearsal(self) -> LinearProbe:
        return dataclasses.replace(self, iterations=min(self.iterations, 8))

    def __call__(self, model: Autoencoder, splits: Splits) -> list[Measurement]:
        name = "linear-probe error, %"
        if self.k is not None:
            name = f"linear-probe error, {self.k} units kept, %"
            model = self._keeping_k(model)
        codes = [flat(model.encode(split.x)) for split in splits]
        return [
            self.headline(
                name,
                self._error(codes, splits),
                baseline=self._error([flat(split.x) for split in splits], splits),
                baseline_name="raw inputs",
                tolerance=100 * _UNDECIDED / 10_000,
            )
        ]

    def _keeping_k(self, model: Autoencoder) -> Autoencoder:
        """Copy the model with another number of active units."""
        argument = model.spec().units_kept
        if argument is None:
            raise ValueError(
                "LinearProbe(k=...) needs a SparseAutoencoder with sparsity='k'; "
                "for other models leave k out. Received: a "
                f"{type(model).__name__} that keeps all its units"
            )
        copy = type(model).from_config(model.get_config() | {argument: self.k})
        copy.set_weights(model.get_weights())
        return copy

    def _error(self, features: Sequence[np.ndarray], splits: Splits) -> float:
        """Fit to features of the three splits, choose C, and return the error in %."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression

        labels = [split.known_labels() for split in splits]
        scale = np.sqrt(np.square(features[0]).mean(dtype="float64"))
        train, validation, test = (
            _compact(x / np.float32(scale or 1)) for x in features
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            fits = [
                LogisticRegression(C=c, max_iter=self.iterations).fit(train, labels[0])
                for c in self.inverse_regularizations
            ]
        accuracies = [fit.score(validation, labels[1]) for fit in fits]
        best = fits[int(np.argmax(accuracies))]
        return 100 * (1 - best.score(test, labels[2]))


def _compact(x: np.ndarray) -> np.ndarray | csr_matrix:
    """Convert to a sparse matrix if most values are zero, which fits ten times faster.

    The regression is the same.
    """
    from scipy.sparse import csr_matrix

    return csr_matrix(x) if np.count_nonzero(x) < 0.25 * x.size else x


@dataclasses.dataclass(frozen=True, kw_only=True)
class FineTuning(Protocol):
    """Test error in % of the encoder fine-tuned with labels under a softmax layer.

    Training uses Adam with a cosine decay of the learning rate to zero, and keeps the
    epoch with the lowest validation loss. The baseline is the same network trained in
    the same way from fresh weights. The model itself is not changed.

    Attributes:
        epochs: Maximum number of epochs; a small data set needs more than MNIST.
        batch_size: Batch size of the training.
        learning_rate: Initial learning rate.
        patience: Epochs without a lower validation loss after which training stops.
        dropout: Dropout rates of the inputs and of the code.
        augment: Function of a batch of training inputs and a seed, such as
            `ae_zoo.data.random_affine()`. The name of the metric then says "augmented".
        seed: Seed of the softmax layer, fresh weights, order, dropout and
            augmentation.
    """

    epochs: int = 30
    batch_size: int = 128
    learning_rate: float = 1e-3
    patience: int = 5
    dropout: tuple[float, float] = (0.0, 0.0)
    augment: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("epochs", "batch_size"):
            check_count(self.argument(name), getattr(self, name))
        check_integer(self.argument("patience"), self.patience, 0)
        check_integer(self.argument("seed"), self.seed, 0, SEED_LIMIT - 1)
        check_number(self.argument("learning_rate"), self.learning_rate, above=0)
        rate = functools.partial(check_number, least=0, most=1)
        check_tuple(self.argument("dropout"), self.dropout, rate, 2)
        if self.augment is not None and not callable(self.augment):
            raise TypeError(
                f"`{self.argument('augment')}` must be a function of a batch and a "
                f"seed, or None. Received: {self.augment!r}"
            )

    def rehearsal(self) -> FineTuning:
        return dataclasses.replace(self, epochs=1)

    @property
    def is_slow(self) -> bool:
        return True

    def __call__(self, model: Autoencoder, splits: Splits) -> list[Measurement]:
        errors = [
            self._error(model, splits, weights)
            for weights in (model.get_weights(), None)
        ]
        return [
            self.headline(
                "fine-tuned error" + (", augmented" if self.augment else "") + ", %",
                errors[0],
                baseline=errors[1],
                baseline_name="trained from scratch",
                # Training amplifies differences in the rounding of float32 sums.
                tolerance=max(0.1, 0.1 * errors[0]),
            )
        ]

    def _error(
        self, model: Autoencoder, splits: Splits, weights: list[np.ndarray] | None
    ) -> float:
        keras.utils.set_random_seed(self.seed)
        train, validation, test = splits
        classes = 1 + int(train.known_labels().max())
        classifier = _classifier(model, weights, classes, self.dropout)
        steps = -(-len(train.x) // self.batch_size) * self.epochs
        schedule = keras.optimizers.schedules.CosineDecay(self.learning_rate, steps)
        classifier.compile(
            keras.optimizers.Adam(schedule), "sparse_categorical_crossentropy"
        )
        classifier.fit(
            self._batches(train),
            shuffle=False,  # the batches are shuffled
            epochs=self.epochs,
            validation_data=tuple(validation),
            callbacks=[
                keras.callbacks.EarlyStopping(
                    patience=self.patience, restore_best_weights=True
                )
            ],
            verbose=0,
        )
        predicted = classifier.predict(test.x, verbose=0).argmax(axis=1)
        return 100 * float((predicted != test.labels).mean())

    def _batches(self, split: Split) -> tf.data.Dataset:
        """Batches with a new order, and new augmentation, in each epoch."""
        batches = (
            tf.data.Dataset.from_tensor_slices((split.x, split.known_labels()))
            .shuffle(len(split.x), seed=self.seed)
            .batch(self.batch_size)
        )
        augment = self.augment
        if augment is not None:
            seeds = tf.data.Dataset.random(self.seed, rerandomize_each_iteration=True)
            batches = tf.data.Dataset.zip(batches, seeds.batch(2, True)).map(
                lambda batch, seed: (augment(batch[0], seed), batch[1]),
                num_parallel_calls=tf.data.AUTOTUNE,
            )
        return batches.prefetch(tf.data.AUTOTUNE)


def _classifier(
    model: Autoencoder,
    weights: list[np.ndarray] | None,
    classes: int,
    dropout: tuple[float, float] = (0.0, 0.0),
) -> keras.Model:
    """Build a copy of the model's encoder under a softmax layer.

    Args:
        model: An `ae_zoo.models.Autoencoder`.
        weights: Weights of the copy; None leaves fresh ones.
        classes: Number of outputs.
        dropout: Dropout rates of the inputs and of the code.
    """
    copy = type(model).from_config(model.get_config())
    if weights is not None:
        copy.set_weights(weights)
    inputs = keras.Input(model.input_shape[1:])
    before, after = (keras.layers.Dropout(rate) for rate in dropout)
    code = copy.bottleneck(copy.encoding(before(inputs)))
    if len(code.shape) > 2:
        code = keras.layers.Flatten()(code)
    return keras.Model(inputs, keras.layers.Dense(classes, "softmax")(after(code)))
