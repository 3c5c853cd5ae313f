"""The callback that gives new weights to dead units."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike

from ae_zoo import networks
from ae_zoo._batches import map_in_batches
from ae_zoo._checks import check_count


class ReviveUnits(keras.callbacks.Callback):
    """Give dead units new weights, taken from the model's reconstruction errors.

    A unit is dead if training's top-k never selects it for any of `samples`. The k is
    the annealed one, so list `Anneal` before this callback.

    Before an epoch, each dead unit gets the reconstruction error of a random sample as
    its kernel, scaled to the median norm of the kernels of living units. Samples with
    large errors are drawn more often. Dictionary learning replaces unused atoms in the
    same way (Aharon et al. 2006, "K-SVD").

    - If the code's `Dense` layer follows other layers, the kernel is the difference
      between their outputs for the sample and for its reconstruction.
    - If the decoder is one `Dense` layer, the unit's atom becomes the error itself.

    The state of the optimizer does not change.

    For a `SparseAutoencoder` whose encoder ends in a `Dense` layer.

    Args:
        samples: Function without arguments that returns training samples,
            (samples, ...). It is called once, when training begins.
        epochs: Number of epochs before which units are revived, starting with the
            second epoch. Leave some epochs after them, in which revived units settle.

    Raises:
        TypeError: `epochs` is not an integer.
        ValueError: `epochs` is less than 1, the model is not a `SparseAutoencoder`, or
            its encoder does not end in a `Dense` layer with a bias.

    Example:

    >>> images = ae_zoo.data.arrays("digits", "test")
    >>> encoder = ae_zoo.networks.dense_encoder((8, 8, 1), [100])
    >>> model = ae_zoo.SparseAutoencoder(encoder, "tied", sparsity="k", k=25)
    >>> model.compile("adam")
    >>> reviving = ae_zoo.callbacks.ReviveUnits(lambda: images, epochs=2)
    >>> history = model.fit(images, epochs=4, callbacks=[reviving], verbose=0)
    """

    def __init__(self, samples: Callable[[], ArrayLike], epochs: int) -> None:
        super().__init__()
        self._samples = samples
        self._epochs = check_count("epochs", epochs)

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        if not self.model.spec().has_exact_zeros:
            raise ValueError(
                "ReviveUnits looks for units whose output is exactly 0, which only a "
                f"SparseAutoencoder has. Received: {type(self.model).__name__}"
            )
        encoder = self.model.encoder
        self._dense = _code_layer_with_bias(encoder)
        self._features = keras.Model(encoder.input, self._dense.input)
        self._dictionary = networks.dictionary(self.model.decoder)
        self._x = np.asarray(self._samples(), "float32")

    def on_epoch_begin(
        self, epoch: int, logs: Mapping[str, float] | None = None
    ) -> None:
        if not 1 <= epoch <= self._epochs:
            return
        codes = _in_batches(self._code, self._x)
        alive = (codes != 0).any(axis=0)
        if alive.all() or not alive.any():
            return
        reconstructions = self.model.decode(codes)
        missed = (self._x - reconstructions).reshape(len(self._x), -1)
        energy = np.square(missed).sum(axis=1)
        if not 0 < energy.sum() < np.inf:
            return
        # The epoch is the seed: all workers, and a resumed run, draw the same samples.
        random = np.random.default_rng(epoch)
        dead = np.flatnonzero(~alive)
        rows = random.choice(len(missed), dead.size, p=energy / energy.sum())
        seen = self._seen(self._x[rows]) - self._seen(reconstructions[rows])
        is_seen = seen.any(axis=1)  # saturated layers may hide an error completely
        dead, rows, seen = dead[is_seen], rows[is_seen], seen[is_seen]
        self._set_weights(alive, dead, seen, missed[rows])

    def _set_weights(
        self, alive: np.ndarray, dead: np.ndarray, seen: np.ndarray, missed: np.ndarray
    ) -> None:
        """Give each dead unit a kernel, a bias and, in a dictionary, an atom."""
        kernel, bias = (weight.numpy() for weight in self._dense.weights)
        kernel[:, dead] = _scaled_like(kernel[:, alive].T, seen).T
        bias[dead] = np.median(bias[alive])
        self._dense.set_weights([kernel, bias])
        if self._dictionary is not None:
            atoms, *biases = (weight.numpy() for weight in self._dictionary.weights)
            atoms[dead] = _scaled_like(atoms[alive], missed)
            self._dictionary.set_weights([atoms, *biases])

    def _code(self, x: np.ndarray) -> Any:
        """The code that training computes, with the annealed k."""
        return self.model.bottleneck(self.model.encoding(x), training=True)

    def _seen(self, x: np.ndarray) -> np.ndarray:
        """What the code's layer receives for `x`."""
        return _in_batches(lambda x: self._features(x, training=False), x)


def _code_layer_with_bias(encoder: keras.Model) -> keras.layers.Dense:
    dense = networks.code_layer(encoder)
    if dense is None:
        raise ValueError(
            "ReviveUnits needs a Functional or Sequential encoder whose last operation "
            "is a Dense layer with an output of shape (batch, units). Received a "
            f"{type(encoder).__name__} model with the layers "
            f"{[type(layer).__name__ for layer in encoder.layers]}"
        )
    if not dense.use_bias:
        raise ValueError(
            "ReviveUnits sets the bias of revived units. Received the layer "
            f"{dense.name!r} with use_bias=False. Build it with use_bias=True."
        )
    return dense


def _in_batches(function: Callable[[np.ndarray], Any], x: np.ndarray) -> np.ndarray:
    return map_in_batches(lambda part: np.float32(function(part)), [x], 256)


def _scaled_like(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """`others`, each scaled to the median norm of `rows`."""
    norm = np.median(np.linalg.norm(rows, axis=1))
    return others * (norm / np.linalg.norm(others, axis=1, keepdims=True))
