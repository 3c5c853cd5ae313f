"""Runs TFLite's converter: here, or in a process of its own where it might crash.

The converter has ended Python by a segmentation fault, for loops in full int8. So only
graphs of operators that are known to convert, or to fail with an exception, are
converted in the process of the user. A process of its own costs a few seconds.
"""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ae_zoo.distribution.keras_patches import operators_of, set_per_channel_dense
from ae_zoo.export import compact

FULL_INT8 = ("int8", "int8_io")
Feed = Callable[[], Iterator[tuple[str, dict[str, np.ndarray]]]]

# Operators of dense, convolutional and variational models and of their training steps,
# which the tests convert in all quantizations.
_KNOWN = frozenset(
    "Abs AddN AddV2 All ArgMin Assert AssignAddVariableOp AssignSubVariableOp "
    "AssignVariableOp AvgPool BatchMatMulV2 BiasAdd BiasAddGrad Cast ConcatV2 Const "
    "Conv2D Conv2DBackpropInput DepthwiseConv2dNative DisableCopyOnRead DivNoNan "
    "Einsum Elu Equal Erf Erfc Exp ExpandDims "
    "Fill FloorDiv GatherV2 Greater GreaterEqual Identity IdentityN InvertPermutation "
    "LeakyRelu LessEqual Log Log1p MatMul MaxPool Maximum Mean MergeV2Checkpoints "
    "Minimum Mul Neg NoOp OneHot Pack Pad Placeholder PlaceholderWithDefault Pow Range "
    "ReadVariableOp RealDiv Reciprocal Relu Relu6 Reshape ResizeBilinear RestoreV2 "
    "Round Rsqrt SaveV2 Select SelectV2 Selu Shape ShardedFilename Sigmoid SigmoidGrad "
    "Sign Softmax Softplus Split SplitV Sqrt Square SquaredDifference Squeeze "
    "StatefulPartitionedCall StaticRegexFullMatch StopGradient StridedSlice "
    "StridedSliceGrad StringJoin Sub Sum Tanh TanhGrad Tile TopKV2 Transpose "
    "UnsortedSegmentSum VarHandleOp VarIsInitializedOp ZerosLike".split()
)
# No environment variable, start-up file or module in the current folder may change what
# the process imports: it has the paths of this one.
_CHILD = (
    "import sys; sys.path[:] = sys.argv[2:]; "
    "from ae_zoo.export import converter; sys.exit(converter.main(sys.argv[1]))"
)


class Conversion(NamedTuple):
    """The settings of a conversion.

    Attributes:
        directory: Directory of the SavedModel.
        filepath: File to write, in a private folder.
        signatures: Names of the signatures to convert.
        quantization: As in `ae_zoo.export.export_model`.
        per_channel: Whether int8 kernels of dense layers have a scale for each channel.
        trains: Whether a signature changes the weights.
    """

    directory: str
    filepath: str
    signatures: list[str]
    quantization: str | None = None
    per_channel: bool = True
    trains: bool = False


class ConverterCrash(Exception):
    """The process of the converter ended without an exception."""


def run(conversion: Conversion, feed: Feed | None = None) -> None:
    """Convert a SavedModel to a file of builtin operators.

    Args:
        conversion: The settings.
        feed: () → iterator of (signature, {input: array}), typical inputs for every
            signature, which full int8 needs.

    Raises:
        ConverterCrash: The converter, or the runtime with the written file, crashed.
        Exception: Whatever the converter raises.
    """
    unknown = operators_of(conversion.directory)
    unknown = {name: unknown[name] for name in unknown if name not in _KNOWN}
    if not unknown:
        convert(conversion, feed)
        return
    try:
        _run_in_child(conversion, feed)
    except ConverterCrash as error:
        scopes = sorted({scope for of_name in unknown.values() for scope in of_name})
        raise ConverterCrash(
            f"{error} The cause may be in {', '.join(map(repr, _outermost(scopes)))}, "
            f"with the operators {', '.join(sorted(unknown))}."
        ) from None


