"""ONNX: the format of ONNX Runtime. A file holds one graph, so one signature."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from ae_zoo.export.format import Format, Job, Runners

OPSET = 18


def _write(job: Job) -> Runners:
    """Convert the signature of a job with tf2onnx, and open it in ONNX Runtime.

    Raises:
        ImportError: tf2onnx or onnxruntime is not installed.
        RuntimeError: tf2onnx cannot convert the model, or ONNX Runtime cannot run it.
    """
    try:
        import tf2onnx
    except ImportError as error:
        raise _missing("tf2onnx", error) from error
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    ((name, endpoint),) = job.endpoints.items()
    function = endpoint.traced(job.batch_size)
    try:
        model, _ = tf2onnx.convert.from_function(
            function,
            input_signature=function.input_signature,
            opset=OPSET,
            custom_op_handlers={"Erfc": (_erfc, []), "Log1p": (_log1p, [])},
        )
    except Exception as error:
        raise RuntimeError(f"ONNX cannot express this model: {error}") from error
    foreign = sorted({f"{n.domain}.{n.op_type}" for n in model.graph.node if n.domain})
    if foreign:
        raise RuntimeError(
            "ONNX cannot express this model: the converter used operators that are not "
            f"in the standard, {', '.join(foreign)}. Replace the layer that needs them."
        )
    job.target.write_bytes(model.SerializeToString())
    return {name: _runner(str(job.target))}


def _runner(filepath: str) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise _missing("onnxruntime", error) from error
    try:
        session = onnxruntime.InferenceSession(
            filepath, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        raise RuntimeError(
            "ONNX cannot express this model. Replace the layer that uses the operator "
            f"in this message: {error}"
        ) from error
    outputs = [output.name for output in session.get_outputs()]

    def run(**inputs: Any) -> dict[str, np.ndarray]:
        return dict(zip(outputs, session.run(None, inputs), strict=True))

    return run


def _erfc(ctx: Any, node: Any, name: str, args: Any) -> None:
    """Write erfc(x), which GELU uses and ONNX lacks, as 1 − erf(x)."""
    one = ctx.make_const(f"{node.name}_one", _one(ctx, node))
    erf = ctx.make_node("Erf", [node.input[0]]).output[0]
    node.type = "Sub"
    ctx.replace_inputs(node, [one.output[0], erf])


def _log1p(ctx: Any, node: Any, name: str, args: Any) -> None:
    """Write log1p(x), which a Bernoulli score uses, as log(1 + x)."""
    one = ctx.make_const(f"{node.name}_one", _one(ctx, node))
    total = ctx.make_node("Add", [node.input[0], one.output[0]]).output[0]
    node.type = "Log"
    ctx.replace_inputs(node, [total])


def _one(ctx: Any, node: Any) -> np.ndarray:
    from tf2onnx import utils

    return np.ones((), utils.map_onnx_to_numpy_type(ctx.get_dtype(node.input[0])))


def _missing(package: str, error: ImportError) -> ImportError:
    return ImportError(
        f"ONNX export needs the package {package}, which cannot be imported ({error}). "
        "Install it with: pip install 'ae-zoo[onnx]'"
    )


FORMAT = Format(
    "onnx", ".onnx", None, _write, has_one_signature=True, chooses_signature=True
)
