"""Measure the peak of resident memory, and that large data need no more of it.

    python benchmarks/memory.py [--rounds 3] [--rows 60000]

- train: one epoch of `fit` of the variants beside a plain loop in PyTorch. The columns
  are the peak of the process, and its growth above the imports and the data.
- load: a model of the zoo and one reconstruction, beside LiteRT and PyTorch.
- large: `fit`, `score`, `encode` and `log_likelihood` of an array on disk (`np.memmap`)
  that is larger than the memory that the process may allocate (RLIMIT_DATA). An arm
  that needs memory for all rows ends with a MemoryError.

It needs Linux.
"""

from __future__ import annotations

import functools
import statistics
import tempfile
from pathlib import Path
from typing import Any

import common
import training

VARIANTS = ["undercomplete", "variational", "convolutional"]
ENDPOINTS = ["fit", "evaluate", "score", "encode", "log_likelihood"]
MEGABYTE = 2**20


def main() -> None:
    """Measure, print the tables, and write `memory.json` and `memory.png`."""
    parser = common.parser(__doc__, rounds=3)
    add = parser.add_argument
    add("--variants", nargs="*", choices=training.VARIANTS, default=VARIANTS)
    add("--rows", type=common.positive, default=20_000)
    # The log-likelihood decodes 50 draws a row: minutes.
    add("--endpoints", nargs="*", choices=ENDPOINTS, default=ENDPOINTS[:-1])
    add("--large", type=float, default=0.5, help="GiB of the array on disk")
    add("--limit", type=float, default=0.25, help="GiB above what is used before")
    options = parser.parse_args()
    facts = common.machine()
    print(common.describe(facts), flush=True)
    results = {}
    for variant in options.variants:
        settings = {"part": "train", "variant": variant, "rows": options.rows}
        results[f"train {variant}"] = _measure(options, ("ae_zoo", "torch"), settings)
    results["load deep_mnist"] = _measure(
        options, ("ae_zoo", "lite", "torch"), {"part": "load"}
    )
    with tempfile.TemporaryDirectory() as folder:
        filepath = Path(folder) / "rows.float32"
        rows = int(options.large * 1024 * MEGABYTE / (784 * 4))
        with filepath.open("wb") as file:
            file.truncate(rows * 784 * 4)  # zeros that take no space on the disk
        for endpoint in options.endpoints:
            results[f"large {endpoint}"] = {
                "ae_zoo": [_large(endpoint, filepath, rows, options.limit)]
            }
    print(report(results, options))
    common.write(
        "memory", options.output_dir, facts, results, lambda f: _draw(f, results)
    )


def _measure(
    options: Any, arms: tuple[str, ...], settings: common.Result
) -> dict[str, list[common.Result]]:
    return common.alternate(
        {
            arm: functools.partial(common.measure, __file__, settings | {"arm": arm})
            for arm in arms
        },
        options.rounds,
        " ".join(map(str, settings.values())),
    )


def _large(endpoint: str, filepath: Path, rows: int, limit: float) -> common.Result:
    common.say(f"large, {endpoint}")
    return common.measure(
        __file__,
        {
            "part": "large",
            "arm": "ae_zoo",
            "endpoint": endpoint,
            "filepath": str(filepath),
            "rows": rows,
            "limit": limit,
        },
    )


# In the process of one measurement.


def work(options: common.Result) -> common.Result:
    """Measure one arm, in bytes."""
    parts = {"train": _train, "load": _load, "large": _measure_large}
    return parts[options["part"]](options)


def resident(peak: bool = False) -> int:
    """Bytes of this process, now or at most."""
    from ae_zoo._machine import memory

    value = memory(peak)
    if value is None:
        raise common.Missing("Memory is measured on Linux only.")
    return value


def _train(options: common.Result) -> common.Result:
    x = training.images(options["rows"])
    if options["arm"] == "torch":
        import training_peers
        from torch import contiguous_format
        from torch_variants import BUILD

        trainer = training_peers.Trainer(
            BUILD[options["variant"]], "cpu", contiguous_format
        )
        before = resident()
        trainer.fit(x, 1)
    else:
        import variants

        import ae_zoo  # noqa: F401  before Keras and TensorFlow

        model = variants.VARIANTS[options["variant"]].build()
        model.compile("adam")
        before = resident()
        model.fit(x, batch_size=training.BATCH_SIZE, verbose=0)
    return {"peak": resident(peak=True), "growth": resident(peak=True) - before}


