"""ONNX: the format of ONNX Runtime; one signature a file, for a file is one graph."""

import logging

OPSET = 18


def choose(signatures, name):
    """The one signature of that name, as {name: Signature}.

    Raises:
        ValueError: There is none.
    """
    if name not in signatures:
        raise ValueError(
            f"`signature` must be one of {list(signatures)}, what an ONNX file of this "
            f"model can hold. Received: {name!r}"
        )
    return {name: signatures[name]}


def write(signatures, filepath, batch_size=None):
    """Converts a signature with tf2onnx.

    Args:
        signatures: {name: Signature}, a single one.
        filepath: Of the file.
        batch_size: Static batch size, or None.

    Raises:
        ImportError: tf2onnx is not installed.
        RuntimeError: tf2onnx cannot convert the model.
    """
    try:
        import tf2onnx
    except ImportError as error:
        raise _missing("tf2onnx", error) from error
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    (signature,) = signatures.values()
    function = signature.traced(batch_size)
    try:
        model, _ = tf2onnx.convert.from_function(
            function,
            input_signature=function.input_signature,
            opset=OPSET,
            custom_op_handlers={"Erfc": (_erfc, []), "Log1p": (_log1p, [])},
        )
    except Exception as error:
        raise RuntimeError(f"ONNX cannot express this model: {error}") from error
    filepath.write_bytes(model.SerializeToString())


def runners(filepath, signatures):
    """The signature of a file, run by ONNX Runtime: {name: function of named arrays}.

    Raises:
        ImportError: onnxruntime is not installed.
        RuntimeError: ONNX Runtime refuses the file.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise _missing("onnxruntime", error) from error
    try:
        session = onnxruntime.InferenceSession(
            str(filepath), providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        raise RuntimeError(
            "ONNX cannot express this model. Replace the layer that makes the operator "
            f"named here: {error}"
        ) from error
    (name,) = signatures
    outputs = [output.name for output in session.get_outputs()]

    def run(**inputs):
        return dict(zip(outputs, session.run(None, inputs), strict=True))

    return {name: run}


def _erfc(ctx, node, name, args):
    """1 − erf(x), which tf2onnx takes for an operator of ONNX: GELU has it."""
    one = ctx.make_const(f"{node.name}_one", _one(ctx, node))
    erf = ctx.make_node("Erf", [node.input[0]]).output[0]
    node.type = "Sub"
    ctx.replace_inputs(node, [one.output[0], erf])


def _log1p(ctx, node, name, args):
    """log(1 + x), which tf2onnx lacks: a Bernoulli score has it."""
    one = ctx.make_const(f"{node.name}_one", _one(ctx, node))
    total = ctx.make_node("Add", [node.input[0], one.output[0]]).output[0]
    node.type = "Log"
    ctx.replace_inputs(node, [total])


def _one(ctx, node):
    import numpy as np
    from tf2onnx import utils

    return np.ones((), utils.map_onnx_to_numpy_type(ctx.get_dtype(node.input[0])))


def _missing(package, error):
    return ImportError(
        f"ONNX export needs the package {package}, which cannot be imported ({error}). "
        "Install it with: pip install 'ae-zoo[onnx]'"
    )
