"""Compare the time to reconstruct 1 and 64 images with several runtimes.

    python benchmarks/inference.py [NAME ...] [--rounds 5]

Every call converts a NumPy batch to a NumPy batch, with one thread; only `reconstruct`
has the threads that TensorFlow takes by itself. Each runtime runs in a process of its
own, and the processes alternate. The images are uniform noise, and every output is
compared with that of Keras before it is timed.
"""

from __future__ import annotations

import functools
import gc
import pathlib
import statistics
import tempfile
import time
from typing import Any

import candidates
import common
import numpy as np

DEFAULT_NAMES = ["deep_mnist", "convolutional_mnist"]
BASE = "PyTorch eager"
LITERT = "LiteRT float32"
BAR = 1.0  # milliseconds of `reconstruct` of one image


def main() -> int:
    """Measure, print the tables, and write `inference.json` and `inference.png`."""
    parser = common.parser(__doc__)
    add = parser.add_argument
    add("names", nargs="*", default=DEFAULT_NAMES, metavar="NAME")
    add("--batch-sizes", nargs="+", type=common.positive, default=[1, 64])
    add("--runtimes", nargs="+", choices=candidates.RUNTIMES, metavar="RUNTIME")
    add("--calls", type=common.positive, default=200, help="timed in each process")
    options = parser.parse_args()
    facts = common.machine()
    print(common.describe(facts), flush=True)
    results: dict[str, Any] = {}
    reasons: dict[str, str] = {}
    for name in options.names:
        for size in options.batch_sizes:
            with tempfile.TemporaryDirectory() as folder:
                results[f"{name}, {size}"] = _measure(
                    name, size, folder, options, reasons
                )
    wrong = sorted(
        f"{label}, {runtime}: the output differs from Keras by {run['error']:.2g}"
        for label, result in results.items()
        for runtime, runs in result.items()
        for run in runs[:1]
        if run["is_wrong"]
    )
    print(report(results))
    print("\n".join([*(f"{k}: {v}" for k, v in reasons.items()), *wrong]))
    common.write(
        "inference", options.output_dir, facts, results, lambda f: _draw(f, results)
    )
    return 1 if wrong else 0


def _measure(
    name: str, size: int, folder: str, options: Any, reasons: dict[str, str]
) -> dict[str, list[common.Result]]:
    settings = {"name": name, "batch_size": size, "folder": folder}
    found = common.measure(__file__, settings | {"runtime": None})
    reasons.update(found)
    arms = {
        runtime: functools.partial(
            common.measure,
            __file__,
            settings | {"runtime": runtime, "calls": options.calls},
        )
        for runtime in options.runtimes or candidates.RUNTIMES
        if runtime not in found
    }
    return common.alternate(arms, options.rounds, f"{name}, {size}")


# In the process of one measurement.


def work(options: common.Result) -> common.Result:
    """Export a model, or time one runtime."""
    folder = pathlib.Path(options["folder"])
    name = options["name"]
    if options["runtime"] is None:
        return candidates.prepare(name, options["batch_size"], folder)
    run = candidates.open_runtime(options["runtime"], name, folder)
    x, expected = np.load(folder / "x.npy"), np.load(folder / "expected.npy")
    result = _compare(run(x), expected, candidates.RUNTIMES[options["runtime"]])
    for _ in range(10):
        run(x)
    gc.collect()
    gc.disable()
    durations = []
    for _ in range(options["calls"]):
        started = time.perf_counter()
        run(x)
        durations.append(1000 * (time.perf_counter() - started))
    p50, p90 = np.percentile(durations, [50, 90])
    return result | {"ms": float(p50), "p90": float(p90)}


# As in `ae_zoo.export.parity`, which would import TensorFlow.
TOLERANCES = {None: 1e-4, "float16": 0.1, "int8": 0.7}


def _compare(
    found: np.ndarray, expected: np.ndarray, quantization: str | None
) -> common.Result:
    difference = found - expected
    if quantization is None:
        error = np.abs(difference).max() / max(1.0, np.abs(expected).max())
    else:
        error = np.sqrt(np.square(difference).mean() / np.square(expected).mean())
    is_wrong = not error <= TOLERANCES[quantization]
    return {"error": float(error), "is_wrong": bool(is_wrong)}


# The report.


def report(results: dict[str, dict[str, list[common.Result]]]) -> str:
    """Format a table for each model and batch size."""
    texts = []
    for label, result in results.items():
        name, size = label.rsplit(", ", 1)
        images = "1 image" if size == "1" else f"{size} images"
        header = [f"{name}, {images}", "ms", "p90", f"/ {LITERT}", f"/ {BASE}"]
        lines = []
        for runtime in candidates.RUNTIMES:
            runs = result.get(runtime)
            if not runs:
                lines.append([runtime, *["–"] * 4])
                continue
            line = [runtime, *(_median(runs, key) for key in ("ms", "p90"))]
            line += [_ratio(result, runtime, other) for other in (LITERT, BASE)]
            lines.append(line)
        texts.append(common.table(header, lines))
        texts += _verdicts(result, size)
    return "\n" + "\n\n".join(texts)


def _median(runs: list[common.Result], key: str) -> str:
    return f"{statistics.median(run[key] for run in runs):.3g}"


def _ratio(result: dict[str, list[common.Result]], runtime: str, base: str) -> str:
    if runtime == base or not result.get(base):
        return ""
    return common.spread(_ratios(result, runtime, base))


def _ratios(
    result: dict[str, list[common.Result]], runtime: str, base: str
) -> list[float]:
    times = [[run["ms"] for run in result[name]] for name in (runtime, base)]
    return common.ratios(*times)


def _verdicts(result: dict[str, list[common.Result]], size: str) -> list[str]:
    """Compare single images with the bars of the project."""
    if size != "1":
        return []
    texts = []
    for runtime, base, least in [("ONNX Runtime", LITERT, 1.0), (BASE, LITERT, 5.0)]:
        if result.get(runtime) and result.get(base):
            value = statistics.median(_ratios(result, runtime, base))
            met = "met" if value >= least else "missed"
            texts.append(f"{runtime} / {base}: {value:.2f}, bar ≥ {least:g}: {met}.")
    if result.get("reconstruct"):
        value = statistics.median(run["ms"] for run in result["reconstruct"])
        met = "met" if value <= BAR else "missed"
        texts.append(f"reconstruct: {value:.3g} ms, bar ≤ {BAR:g} ms: {met}.")
    return texts


def _draw(figure: Any, results: dict[str, dict[str, list[common.Result]]]) -> None:
    bars: dict[str, dict[str, list[float]]] = {}
    for label, result in results.items():
        for runtime in result:
            if result[runtime] and result.get(LITERT):
                ratios = _ratios(result, runtime, LITERT)
                bars.setdefault(runtime, {})[label] = ratios
    common.draw_ratios(figure, f"time / {LITERT}", bars)
    figure.axes[0].set_yscale("log")


if __name__ == "__main__":
    common.run(work, main)
