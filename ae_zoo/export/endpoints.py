"""The functions of a model that an exported file holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tensorflow as tf

from ae_zoo.models.endpoints import Endpoint, tensor_specs

if TYPE_CHECKING:
    from ae_zoo.models import Autoencoder
    from ae_zoo.models.objective import Tensor


def collect(
    model: Autoencoder,
    draws_from_seeds: bool = False,
    pixels: bool = False,
    is_full_int8: bool = False,
) -> dict[str, Endpoint]:
    """Return the endpoints that a file of the model holds, by name.

    Args:
        model: The model.
        draws_from_seeds: Whether the format can draw random numbers from a seed.
        pixels: Whether to add `reconstruct_pixels`.
        is_full_int8: Whether the file computes in int8, which leaves out `score` and
            `detect`: they would saturate at the largest score of the calibration.

    Raises:
        ValueError: `pixels` of a model whose inputs are not in [0, 1].
    """
    endpoints = model.endpoints()
    if draws_from_seeds:
        endpoints |= model.random_endpoints()
    if is_full_int8:
        for name in ("score", "detect"):
            endpoints.pop(name, None)
    if pixels:
        endpoints["reconstruct_pixels"] = _pixel_endpoint(model)
    return endpoints


def _pixel_endpoint(model: Autoencoder) -> Endpoint:
    if model.input_range not in ((0.0, 1.0), (0.0, 255.0)):
        raise ValueError(
            "`pixels=True` maps uint8 images to [0, 1] and back, which needs a model "
            "of input_range (0, 1), or (0, 255) if it scales pixels itself. Received: "
            f"{model.input_range}"
        )
    reconstruct = model.endpoints()["reconstruct"].function
    unit = 255 / model.input_range[1]

    def reconstruct_pixels(pixels: Tensor) -> Tensor:
        image = tf.cast(reconstruct(tf.cast(pixels, "float32") / unit), "float32")
        # Clipping before scaling would give an int8 file the wrong range.
        return tf.cast(tf.clip_by_value(tf.round(unit * image), 0, 255), "uint8")

    return Endpoint(
        reconstruct_pixels,
        tensor_specs({"pixels": model.input_shape}, "uint8"),
        tensor_specs({"reconstruction": model.output_shape}, "uint8"),
    )