def _load(options: common.Result) -> common.Result:
    import numpy as np

    x = np.zeros((1, 28, 28, 1), "float32")
    if options["arm"] == "torch":
        try:
            import torch
            import torch_variants
        except ImportError as error:
            raise common.Missing("It needs: pip install torch") from error
        before = resident()
        model = torch_variants.BUILD["deep"]().eval()
        with torch.inference_mode():
            model.decoder(model.encoder(torch.from_numpy(x.reshape(1, -1)))).numpy()
    elif options["arm"] == "lite":
        from ae_zoo import lite

        before = resident()
        lite.load("deep_mnist").reconstruct(x)
    else:
        import tensorflow  # noqa: F401

        import ae_zoo

        before = resident()
        ae_zoo.load("deep_mnist").reconstruct(x)
    return {"peak": resident(peak=True), "growth": resident(peak=True) - before}


def _measure_large(options: common.Result) -> common.Result:
    import resource

    import numpy as np

    import ae_zoo
    from ae_zoo import networks

    model = ae_zoo.VariationalAutoencoder(
        networks.dense_encoder((784,), [16]), networks.dense_decoder(2, [16], (784,))
    )
    model.compile("adam")
    x = np.memmap(options["filepath"], "float32", "r", shape=(options["rows"], 784))
    call = {
        "fit": lambda x: model.fit(x, batch_size=1024, verbose=0),
        "evaluate": lambda x: model.evaluate(x, batch_size=1024, verbose=0),
        "score": lambda x: model.score(x, batch_size=1024),
        "encode": lambda x: model.encode(x, batch_size=1024),
        "log_likelihood": lambda x: model.log_likelihood(x, samples=1, batch_size=1024),
    }[options["endpoint"]]
    call(x[:2048])  # traces
    before = _allocated()
    limit = before + int(options["limit"] * 1024 * MEGABYTE)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    try:
        call(x)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {str(error)[:200]}"}
    return {"growth": _allocated(peak=True) - before, "data": x.nbytes}


def _allocated(peak: bool = False) -> int:
    """Bytes that count for RLIMIT_DATA; the peak is not known, so it is the present."""
    from ae_zoo._machine import _field

    text = _field("/proc/self/status", "VmData")
    if text is None:
        raise common.Missing("Memory is measured on Linux only.")
    return 1024 * int(text.split()[0])


# The report.


def report(results: dict[str, dict[str, list[common.Result]]], options: Any) -> str:
    """Format the peaks in MB."""
    lines = []
    for name, result in results.items():
        if name.startswith("large"):
            continue
        base = result.get("torch")
        for arm, runs in result.items():
            peaks = [run["peak"] for run in runs]
            line = [name, arm, _megabytes(peaks)]
            line.append(_megabytes([run["growth"] for run in runs]))
            ratio = ""
            if base and arm != "torch":
                ratio = common.spread(common.ratios(peaks, [r["peak"] for r in base]))
            lines.append([*line, ratio])
    header = ["part", "arm", "peak, MB", "growth, MB", "peak / torch"]
    texts = [common.table(header, lines)]
    large = [
        [
            name.removeprefix("large "),
            run.get("error") or f"done, {run['growth'] / MEGABYTE:.0f} MB more",
        ]
        for name, result in results.items()
        if name.startswith("large")
        for run in result["ae_zoo"]
    ]
    if large:
        size = f"{options.large:g} GiB on disk, at most {options.limit:g} GiB more"
        texts.append(common.table(["endpoint", size], large))
    return "\n" + "\n\n".join(texts)


def _megabytes(values: list[int]) -> str:
    return f"{statistics.median(values) / MEGABYTE:,.0f}"


def _draw(figure: Any, results: dict[str, dict[str, list[common.Result]]]) -> None:
    axes = figure.add_subplot()
    bars = {
        f"{name}, {arm}": statistics.median(run["peak"] for run in runs) / MEGABYTE
        for name, result in results.items()
        if not name.startswith("large")
        for arm, runs in result.items()
        if runs
    }
    names = list(bars)[::-1]
    axes.barh(names, [bars[name] for name in names])
    axes.set_xlabel("peak of resident memory, MB")


if __name__ == "__main__":
    common.run(work, main)
