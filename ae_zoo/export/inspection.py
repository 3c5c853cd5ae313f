"""What a `.tflite` file must hold to bear the name of its quantization.

`_PRODUCTS` are the operators that multiply by kernels or by each other's outputs: they
take nearly all the time and nearly all the bytes.

- "int8" and "int8_io": products have int8 inputs and outputs, and no float tensor of
  more than `_FEW` values is stored. Other operators are in int8 as well, but for those
  that TFLite has in floats only, such as `NEG` and `TOPK_V2`. With "int8" floats go in
  and out of the file.
- "dynamic": the kernels of products are in int8 if they hold `_LARGE` values or more.
- "float16": these kernels are not in 32 bits.
- float32 has no rule, because the comparison with the model shows fewer bits.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from ae_zoo.distribution.keras_patches import TFLiteOperator, tflite_operators

_PRODUCTS = {
    "BATCH_MATMUL",
    "BIDIRECTIONAL_SEQUENCE_LSTM",
    "BIDIRECTIONAL_SEQUENCE_RNN",
    "CONV_2D",
    "CONV_3D",
    "CONV_3D_TRANSPOSE",
    "DEPTHWISE_CONV_2D",
    "FULLY_CONNECTED",
    "LSTM",
    "RNN",
    "SVDF",
    "TRANSPOSE_CONV",
    "UNIDIRECTIONAL_SEQUENCE_LSTM",
    "UNIDIRECTIONAL_SEQUENCE_RNN",
}
_FLOATS = ("FLOAT16", "FLOAT32", "FLOAT64", "BFLOAT16")
_FEW, _LARGE = 16, 1024
_NAMED = 3  # layers in a message


def check_quantization(content: bytes, quantization: str | None) -> None:
    """Check that a `.tflite` file is in the quantization that it was written for.

    Args:
        content: The bytes of the file.
        quantization: As in `ae_zoo.export.export_model`.

    Raises:
        RuntimeError: It is not.
    """
    if quantization is None:
        return
    operators = list(tflite_operators(content))
    if quantization == "float16":
        wrong = _large_kernels(operators, ("FLOAT32", "FLOAT64"))
    elif quantization == "dynamic":
        wrong = _large_kernels(operators, _FLOATS)
    else:
        wrong = _floats_in_int8(operators)
    names = list(dict.fromkeys(wrong))
    if names:
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        raise RuntimeError(
            f"TFLite cannot express this model in quantization={quantization!r}: it "
            f"left floats in {', '.join(names[:_NAMED])}{more}. Replace the layer, or "
            "choose another quantization. No file was written."
        )


def _large_kernels(
    operators: Iterable[TFLiteOperator], types: tuple[str, ...]
) -> Iterator[str]:
    """Yield the products whose large kernels are stored in one of the types."""
    for operator in operators:
        for tensor in operator.inputs:
            is_large = tensor.is_stored and math.prod(tensor.shape) >= _LARGE
            is_kernel = is_large and len(tensor.shape) > 1
            if operator.name in _PRODUCTS and is_kernel and tensor.type in types:
                yield _named(operator)


def _floats_in_int8(operators: Iterable[TFLiteOperator]) -> Iterator[str]:
    """Yield the operators that compute in floats where full int8 must not."""
    for operator in operators:
        for tensor in (*operator.inputs, *operator.outputs):
            if tensor.type not in _FLOATS:
                continue
            is_weight = tensor.is_stored and math.prod(tensor.shape) > _FEW
            if operator.name in _PRODUCTS or is_weight:
                yield _named(operator)


def _named(operator: TFLiteOperator) -> str:
    """Name an operator by its kernel, if it has one, which is named by its layer."""
    stored = [tensor for tensor in operator.inputs if tensor.is_stored]
    largest = max(stored or operator.outputs, key=lambda t: math.prod(t.shape))
    return f"{operator.name} '{largest.name.partition('/ReadVariableOp')[0]}'"
