"""Exported TFLite models in Python, with NumPy and LiteRT but no TensorFlow."""

import hashlib
import json
import os
import pathlib

import numpy as np

from ae_zoo import validation

_SIDECAR_VERSION = 1
_TRAINING = {"train": "train", "save": "save_weights", "restore": "restore_weights"}
_OPEN_BATCH = 256  # samples at once, where the file leaves its batch open
_EPSILON = 1e-7  # as in Keras: keeps the logarithms finite
# An int8 zero stands for all of [0, 1/512]. On `denoising_mnist` this is within 0.3 %
# of the float score, 1e-7 within 3 %.
_INT8_EPSILON = 1 / 1024


def load(filepath, num_threads=1):
    """Opens a `.tflite` file that `model.export(..., format="litert")` wrote.

    If the sidecar that the exporter writes (`m.json` beside `m.tflite`) is there, the
    file must have its checksum, and inputs must lie in its range. Without it the
    model runs from the signatures of the file alone.

    Args:
        filepath: The `.tflite` file.
        num_threads: Threads of the interpreter. One is best for small models, and for
            int8 on few cores.

    Returns:
        A `LiteModel`.

    Raises:
        FileNotFoundError: There is no such file.
        ImportError: The package ai-edge-litert is not installed.
        ValueError: The file is truncated or no autoencoder in TFLite, the sidecar is
            damaged or belongs to another file, or `num_threads` is not ≥ 1.

    Example:

    >>> model.export("m.tflite", format="litert")
    >>> light = ae_zoo.lite.load("m.tflite")
    >>> light.reconstruct(noisy).shape
    (16, 28, 28, 1)
    """
    path = pathlib.Path(filepath)
    if not isinstance(num_threads, int) or num_threads < 1:
        raise ValueError(f"`num_threads` must be ≥ 1. Received: {num_threads!r}")
    content = _read(path)
    metadata = _read_sidecar(path, content)
    return LiteModel(_interpreter(path, content, num_threads), metadata)


