"""Protocols of what a code knows of labels that training never saw."""

import dataclasses

import keras
import numpy as np

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
    """

    inverse_regularizations: tuple = (0.01, 0.1, 1.0, 10.0)

    def __call__(self, model, splits):
        codes = [flat(model.encode(split.x).numpy()) for split in splits]
        return [
            self.headline(
                "linear-probe error, %",
                self._error(codes, splits),
                baseline=self._error([flat(split.x) for split in splits], splits),
                baseline_name="raw inputs",
                tolerance=100 * _UNDECIDED / 10_000,
            )
        ]

    def _error(self, features, splits):
        from sklearn.linear_model import LogisticRegression

        scale = np.sqrt(np.square(features[0]).mean(dtype="float64"))
        train, validation, test = (x / np.float32(scale or 1) for x in features)
        fits = [
            LogisticRegression(C=c, max_iter=2000).fit(train, splits.train.labels)
            for c in self.inverse_regularizations
        ]
        accuracies = [fit.score(validation, splits.validation.labels) for fit in fits]
        best = fits[int(np.argmax(accuracies))]
        return 100 * (1 - best.score(test, splits.test.labels))


@dataclasses.dataclass(frozen=True, kw_only=True)
class FineTuning(Protocol):
    """Test error of the encoder trained further with labels, under a softmax, in %.

    Adam with a learning rate that falls to zero; the epoch of the least validation
    loss is kept. The baseline is the same network trained from fresh weights. The
    model itself is left as it was.

    Attributes:
        epochs: At most so many; a small data set needs more than MNIST.
        batch_size: Of the training.
        learning_rate: At the start.
        patience: Epochs without a better validation loss before it stops.
        seed: Of the head, the fresh weights and the order.
    """

    epochs: int = 30
    batch_size: int = 128
    learning_rate: float = 1e-3
    patience: int = 5
    seed: int = 0
    is_slow = True

    def __call__(self, model, splits):
        errors = [
            self._error(model, splits, weights)
            for weights in (model.get_weights(), None)
        ]
        return [
            self.headline(
                "fine-tuned error, %",
                errors[0],
                baseline=errors[1],
                baseline_name="trained from scratch",
                # Another order of float32 sums leads training elsewhere.
                tolerance=max(0.1, 0.1 * errors[0]),
            )
        ]

    def _error(self, model, splits, weights):
        keras.utils.set_random_seed(self.seed)
        classifier = _classifier(model, weights, 1 + int(splits.train.labels.max()))
        steps = -(-len(splits.train.x) // self.batch_size) * self.epochs
        schedule = keras.optimizers.schedules.CosineDecay(self.learning_rate, steps)
        classifier.compile(
            keras.optimizers.Adam(schedule), "sparse_categorical_crossentropy"
        )
        classifier.fit(
            *splits.train,
            batch_size=self.batch_size,
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


def _classifier(model, weights, classes):
    """A copy of the model's encoder under a softmax, with fresh weights for None."""
    copy = type(model).from_config(model.get_config())
    if weights is not None:
        copy.set_weights(weights)
    inputs = keras.Input(model.input_shape[1:])
    code = copy.bottleneck(copy.encoder(inputs))
    if len(code.shape) > 2:
        code = keras.layers.Flatten()(code)
    return keras.Model(inputs, keras.layers.Dense(classes, "softmax")(code))
