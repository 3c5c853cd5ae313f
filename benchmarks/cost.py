"""Measure how time and memory grow with the work, to 10 and 100 times of MNIST.

    python benchmarks/cost.py [--axes inputs latent depth batch rows pixels]

On each axis one size of a small autoencoder grows by 1, 10 and 100, and all others
stay. For each step of the work, the table shows the exponent p of cost ≈ size^p between
the last two sizes, per model (build, trace, save, load) or per sample (fit, score). A
cost of p above the last column, `expected`, grows faster than the arithmetic demands;
fixed costs make p smaller. Memory is the peak of the process above its imports.
"""

from __future__ import annotations

import functools
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import common

# Axis → its sizes, and the exponent that the arithmetic demands of a sample.
AXES = {
    "inputs": ([784, 7840, 78_400], 1),
    "latent": ([30, 300, 3000], 1),
    "depth": ([2, 20, 200], 1),
    "batch": ([128, 1280, 12_800], 0),
    "rows": ([6000, 60_000, 600_000], 0),
    "pixels": ([28, 90, 280], 2),
}
STEPS = ("build", "first fit", "fit", "score", "save", "load", "memory")
PER_SAMPLE = ("fit", "score")
BASE = {"inputs": 784, "latent": 30, "depth": 2, "batch": 128, "rows": 6000}


def main() -> None:
    """Measure, print the table, and write `cost.json` and `cost.png`."""
    parser = common.parser(__doc__, rounds=1)
    parser.add_argument("--axes", nargs="+", choices=AXES, default=list(AXES))
    parser.add_argument("--quick", action="store_true", help="to 10 times only")
    options = parser.parse_args()
    facts = common.machine()
    print(common.describe(facts), flush=True)
    results = {}
    for axis in options.axes:
        sizes = AXES[axis][0][: 2 if options.quick else None]
        arms = {
            str(size): functools.partial(
                common.measure, __file__, {"axis": axis, "size": size}
            )
            for size in sizes
        }
        results[axis] = common.alternate(arms, options.rounds, axis)
    print(report(results))
    common.write(
        "cost", options.output_dir, facts, results, lambda f: _draw(f, results)
    )


# In the process of one measurement.


def work(options: common.Result) -> common.Result:
    """Return the seconds of each step, and the growth of memory in bytes."""
    import numpy as np
    from memory import resident

    import ae_zoo

    axis, size = options["axis"], options["size"]
    sizes = BASE | ({axis: size} if axis in BASE else {})
    import keras  # which `ae_zoo` has prepared

    ae_zoo.models  # noqa: B018  imports TensorFlow
    before = resident()
    shape = (size, size, 1) if axis == "pixels" else (sizes["inputs"],)
    if axis == "rows":
        shape = (64,)  # 600,000 rows of 784 would take 2 GB
    rows = _rows(axis, shape, sizes)
    x = np.random.default_rng(0).random((rows, *shape), dtype="float32")
    seconds = {}

    def timed(name: str, function: Any) -> Any:
        started = time.perf_counter()
        result = function()
        seconds[name] = time.perf_counter() - started
        return result

    model = timed("build", lambda: _build(axis, shape, sizes))
    settings = {"batch_size": sizes["batch"], "verbose": 0}
    timed("first fit", lambda: model.fit(x[: sizes["batch"]], **settings))
    model.fit(x[: 2 * sizes["batch"]], **settings)
    timed("fit", lambda: model.fit(x, **settings))
    model.score(x[: sizes["batch"]], batch_size=sizes["batch"])
    timed("score", lambda: model.score(x, batch_size=sizes["batch"]))
    with tempfile.TemporaryDirectory() as folder:
        filepath = Path(folder) / "model.keras"
        timed("save", lambda: model.save(filepath))
        timed("load", lambda: keras.saving.load_model(filepath))
    seconds |= {name: seconds[name] / rows for name in PER_SAMPLE}
    return seconds | {"memory": resident(peak=True) - before - x.nbytes}


def _rows(axis: str, shape: tuple[int, ...], sizes: dict[str, int]) -> int:
    """Enough samples for a steady rate, and not more than memory and time allow."""
    if axis == "rows":
        return sizes["rows"]
    if axis == "batch":
        return 4 * max(sizes["batch"], 6400)
    limits = {"pixels": 6_000_000 // shape[0] ** 2, "inputs": 50_000_000 // shape[0]}
    return max(2 * sizes["batch"], min(6400, limits.get(axis, 6400)))


def _build(axis: str, shape: tuple[int, ...], sizes: dict[str, int]) -> Any:
    import ae_zoo
    from ae_zoo import networks

    if axis == "pixels":
        model = ae_zoo.ConvolutionalAutoencoder(
            networks.convolutional_encoder(shape, [8, 8]),
            networks.convolutional_decoder(shape, [8, 8]),
        )
    else:
        hidden = [64] * (sizes["depth"] - 1)
        d = sizes["latent"]
        model = ae_zoo.ContractiveAutoencoder(
            networks.dense_encoder(shape, [*hidden, d]),
            networks.dense_decoder(d, hidden, shape),
            jacobian="projection",
        )
    model.compile("adam")
    return model


# The report.


def report(results: dict[str, dict[str, list[common.Result]]]) -> str:
    """Format a table of the costs and one of their exponents."""
    lines, slopes = [], []
    for axis, result in results.items():
        sizes = [float(size) for size in result if result[size]]
        costs = {
            step: [
                statistics.median(r[step] for r in result[f"{size:.0f}"])
                for size in sizes
            ]
            for step in STEPS
        }
        for index, size in enumerate(sizes):
            lines.append(
                [axis, f"{size:,.0f}", *(_cost(s, costs[s][index]) for s in STEPS)]
            )
        if len(sizes) > 1:
            slopes.append(
                [axis, *(f"{common.slope(sizes, costs[s]):.2f}" for s in STEPS)]
                + [AXES[axis][1]]
            )
    units = [
        f"{s}, MB"
        if s == "memory"
        else f"{s}, {'µs/sample' if s in PER_SAMPLE else 's'}"
        for s in STEPS
    ]
    texts = [common.table(["axis", "size", *units], lines)]
    if slopes:
        texts.append(common.table(["exponent", *STEPS, "expected"], slopes))
    return "\n" + "\n\n".join(texts)


def _cost(step: str, value: float) -> str:
    if step == "memory":
        return f"{value / 2**20:,.0f}"
    return f"{value * 1e6:,.1f}" if step in PER_SAMPLE else f"{value:.2f}"


def _draw(figure: Any, results: dict[str, dict[str, list[common.Result]]]) -> None:
    for index, step in enumerate(("fit", "score", "memory"), 1):
        axes = figure.add_subplot(1, 3, index)
        for axis, result in results.items():
            sizes = [int(size) for size in result if result[size]]
            costs = [
                statistics.median(run[step] for run in result[str(size)])
                for size in sizes
            ]
            growth = [size / sizes[0] for size in sizes]
            axes.loglog(growth, costs, marker="o", label=axis)
        axes.set_xlabel("size / smallest")
        axes.set_title(step if step == "memory" else f"{step}, seconds per sample")
    axes.legend(fontsize="small")


if __name__ == "__main__":
    common.run(work, main)