class LiteModel:
    """A TFLite file with the methods of the Keras model it was made from.

    Every method takes any number of samples, whatever the batch size in the file. A
    model is not thread-safe: load one for each thread.

    Args:
        interpreter: An `ai_edge_litert.interpreter.Interpreter`.
        metadata: What the sidecar says; empty without one.

    Attributes:
        input_shape: Shape of a batch of inputs, (None, ...).
        latent_shape: Shape of the code of one sample, (d,).
        signatures: {name: {"inputs": {name: {"shape", "dtype"}}, "outputs": ...}};
            None in a shape is any size, and int8 tensors have their "scale" and
            "zero_point" too.
        metadata: As above.

    Raises:
        ValueError: The file has none of the signatures of an autoencoder.
    """

    def __init__(self, interpreter, metadata):
        self.metadata = metadata
        self._runners = {
            name: interpreter.get_signature_runner(name)
            for name in interpreter.get_signature_list()
        }
        if not {"reconstruct", "infer", "encode", "decode"} & set(self._runners):
            raise ValueError(
                "The file must have a signature 'reconstruct', 'infer', 'encode' or "
                f"'decode'. It has {list(self._runners)}. Write one with "
                "model.export('m.tflite', format='litert')."
            )
        self._inputs = {
            name: runner.get_input_details() for name, runner in self._runners.items()
        }
        self._outputs = {
            name: runner.get_output_details() for name, runner in self._runners.items()
        }
        self.signatures = {
            name: {
                "inputs": _describe(self._inputs[name]),
                "outputs": _describe(self._outputs[name]),
            }
            for name in self._runners
        }
        shapes = {
            name: tensor["shape"]
            for signature in self.signatures.values()
            for name, tensor in (signature["outputs"] | signature["inputs"]).items()
        }
        self.input_shape = (None, *shapes["x"][1:]) if "x" in shapes else None
        self.latent_shape = shapes["z"][1:] if "z" in shapes else None

    def reconstruct(self, x):
        """The reconstruction x̂: (batch, ...) to (batch, ...). Errors as `run`."""
        # A file that can be trained calls it `infer`.
        name = "infer" if "infer" in self.signatures else "reconstruct"
        return self._run_for_one(name, x=x)

    def encode(self, x):
        """The latent code z: (batch, ...) to (batch, d). Errors as `run`."""
        return self._run_for_one("encode", x=x)

    def decode(self, z):
        """The reconstruction x̂ of z: (batch, d) to (batch, ...). Errors as `run`."""
        return self._run_for_one("decode", z=z)

    def score(self, x, seed=0):
        """The loss of each sample: the anomaly score.

        A file in full int8 has no such signature, because eight bits cannot hold its
        range. There the loss that the sidecar names is computed in float from
        `reconstruct`.

        Args:
            x: (batch, ...).
            seed: Seeds the draws of z in a variational model, from NumPy's generator:
                they differ from those of the Keras model.

        Returns:
            (batch,), in nats (Gaussian: half the squared error).

        Raises:
            TypeError, ValueError: As `run`; or there is neither the signature nor a
                sidecar to compute the score by.
        """
        if "score" not in self.signatures:
            return self._score_in_float(x)
        inputs = {"x": x}
        if "eps" in self._inputs["score"]:
            shape = (*np.shape(x)[:1], *self.latent_shape)
            inputs["eps"] = _standard_normal(shape, seed)
        return self._run_for_one("score", **inputs)

    def sample(self, n, seed=None):
        """Draws x̂ from a variational model: decodes n codes z ~ N(0, I).

        Args:
            n: How many.
            seed: Integer; equal seeds give equal samples. None draws anew.

        Returns:
            (n, ...).

        Raises:
            ValueError: n < 1, the file cannot decode, or the model has no prior.
        """
        validation.check_at_least("n", n, 1)
        if "score" in self.signatures and "eps" not in self._inputs["score"]:
            raise ValueError(
                "`sample` needs a variational model: the codes of others follow no "
                "N(0, I). Decode codes of your own with `decode`."
            )
        self._check_has("decode")
        return self.decode(_standard_normal((n, *self.latent_shape), seed))

    def run(self, signature, **inputs):
        """Runs a signature on any number of samples.

        Args:
            signature: One of `signatures`.
            **inputs: (batch, ...) array of each input, in floats where the tensor is
                a float or quantized, otherwise in the dtype of the tensor.

        Returns:
            {name: (batch, ...) array} of the outputs; quantized ones as floats.

        Raises:
            TypeError: An input of a wrong dtype, such as uint8 images.
            ValueError: No such signature, other inputs, or one of a wrong shape or
                range, empty or not finite.
        """
        if signature in _TRAINING:
            raise ValueError(
                f"`run` is for any number of samples, {signature!r} is not. Call "
                f"`{_TRAINING[signature]}`."
            )
        self._check_has(signature)
        details = self._inputs[signature]
        _check_names(signature, inputs, details)
        inputs = {
            name: _quantize(
                self._checked(value, name, details[name], noisy=signature != "score"),
                details[name],
            )
            for name, value in inputs.items()
        }
        samples = {name: len(value) for name, value in inputs.items()}
        if len(set(samples.values())) > 1:
            raise ValueError(
                f"The inputs must hold equally many samples. Received: {samples}"
            )
        outputs = self._run_in_batches(signature, inputs, max(samples.values()))
        return {
            name: _dequantize(value, self._outputs[signature][name])
            for name, value in outputs.items()
        }

    def _run_in_batches(self, signature, inputs, samples):
        static = _shape(next(iter(self._inputs[signature].values())))[0]
        size = static or _OPEN_BATCH
        batches = []
        for start in range(0, samples, size):
            batch = {
                name: value[start : start + size] for name, value in inputs.items()
            }
            if static:
                batch = {name: _pad(value, size) for name, value in batch.items()}
            batches.append(self._runners[signature](**batch))
        return {
            name: np.concatenate([batch[name] for batch in batches])[:samples]
            for name in self._outputs[signature]
        }

    def _run_for_one(self, signature, **inputs):
        (output,) = self.run(signature, **inputs).values()
        return output

    def _score_in_float(self, x):
        loss = _LOSSES.get(self.metadata.get("reconstruction_loss"))
        # The KL of a variational model needs the log-variance, which is no output.
        is_variational = self.metadata.get("variant") == "VariationalAutoencoder"
        if loss is None or is_variational:
            self._check_has("score")
        reconstruction = self.reconstruct(x)
        if reconstruction.shape[1:] != self.input_shape[1:]:
            self._check_has("score")
        support = self.metadata.get("input_range")
        validation.check_array(x, "x", self.input_shape[1:], support)
        x = np.asarray(x, "float32")
        is_int8 = str(self.metadata.get("quantization")).startswith("int8")
        epsilon = _INT8_EPSILON if is_int8 else _EPSILON
        return loss(x, reconstruction, epsilon).sum(axis=tuple(range(1, x.ndim)))

    def _checked(self, value, name, detail, noisy):
        shape = _shape(detail)[1:]
        array = validation.to_array(value, name)
        is_float = np.issubdtype(detail["dtype"], np.floating) or _scale(detail)
        if not is_float:
            validation.check_array(array, name, shape)
            if array.dtype != detail["dtype"]:
                raise TypeError(
                    f"`{name}` must have the dtype {np.dtype(detail['dtype']).name}. "
                    f"Received: {array.dtype}"
                )
            return array
        support = self.metadata.get("input_range") if name in ("x", "y") else None
        if array.dtype == np.uint8 and support is None:
            raise TypeError(
                f"`{name}` must hold floats. Received uint8. Convert it, and scale "
                "images as for training, such as `x.astype('float32') / 255`."
            )
        validation.check_array(array, name, shape, support, noisy)
        return array.astype("float32", copy=False)

    def _check_has(self, signature):
        if signature not in self.signatures:
            hint = "Export the model again, with this signature."
            if signature == "score" and not self.metadata:
                hint = (
                    "In a quantized file it is computed by the sidecar, the .json file "
                    "that was exported with it: put that beside the .tflite."
                )
            raise ValueError(
                f"The file has no signature {signature!r}. It has "
                f"{list(self.signatures)}. {hint}"
            )

    # Files exported with `trainable=True`.

    def train(self, **inputs):
        """One training step on one batch.

        Args:
            **inputs: The inputs of the signature `train`, in exactly their shapes.

        Returns:
            {name: array} of its outputs, such as the loss.

        Raises:
            TypeError: An input of a wrong dtype.
            ValueError: The file cannot be trained, or an input does not fit.
        """
        self._check_has("train")
        details = self._inputs["train"]
        _check_names("train", inputs, details)
        for name in {"x", "y"} & set(inputs):
            is_noisy = name == "x" and "y" in inputs
            self._checked(inputs[name], name, details[name], is_noisy)
        return self._runners["train"](**_fitted(inputs, details))

    def save_weights(self, filepath):
        """Writes the weights to a NumPy `.npz` file, replacing an older one.

        Args:
            filepath: Where to.

        Raises:
            ValueError: The file cannot be trained.
        """
        self._check_has("save")
        # Learning on the device cannot be repeated: a write that breaks off must not
        # cost the older file.
        unfinished = pathlib.Path(f"{filepath}.unfinished")
        with unfinished.open("wb") as file:
            np.savez(file, **self._runners["save"]())
        os.replace(unfinished, filepath)

    def restore_weights(self, filepath):
        """Takes up the weights that `save_weights` wrote.

        Args:
            filepath: The `.npz` file.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: The file cannot be trained, or the weights are damaged or those
                of another model.
        """
        self._check_has("restore")
        try:
            with (
                open(filepath, "rb") as file,
                np.load(file, allow_pickle=False) as archive,
            ):
                weights = dict(archive)
        except FileNotFoundError:
            raise
        except Exception as error:  # zipfile, zlib and NumPy each have their own
            raise ValueError(
                f"'{filepath}' must be an .npz file of `save_weights`. It cannot be "
                f"read: {error}"
            ) from error
        details = self._inputs["restore"]
        _check_names("restore", weights, details)
        self._runners["restore"](**_fitted(weights, details))


