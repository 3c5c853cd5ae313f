"""Callbacks for `fit`."""

import keras
import numpy as np
import tensorflow as tf

from ae_zoo import networks
from ae_zoo._checks import check_at_least
from ae_zoo.models import SparseAutoencoder


class Anneal(keras.callbacks.Callback):
    """Moves an attribute of the model to its value over the first epochs.

    From `start` in the first epoch it goes in equal steps to the model's own value,
    which it has from epoch `epochs` on. Validation always uses the model's own value.

    Two uses are standard: many active units first, which keeps the units of a k-sparse
    autoencoder alive (Makhzani & Frey 2013, section 4.2), and no KL first, which keeps
    the latent dimensions of a variational one in use (Sønderby et al. 2016). A third
    saves time: few importance samples first, whose steps are short.

    Args:
        name: "k" of a `SparseAutoencoder`; "importance_samples" of a
            `VariationalAutoencoder`, for which each new value is traced anew; or
            "penalty_weight" of any variant that has a penalty, of a variational one β.
        start: Value in the first epoch.
        epochs: After how many epochs the model's own value is reached.

    Raises:
        ValueError: `epochs` < 1, a `start` that counts nothing or is negative, the
            model has nothing of that name to anneal, or it is to draw several
            importance samples under a loss of the caller's.

    Example:

    >>> encoder = ae_zoo.networks.dense_encoder((784,), [1000])
    >>> model = ae_zoo.SparseAutoencoder(encoder, "tied", sparsity="k", k=25)
    >>> annealing = ae_zoo.callbacks.Anneal("k", start=100, epochs=10)
    >>> model.fit(images, epochs=20, callbacks=[annealing])  # doctest: +SKIP
    """

    def __init__(self, name, start, epochs):
        super().__init__()
        check_at_least("epochs", epochs, 1)
        self._is_count = name in ("k", "importance_samples")
        check_at_least("start", start, 1 if self._is_count else 0)
        if self._is_count and not isinstance(start, int):
            raise ValueError(
                f"`start` of {name!r} must be an integer. Received: {start!r}"
            )
        self._name, self._start, self._epochs = name, start, epochs

    def on_train_begin(self, logs=None):
        uses = {
            "k": getattr(self.model, "sparsity", None) == "k",
            "importance_samples": hasattr(self.model, "importance_samples"),
            "penalty_weight": getattr(self.model, "penalty_name", None) is not None,
        }
        if not uses.get(self._name):
            raise ValueError(
                f"{type(self.model).__name__} has no {self._name!r} to anneal. "
                f"Available: {[name for name, is_used in uses.items() if is_used]}"
            )
        self._end = getattr(self.model, self._name)
        if self._name == "importance_samples":  # the number of decodings of a graph
            self.model.check_bound(max(self._start, self._end), self.model.loss)
            return
        with self.model.distribute_strategy.scope():
            variable = tf.Variable(
                self._start,
                trainable=False,
                dtype="int32" if self._name == "k" else "float32",
            )
        self.model.anneal(self._name, variable)

    def on_epoch_begin(self, epoch, logs=None):
        share = min(epoch / self._epochs, 1)
        value = self._start + share * (self._end - self._start)
        value = round(value) if self._is_count else value
        current = self.model.annealed(self._name, training=True)
        if self._name != "importance_samples":
            current.assign(value)
        elif value != current:
            self.model.anneal(self._name, value)