def convert(conversion: Conversion, feed: Feed | None = None) -> None:
    """Convert in this process; arguments and errors as those of `run`."""
    converter = tf.lite.TFLiteConverter.from_saved_model(
        conversion.directory, signature_keys=conversion.signatures
    )
    quantization = conversion.quantization
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    converter.experimental_enable_resource_variables = conversion.trains
    if quantization is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantization == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if quantization in FULL_INT8:
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.representative_dataset = feed
        set_per_channel_dense(converter, conversion.per_channel)
    if quantization == "int8_io":
        converter.inference_input_type = converter.inference_output_type = tf.int8
    with warnings.catch_warnings():
        # The converter's own calibration uses TensorFlow's old interpreter.
        warnings.filterwarnings(
            "ignore", r"\s*Warning: tf.lite.Interpreter is deprecated"
        )
        content = converter.convert()
    if quantization is not None:
        content = compact.share_vectors(content)
    pathlib.Path(conversion.filepath).write_bytes(content)


def _outermost(scopes: list[str]) -> list[str]:
    """Return the scopes that lie in no other scope of the list, at most three."""
    inner = {s for s in scopes for other in scopes if s.startswith(f"{other}/")}
    return [scope for scope in scopes if scope and scope not in inner][:3]


# A process of its own.


def _run_in_child(conversion: Conversion, feed: Feed | None) -> None:
    private = pathlib.Path(conversion.filepath).parent
    settings, output = private / "conversion.json", private / "output.txt"
    settings.write_text(json.dumps(conversion._asdict()), "utf-8")
    if conversion.quantization in FULL_INT8 and feed is not None:
        _write_feed(_feed_file(settings), feed)
    # Graphics memory is left to this process, which may use it all.
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1"}
    environment.pop("TF_CONFIG", None)
    with output.open("wb") as log:
        done = subprocess.run(
            [sys.executable, "-I", "-c", _CHILD, str(settings), *sys.path],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    report = settings.with_suffix(".error")
    if report.exists():
        raise _read_error(report)
    if done.returncode != 0:
        raise ConverterCrash(_ending(done.returncode, output))


def main(path: str) -> int:
    """Run the conversion that a file describes; write an error to a file next to it.

    Args:
        path: Path of the file.

    Returns:
        An exit status: 0 if the file was written and runs.
    """
    settings = pathlib.Path(path)
    conversion = Conversion(**json.loads(settings.read_text("utf-8")))
    try:
        convert(conversion, lambda: _read_feed(_feed_file(settings)))
        _run_all(conversion)
    except Exception as error:
        code = error.errno if isinstance(error, OSError) else None
        message = error.strerror if isinstance(error, OSError) else None
        report = {"errno": code, "message": message or f"{error}"}
        settings.with_suffix(".error").write_text(json.dumps(report), "utf-8")
        return 1
    return 0


def _run_all(conversion: Conversion) -> None:
    """Run every signature of the written file once, because the runtime may crash."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(conversion.filepath)
    for name in conversion.signatures:
        runner = interpreter.get_signature_runner(name)
        details = runner.get_input_details().items()
        runner(**{key: np.zeros(d["shape"], d["dtype"]) for key, d in details})


def _feed_file(settings: pathlib.Path) -> pathlib.Path:
    return settings.with_suffix(".npz")


def _write_feed(path: pathlib.Path, feed: Feed) -> None:
    arrays: dict[str, Any] = {
        f"{number}/{signature}/{name}": array
        for number, (signature, inputs) in enumerate(feed())
        for name, array in inputs.items()
    }
    np.savez(path, **arrays)


def _read_feed(path: pathlib.Path) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    with np.load(path, allow_pickle=False) as arrays:
        steps: dict[tuple[int, str], dict[str, np.ndarray]] = {}
        for key in arrays:
            number, signature, name = key.split("/")
            steps.setdefault((int(number), signature), {})[name] = arrays[key]
    for (_, signature), inputs in sorted(steps.items()):
        yield signature, inputs


def _read_error(report: pathlib.Path) -> Exception:
    content: dict[str, Any] = json.loads(report.read_text("utf-8"))
    if content["errno"] is not None:
        return OSError(content["errno"], content["message"])
    return RuntimeError(content["message"])


def _ending(status: int, output: pathlib.Path) -> str:
    try:
        how = f"the signal {signal.Signals(-status).name}"
    except ValueError:
        how = f"the status {status}"
    lines = output.read_text("utf-8", "replace").splitlines()
    is_ours = status > 0 and lines
    last = f" ({lines[-1][:200]})" if is_ours else ""
    return f"TFLite's converter crashed, in a process of its own, with {how}{last}."
