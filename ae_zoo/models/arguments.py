"""Types and checks of the arguments that all variants share."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable
from typing import Any, Literal, TypedDict

import keras

from ae_zoo._checks import is_integer
from ae_zoo.corruptions import Corruption
from ae_zoo.layers import Scaling
from ae_zoo.losses import ReconstructionLoss

Decoder = keras.Model | Literal["tied"]
Loss = Literal["bernoulli", "gaussian"] | ReconstructionLoss
ScalingMode = Literal["standard", "min_max", "robust", "pixels"]


class SharedArguments(TypedDict, total=False):
    """Keyword arguments of all variants; `Autoencoder` documents them."""

    reconstruction_loss: Loss
    seed: int
    input_range: tuple[float, float] | None
    scaling: Scaling | ScalingMode | None
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
    outputs = getattr(model, "outputs", None) or [None]
    if len(outputs) != 1:
        raise ValueError(
            f"`{role}` must have one output. Received {model.name!r} with "
            f"{len(outputs)} outputs. A VariationalAutoencoder adds the heads for the "
            "mean and the log-variance itself: end the encoder before them."
        )
    if not isinstance(shape, tuple) and not _is_flat_list(shape):
        raise ValueError(
            f"`{role}` must be a model of one input of known shape. Begin it with "
            "keras.Input(shape), or call it once on keras.Input(shape). Received: "
            f"{model.name!r} with input shape {shape}"
        )
    return tuple(shape)


def valid_range(
    given: tuple[float, float] | None,
    loss: ReconstructionLoss,
    decoder: keras.Model,
    scaling: Scaling | None = None,
) -> tuple[float, float] | None:
    """Return the given `input_range`, or the default one.

    The default is that of the loss or the decoder; with a scaling, that of its mode.

    Raises:
        TypeError, ValueError: `given` is not (low, high) with low < high.
    """
    if given is None:
        if scaling is not None:
            return scaling.input_range
        return loss.support or ((0.0, 1.0) if ends_in_sigmoid(decoder) else None)
    check_interval("input_range", given)
    low, high = given
    return (low, high)


def ends_in_sigmoid(decoder: keras.Model) -> bool:
    """Whether the reconstructions of a decoder are in [0, 1]."""
    last = getattr(decoder, "layers", [None])[-1]
    return getattr(last, "activation", None) is keras.activations.sigmoid


def valid_scaling(given: Any) -> Scaling | None:
    """Return the `Scaling` of an argument that is one, a mode, or None.

    Raises:
        TypeError: It is something else.
        ValueError: There is no such mode.
    """
    if given is None or isinstance(given, Scaling):
        return given
    if not isinstance(given, str):
        raise TypeError(
            "`scaling` must be None, an ae_zoo.layers.Scaling, or one of its modes, "
            f"such as 'standard'. Received: {given!r} of type {type(given).__name__}"
        )
    return Scaling(given)  # type: ignore[arg-type]  # which checks the name


def check_scaling(
    scaling: Scaling,
    loss: ReconstructionLoss,
    decoder: keras.Model,
    shapes: Iterable[tuple[Any, ...]],
) -> None:
    """Check that a scaling suits the loss, the decoder, and the shapes of samples.

    Args:
        scaling: A built scaling.
        loss: The reconstruction loss.
        decoder: The decoder.
        shapes: Shapes of one input and of one reconstruction.

    Raises:
        ValueError: It does not.
    """
    low, high = scaling.scaled_range or (-math.inf, math.inf)
    if loss.support and not loss.support[0] <= low < high <= loss.support[1]:
        raise ValueError(
            f"reconstruction_loss={loss.name!r} needs targets in "
            f"[{loss.support[0]:g}, {loss.support[1]:g}], but scaling="
            f"{scaling.mode!r} does not map data there. Use 'min_max' or 'pixels', or "
            "another loss, such as 'gaussian'."
        )
    if scaling.scaled_range is None and ends_in_sigmoid(decoder):
        raise ValueError(
            "The decoder ends in a sigmoid, whose values are in [0, 1], but scaling="
            f"{scaling.mode!r} gives values of both signs. End it linear, for example "
            "with output='linear', or use scaling='min_max'."
        )
    for shape in shapes:
        if not scaling.fits(shape):
            raise ValueError(
                f"The scaling has {scaling.features} features, but inputs or "
                f"reconstructions have the shape {shape}. Adapt it to data of this "
                "shape, or use one scale for all values: Scaling(mode, axis=None)."
            )


def check_interval(name: str, given: Any) -> None:
    """Check an argument that is None or (low, high), with low < high.

    Raises:
        TypeError: It is not a pair of numbers.
        ValueError: low < high does not hold, or a bound is not finite.
    """
    if given is None:
        return
    message = f"`{name}` must be (low, high) with low < high. Received: {given!r}"
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        raise TypeError(message)
    if not all(isinstance(bound, numbers.Real) for bound in given):
        raise TypeError(message)
    low, high = given
    if not -math.inf < low < high < math.inf:
        raise ValueError(message)


def check_fixed_sizes(model: Any, reason: str) -> None:
    """Check that a model has no open sizes, for what is undefined with them.

    Args:
        model: An autoencoder.
        reason: What needs fixed sizes, for the message: "A variational autoencoder
            draws codes".

    Raises:
        ValueError: The input or the code has open sizes.
    """
    shapes = model.input_shape[1:], tuple(model.latent_shape)
    if None in shapes[0] + shapes[1]:
        raise ValueError(
            f"{reason}, so the sizes of inputs and codes must be fixed. Received "
            f"inputs of shape {shapes[0]} and codes of shape {shapes[1]}. Build "
            "encoder and decoder with fixed sizes, or use a "
            "ConvolutionalAutoencoder or a DenoisingAutoencoder, which take images "
            "of any size."
        )


def check_dtypes(*models: keras.Model) -> None:
    """Raise ValueError for a model with weights in float64."""
    for model in models:
        if model.dtype_policy.variable_dtype == "float64" or any(
            weight.dtype == "float64" for weight in model.weights
        ):
            raise ValueError(
                "Autoencoders compute their losses in float32. Received the model "
                f"{model.name!r} with weights in float64. Build it after "
                "keras.config.set_floatx('float32'), or with dtype='float32'."
            )


def check_loss(loss: Any) -> None:
    """Check the loss of `compile`.

    Raises:
        ValueError: It is a collection, but not of one loss.
    """
    if isinstance(loss, (list, tuple, dict)) and len(loss) != 1:
        raise ValueError(
            "An autoencoder has one output and one loss. Pass one loss, or None for "
            f"the model's own. Received {len(loss)} losses: {loss!r}"
        )


def check_serializable(model: keras.Model, names: Iterable[str]) -> None:
    """Check that the constructor arguments of a model could be loaded from a file.

    Raises:
        ValueError: An argument is an object of a class that is not registered.
    """
    for name in names:
        value = getattr(model, name)
        kind = type(value)
        if not isinstance(value, (Corruption, keras.losses.Loss)):
            continue
        registered = keras.saving.get_registered_name(kind)
        if keras.saving.get_registered_object(registered) is not kind:
            raise ValueError(
                f"`{name}` is a {kind.__name__}, which is not registered, so the saved "
                "model could not be loaded. Decorate the class with "
                "@keras.saving.register_keras_serializable('my_package')."
            )


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
