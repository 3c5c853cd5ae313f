"""Does a file compute what its model computes?"""

import numpy as np
import tensorflow as tf

# Full precision: greatest error of an output over its greatest value, if that is above
# 1; sampling from a learned prior, which divides by many scales, errs by 1.4e-5.
# Quantized: root mean square of the error over that of the output; this tells a broken
# file from a coarse one, and what a kind costs is for metrics to say. A code of the k
# largest units jumps when two of them change places, even at float16: that of
# sparse_mnist by 0.37 and, in int8, by 0.64, where an output of zeros is off by 1.
TOLERANCES = {
    None: 1e-4,
    "float16": 0.1,
    "dynamic": 0.5,
    "int8": 0.7,
    "int8_io": 0.7,
}
_HALF_TOLERANCE = 2e-2  # of a model that computes in float16 or bfloat16 itself
_LEAST = 1e-3
_SAMPLES = 8


def probes(model, batch_size, calibration=None):
    """Inputs to compare a file and its model on.

    Args:
        model: An `ae_zoo.models.Autoencoder`.
        batch_size: Static batch size, or None.
        calibration: (samples, ...) inputs, or None for uniform random ones.

    Returns:
        A list of {input name: array}, one for each batch.
    """
    if calibration is None:
        shape = (_SAMPLES, *model.input_shape[1:])
        calibration = np.random.default_rng(0).random(shape, dtype="float32")
    if batch_size is None:
        arrays = _arrays(model, np.resize(calibration, (4, *calibration.shape[1:])))
        return [_part(arrays, 0, 1), _part(arrays, 1, 4)]
    return list(_batches(model, np.asarray(calibration)[:_SAMPLES], batch_size))


def calibration_feed(model, signatures, batch_size, calibration):
    """What a converter calibrates on: every signature on every batch of the samples.

    Args:
        model: An `ae_zoo.models.Autoencoder`.
        signatures: {name: Signature}.
        batch_size: Static batch size, or None.
        calibration: (samples, ...) inputs.

    Returns:
        A function without arguments to an iterator of (name, {input: array}).
    """

    def feed():
        for batch in _batches(model, calibration, batch_size or 1):
            for name, signature in signatures.items():
                yield name, {key: batch[key] for key in signature.inputs}

    return feed


def check(signatures, runners, batches, quantization=None, compute_dtype="float32"):
    """Compares all signatures of a file with those of its model.

    Args:
        signatures: {name: Signature} of the model.
        runners: {name: function of named arrays} of the file.
        batches: As `probes` returns them.
        quantization: A key of `TOLERANCES`.
        compute_dtype: Of the model.

    Raises:
        RuntimeError: An output differs by more than the tolerance.
    """
    tolerance = TOLERANCES[quantization]
    if quantization is None and compute_dtype != "float32":
        tolerance = _HALF_TOLERANCE
    for name, signature in signatures.items():
        pairs = []
        for batch in batches:
            inputs = {key: batch[key] for key in signature.inputs}
            pairs.append((signature(**inputs), runners[name](**inputs)))
        for output in signature.outputs:
            expected = np.concatenate([model[output] for model, _ in pairs])
            received = np.concatenate([file[output] for _, file in pairs])
            difference = error(received, expected, quantization)
            if not difference <= tolerance:  # not NaN either
                raise RuntimeError(
                    f"The exported signature {name!r} differs from the model by "
                    f"{difference:.2g} in {output!r} (tolerance {tolerance:g}), so no "
                    "file was written."
                )


def error(received, expected, quantization=None):
    """How far an output lies from the model's, in the measure of `TOLERANCES`.

    Args:
        received: Array.
        expected: Array that the model gives.
        quantization: A key of `TOLERANCES`.

    Returns:
        A number; infinity for arrays of unlike shapes.
    """
    if received.shape != expected.shape:
        return np.inf
    difference = np.abs(received.astype("float64") - expected)
    if received.dtype == np.uint8:  # rounding may tip over to the next level
        difference = np.maximum(difference - 1, 0)
    if quantization is None:
        return difference.max() / max(1, np.abs(expected).max())
    return _rms(difference) / max(_rms(expected), _LEAST)


def _rms(values):
    return float(np.sqrt(np.mean(np.square(values, dtype="float64"))))


def _batches(model, calibration, batch_size):
    count = -(-len(calibration) // batch_size) * batch_size
    calibration = np.resize(calibration, (count, *calibration.shape[1:]))
    arrays = _arrays(model, calibration)
    for start in range(0, count, batch_size):
        yield _part(arrays, start, start + batch_size)


def _arrays(model, x):
    """A value for every input a signature may have, in the ranges that x brings."""
    x = np.asarray(x, "float32")
    eps = np.random.default_rng(1).normal(size=(len(x), *model.latent_shape))
    eps = eps.astype("float32")
    return {
        "x": x,
        "pixels": (255 * np.clip(x, 0, 1) + 0.5).astype("uint8"),
        "z": _codes(model, x, eps),
        "eps": eps,
        "n": np.int32(3),
        "samples": np.int32(10),
        "seed": np.int32(7),
    }


def _codes(model, x, eps):
    functions = model.endpoints()
    if "posterior" not in functions:
        return np.asarray(functions["encode"](tf.constant(x)), "float32")
    # A decoder also meets draws, which spread wider than the means.
    mean, log_var = functions["posterior"](tf.constant(x))
    return np.asarray(tf.cast(mean + tf.exp(0.5 * log_var) * eps, "float32"))


def _part(arrays, start, stop):
    return {
        name: values if values.ndim == 0 else values[start:stop]
        for name, values in arrays.items()
    }
