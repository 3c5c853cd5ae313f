"""Compare the speed of `fit` with plain PyTorch, torch.compile, Pythae and PyOD.

    python benchmarks/training.py
    python benchmarks/training.py --variants deep sparse --arms fit torch --rounds 3

All arms train the same architecture with Adam, batches of 128, float32 and the same
random images, which are shuffled in every epoch. A measurement is a process that makes
a first `fit` of one epoch with a new model, tracing and compilation included, and then
trains the model for some seconds more, for the warm rate. `fit`, `late` and `torch`
make a first `fit` for each number of `--rows`, in rising order. The import of the
framework is not included. If `--minutes` is too short, the remaining arms are named and
left out, except `fit` and `torch`.

- fit: `compile("adam")` and `fit(x)`, nothing else; `ae_zoo` is imported first;
- late: the same, but TensorFlow is imported before `ae_zoo`;
- recipe: 20 steps per call and the input pipeline of recipes;
- torch: a loop over slices of one tensor, with the fused Adam; convolutions in the
  faster of the two memory formats;
- compile: the same with `torch.compile`;
- pythae, pyod: the trainers of these packages, for the models that they have.
"""

from __future__ import annotations

import importlib
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import common

BATCH_SIZE = 128
VARIANTS = (
    "undercomplete deep sparse contractive variational denoising convolutional".split()
)
ARMS = ("fit", "late", "recipe", "torch", "compile", "pythae", "pyod")
DEFAULT_ARMS = ("fit", "torch", "pythae", "pyod", "compile", "recipe")
PEER_VARIANTS = {
    "pythae": ("undercomplete", "deep", "variational"),
    "pyod": ("undercomplete", "deep"),
}
DEVICES = ("cpu", "gpu", "2 replicas")
BASE = "torch"
ALWAYS = ("fit", BASE)  # measured however short `--minutes` is
# The tables show their first fits. Others need them for the warm rate only.
WITH_FIRST_FITS = ("fit", "late", BASE)
WARM_ROWS = 100 * BATCH_SIZE


def main() -> None:
    """Measure, print the tables, and write `training.json` and `training.png`."""
    options = _options()
    facts = common.machine()
    print(common.describe(facts), flush=True)
    devices = options.devices or _devices_found()
    began = time.monotonic()
    results: dict[str, Any] = {}
    for device in devices:
        for index, variant in enumerate(options.variants):
            share = (index + 1) / len(options.variants)
            results[f"{variant}, {device}"] = common.alternate(
                _arms(options, variant, device),
                options.rounds,
                f"{variant}, {device}",
                stop_at=began + 60 * options.minutes * share,
                always=ALWAYS,
            )
    print(report(results, options.rows))
    common.write(
        "training", options.output_dir, facts, results, lambda f: _draw(f, results)
    )


def _options() -> Any:
    parser = common.parser(__doc__)
    add = parser.add_argument
    add("--variants", nargs="+", choices=VARIANTS, default=VARIANTS)
    add("--arms", nargs="+", choices=ARMS, default=DEFAULT_ARMS)
    add("--rows", nargs="+", type=common.positive, default=[1000, 10_000, 60_000])
    add("--seconds", type=float, default=2.0, help="of warm training, at least")
    add("--minutes", type=float, default=60.0, help="shared by the variants")
    add("--devices", nargs="+", choices=DEVICES, help="default: those that are found")
    return parser.parse_args()


def _devices_found() -> list[str]:
    """Return "cpu", and with GPUs the rows that they allow."""
    gpus = common.measure(__file__, {"arm": "devices"})["gpus"]
    return ["cpu", "gpu", "2 replicas"][: 1 + min(gpus, 2)]


def _arms(
    options: Any, variant: str, device: str
) -> dict[str, Callable[[], common.Result]]:
    rows = sorted(options.rows)

    def measure(arm: str) -> common.Result:
        return common.measure(
            __file__,
            {
                "arm": arm,
                "variant": variant,
                "device": device,
                "rows": rows if arm in WITH_FIRST_FITS else [min(rows[-1], WARM_ROWS)],
                "seconds": options.seconds,
            },
            {"CUDA_VISIBLE_DEVICES": "-1"} if device == "cpu" else None,
        )

    arms = sorted(options.arms, key=lambda arm: arm not in ALWAYS)
    return {
        arm: lambda arm=arm: measure(arm)
        for arm in arms
        if variant in PEER_VARIANTS.get(arm, VARIANTS)
        and not (device == "2 replicas" and arm not in ("fit", "torch"))
    }


