"""Models without this library: SavedModel and TFLite, with named signatures."""

import contextlib
import inspect
import pathlib
import shutil
import tempfile

import numpy as np
import tensorflow as tf

FORMATS = ("tf_saved_model", "litert")
_OUTPUT_NAMES = {
    "reconstruct": "reconstruction",
    "encode": "z",
    "decode": "reconstruction",
    "score": "score",
}
_TOLERANCE = 1e-4
_HALF_TOLERANCE = 2e-2  # float16 and bfloat16; the latter carries 8 bits


def export_model(model, filepath, format="tf_saved_model", batch_size=None):
    """Writes a model, runs what was written, and compares it with `predict`.

    Signatures: `reconstruct` x → reconstruction (in a SavedModel `serving_default`
    too), `encode` x → z, `decode` z → reconstruction, `score` x → score, which a model
    between unlike images, such as a colouring one, lacks. The score of a variational
    model takes its noise `eps`, (batch, d) draws of N(0, 1), as a second input.

    Args:
        model: An `ae_zoo.models.Autoencoder`.
        filepath: A directory that does not exist yet, or a file name that ends in
            `.tflite`.
        format: "tf_saved_model" or "litert" (TFLite, builtin operators only).
        batch_size: Static batch size; None leaves the batch of a SavedModel open and
            is 1 for LiteRT.

    Raises:
        FileExistsError: `filepath` exists.
        ValueError: Unknown format or wrong suffix.
        RuntimeError: The written file computes something else than the model, or
            an operator of the model does not exist in TFLite. Nothing is left behind.

    Example:

    >>> model.export("denoiser")
    >>> model.export("denoiser.tflite", format="litert")
    """
    filepath = pathlib.Path(filepath)
    _check_arguments(filepath, format)
    filepath.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=filepath.parent, prefix=".export-") as scratch:
        scratch = pathlib.Path(scratch)
        if format == "tf_saved_model":
            _write_saved_model(model, scratch / "model", batch_size)
            runners = tf.saved_model.load(scratch / "model").signatures
            _check_parity(model, runners, batch_size or 2)
        else:
            batch_size = batch_size or 1
            _write_saved_model(model, scratch / "saved_model", batch_size)
            _convert(
                scratch / "saved_model", scratch / "model", list(model.endpoints())
            )
            runners = _litert_runners(scratch / "model")
            _check_parity(model, runners, batch_size)
        shutil.move(scratch / "model", filepath)


def _check_arguments(filepath, format):
    if format not in FORMATS:
        raise ValueError(f"`format` must be one of {FORMATS}. Received: {format!r}")
    if format == "litert" and filepath.suffix != ".tflite":
        raise ValueError(
            f"A LiteRT file name must end in '.tflite'. Received: '{filepath}'"
        )
    if format == "tf_saved_model" and filepath.suffix == ".tflite":
        raise ValueError(
            f"A SavedModel is a directory. Received: '{filepath}'. For a TFLite file "
            "pass format='litert'."
        )
    if filepath.exists():
        raise FileExistsError(
            f"'{filepath}' exists. Remove it first, or export to another path."
        )


def _write_saved_model(model, directory, batch_size):
    module = tf.Module()
    # tf.Module does not see Keras's variables unless it is handed the values.
    module.weights = [variable.value for variable in model.variables]
    signatures = {
        name: tf.function(
            _named(function, _OUTPUT_NAMES[name]),
            input_signature=[
                tf.TensorSpec((batch_size, *shape), tf.float32, name=argument)
                for argument, shape in _inputs(model, function).items()
            ],
            autograph=False,
        )
        for name, function in model.endpoints().items()
    }
    module.signatures_alive = list(signatures.values())
    tf.saved_model.save(
        module,
        str(directory),
        signatures=signatures | {"serving_default": signatures["reconstruct"]},
    )


def _named(function, output):
    def signature(*inputs):
        return {output: tf.cast(function(*inputs), tf.float32)}

    return signature


def _inputs(model, function):
    shapes = {
        "x": model.input_shape[1:],
        "z": model.latent_shape,
        "eps": model.latent_shape,
    }
    return {name: shapes[name] for name in inspect.signature(function).parameters}


def _convert(saved_model, filepath, signatures):
    converter = tf.lite.TFLiteConverter.from_saved_model(
        str(saved_model), signature_keys=signatures
    )
    try:
        filepath.write_bytes(converter.convert())
    except Exception as error:
        raise RuntimeError(
            "TFLite's builtin operators cannot express this model. Replace the layer "
            f"that makes the operator named here:\n{error}"
        ) from error


def _litert_runners(filepath):
    with contextlib.suppress(ImportError):
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(str(filepath))
        return {
            name: interpreter.get_signature_runner(name)
            for name in interpreter.get_signature_list()
        }
    raise ImportError(
        "LiteRT export runs the file it wrote, which needs the package "
        "ai-edge-litert. Install it with: pip install 'ae-zoo[lite]'"
    )


def _check_parity(model, runners, batch_size):
    random = np.random.default_rng(0)
    tolerance = _TOLERANCE if model.compute_dtype == "float32" else _HALF_TOLERANCE
    for name, function in model.endpoints().items():
        inputs = {
            argument: random.random((batch_size, *shape), dtype="float32")
            for argument, shape in _inputs(model, function).items()
        }
        expected = np.asarray(function(*map(tf.constant, inputs.values())), "float32")
        received = runners[name](**{k: tf.constant(v) for k, v in inputs.items()})
        received = np.asarray(received[_OUTPUT_NAMES[name]])
        error = np.max(np.abs(received - expected) / np.maximum(1, np.abs(expected)))
        if not error <= tolerance:
            raise RuntimeError(
                f"The exported signature {name!r} differs from the model by "
                f"{error:.2g} (tolerance {tolerance:g}), so no file was written."
            )
