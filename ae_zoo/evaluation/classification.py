"""Protocols of what a code knows of labels that training never saw."""

import dataclasses
import warnings
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from ae_zoo.evaluation.measures import flat
from ae_zoo.evaluation.protocol import Protocol

# Test samples that may change sides on other hardware, of ten thousand.
_UNDECIDED = 5


@dataclasses.dataclass(frozen=True, kw_only=True)
class LinearProbe(Protocol):
    """Test error of a logistic regression on the frozen codes, in %.

    Fitted to the training split by scikit-learn, its inverse regularization C chosen on
    the validation split. The baseline is the same on the inputs themselves.

    Attributes:
        inverse_regularizations: The C to choose among, for codes scaled to a mean
            square of 1.
        iterations: At most so many of L-BFGS; the last ones change little but the
            duration, most of all on raw inputs.
        k: Units that the codes of a k-sparse model keep, in place of the model's own
            number; more tell more (Makhzani & Frey 2013, section 2.1, keep αk). None
            leaves the codes alone.
    """

    inverse_regularizations: tuple = (0.01, 0.1, 1.0, 10.0)
    iterations: int = 2000
    k: int | None = None

    def __call__(self, model, splits):
        name = "linear-probe error, %"
        if self.k is not None:
            name = f"linear-probe error, {self.k} units kept, %"
            model = self._keeping_k(model)
        codes = [flat(model.encode(split.x).numpy()) for split in splits]
        return [
            self.headline(
                name,
                self._error(codes, splits),
                baseline=self._error([flat(split.x) for split in splits], splits),
                baseline_name="raw inputs",
                tolerance=100 * _UNDECIDED / 10_000,
            )
        ]

    def _keeping_k(self, model):
        argument = model.spec().units_kept
        if argument is None:
            raise ValueError(
                "LinearProbe(k=...) is for a SparseAutoencoder of sparsity='k'; leave "
                f"k out. Received: a {type(model).__name__} that keeps all its units"
            )
        copy = type(model).from_config(model.get_config() | {argument: self.k})
        copy.set_weights(model.get_weights())
        return copy

    def _error(self, features, splits):
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression

        scale = np.sqrt(np.square(features[0]).mean(dtype="float64"))
        train, validation, test = (
            _compact(x / np.float32(scale or 1)) for x in features
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            fits = [
                LogisticRegression(C=c, max_iter=self.iterations).fit(
                    train, splits.train.labels
                )
                for c in self.inverse_regularizations
            ]
        accuracies = [fit.score(validation, splits.validation.labels) for fit in fits]
        best = fits[int(np.argmax(accuracies))]
        return 100 * (1 - best.score(test, splits.test.labels))


def _compact(x):
    """Without the zeros where most are: the same regression, ten times as fast."""
    from scipy.sparse import csr_matrix

    return csr_matrix(x) if np.count_nonzero(x) < 0.25 * x.size else x


@dataclasses.dataclass(frozen=True, kw_only=True)
class FineTuning(Protocol):
    """Test error of the encoder trained further with labels, under a softmax, in %.

    Adam with a learning rate that falls to zero; the epoch of the least validation
    loss is kept. The baseline is the same network trained from fresh weights in the
    same way. The model itself is left as it was.

    Attributes:
        epochs: At most so many; a small data set needs more than MNIST.
        batch_size: Of the training.
        learning_rate: At the start.
        patience: Epochs without a better validation loss before it stops.
        dropout: Rates of the inputs and of the code.
        augment: A function of a batch of training inputs and a seed, such as
            `ae_zoo.data.random_affine()`; the metric's name then says so.
        seed: Of the head, the fresh weights, the order, dropout and augmentation.
    """

    epochs: int = 30
    batch_size: int = 128
    learning_rate: float = 1e-3
    patience: int = 5
    dropout: tuple = (0.0, 0.0)
    augment: Callable | None = None
    seed: int = 0

    @property
    def is_slow(self) -> bool:
        return True

    def __call__(self, model, splits):
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
                # Another order of float32 sums leads training elsewhere.
                tolerance=max(0.1, 0.1 * errors[0]),
            )
        ]

    def _error(self, model, splits, weights):
        keras.utils.set_random_seed(self.seed)
        classes = 1 + int(splits.train.labels.max())
        classifier = _classifier(model, weights, classes, self.dropout)
        steps = -(-len(splits.train.x) // self.batch_size) * self.epochs
        schedule = keras.optimizers.schedules.CosineDecay(self.learning_rate, steps)
        classifier.compile(
            keras.optimizers.Adam(schedule), "sparse_categorical_crossentropy"
        )
        classifier.fit(
            self._batches(splits.train),
            shuffle=False,  # done
            epochs=self.epochs,
            validation_data=tuple(splits.validation),
            callbacks=[
                keras.callbacks.EarlyStopping(
                    patience=self.patience, restore_best_weights=True
                )
            ],
            verbose=0,
        )
        predicted = classifier.predict(splits.test.x, verbose=0).argmax(axis=1)
        return 100 * float((predicted != splits.test.labels).mean())

    def _batches(self, split):
        """Shuffled anew in each epoch, and augmented anew where they are."""
        batches = (
            tf.data.Dataset.from_tensor_slices(tuple(split))
            .shuffle(len(split.x), seed=self.seed)
            .batch(self.batch_size)
        )
        if self.augment is not None:
            seeds = tf.data.Dataset.random(self.seed, rerandomize_each_iteration=True)
            batches = tf.data.Dataset.zip(batches, seeds.batch(2, True)).map(
                lambda batch, seed: (self.augment(batch[0], seed), batch[1]),
                num_parallel_calls=tf.data.AUTOTUNE,
            )
        return batches.prefetch(tf.data.AUTOTUNE)


def _classifier(model, weights, classes, dropout=(0.0, 0.0)):
    """A copy of the model's encoder under a softmax, with fresh weights for None."""
    copy = type(model).from_config(model.get_config())
    if weights is not None:
        copy.set_weights(weights)
    inputs = keras.Input(model.input_shape[1:])
    before, after = (keras.layers.Dropout(rate) for rate in dropout)
    code = copy.bottleneck(copy.encoding(before(inputs)))
    if len(code.shape) > 2:
        code = keras.layers.Flatten()(code)
    return keras.Model(inputs, keras.layers.Dense(classes, "softmax")(after(code)))
