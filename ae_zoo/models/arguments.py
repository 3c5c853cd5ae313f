"""Types and checks of the arguments that all variants share."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

import keras

from ae_zoo._checks import is_integer
from ae_zoo.losses import ReconstructionLoss

Decoder = keras.Model | Literal["tied"]
Loss = Literal["bernoulli", "gaussian"] | ReconstructionLoss


class SharedArguments(TypedDict, total=False):
    """Keyword arguments of all variants; `Autoencoder` documents them."""

    reconstruction_loss: Loss
    seed: int
    input_range: tuple[float, float] | None
    name: str | None
    dtype: Any
    trainable: bool


def built_input_shape(model: Any, role: str) -> tuple[Any, ...]:
    """Return the input shape of a built encoder or decoder.

    Raises:
        TypeError: It is not a Keras model.
        ValueError: It is not built, or has several inputs.
    """
    if not isinstance(model, keras.Model):
        tied = ' or "tied"' if role == "decoder" else ""
        raise TypeError(
            f"`{role}` must be a Keras model{tied}. Received: {type(model).__name__}"
        )
    shape: Any = getattr(model, "input_shape", None)
    if shape is None:
        # A subclassed model has no `input_shape`, but remembers what built it.
        shape = (model.get_build_config() or {}).get("input_shape")
    if not isinstance(shape, tuple) and not _is_flat_list(shape):
        raise ValueError(
            f"`{role}` must be a model of one input of known shape. Begin it with "
            "keras.Input(shape), or call it once on keras.Input(shape). Received: "
            f"{model.name!r} with input shape {shape}"
        )
    return tuple(shape)


def interval(
    given: tuple[float, float] | None, loss: ReconstructionLoss, decoder: keras.Model
) -> tuple[float, float] | None:
    """Return the given `input_range`, or by default that of the loss or the decoder.

    Raises:
        ValueError: `given` is not (low, high) with low < high.
    """
    if given is None:
        ends_in_sigmoid = (
            getattr(getattr(decoder, "layers", [None])[-1], "activation", None)
            is keras.activations.sigmoid
        )
        return loss.support or ((0.0, 1.0) if ends_in_sigmoid else None)
    low, high = given
    if not low < high:
        raise ValueError(
            f"`input_range` must be (low, high) with low < high. Received: {given}"
        )
    return (low, high)


def check_is_mean(loss: Any) -> None:
    """Raise ValueError for a loss that does not average over the batch."""
    reduction = getattr(loss, "reduction", "sum_over_batch_size")
    if reduction not in ("sum_over_batch_size", "mean"):
        raise ValueError(
            "Across replicas the loss must be the mean over the samples of a batch, "
            "reduction='sum_over_batch_size'. Received a loss with "
            f"reduction={reduction!r}"
        )


def check_no_accumulation(optimizer: Any) -> None:
    """Raise ValueError for an optimizer that accumulates gradients."""
    if getattr(optimizer, "gradient_accumulation_steps", None):
        raise ValueError(
            "Keras accumulates gradients on one replica only. Received "
            f"gradient_accumulation_steps={optimizer.gradient_accumulation_steps} "
            "with a strategy of several replicas, which already split the batch. "
            "Remove the accumulation, or train on one device."
        )


def _is_flat_list(shape: Any) -> bool:
    return isinstance(shape, list) and all(
        size is None or is_integer(size) for size in shape
    )