# In the process of one measurement.


def work(options: common.Result) -> common.Result:
    """Measure one arm."""
    arm = options["arm"]
    if arm == "devices":
        return {"gpus": _count_gpus()}
    if arm not in ("fit", "late", "recipe"):
        import training_peers

        return training_peers.work(options, images)
    if arm == "late":
        import tensorflow  # noqa: F401  what this arm measures
    return _train(options)


def images(rows: int) -> Any:
    """Random images, (rows, 28, 28, 1), float32."""
    import numpy as np

    return np.random.default_rng(0).random((rows, 28, 28, 1), dtype="float32")


def time_series(
    options: common.Result,
    make: Callable[[], Callable[[Any, int], float]],
) -> common.Result:
    """Time first fits and warm epochs.

    Args:
        options: Those of the measurement.
        make: Function without arguments that makes a new model and returns its `fit`:
            (x, epochs) → the loss of the last epoch.

    Returns:
        first: Number of rows → seconds of the first fit.
        samples_per_second: Warm rate.
        loss: After the last epoch.
        epochs: Of the last model.
    """
    first = {}
    for rows in options["rows"]:
        x = images(rows)
        started = time.perf_counter()
        fit = make()
        loss = fit(x, 1)
        first[str(rows)] = time.perf_counter() - started
    x = x[:WARM_ROWS]
    fit(x, 1)
    started = time.perf_counter()
    fit(x, 1)
    epoch = time.perf_counter() - started
    epochs = max(1, round(options["seconds"] / epoch))
    started = time.perf_counter()
    loss = fit(x, epochs)
    seconds = time.perf_counter() - started
    return {
        "first": first,
        "samples_per_second": epochs * len(x) / seconds,
        "loss": loss,
        "epochs": epochs + 3,
    }


def _train(options: common.Result) -> common.Result:
    import contextlib

    import ae_zoo  # noqa: F401  before Keras and TensorFlow

    variants = importlib.import_module("variants")
    variant = variants.VARIANTS[options["variant"]]
    is_recipe = options["arm"] == "recipe"
    scope: Any = contextlib.nullcontext
    if options["device"] == "2 replicas":
        import tensorflow as tf

        gpus = [gpu.name.split("physical_device:")[-1] for gpu in _gpus()]
        if len(gpus) < 2:
            tf.config.set_logical_device_configuration(
                tf.config.list_physical_devices("CPU")[0],
                [tf.config.LogicalDeviceConfiguration()] * 2,
            )
            gpus = ["CPU:0", "CPU:1"]
        scope = tf.distribute.MirroredStrategy(gpus[:2]).scope

    def make() -> Callable[[Any, int], float]:
        with scope():
            model = variant.build()
            model.compile("adam", **({"steps_per_execution": 20} if is_recipe else {}))

        def fit(x: Any, epochs: int) -> float:
            settings: dict[str, Any] = {"batch_size": BATCH_SIZE}
            if is_recipe:
                x, settings = _pipeline(x)
            history = model.fit(x, epochs=epochs, verbose=0, **settings)
            return history.history["loss"][-1]

        return fit

    result = time_series(options, make)
    result["parameters"] = variant.build().count_params()
    result["gflops"] = result["samples_per_second"] * variant.flops / 1e9
    result["peak"] = _peak()
    return result


