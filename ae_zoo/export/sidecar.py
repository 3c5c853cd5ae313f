"""The description of a `.tflite` file, for programs that do not have the model."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from ae_zoo.lite import terms
from ae_zoo.models.objective import Parts

if TYPE_CHECKING:
    from ae_zoo.lite import LiteModel
    from ae_zoo.models import Autoencoder

FORMAT_VERSION = 1
_SAMPLES = 4
_TOLERANCE = 1e-4  # of float32 sums in a different order


def path(filepath: str | os.PathLike[str]) -> pathlib.Path:
    """Path of the description of a `.tflite` file: `m.tflite` has `m.json`."""
    return pathlib.Path(filepath).with_suffix(".json")


def write(
    model: Autoencoder,
    file: LiteModel,
    filepath: str | os.PathLike[str],
    quantization: str | None = None,
) -> None:
    """Write the description of a `.tflite` file.

    Args:
        model: The model. If `ae_zoo.load` returned it, its card gives name, task and
            license.
        file: The opened file.
        filepath: Path of the file.
        quantization: As in `ae_zoo.export.export_model`.
    """
    card = model.card or {}
    description = {
        "format_version": FORMAT_VERSION,
        "name": card.get("name", model.name),
        "variant": type(model).__name__,
        "task": card.get("task"),
        "input_shape": list(model.sample_shape),
        "input_range": list(model.input_range or []) or None,
        "latent_shape": list(model.latent_shape),
        "reconstruction_loss": model.reconstruction_loss.name,
        "score_terms": score_terms(model),
        "prior": model.spec().prior,
        "signatures": file.signatures,
        "quantization": quantization,
        "license": card.get("license"),
        "sha256": hashlib.sha256(pathlib.Path(filepath).read_bytes()).hexdigest(),
    }
    text = json.dumps(description, indent=2, ensure_ascii=False) + "\n"
    path(filepath).write_text(text, "utf-8")


def score_terms(model: Autoencoder) -> list[str] | None:
    """Names of the terms in `ae_zoo.lite.terms` that add up to the model's score.

    The terms that the model declares are compared with its own score on random inputs,
    because a subclass may inherit the declaration but compute a different score.

    Returns:
        The names; None if they do not give the score, or the model has none.
    """
    names = model.spec().score_terms
    endpoints = model.endpoints()
    if names is None or "score" not in endpoints:
        return None
    shape = (_SAMPLES, *model.sample_shape)
    x = np.random.default_rng(0).random(shape, dtype="float32")
    draws = model.drawn_for_score(x, seed=0)

    def run(name: str, **inputs: Any) -> dict[str, np.ndarray]:
        return endpoints[name].run(**inputs)

    encode, decode = model.parts()
    # The identity hides the logits from Keras's loss, because files lack them too.
    parts = Parts(encode, lambda z: tf.identity(decode(z)))
    expected = model.score_of(parts, model.scale(tf.constant(x)), draws)
    received = terms.score(names, run, x, {k: v.numpy() for k, v in draws.items()})
    is_equal = np.allclose(received, expected, rtol=_TOLERANCE, atol=_TOLERANCE)
    return list(names) if is_equal else None