def _read(path):
    if path.is_dir():
        raise ValueError(
            f"'{path}' is a directory; expected a .tflite file. A SavedModel is read "
            "by tf.saved_model.load."
        )
    if not path.exists():
        raise FileNotFoundError(
            f"There is no file '{path}'. Write it with "
            "model.export('m.tflite', format='litert')."
        )
    content = path.read_bytes()
    if content[4:8] != b"TFL3":
        raise ValueError(
            f"'{path}' is no TFLite file: expected b'TFL3' at byte 4. Received "
            f"{content[4:8]!r} in {len(content)} bytes."
        )
    return content


def _read_sidecar(path, content):
    sidecar = path.with_suffix(".json")
    if not sidecar.exists():
        return {}
    mend = f"Copy both files from one export, or remove '{sidecar}'."
    try:
        metadata = json.loads(sidecar.read_text("utf-8"))
        version, expected = metadata["format_version"], metadata["sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"'{sidecar}' must be the sidecar of '{path.name}': JSON with "
            f"'format_version' and 'sha256'. It is not: {error!r}. {mend}"
        ) from error
    if version != _SIDECAR_VERSION:
        raise ValueError(
            f"'{sidecar}' must have format_version {_SIDECAR_VERSION}. Received "
            f"{version!r}. Update ae_zoo to read it."
        )
    received = hashlib.sha256(content).hexdigest()
    if received != expected:
        raise ValueError(
            f"'{sidecar}' belongs to another file, or '{path.name}' is damaged: "
            f"expected SHA-256 {expected}. Received {received}. {mend}"
        )
    return metadata