def _pipeline(x: Any) -> tuple[Any, dict[str, Any]]:
    """The endless training data of a recipe, and the steps of an epoch."""
    import numpy as np

    from ae_zoo.data import Source

    class Images(Source):
        fingerprint = {}

        def stored(self, split: str) -> tuple[Any, Any]:
            return x, np.zeros(len(x), "int64")

    source = Images(name="images", shape=x.shape[1:], counts={"train": len(x)})
    data = source.load("train", batch_size=BATCH_SIZE, shuffle=True, repeat=True)
    return data, {"steps_per_epoch": -(-len(x) // BATCH_SIZE)}


def _peak(size: int = 2048, calls: int = 4) -> float:
    """The GFLOP/s of a product of large matrices."""
    import tensorflow as tf

    matrix = tf.random.uniform((size, size))
    product = tf.function(lambda: tf.reduce_sum(matrix @ matrix), autograph=False)
    product().numpy()
    durations = []
    for _ in range(calls):
        started = time.perf_counter()
        product().numpy()
        durations.append(time.perf_counter() - started)
    return 2 * size**3 / min(durations) / 1e9


def _gpus() -> list[Any]:
    import tensorflow as tf

    return tf.config.list_physical_devices("GPU")


def _count_gpus() -> int:
    return len(_gpus())


# The report.


def report(results: dict[str, Any], rows: list[int]) -> str:
    """Format the tables of all measurements."""
    texts = []
    arms = [a for a in ARMS if any(a in r for r in results.values())]
    header = ["samples/s", *arms, *(f"{a} / {BASE}" for a in arms if a != BASE)]
    header += ["share of peak"]
    lines = []
    for name, result in results.items():
        rates = {arm: _rates(result, arm) for arm in arms}
        line = [name, *(_rate(rates[arm]) for arm in arms)]
        line += [_ratio(rates[a], rates.get(BASE)) for a in arms if a != BASE]
        lines.append([*line, _share_of_peak(result)])
    texts.append(common.table(header, lines))
    for ours in ("fit", "late"):
        if BASE in arms and ours in arms:
            texts.append(_first_fits(results, rows, ours))
    texts.append(_peers(results, arms))
    return "\n".join(["", *filter(None, texts)])


def _rates(result: dict[str, Any], arm: str) -> list[float]:
    return [one["samples_per_second"] for one in result.get(arm, [])]


def _rate(values: list[float]) -> str:
    return f"{statistics.median(values):,.0f}" if values else "–"


def _ratio(values: list[float] | None, base: list[float] | None) -> str:
    if not values or not base:
        return "–"
    return common.spread(common.ratios(values, base))


def _share_of_peak(result: dict[str, Any]) -> str:
    """The rate of matrix products in `fit`, divided by that of a large product."""
    runs = result.get("fit", [])
    if not runs:
        return "–"
    peak = max(run["peak"] for run in runs)
    return f"{statistics.median(r['gflops'] for r in runs) / peak:.0%} of {peak:.0f}"


def _first_fits(results: dict[str, Any], rows: list[int], ours: str) -> str:
    """Seconds of a first fit, and the ratio of the speeds."""
    header = ["first fit"]
    for count in rows:
        header += [f"{count:,} rows, s", BASE, f"{ours} / {BASE}"]
    lines = []
    for name, result in results.items():
        if ours not in result or BASE not in result:
            continue
        line = [name]
        for count in map(str, rows):
            a = [one["first"][count] for one in result[ours]]
            b = [one["first"][count] for one in result[BASE]]
            line += [f"{statistics.median(a):.2f}", f"{statistics.median(b):.2f}"]
            line += [common.spread(common.ratios(b, a))]
        lines.append(line)
    return "\n" + common.table(header, lines) if lines else ""


def _peers(results: dict[str, Any], arms: list[str]) -> str:
    """The speed of `fit` as a multiple of other trainers."""
    lines = [
        [name, peer, _ratio(_rates(result, "fit"), _rates(result, peer))]
        for name, result in results.items()
        for peer in ("compile", "pythae", "pyod")
        if "fit" in result and peer in result
    ]
    return "\n" + common.table(["fit", "peer", "fit / peer"], lines) if lines else ""


def _draw(figure: Any, results: dict[str, Any]) -> None:
    bars: dict[str, dict[str, list[float]]] = {}
    for name, result in results.items():
        base = _rates(result, BASE)
        for arm in result:
            if arm != BASE and base and result[arm]:
                ratios = common.ratios(_rates(result, arm), base)
                bars.setdefault(arm, {})[name.removesuffix(", cpu")] = ratios
    if bars:
        common.draw_ratios(figure, "samples per second / plain PyTorch", bars)


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(__file__))
    common.run(work, main)
