"""A dense layer with the transposed kernel of another one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import ops


class TransposedDense(keras.layers.Layer):
    """A dense layer that shares the kernel of another one: x̂ = f(Wᵀ z + b).

    The kernel belongs to the other layer, which saves, trains and freezes it. This
    layer owns only its bias. It cannot be deserialized: `ae_zoo.networks.tied_decoder`
    builds it again when a model is loaded.

    Args:
        dense: A built `keras.layers.Dense` layer, whose kernel W: (n, d) is shared.
        activation: Activation f, as in `keras.layers.Dense`.

    Example:

    >>> dense = keras.layers.Dense(2)
    >>> z = dense(keras.ops.ones((1, 5)))
    >>> ae_zoo.layers.TransposedDense(dense)(z).shape
    TensorShape([1, 5])
    """

    def __init__(
        self,
        dense: keras.layers.Dense,
        activation: str | Callable[[tf.Tensor], tf.Tensor] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        # A closure, because Keras would save the kernel of an attribute a second time.
        self._shared_kernel = lambda: _float_kernel(dense)
        self.activation = keras.activations.get(activation)

    def build(self, input_shape: Sequence[int | None]) -> None:
        self.bias = self.add_weight(
            shape=(self._shared_kernel().shape[0],), initializer="zeros", name="bias"
        )

    def get_config(self) -> dict[str, Any]:
        raise TypeError(
            f"The layer {self.name!r} shares the kernel of another layer, so it cannot "
            "be saved or copied without it. Save the whole autoencoder, or a model "
            "from `autoencoder.decode(keras.Input(autoencoder.latent_shape))`."
        )

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        kernel = ops.cast(self._shared_kernel(), self.compute_dtype)
        outputs = ops.matmul(inputs, ops.transpose(kernel)) + self.bias
        return self.activation(outputs)


def _float_kernel(dense: keras.layers.Dense) -> tf.Tensor:
    """Return the kernel of a dense layer, also of one that `quantize` has changed.

    Raises:
        ValueError: The layer is quantized to other numbers than int8 or float8.
    """
    mode = dense.quantization_mode
    if mode is None or "float8" in mode:
        return dense.kernel
    if mode != "int8" or dense.lora_enabled:
        raise ValueError(
            f"A tied decoder cannot share a kernel quantized to {mode!r}"
            f"{' with LoRA' if dense.lora_enabled else ''}. Use quantize('int8') "
            "without LoRA, or build the model with a decoder of its own."
        )
    return ops.cast(dense.kernel, "float32") / dense.kernel_scale
