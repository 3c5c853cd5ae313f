"""What an exported model offers: functions of tensors with named inputs and outputs."""

import dataclasses
import inspect
from collections.abc import Callable

import numpy as np
import tensorflow as tf

_OUTPUTS = {
    "reconstruct": ("reconstruction",),
    "encode": ("z",),
    "decode": ("reconstruction",),
    "score": ("score",),
    "posterior": ("mean", "log_var"),
    "sample": ("reconstruction",),
    "log_likelihood": ("log_likelihood",),
    "reconstruct_pixels": ("reconstruction",),
}


@dataclasses.dataclass(frozen=True)
class Signature:
    """One function of a file.

    Attributes:
        function: Of tensors, in the order of `inputs`; returns one or a tuple.
        inputs: {name: tf.TensorSpec}, the batch left open.
        outputs: Names of what `function` returns.
    """

    function: Callable
    inputs: dict
    outputs: tuple

    def traced(self, batch_size):
        """The signature as a `tf.function` for a static batch, or None for any."""
        specs = [with_batch(spec, batch_size) for spec in self.inputs.values()]

        def named(*inputs):
            results = self.function(*inputs)
            results = results if isinstance(results, tuple) else (results,)
            return {
                name: tf.cast(value, "float32") if value.dtype.is_floating else value
                for name, value in zip(self.outputs, results, strict=True)
            }

        return tf.function(named, input_signature=specs, autograph=False)

    def __call__(self, **inputs):
        """Runs the model's own function: {name: array} to {name: array}."""
        results = self.function(*(tf.constant(inputs[name]) for name in self.inputs))
        results = results if isinstance(results, tuple) else (results,)
        return {
            name: np.asarray(tf.cast(value, "float32"))
            for name, value in zip(self.outputs, results, strict=True)
        }


def collect(model, format, pixels=False, quantization=None):
    """The signatures a model has in a format.

    Args:
        model: An `ae_zoo.models.Autoencoder`.
        format: See `ae_zoo.export.export_model`, as for all arguments.
        pixels: Adds `reconstruct_pixels`.
        quantization: "int8" and "int8_io" leave out `score`.

    Returns:
        {name: Signature}.

    Raises:
        ValueError: `pixels` of a model whose inputs are not in [0, 1].
    """
    functions = model.endpoints()
    if format == "tf_saved_model":
        functions |= model.random_endpoints()
    if quantization in ("int8", "int8_io"):
        functions.pop("score", None)
    if pixels:
        functions["reconstruct_pixels"] = _pixel_function(model)
    return {
        name: Signature(function, _specs(model, function), _OUTPUTS[name])
        for name, function in functions.items()
    }


def with_batch(spec, batch_size):
    """A spec of an open batch with that batch size; scalars stay as they are."""
    shape = spec.shape if spec.shape.rank == 0 else (batch_size, *spec.shape[1:])
    return tf.TensorSpec(shape, spec.dtype, spec.name)


def _specs(model, function):
    sample, code = (None, *model.input_shape[1:]), (None, *model.latent_shape)
    known = {
        "x": (sample, "float32"),
        "pixels": (sample, "uint8"),
        "z": (code, "float32"),
        "eps": (code, "float32"),
        "n": ((), "int32"),
        "samples": ((), "int32"),
        "seed": ((), "int32"),
    }
    return {
        name: tf.TensorSpec(*known[name], name=name)
        for name in inspect.signature(function).parameters
    }


def _pixel_function(model):
    if model.input_range != (0.0, 1.0):
        raise ValueError(
            "`pixels=True` maps uint8 images to [0, 1] and back, which needs a model "
            f"of input_range (0, 1). Received: {model.input_range}"
        )
    reconstruct = model.endpoints()["reconstruct"]

    def reconstruct_pixels(pixels):
        image = tf.cast(reconstruct(tf.cast(pixels, "float32") / 255), "float32")
        # Clipped before it is scaled, an int8 file takes a wrong range for it.
        return tf.cast(tf.clip_by_value(tf.round(255 * image), 0, 255), "uint8")

    return reconstruct_pixels
