"""SavedModel: the format of TensorFlow Serving."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from ae_zoo.export.format import Format, Job, Runners

if TYPE_CHECKING:
    from ae_zoo.models import Autoencoder
    from ae_zoo.models.endpoints import Endpoint


def write(
    model: Autoencoder,
    endpoints: Mapping[str, Endpoint],
    directory: str | os.PathLike[str],
    batch_size: int | None = None,
) -> None:
    """Write signatures and the weights that they share.

    Args:
        model: The model whose weights the endpoints use.
        endpoints: Its endpoints, by name.
        directory: Directory to create.
        batch_size: Static batch size, or None.
    """
    module: Any = tf.Module()
    # tf.Module tracks the values of Keras variables, not the variables themselves.
    module.weights = [variable.value for variable in model.variables]
    functions = {name: e.traced(batch_size) for name, e in endpoints.items()}
    module.functions = list(functions.values())
    functions["serving_default"] = functions["reconstruct"]
    tf.saved_model.save(module, str(directory), signatures=functions)


def _write(job: Job) -> Runners:
    write(job.model, job.endpoints, job.target, job.batch_size)
    loaded = tf.saved_model.load(str(job.target))

    def runner(function: Any) -> Callable[..., dict[str, np.ndarray]]:
        def run(**inputs: Any) -> dict[str, np.ndarray]:
            results = function(**{k: tf.constant(v) for k, v in inputs.items()})
            return {name: value.numpy() for name, value in results.items()}

        run.loaded = loaded  # type: ignore[attr-defined]  # keeps the weights alive
        return run

    return {name: runner(function) for name, function in loaded.signatures.items()}


FORMAT = Format("tf_saved_model", "", None, _write, draws_from_seeds=True)
