"""The sizes of an exported file, for models that take images of any size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from ae_zoo._checks import is_integer
from ae_zoo.models.endpoints import Endpoint

if TYPE_CHECKING:
    from ae_zoo.export.format import Format
    from ae_zoo.models import Autoencoder

Shape = tuple[int | None, ...]


def check_sizes(
    model: Autoencoder,
    format: Format,
    input_shape: Any = None,
    batch_size: int | str | None = None,
) -> None:
    """Check the argument `input_shape` of an export.

    Args:
        model: The model.
        format: The format.
        input_shape: As in `ae_zoo.export.export_model`, as `batch_size`.
        batch_size: As above.

    Raises:
        TypeError: `input_shape` is not a sequence.
        ValueError: It is missing where it is needed, does not fit the model, or
            contradicts `batch_size`.
    """
    expected = model.input_shape
    if input_shape is None:
        if format.has_fixed_sizes and None in expected[1:]:
            example = (1, *(256 if size is None else size for size in expected[1:]))
            raise ValueError(
                f"A {format.suffix} file has fixed sizes, and this model takes inputs "
                f"of shape {expected[1:]}. Pass `input_shape` with the batch, such as "
                f"input_shape={example}."
            )
        return
    message = (
        "`input_shape` must hold positive integers, the batch first, such as "
        "(1, 256, 256, 3)"
    )
    if not isinstance(input_shape, tuple | list):
        raise TypeError(f"{message}. Received: {input_shape!r}")
    if len(input_shape) != len(expected):
        raise ValueError(
            f"{message}. This model's inputs have the shape {expected}. Received: "
            f"{input_shape!r}"
        )
    if not all(is_integer(size) and size > 0 for size in input_shape):
        raise ValueError(f"{message}. Received: {input_shape!r}")
    pairs = zip(input_shape[1:], expected[1:], strict=True)
    if any(wanted not in (None, size) for size, wanted in pairs):
        raise ValueError(
            f"`input_shape` does not fit the model, whose inputs have the shape "
            f"{expected}. Received: {input_shape!r}"
        )
    if batch_size not in (None, input_shape[0]):
        raise ValueError(
            "`input_shape` begins with the batch size. Received: "
            f"input_shape={input_shape!r} and batch_size={batch_size!r}. Leave out "
            "batch_size."
        )


def with_sizes(
    model: Autoencoder, endpoints: Mapping[str, Endpoint], sample_shape: Shape
) -> dict[str, Endpoint]:
    """Return endpoints whose inputs have the given sizes.

    Args:
        model: The model.
        endpoints: Its endpoints, by name.
        sample_shape: Shape of one input, without open sizes.
    """
    if None not in model.sample_shape:
        return dict(endpoints)
    shapes: dict[str, Shape] = {"x": sample_shape, "pixels": sample_shape}
    encode = tf.function(endpoints["encode"].function, autograph=False)
    traced = encode.get_concrete_function(tf.TensorSpec((1, *sample_shape)))
    shapes["z"] = tuple(traced.structured_outputs.shape[1:])

    def fixed(name: str, spec: tf.TensorSpec) -> tf.TensorSpec:
        shape = shapes.get(name, tuple(spec.shape[1:]))
        return tf.TensorSpec((None, *shape), spec.dtype, name)

    return {
        key: endpoint._replace(
            inputs={name: fixed(name, spec) for name, spec in endpoint.inputs.items()}
        )
        for key, endpoint in endpoints.items()
    }


def example(shape: Shape, size: int) -> tuple[int, ...]:
    """Return a shape with `size`, `size` + 1, ... in place of its open sizes.

    >>> example((None, None, 3), 24)
    (24, 25, 3)
    """
    return tuple(
        size + place if known is None else known for place, known in enumerate(shape)
    )
