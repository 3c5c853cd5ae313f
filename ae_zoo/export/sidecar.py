"""The description of a `.tflite` file, for programs that do not have the model."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from ae_zoo import _staging
from ae_zoo.lite import terms
from ae_zoo.models.objective import Parts

if TYPE_CHECKING:
    from ae_zoo.lite import LiteModel
    from ae_zoo.models import Autoencoder

FORMAT_VERSION = 1
_LARGEST = 2**20  # bytes of a description
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
    # The file of a model of open size has a size of its own.
    shape, code = model.sample_shape, model.latent_shape
    if None in shape:
        shape, code = (file.input_shape or ())[1:], file.latent_shape or ()
    description = {
        "format_version": FORMAT_VERSION,
        "name": card.get("name", model.name),
        "variant": type(model).__name__,
        "task": card.get("task"),
        "input_shape": list(shape),
        "input_range": list(model.input_range or []) or None,
        "scaling": _scaling(model),
        "latent_shape": list(code),
        "reconstruction_loss": model.reconstruction_loss.name,
        "score_terms": score_terms(model, shape),
        "prior": model.spec().prior,
        "signatures": file.signatures,
        "quantization": quantization,
        "license": card.get("license"),
        "sha256": hashlib.sha256(pathlib.Path(filepath).read_bytes()).hexdigest(),
    }
    text = json.dumps(description, indent=2, ensure_ascii=False) + "\n"
    path(filepath).write_text(text, "utf-8")


def _scaling(model: Autoencoder) -> dict[str, Any] | None:
    """Describe the scaling of a model: (x − shift) / width, with lists or numbers.

    `in_file` says whether the file scales its inputs and reconstructions itself.
    """
    if model.scaling is None:
        return None
    return {
        "mode": model.scaling.mode,
        "in_file": not model.scaling.is_bypassed,
        "shift": model.scaling.shift.tolist(),
        "width": model.scaling.width.tolist(),
    }


def is_orphan(filepath: pathlib.Path) -> bool:
    """Whether only the description of a `.tflite` file is there.

    An export that is killed between its two renames leaves such a description, which
    the next export replaces.

    Args:
        filepath: Path of the `.tflite` file.
    """
    description = path(filepath)
    if os.path.lexists(filepath) or not description.is_file():
        return False
    try:
        content = json.loads(description.read_bytes()[:_LARGEST])
    except ValueError:
        return False
    return isinstance(content, dict) and {"format_version", "sha256"} <= set(content)


def publish(written: pathlib.Path, filepath: pathlib.Path) -> None:
    """Move a written file to its final path, its description first.

    A reader that meets the description of another file sees that by its checksum.

    Args:
        written: A file or folder in a private folder, with its description if it has
            one.
        filepath: Its final path.

    Raises:
        FileExistsError: Something is at a final path.
    """
    moves = {written: filepath}
    if path(written).is_file():
        moves = {path(written): path(filepath), written: filepath}

    def remove_orphan() -> None:
        if is_orphan(filepath):
            path(filepath).unlink()

    _staging.publish([*moves], [*moves.values()], remove_orphan)


def score_terms(
    model: Autoencoder, sample_shape: tuple[int | None, ...] | None = None
) -> list[str] | None:
    """Names of the terms in `ae_zoo.lite.terms` that add up to the model's score.

    The terms that the model declares are compared with its own score on random inputs,
    because a subclass may inherit the declaration but compute a different score.

    Args:
        model: The model.
        sample_shape: Shape of one input; None is that of the model.

    Returns:
        The names; None if they do not give the score, or the model has none.
    """
    names = model.spec().score_terms
    endpoints = model.endpoints()
    if names is None or "score" not in endpoints:
        return None
    shape = (_SAMPLES, *(sample_shape or model.sample_shape))
    x = np.random.default_rng(0).random(shape, dtype="float32")
    x = np.asarray(model.unscale(x))
    draws = model.drawn_for_score(x, seed=0)

    def run(name: str, **inputs: Any) -> dict[str, np.ndarray]:
        return endpoints[name].run(**inputs)

    encode, decode = model.parts()
    # The identity hides the logits from Keras's loss, because files lack them too.
    parts = Parts(encode, lambda z: tf.identity(decode(z)))
    expected = model.score_of(parts, model.scale(tf.constant(x)), draws)
    numbers = {k: v.numpy() for k, v in draws.items()}
    scaling = _scaling(model)
    scaling = scaling if scaling and scaling["in_file"] else None
    received = terms.score(names, run, x, numbers, scaling=scaling)
    is_equal = np.allclose(received, expected, rtol=_TOLERANCE, atol=_TOLERANCE)
    return list(names) if is_equal else None
