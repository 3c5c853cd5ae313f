"""Which models run on a microcontroller, and what an Arm Ethos-U55 would need.

    python3 -m venv micro && micro/bin/pip install --pre tflite-micro ethos-u-vela
    python benchmarks/microcontrollers.py --python micro/bin/python [NAME ...]

For the signature `reconstruct` of each shipped int8 file, alone in a file:

- LiteRT for Microcontrollers (the PyPI package `tflite-micro`, with all its operators)
  runs it on digits, or on random values if the model takes no digits. Its outputs are
  compared with those of LiteRT, in steps of the int8 output: with its reference
  kernels, which round in the same way, and with its default ones. The arena is what
  the allocator reports after the run, for all tensors and what the interpreter itself
  keeps.
- Vela, Arm's compiler, estimates cycles and memory of an Ethos-U55 with 128 MACs, in
  its default system, "Ethos_U55_High_End_Embedded" at 500 MHz with shared SRAM. These
  are estimates of a compiler, not measurements of a chip.

The anomaly detection model of MLPerf Tiny stands next to them: an autoencoder
640-128-128-128-128-8-128-128-128-128-640 with ReLU. Its weights here are random, which
changes neither the arena nor the operations, but Vela's compression of the weights.
"""

from __future__ import annotations

import argparse
import csv
import json
import pathlib
import re
import subprocess
import tempfile
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

import ae_zoo
from ae_zoo import networks, zoo
from ae_zoo.distribution.keras_patches import unpack_tflite

HERE = pathlib.Path(__file__).parent
MODELS = HERE.parent / "saved_models"
SAMPLES = 8
MLPERF = "MLPerf Tiny anomaly detection"