class ReviveUnits(keras.callbacks.Callback):
    """Gives dead units, which no sample activates, new weights: what the model misses.

    Before an epoch, the kernel of each dead unit becomes the reconstruction error of a
    sample, drawn with a probability that grows with the error, as long as the kernels
    of living units are; dictionary learning replaces unused atoms so (Aharon et al.
    2006, "K-SVD"), and sparse autoencoders resample dead neurons. Behind other layers,
    the kernel is the error as they show it: their output for the sample less that for
    its reconstruction. A decoder of one `Dense` layer gets the error itself as the
    unit's atom. The optimizer keeps its moments.

    Dead is what training leaves out, with the k that it keeps at the time: list
    `Anneal` before this callback. For a `SparseAutoencoder` whose encoder ends in a
    `Dense` layer.

    Args:
        samples: () → training samples, (samples, ...), called when training begins.
        epochs: Before how many epochs, from the second on; those after let the revived
            units settle.

    Raises:
        ValueError: `epochs` < 1, another variant, or an encoder that does not end in a
            `Dense` layer with a bias.

    Example:

    >>> encoder = ae_zoo.networks.dense_encoder((784,), [1000])
    >>> model = ae_zoo.SparseAutoencoder(encoder, "tied", sparsity="k", k=25)
    >>> reviving = ae_zoo.callbacks.ReviveUnits(lambda: images[:5000], epochs=10)
    >>> model.fit(images, epochs=20, callbacks=[reviving])  # doctest: +SKIP
    """

    def __init__(self, samples, epochs):
        super().__init__()
        check_at_least("epochs", epochs, 1)
        self._samples, self._epochs = samples, epochs

    def on_train_begin(self, logs=None):
        if not isinstance(self.model, SparseAutoencoder):
            raise ValueError(
                "ReviveUnits looks for units that are exactly 0, which only those of a "
                f"SparseAutoencoder are. Received: {type(self.model).__name__}"
            )
        encoder = self.model.encoder
        self._dense = networks.code_layer(encoder)
        if self._dense is None:
            raise ValueError(
                "ReviveUnits needs a Functional or Sequential encoder that ends in a "
                "Dense layer, called there alone, whose output is (batch, units). "
                f"Received a {type(encoder).__name__} of the layers "
                f"{[type(layer).__name__ for layer in encoder.layers]}"
            )
        if not self._dense.use_bias:
            raise ValueError(
                "ReviveUnits sets the bias of revived units. Received the layer "
                f"{self._dense.name!r} of use_bias=False; build it with use_bias=True."
            )
        self._features = keras.Model(encoder.input, self._dense.input)
        self._dictionary = networks.dictionary(self.model.decoder)
        self._x = np.asarray(self._samples(), "float32")

    def on_epoch_begin(self, epoch, logs=None):
        if not 1 <= epoch <= self._epochs:
            return
        codes = _in_batches(self._code, self._x)
        alive = (codes != 0).any(axis=0)
        if alive.all() or not alive.any():
            return
        reconstructions = self.model.decode(codes).numpy()
        missed = (self._x - reconstructions).reshape(len(self._x), -1)
        energy = np.square(missed).sum(axis=1)
        if not 0 < energy.sum() < np.inf:
            return
        # The same draw on every worker, and in a run that was interrupted.
        random = np.random.default_rng(epoch)
        dead = np.flatnonzero(~alive)
        rows = random.choice(len(missed), dead.size, p=energy / energy.sum())
        seen = self._seen(self._x[rows]) - self._seen(reconstructions[rows])
        is_seen = seen.any(axis=1)  # saturated layers may show nothing of an error
        dead, rows, seen = dead[is_seen], rows[is_seen], seen[is_seen]
        kernel, bias = (weight.numpy() for weight in self._dense.weights)
        kernel[:, dead] = _as_long_as(kernel[:, alive].T, seen).T
        bias[dead] = np.median(bias[alive])
        self._dense.set_weights([kernel, bias])
        if self._dictionary is not None:
            atoms, *bias = (weight.numpy() for weight in self._dictionary.weights)
            atoms[dead] = _as_long_as(atoms[alive], missed[rows])
            self._dictionary.set_weights([atoms, *bias])

    def _code(self, x):
        """As training makes it, with the annealed k."""
        return self.model.bottleneck(
            self.model.encoder(x, training=False), training=True
        )

    def _seen(self, x):
        return _in_batches(lambda x: self._features(x, training=False), x)


def _in_batches(function, x, size=256):
    return np.concatenate(
        [np.float32(function(x[i : i + size])) for i in range(0, len(x), size)]
    )


def _as_long_as(rows, others):
    """`others`, each of the median length of `rows`."""
    length = np.median(np.linalg.norm(rows, axis=1))
    return others * (length / np.linalg.norm(others, axis=1, keepdims=True))
