"""Measure the time of a training step with each penalty, as a multiple of a plain step.

    python benchmarks/penalties.py [--inputs 784 3072] [--units 30 200 1000]

The models have one dense layer in each direction, from n inputs to d sigmoid units, and
batches of 128. The plain step is that of `Autoencoder`, with the same
network. Each measurement is the warm `fit` of a process of its own.
"""

from __future__ import annotations

import functools
import statistics
import time
from typing import Any

import common

BATCH_SIZE = 128
BASE = "plain"
MODES = {  # name → class, arguments
    BASE: ("Autoencoder", {}),
    "closed form": ("ContractiveAutoencoder", {"jacobian": "closed_form"}),
    "projection": ("ContractiveAutoencoder", {"jacobian": "projection"}),
    "exact": ("ContractiveAutoencoder", {"jacobian": "exact"}),
    "l1": ("SparseAutoencoder", {"sparsity": "l1"}),
    "kl": ("SparseAutoencoder", {"sparsity": "kl"}),
    "k": ("SparseAutoencoder", {"sparsity": "k"}),
}
BARS = {"closed form": 1.25, "projection": 2.2}
# The exact Jacobian holds batch · d · n values, several times over.
LARGEST_JACOBIAN = 2**27


def main() -> None:
    """Measure, print the table, and write `penalties.json` and `penalties.png`."""
    parser = common.parser(__doc__, rounds=3)
    add = parser.add_argument
    add("--inputs", nargs="+", type=common.positive, default=[784, 3072])
    add("--units", nargs="+", type=common.positive, default=[30, 200, 1000])
    add("--modes", nargs="+", choices=MODES, default=list(MODES))
    add("--seconds", type=float, default=1.0, help="of warm training, at least")
    options = parser.parse_args()
    facts = common.machine()
    print(common.describe(facts), flush=True)
    results = {}
    for n in options.inputs:
        for d in options.units:
            label = f"n = {n}, d = {d}"
            results[label] = common.alternate(
                _arms(options, n, d), options.rounds, label
            )
    print(report(results))
    common.write(
        "penalties", options.output_dir, facts, results, lambda f: _draw(f, results)
    )


def _arms(options: Any, n: int, d: int) -> dict[str, Any]:
    modes = dict.fromkeys([BASE, *options.modes])
    if BATCH_SIZE * n * d > LARGEST_JACOBIAN:
        modes.pop("exact", None)
    return {
        mode: functools.partial(
            common.measure,
            __file__,
            {"mode": mode, "n": n, "d": d, "seconds": options.seconds},
        )
        for mode in modes
    }


def work(options: common.Result) -> common.Result:
    """Return the seconds of a warm step of one model."""
    import ae_zoo  # noqa: I001  first, so that it can choose settings of TensorFlow
    import numpy as np
    from ae_zoo import networks

    n, d = options["n"], options["d"]
    name, arguments = MODES[options["mode"]]
    encoder = networks.dense_encoder((n,), [d], latent_activation="sigmoid")
    decoder = networks.dense_decoder(d, [], (n,))
    model = getattr(ae_zoo.models, name)(encoder, decoder, **arguments)
    model.compile("adam")
    steps = 20
    x = np.random.default_rng(0).random((steps * BATCH_SIZE, n), "float32")

    def fit(epochs: int) -> float:
        started = time.perf_counter()
        model.fit(x, batch_size=BATCH_SIZE, epochs=epochs, verbose=0)
        return time.perf_counter() - started

    fit(1)
    epochs = max(2, round(options["seconds"] / fit(1)))
    return {"seconds": fit(epochs) / (epochs * steps)}


def report(results: dict[str, dict[str, list[common.Result]]]) -> str:
    """Format the time of a step and the ratios to the plain step."""
    modes = list(dict.fromkeys(mode for result in results.values() for mode in result))
    lines = []
    for label, result in results.items():
        base = _seconds(result, BASE)
        line = [label, f"{1000 * statistics.median(base):.2f}"]
        for mode in modes[1:]:
            values = _seconds(result, mode)
            line.append(common.spread(common.ratios(values, base)) if values else "–")
        lines.append(line)
    bars = [f"≤ {BARS[mode]}" if mode in BARS else "" for mode in modes[1:]]
    header = ["model", "plain step, ms", *(f"{mode} / plain" for mode in modes[1:])]
    return "\n" + common.table(header, [*lines, ["bar", "", *bars]])


def _seconds(result: dict[str, list[common.Result]], mode: str) -> list[float]:
    return [run["seconds"] for run in result.get(mode, [])]


def _draw(figure: Any, results: dict[str, dict[str, list[common.Result]]]) -> None:
    bars: dict[str, dict[str, list[float]]] = {}
    for label, result in results.items():
        base = _seconds(result, BASE)
        for mode in result:
            if mode != BASE:
                ratios = common.ratios(_seconds(result, mode), base)
                bars.setdefault(mode, {})[label] = ratios
    common.draw_ratios(figure, "time of a step / plain step", bars)
    figure.axes[0].set_yscale("log")


if __name__ == "__main__":
    common.run(work, main)