def main() -> None:
    """Run all models, print the rows, and write `microcontrollers.json`."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--python", required=True, type=pathlib.Path)
    parser.add_argument(
        "--output", type=pathlib.Path, default=HERE / "microcontrollers.json"
    )
    parser.add_argument(
        "--write-cards", action="store_true", help="write the arenas to the cards"
    )
    options = parser.parse_args()
    names = options.names or [*ae_zoo.list_models(), MLPERF]
    with tempfile.TemporaryDirectory() as scratch:
        rows = [study(name, pathlib.Path(scratch), options.python) for name in names]
    facts = {"versions": versions(options.python), "rows": rows}
    options.output.write_text(json.dumps(facts, indent=2) + "\n", "utf-8")
    for row in rows:
        print(row)
    if options.write_cards:
        write_cards(facts)


def write_cards(facts: dict[str, Any]) -> None:
    """Add what was found to the cards of the models that run."""
    for row in facts["rows"]:
        if row["runs"] and row["name"] != MLPERF:
            deployment = ae_zoo.info(row["name"])["deployment"]
            found = {key: row[key] for key in ("arena", "mean_steps", "steps")}
            found["version"] = facts["versions"]["tflite-micro"]
            fields = {"deployment": deployment | {"microcontroller": found}}
            zoo.amend(row["name"], fields)


def study(name: str, scratch: pathlib.Path, python: pathlib.Path) -> dict[str, Any]:
    """Return the row of a model."""
    path = scratch / f"{name.replace(' ', '_')}.tflite"
    if name == MLPERF:
        write_mlperf(path)
    else:
        content = (MODELS / name / "model_int8.tflite").read_bytes()
        path.write_bytes(only(content, "reconstruct"))
    row: dict[str, Any] = {"name": name, "bytes": path.stat().st_size}
    return row | in_tflm(path, python) | in_vela(path, python)


def only(content: bytes, signature: str) -> bytes:
    """Return a `.tflite` file with one signature of another file.

    Of the shipped file itself, which a new export would not be.
    """
    model = unpack_tflite(content)
    (kept,) = [
        found
        for found in model.signatureDefs
        if found.signatureKey == signature.encode()
    ]
    graph = model.subgraphs[kept.subgraphIndex]
    kept.subgraphIndex = 0
    model.subgraphs, model.signatureDefs = [graph], [kept]
    model.metadata = model.metadataBuffer = None
    buffers = {0: 0}  # the first one is empty by convention
    for tensor in graph.tensors:
        tensor.buffer = buffers.setdefault(tensor.buffer, len(buffers))
    model.buffers = [model.buffers[old] for old in buffers]
    codes: dict[int, int] = {}
    for operator in graph.operators:
        operator.opcodeIndex = codes.setdefault(operator.opcodeIndex, len(codes))
    model.operatorCodes = [model.operatorCodes[old] for old in codes]
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def write_mlperf(path: pathlib.Path) -> None:
    """Write the autoencoder of MLPerf Tiny, with random weights, in full int8."""
    encoder = networks.dense_encoder(
        (640,), [128, 128, 128, 128, 8], "relu", latent_activation="relu"
    )
    decoder = networks.dense_decoder(8, [128] * 4, (640,), "relu", output="linear")
    model = ae_zoo.DeepAutoencoder(encoder, decoder, reconstruction_loss="gaussian")
    model.export(
        path,
        format="litert",
        signature="reconstruct",
        quantization="int8",
        calibration=np.random.default_rng(0).normal(size=(100, 640)).astype("float32"),
    )


def in_tflm(path: pathlib.Path, python: pathlib.Path) -> dict[str, Any]:
    """Run a file in LiteRT and in LiteRT for Microcontrollers."""
    (graph,) = unpack_tflite(path.read_bytes()).subgraphs
    x = samples(tuple(graph.tensors[graph.inputs[0]].shape))
    inputs, outputs = path.with_suffix(".in.npy"), path.with_suffix(".out.npy")
    np.save(inputs, x)
    command = [python, HERE / "in_tflm.py", path, inputs, outputs]
    done = subprocess.run(command, capture_output=True, text=True)
    log = done.stdout + done.stderr
    missing = re.search(r"Didn't find op for builtin opcode '(\w+)'", log)
    if done.returncode:
        reason = f"has no operator {missing[1]}" if missing else "failed"
        return {"runs": False, "reason": reason}
    received = np.load(outputs)
    step = output_step(path)
    reference, default = (
        np.abs(received - in_litert(path, x, kernels)) / step
        for kernels in (OpResolverType.BUILTIN_REF, OpResolverType.AUTO)
    )
    arena = re.search(r"Arena allocation total (\d+) bytes", log)
    return {
        "runs": True,
        "arena": int(arena[1]) if arena else None,
        "steps_reference": round(float(reference.max()), 2),
        "steps": round(float(default.max()), 2),
        "mean_steps": round(float(default.mean()), 3),
    }


def in_litert(path: pathlib.Path, x: np.ndarray, kernels: OpResolverType) -> np.ndarray:
    """The outputs of LiteRT with one of its kinds of kernels."""
    interpreter = Interpreter(str(path), experimental_op_resolver_type=kernels)
    runner = interpreter.get_signature_runner("reconstruct")
    return np.stack([runner(x=sample)["reconstruction"] for sample in x])


def samples(shape: tuple[int, ...]) -> np.ndarray:
    """Digits of a shape, or random values, (n, 1, ...)."""
    digits = ae_zoo.data.arrays("digits", "test")[:SAMPLES]
    if shape[1:] == (28, 28, 1):
        digits = ae_zoo.data.mnist_style(digits)
    if digits.shape[1:] == shape[1:]:
        return digits[:, None]
    return np.random.default_rng(0).random((SAMPLES, *shape), "float32")


def output_step(path: pathlib.Path) -> float:
    """One step of the int8 output of a file, before it becomes a float."""
    (graph,) = unpack_tflite(path.read_bytes()).subgraphs
    (output,) = graph.outputs
    tensors = [graph.tensors[output]]
    tensors += [
        graph.tensors[op.inputs[0]] for op in graph.operators if output in op.outputs
    ]
    scales = [it.quantization and it.quantization.scale for it in tensors]
    return float(next(scale[0] for scale in scales if scale is not None))


def in_vela(path: pathlib.Path, python: pathlib.Path) -> dict[str, Any]:
    """Compile a file with Vela, and return its estimates."""
    folder = path.parent / "vela"
    command = [python.parent / "vela", path, "--output-dir", folder]
    command += ["--accelerator-config", "ethos-u55-128"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return {"vela": None}
    (summary,) = folder.glob(f"{path.stem}_summary_*.csv")
    with open(summary, encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    on_npu = re.search(r"NPU operators = (\d+)", done.stdout)
    on_cpu = re.search(r"CPU operators = (\d+)", done.stdout)
    return {
        "vela": {
            "cycles": round(float(row["cycles_total"])),
            "milliseconds": 1000 * float(row["inference_time"]),
            "sram": round(1024 * float(row["sram_memory_used"])),
            "flash": round(1024 * float(row["off_chip_flash_memory_used"])),
            "macs": round(float(row["nn_macs"])),
            "npu_operators": int(on_npu[1]) if on_npu else 0,
            "cpu_operators": int(on_cpu[1]) if on_cpu else 0,
        }
    }


def versions(python: pathlib.Path) -> dict[str, str]:
    """Return the versions of the two packages."""
    code = (
        "from importlib.metadata import version; "
        "print(version('tflite-micro'), version('ethos-u-vela'))"
    )
    done = subprocess.run([python, "-c", code], capture_output=True, text=True)
    tflm, vela = done.stdout.split()
    return {"tflite-micro": tflm, "ethos-u-vela": vela}


if __name__ == "__main__":
    main()
