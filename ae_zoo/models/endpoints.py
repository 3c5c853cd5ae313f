"""What a model's parts do on their own: encode, decode, reconstruct, score, export."""

import keras
import tensorflow as tf

from ae_zoo import _checks


class Endpoints:
    """The functions of an autoencoder that its users and its exported files call.

    Each works through arrays of any length in batches, by a compiled function, and on
    symbolic tensors inside other graphs.
    """

    def encode(self, x, batch_size=256):
        """The latent code z, without corruption: (batch, ...) to (batch, d)."""
        self._check_eager_input(x)
        return self._run("encode", (x,), batch_size)

    def decode(self, z, batch_size=256):
        """The reconstruction x̂ of latent codes: (batch, d) to (batch, ...)."""
        if not _is_symbolic(z):
            _checks.check_array(z, "z", self.latent_shape)
        return self._run("decode", (z,), batch_size)

    def reconstruct(self, x, batch_size=256):
        """`decode(encode(x))`, without corruption: (batch, ...) to (batch, ...)."""
        self._check_eager_input(x)
        return self._run("reconstruct", (x,), batch_size)

    def score(self, x, batch_size=256):
        """The loss of each sample, without corruption: the anomaly score.

        Args:
            x: (batch, ...).
            batch_size: How many samples to work on at once.

        Returns:
            (batch,), in nats (Gaussian: half the squared error).
        """
        self._check_self_target()
        if not _is_symbolic(x):
            self._check_input(x, is_target=True)
        return self._run("score", (x,), batch_size)

    def endpoints(self):
        """The functions of tensors behind these methods, by name, as exported."""
        functions = {
            "reconstruct": lambda x: self.call(x),
            "encode": lambda x: self.bottleneck(self.encoder(x, training=False)),
            "decode": lambda z: self.decoder(z, training=False),
        }
        if self._is_own_target:
            functions["score"] = self._score
        return functions

    def random_endpoints(self):
        """Further functions that draw from a seed, for formats that can: SavedModel."""
        return {}

    def _score(self, x):
        return self.reconstruction_loss.call(x, self.call(x))

    def export(self, filepath, format="tf_saved_model", **kwargs):
        """Writes the model for use without this library; see `ae_zoo.export`.

        Args:
            filepath: Directory of a SavedModel, or a `.tflite` or `.onnx` file.
            format: "tf_saved_model", "litert" or "onnx".
            **kwargs: As in `ae_zoo.export.export_model`.
        """
        from ae_zoo import export  # builds on models

        export.export_model(self, filepath, format, **kwargs)

    def _check_eager_input(self, x):
        if not _is_symbolic(x):
            self._check_input(x, is_target=False)

    def _run(self, name, inputs, batch_size):
        if any(_is_symbolic(value) for value in inputs):
            return self.endpoints()[name](*inputs)
        if name not in self._endpoints:
            self._endpoints[name] = tf.function(
                self.endpoints()[name], autograph=False, reduce_retracing=True
            )
        inputs = [tf.cast(value, "float32") for value in inputs]
        parts = [
            self._endpoints[name](*(x[start : start + batch_size] for x in inputs))
            for start in range(0, inputs[0].shape[0], batch_size)
        ]
        return tf.concat(parts, axis=0)


def _is_symbolic(x):
    return isinstance(x, keras.KerasTensor) or (
        tf.is_tensor(x) and not hasattr(x, "numpy")
    )
