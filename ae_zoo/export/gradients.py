"""Gradients that TFLite has no operators for, composed of supported operators.

A TFLite file can hold a training step, because a gradient is a graph like any other,
but it lacks many of TensorFlow's gradient operators. Each function here maps
∂L/∂(output) of an operation to ∂L/∂(inputs), in the form that `tf.RegisterGradient`
expects. To use them:

>>> from ae_zoo.export import gradients
>>> graph = tf.compat.v1.get_default_graph()
>>> with graph.gradient_override_map(gradients.OVERRIDES):
...     y = tf.nn.relu(tf.constant([-1.0, 2.0]))

The override affects only `tf.gradients`, not a `tf.GradientTape`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

Tensor = Any
Gradient = Callable[[Any, Tensor], Any]

# Names of the gradients registered here, by TensorFlow's operator.
OVERRIDES: dict[str, str] = {}


def _gradient_of(operator: str) -> Callable[[Gradient], Gradient]:
    def register(function: Gradient) -> Gradient:
        OVERRIDES[operator] = f"AeZoo{operator}"
        return tf.RegisterGradient(OVERRIDES[operator])(function)

    return register


@_gradient_of("Relu")
def _relu(op: Any, dy: Tensor) -> Any:
    return dy * tf.cast(op.outputs[0] > 0, dy.dtype)


@_gradient_of("LeakyRelu")
def _leaky_relu(op: Any, dy: Tensor) -> Any:
    return dy * tf.where(op.inputs[0] > 0, 1.0, op.get_attr("alpha"))


@_gradient_of("Elu")
def _elu(op: Any, dy: Tensor) -> Any:
    y = op.outputs[0]
    return dy * tf.where(y > 0, 1.0, y + 1)


@_gradient_of("Mul")
def _product(op: Any, dy: Tensor) -> Any:
    a, b = op.inputs
    if not _is_error_function(b):
        a, b = tf.identity(a), tf.identity(b)  # two tensors, even for a·a
        return tf.gradients(a * b, [a, b], dy)
    # A gelu y = xΦ(x), written ½x · erfc(−x/√2). TFLite has gelu as one operator but no
    # erfc, so the whole gradient Φ(x) + xφ(x), with Φ(x) = y/x, goes through ½x.
    x = a.op.inputs[1]
    is_zero = tf.equal(x, 0.0)
    cdf = tf.where(is_zero, 0.5, op.outputs[0] / tf.where(is_zero, 1.0, x))
    pdf = tf.exp(-0.5 * tf.square(x)) / math.sqrt(2 * math.pi)
    return 2 * dy * (cdf + x * pdf), None


def _is_error_function(factor: Tensor) -> bool:
    operators = {factor.op.type, *(tensor.op.type for tensor in factor.op.inputs)}
    return not operators.isdisjoint({"Erf", "Erfc"})


@_gradient_of("StridedSlice")
def _slice(op: Any, dy: Tensor) -> Any:
    x, begin, end, strides = op.inputs
    masks = {f"{name}_mask": op.get_attr(f"{name}_mask") for name in _MASKS}
    is_crop = not any(masks[f"{name}_mask"] for name in _MASKS[2:])
    if not is_crop or np.any(tf.get_static_value(strides) != 1):
        gradient = tf.raw_ops.StridedSliceGrad(
            shape=x.shape, begin=begin, end=end, strides=strides, dy=dy, **masks
        )
        return gradient, None, None, None
    padding = [[0, 0] for _ in x.shape]
    for axis, first in enumerate(tf.get_static_value(begin)):
        size = x.shape[axis]
        before = 0 if masks["begin_mask"] >> axis & 1 else first % size
        padding[axis] = [before, size - before - dy.shape[axis]]
    return tf.pad(dy, padding), None, None, None


@_gradient_of("Tile")
def _tile(op: Any, dy: Tensor) -> Any:
    # TensorFlow sums over a tensor of twice the rank, which XNNPACK does not support.
    for axis, size in enumerate(op.inputs[0].shape):
        if dy.shape[axis] > size:
            dy = tf.add_n(tf.split(dy, dy.shape[axis] // size, axis))
    return dy, None


_MASKS = ("begin", "end", "ellipsis", "new_axis", "shrink_axis")


@_gradient_of("Conv2D")
def _convolution(op: Any, dy: Tensor) -> Any:
    x, kernel = op.inputs
    dx = tf.raw_ops.Conv2DBackpropInput(
        input_sizes=x.shape, filter=kernel, out_backprop=dy, **_geometry(op)
    )
    return dx, _kernel_gradient(x, dy, kernel.shape, **_geometry(op))


@_gradient_of("Conv2DBackpropInput")  # the transposed convolution
def _transposed_convolution(op: Any, dy: Tensor) -> Any:
    _, kernel, x = op.inputs
    dx = tf.raw_ops.Conv2D(input=dy, filter=kernel, **_geometry(op))
    return None, _kernel_gradient(dy, x, kernel.shape, **_geometry(op)), dx


def _geometry(op: Any) -> dict[str, Any]:
    return {name: op.get_attr(name) for name in ("strides", "dilations", "padding")}


def _kernel_gradient(
    x: Tensor,
    dy: Tensor,
    kernel_shape: Any,
    strides: list[int],
    dilations: list[int],
    padding: bytes,
) -> Tensor:
    """∂L/∂W[i, j, c, k] = Σ over n, p, q of x[n, sp + i, sq + j, c] dy[n, p, q, k].

    This is a convolution too, of x with the kernel dy. Samples and channels swap roles,
    and so do strides s and dilations.

    Args:
        x: The larger image, (batch, height, width, c).
        dy: The smaller one, (batch, ⌈height/s⌉, ⌈width/s⌉, k).
        kernel_shape: (kernel height, kernel width, c, k).
        strides: Strides of the convolution from x to dy.
        dilations: Its dilations.
        padding: Its padding, b"SAME" or b"VALID".
    """
    margins = [[0, 0]]
    for axis in (1, 2):
        reach = strides[axis] * (dy.shape[axis] - 1)
        reach += dilations[axis] * (kernel_shape[axis - 1] - 1) + 1
        excess = max(reach - x.shape[axis], 0) if padding == b"SAME" else 0
        margins.append([excess // 2, excess - excess // 2])
    x = tf.transpose(tf.pad(x, [*margins, [0, 0]]), (3, 1, 2, 0))
    dy = tf.transpose(dy, (1, 2, 0, 3))
    gradient = tf.nn.conv2d(
        x, dy, strides=dilations, padding="VALID", dilations=strides
    )  # (c, kernel height, kernel width, k), or wider if pixels were not covered
    gradient = gradient[:, : kernel_shape[0], : kernel_shape[1]]
    return tf.transpose(gradient, (1, 2, 0, 3))
