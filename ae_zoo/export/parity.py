"""Comparison of an exported file with its model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from ae_zoo._batches import slices
from ae_zoo.export.sizes import example

if TYPE_CHECKING:
    from ae_zoo.export.format import Runners
    from ae_zoo.layers import Scaling
    from ae_zoo.models import Autoencoder
    from ae_zoo.models.endpoints import Endpoint

# Full precision: largest error of an output over its largest value, if that is above 1;
# sampling from a learned prior, which divides by many scales, has an error of 1.4e-5.
# Quantized: root mean square of the error over that of the output. This detects a
# broken file; metrics measure the cost of a quantization. A k-sparse code changes when
# two units swap ranks, even in float16: the error of sparse_mnist is 0.37, and 0.64 in
# int8. An output of zeros has an error of 1.
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
_ROUNDING = 2.0**-21  # of a few operations in float32
# Sizes of images on which files of open size are compared: even, and odd.
_OPEN_SIZES = (32, 37)

Arrays = dict[str, np.ndarray]


class ParityError(RuntimeError):
    """A file computes other results than its model."""


def probes(
    model: Autoencoder,
    endpoints: Mapping[str, Endpoint],
    batch_size: int | None,
    calibration: Any = None,
    sample_shape: tuple[int | None, ...] | None = None,
) -> list[Arrays]:
    """Return inputs on which a file and its model are compared.

    Args:
        model: The model.
        endpoints: The functions that the file holds, by name.
        batch_size: Static batch size, or None.
        calibration: (samples, ...) inputs, or None for uniform random ones.
        sample_shape: Shape of one input of the file; None is that of the model. Files
            of open sizes are tried on two sizes.

    Returns:
        {input name: array} for each batch.
    """
    shape = model.sample_shape if sample_shape is None else sample_shape
    if calibration is None and None in shape:
        counts = (1, 3) if batch_size is None else (batch_size, batch_size)
        return [
            _arrays(model, endpoints, _random(model, (count, *example(shape, size))))
            for count, size in zip(counts, _OPEN_SIZES, strict=True)
        ]
    if calibration is None:
        calibration = _random(model, (_SAMPLES, *shape))
    if batch_size is None:
        few = np.resize(calibration, (4, *calibration.shape[1:]))
        arrays = _arrays(model, endpoints, few)
        return [_part(arrays, 0, 1), _part(arrays, 1, 4)]
    few = np.asarray(calibration)[:_SAMPLES]
    return list(_batches(model, endpoints, few, batch_size))


def _random(model: Autoencoder, shape: tuple[Any, ...]) -> np.ndarray:
    """Return random inputs, uniform in the scaled space."""
    x = np.random.default_rng(0).random(shape, dtype="float32")
    return np.asarray(model.unscale(x))


def calibration_feed(
    model: Autoencoder,
    endpoints: Mapping[str, Endpoint],
    batch_size: int | None,
    calibration: Any,
) -> Callable[[], Iterator[tuple[str, Arrays]]]:
    """Return a function that gives a converter its calibration data.

    Args:
        model: The model.
        endpoints: The functions that the file holds, by name.
        batch_size: Static batch size, or None.
        calibration: (samples, ...) inputs.

    Returns:
        () → iterator of (endpoint name, {input name: array}): every endpoint on every
        batch of the samples.
    """

    def feed() -> Iterator[tuple[str, Arrays]]:
        for batch in _batches(model, endpoints, calibration, batch_size or 1):
            for name, endpoint in endpoints.items():
                yield name, {key: batch[key] for key in endpoint.inputs}

    return feed


def check(
    endpoints: Mapping[str, Endpoint],
    runners: Runners,
    batches: list[Arrays],
    quantization: str | None = None,
    compute_dtype: str = "float32",
    scaling: Scaling | None = None,
) -> None:
    """Compare all signatures of a file with the endpoints of its model.

    Args:
        endpoints: Endpoints of the model, by name.
        runners: Functions that run the signatures of the file, by name.
        batches: As `probes` returns them.
        quantization: A key of `TOLERANCES`.
        compute_dtype: Compute dtype of the model.
        scaling: The scaling that reconstructions are in the units of, or None.

    Raises:
        RuntimeError: A signature or an output is missing.
        ParityError: An output differs in its shape or type, or by more than the
            tolerance.
    """
    _check_names("signatures", endpoints, runners)
    tolerance = TOLERANCES[quantization]
    if quantization is None and compute_dtype != "float32":
        tolerance = _HALF_TOLERANCE
    for name, endpoint in endpoints.items():
        pairs = []
        for batch in batches:
            inputs = {key: batch[key] for key in endpoint.inputs}
            pairs.append((endpoint.run(**inputs), runners[name](**inputs)))
        for _, file in pairs:
            _check_names(f"outputs of {name!r}", endpoint.outputs, file)
        for output in endpoint.outputs:
            results = [(file[output], model[output]) for model, file in pairs]
            is_scaled = output == "reconstruction"
            difference = _difference(
                results, quantization, scaling if is_scaled else None
            )
            if not difference <= tolerance:  # or NaN
                raise ParityError(
                    f"The exported signature {name!r} differs from the model by "
                    f"{difference:.2g} in {output!r} (tolerance {tolerance:g}), so no "
                    "file was written."
                )


def _difference(
    pairs: list[tuple[np.ndarray, np.ndarray]],
    quantization: str | None,
    scaling: Scaling | None,
) -> float:
    """Return the error over all batches, which may differ in the size of images."""
    if any(received.shape != expected.shape for received, expected in pairs):
        return np.inf
    shape: tuple[int, ...] = (-1,)
    if scaling is not None:
        shape = (-1, pairs[0][0].shape[-1])
    received, expected = (
        np.concatenate([array.reshape(shape) for array in arrays])
        for arrays in zip(*pairs, strict=True)
    )
    if scaling is not None:
        return _scaled_error(received, expected, quantization, scaling)
    return error(received, expected, quantization)


def error(
    received: np.ndarray, expected: np.ndarray, quantization: str | None = None
) -> float:
    """Return the error of an output as `TOLERANCES` measures it.

    Args:
        received: Output of the file.
        expected: Output of the model.
        quantization: A key of `TOLERANCES`.

    Returns:
        A number; infinity for arrays of different shapes or types.
    """
    if (received.shape, received.dtype) != (expected.shape, expected.dtype):
        return np.inf
    difference = np.abs(received.astype("float64") - expected)
    if received.dtype == np.uint8:  # rounding may reach the next level
        difference = np.maximum(difference - 1, 0)
    if quantization is None:
        return difference.max() / max(1, np.abs(expected).max())
    return _rms(difference) / max(_rms(expected), _LEAST)


def _scaled_error(
    received: np.ndarray,
    expected: np.ndarray,
    quantization: str | None,
    scaling: Scaling,
) -> float:
    """Return the error of reconstructions, of which each feature has its own unit."""
    if expected.dtype.kind != "f" or received.shape != expected.shape:
        return error(received, expected, quantization)
    scaled = np.asarray((expected - scaling.shift) / scaling.width, "float32")
    if quantization is not None:
        received = np.asarray((received - scaling.shift) / scaling.width, "float32")
        return error(received, scaled, quantization)
    # float32 has rounded the values in their own units.
    difference = np.abs(received.astype("float64") - expected)
    difference = np.maximum(difference - _ROUNDING * np.abs(expected), 0)
    samples = tuple(range(expected.ndim - 1))
    largest = np.maximum(1, np.abs(scaled).max(axis=samples))
    # A feature with a large offset must not hide the errors of others.
    return float(((difference / scaling.width).max(axis=samples) / largest).max())


def _check_names(what: str, expected: Iterable[str], received: Iterable[str]) -> None:
    missing = sorted(set(expected) - set(received))
    if missing:
        raise RuntimeError(
            f"The exported file lacks the {what} {missing}, so no file was written. It "
            f"has {sorted(received)}."
        )


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype="float64"))))


def _batches(
    model: Autoencoder,
    endpoints: Mapping[str, Endpoint],
    calibration: Any,
    batch_size: int,
) -> Iterator[Arrays]:
    count = -(-len(calibration) // batch_size) * batch_size
    calibration = np.resize(calibration, (count, *calibration.shape[1:]))
    arrays = _arrays(model, endpoints, calibration)
    for rows in slices(count, batch_size):
        yield _part(arrays, rows.start, rows.stop)


def _arrays(
    model: Autoencoder, endpoints: Mapping[str, Endpoint], x: np.ndarray
) -> Arrays:
    """Return a value for every input of the endpoints: x, made from x, or random."""
    x = np.asarray(x, "float32")
    unit = 255 / model.input_range[1] if model.input_range else 255
    arrays: Arrays = {
        "x": x,
        "pixels": np.clip(unit * x + 0.5, 0, 255).astype("uint8"),
        "n": np.array(3, "int32"),
        "samples": np.array(10, "int32"),
        "seed": np.array(7, "int32"),
    }
    inputs = {k: spec for e in endpoints.values() for k, spec in e.inputs.items()}
    for name, spec in inputs.items():
        if name not in {*arrays, "z"}:
            shape = (len(x), *spec.shape[1:])
            arrays[name] = np.random.default_rng(1).normal(size=shape).astype("float32")
    return arrays | {"z": _codes(model, x)}


def _codes(model: Autoencoder, x: np.ndarray) -> np.ndarray:
    """Return codes of x with random draws, which are spread wider than means."""
    parts = model.parts()
    draws = {
        name: np.random.default_rng(1)
        .normal(size=(len(x), *draw.shape))
        .astype("float32")
        for name, draw in model.score_draws().items()
    }
    z = model.bottleneck(parts.encode(model.scale(tf.constant(x))), draws=draws)
    return np.asarray(tf.cast(z, "float32"))


def _part(arrays: Arrays, start: int, stop: int) -> Arrays:
    return {
        name: values if values.ndim == 0 else values[start:stop]
        for name, values in arrays.items()
    }