def _interpreter(path, content, num_threads):
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise ImportError(
            "ae_zoo.lite needs the package ai-edge-litert. Install it with: "
            "pip install 'ae-zoo[lite]'"
        ) from error
    try:
        return Interpreter(model_content=content, num_threads=num_threads)
    except ValueError as error:
        raise ValueError(
            f"'{path}' is truncated or damaged: LiteRT cannot read its {len(content)} "
            f"bytes ({error}). Copy or export it again."
        ) from error


def _shape(detail):
    return tuple(None if size < 0 else int(size) for size in detail["shape_signature"])


def _describe(details):
    tensors = {}
    for name, detail in details.items():
        dtype = np.dtype(detail["dtype"]).name
        tensors[name] = {"shape": _shape(detail), "dtype": dtype}
        if _scale(detail):
            scale, zero_point = _scale(detail)
            tensors[name] |= {"scale": float(scale), "zero_point": int(zero_point)}
    return tensors


def _scale(detail):
    """Scale and zero point of a quantized tensor, or None."""
    scale, zero_point = detail["quantization"]
    return (scale, zero_point) if scale else None


def _quantize(array, detail):
    if _scale(detail):
        scale, zero_point = _scale(detail)
        limits = np.iinfo(detail["dtype"])
        array = np.clip(np.round(array / scale) + zero_point, limits.min, limits.max)
    return np.ascontiguousarray(array, detail["dtype"])


def _dequantize(array, detail):
    if not _scale(detail):
        return array
    scale, zero_point = _scale(detail)
    return np.float32(scale) * (array.astype("float32") - zero_point)


def _pad(array, size):
    """Repeats the last sample until there are `size`."""
    return array[np.minimum(np.arange(size), len(array) - 1)]


def _check_names(signature, inputs, details):
    if set(inputs) != set(details):
        raise ValueError(
            f"The signature {signature!r} takes the inputs {sorted(details)}. "
            f"Received: {sorted(inputs)}"
        )


def _fitted(inputs, details):
    """Inputs of a signature that takes one batch of one size, checked."""
    fitted = {}
    for name, value in inputs.items():
        expected, dtype = _shape(details[name]), details[name]["dtype"]
        array = np.asarray(value, dtype)
        if len(array.shape) != len(expected) or any(
            size not in (None, received)
            for size, received in zip(expected, array.shape, strict=True)
        ):
            raise ValueError(
                f"`{name}` must have the shape {expected}. Received: {array.shape}"
            )
        if not np.isfinite(array).all():
            raise ValueError(f"`{name}` must be finite. Received NaN or infinity.")
        fitted[name] = np.ascontiguousarray(array)
    return fitted


def _standard_normal(shape, seed):
    return np.random.default_rng(seed).standard_normal(shape, "float32")


def _bernoulli(x, reconstruction, epsilon):
    reconstruction = np.clip(reconstruction, epsilon, 1 - epsilon)
    return -(x * np.log(reconstruction) + (1 - x) * np.log(1 - reconstruction))


def _gaussian(x, reconstruction, epsilon):
    return 0.5 * np.square(x - reconstruction)


_LOSSES = {"bernoulli": _bernoulli, "gaussian": _gaussian}
