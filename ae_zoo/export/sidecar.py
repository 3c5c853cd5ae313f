"""The description beside a `.tflite` file, for programs that only have the file."""

import hashlib
import json
import pathlib

FORMAT_VERSION = 1


def path(filepath):
    """Path of the description of a `.tflite` file: `m.tflite` has `m.json`."""
    return pathlib.Path(filepath).with_suffix(".json")


def write(model, file, filepath, quantization=None):
    """Describes a file that has been written.

    Args:
        model: An `ae_zoo.models.Autoencoder`; one that `ae_zoo.load` returned gives
            name, task and license from its card.
        file: The file, read as `ae_zoo.lite.LiteModel`.
        filepath: Where it is.
        quantization: How it was quantized.
    """
    card = model.card or {}
    description = {
        "format_version": FORMAT_VERSION,
        "name": card.get("name", model.name),
        "variant": type(model).__name__,
        "task": card.get("task"),
        "input_shape": list(model.input_shape[1:]),
        "input_range": list(model.input_range or []) or None,
        "latent_shape": list(model.latent_shape),
        "reconstruction_loss": model.reconstruction_loss.name,
        "prior": _prior_of(model),
        "signatures": file.signatures,
        "quantization": quantization,
        "license": card.get("license"),
        "sha256": hashlib.sha256(pathlib.Path(filepath).read_bytes()).hexdigest(),
    }
    text = json.dumps(description, indent=2, ensure_ascii=False) + "\n"
    path(filepath).write_text(text, "utf-8")


def _prior_of(model):
    if not hasattr(model, "prior"):
        return None
    return "N(0, I)" if model.prior is None else type(model.prior).__name__
