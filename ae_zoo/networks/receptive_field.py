"""How far a network of convolutions sees, and the grid on which it works."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, NamedTuple

import keras

from ae_zoo.layers.padding import CropTo, PadToMultiple

# These compute each pixel from the same pixel of their inputs. Normalization does so
# when a network is used: its statistics are constants then.
_POINTWISE = (
    keras.layers.Activation,
    keras.layers.Add,
    keras.layers.Average,
    keras.layers.BatchNormalization,
    keras.layers.Concatenate,
    keras.layers.Dense,
    keras.layers.Dropout,
    keras.layers.ELU,
    keras.layers.GaussianDropout,
    keras.layers.GaussianNoise,
    keras.layers.Identity,
    keras.layers.InputLayer,
    keras.layers.LeakyReLU,
    keras.layers.Maximum,
    keras.layers.Minimum,
    keras.layers.Multiply,
    keras.layers.Normalization,
    keras.layers.ReLU,
    keras.layers.Rescaling,
    keras.layers.SpatialDropout2D,
    keras.layers.Subtract,
    # At the border of an image these mirror what is near; elsewhere they do nothing.
    CropTo,
    PadToMultiple,
)
_CONVOLUTIONS = (
    keras.layers.Conv2D,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv2D,
)
_POOLING = (keras.layers.AveragePooling2D, keras.layers.MaxPooling2D)


class ReceptiveField(NamedTuple):
    """What one output of a network depends on.

    Attributes:
        radius: An output pixel depends on no input pixel that is more than `radius`
            pixels away.
        grid: Moving the input by `grid` pixels moves the output likewise.
    """

    radius: int
    grid: int


class _Reach(NamedTuple):
    """The reach of one cell of a feature map, in input pixels.

    Attributes:
        radius: Distance from the place of the cell.
        step: Distance between cells.
        grid: Least common multiple of all steps so far.
    """

    radius: Fraction
    step: Fraction
    grid: int


def receptive_field(*networks: keras.Model) -> ReceptiveField | None:
    """Bound the receptive field of one or several networks in sequence.

    Args:
        *networks: Functional or Sequential models of images, the first one first. All
            strides of height and width must be equal, and all padding "same".

    Returns:
        The bounds, which may be a few pixels too large; or None if a network has a
        layer that sees the whole image or that this function does not know.

    Example:

    >>> encoder = ae_zoo.networks.u_net_encoder((None, None, 1), [4, 8])
    >>> ae_zoo.networks.receptive_field(encoder)
    ReceptiveField(radius=7, grid=2)
    """
    reach: _Reach | None = _Reach(Fraction(0), Fraction(1), 1)
    for network in networks:
        if reach is None:
            return None
        reach = _of_network(network, reach)
    if reach is None or reach.step != 1:
        return None
    return ReceptiveField(math.ceil(reach.radius), reach.grid)


def _of_network(network: Any, start: _Reach) -> _Reach | None:
    if type(network).__name__ not in ("Functional", "Sequential"):
        return None
    if isinstance(network, keras.Sequential):
        reach: _Reach | None = start
        for layer in network.layers:
            reach = None if reach is None else _after(layer, [reach])
        return reach
    reaches: dict[int, _Reach] = {id(network.inputs[0]): start}
    for operation in network.operations:
        try:
            inputs, output = operation.input, operation.output
        except (AttributeError, ValueError):  # called several times
            return None
        if isinstance(operation, keras.layers.InputLayer):
            continue
        inputs = keras.tree.flatten(inputs)
        if not all(id(tensor) in reaches for tensor in inputs):
            return None
        after = _after(operation, [reaches[id(tensor)] for tensor in inputs])
        if after is None:
            return None
        for tensor in keras.tree.flatten(output):
            reaches[id(tensor)] = after
    return reaches.get(id(network.outputs[0]))


def _after(operation: Any, inputs: list[_Reach]) -> _Reach | None:
    """Return the reach of what an operation computes from inputs of given reach."""
    if isinstance(operation, CropTo):
        inputs = inputs[:1]
    if len({reach.step for reach in inputs}) != 1:
        return None
    joined = _Reach(
        max(reach.radius for reach in inputs),
        inputs[0].step,
        math.lcm(*(reach.grid for reach in inputs)),
    )
    if isinstance(operation, _POINTWISE):
        return joined
    if isinstance(operation, keras.Model):
        return _of_network(operation, joined)
    if isinstance(operation, keras.layers.UpSampling2D):
        factor = _equal(operation.size)
        # A pixel copies the cell that it is in; interpolation reads the next one too.
        cells = 0 if operation.interpolation == "nearest" else 1
        if factor is None:
            return None
        return _finer(joined, factor, factor - 1 + cells * factor)
    if isinstance(operation, keras.layers.Conv2DTranspose):
        stride, span = _equal(operation.strides), max(operation.kernel_size)
        if stride is None or operation.padding != "same":
            return None
        return _finer(joined, stride, _right(span, stride))
    if isinstance(operation, _CONVOLUTIONS):
        span = max(
            (size - 1) * dilation + 1
            for size, dilation in zip(
                operation.kernel_size, operation.dilation_rate, strict=True
            )
        )
        return _coarser(joined, operation, span)
    if isinstance(operation, _POOLING):
        return _coarser(joined, operation, max(operation.pool_size))
    is_arithmetic = type(operation).__module__ == "keras.src.ops.numpy"
    names = ("Add", "Subtract", "Multiply", "Maximum", "Minimum", "Negative", "Divide")
    if is_arithmetic and type(operation).__name__ in names:
        return joined
    return None


def _coarser(reach: _Reach, operation: Any, span: int) -> _Reach | None:
    """After a convolution: cell i reads `span` cells from about i · stride on."""
    stride = _equal(operation.strides)
    if stride is None or operation.padding != "same":
        return None
    step = reach.step * stride
    grid = math.lcm(reach.grid, math.ceil(step))
    return _Reach(reach.radius + _right(span, stride) * reach.step, step, grid)


def _finer(reach: _Reach, factor: int, pixels: int) -> _Reach:
    """After an upsampling: a pixel reads cells at most `pixels` fine pixels away."""
    step = reach.step / factor
    return _Reach(reach.radius + pixels * step, step, reach.grid)


def _right(span: int, stride: int) -> int:
    """How far a kernel with "same" padding reaches to the right, its longer side."""
    return span - 1 - max(span - stride, 0) // 2


def _equal(sizes: Any) -> int | None:
    """Return the common value of a size or of two sizes, or None."""
    values = set(keras.tree.flatten(sizes))
    return int(values.pop()) if len(values) == 1 else None
