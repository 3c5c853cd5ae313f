"""Measure the time until the package can be used, in cold processes.

    python benchmarks/startup.py [NAME ...] [--rounds 5]

- `import ae_zoo`, inside a started Python;
- `ae-zoo list`, the whole command;
- `load`: the time above `import tensorflow`, with everything else that it imports;
- `predict`: the first call of the loaded model, on ten samples;
- `ae_zoo.lite`: import, load and the first reconstruction, without TensorFlow;
- PyTorch: its import, a model of the same size, and the first reconstruction.

"Cold" means a new process; the files are in the memory of the operating system.
"""

from __future__ import annotations

import functools
import statistics
import subprocess
import sys
import time
from typing import Any

import common

SHAPE = (28, 28, 1)  # of the samples of the models
DEFAULT_NAMES = ["deep_mnist", "denoising_mnist"]
IMPORT = "import time; t = time.time(); import ae_zoo; print(time.time() - t)"
BARS = {"import ae_zoo": 0.05, "ae-zoo list": 0.3, "load": 0.5, "first predict": 0.3}


def main() -> None:
    """Measure, print the table, and write `startup.json` and `startup.png`."""
    parser = common.parser(__doc__)
    parser.add_argument("names", nargs="*", default=DEFAULT_NAMES, metavar="NAME")
    options = parser.parse_args()
    facts = common.machine()
    print(common.describe(facts), flush=True)
    arms = {
        "commands": _commands,
        "torch": functools.partial(common.measure, __file__, {"arm": "torch"}),
    }
    for name in options.names:
        for arm in ("load", "lite"):
            arms[f"{arm} {name}"] = functools.partial(
                common.measure, __file__, {"arm": arm, "name": name}
            )
    results = common.alternate(arms, options.rounds, "startup")
    print(report(results))
    common.write(
        "startup", options.output_dir, facts, results, lambda f: _draw(f, results)
    )


def _commands() -> common.Result:
    """Time two commands and an empty Python as a shell starts them, and the import."""
    commands = {
        "import ae_zoo": ["-c", IMPORT],
        "ae-zoo list": ["-m", "ae_zoo.cli", "list"],
        "empty Python": ["-c", ""],
    }
    seconds = {}
    for name, words in commands.items():
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, *words], check=True, capture_output=True, text=True
        )
        seconds[name] = time.perf_counter() - started
        if words[-1] == IMPORT:
            seconds[name] = float(done.stdout)
    return seconds


# In the process of one measurement.


def work(options: common.Result) -> common.Result:
    """Measure one arm: step → seconds."""
    arms = {"load": _load, "lite": _lite, "torch": _torch}
    return arms[options["arm"]](options)


class _Clock:
    """Seconds between calls."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def note(self, name: str) -> None:
        now = time.perf_counter()
        self.seconds[name] = now - self._last
        self._last = time.perf_counter()


def _load(options: common.Result) -> common.Result:
    clock = _Clock()
    import tensorflow  # noqa: F401

    clock.note("import tensorflow")
    import ae_zoo

    model = ae_zoo.load(options["name"])
    clock.note("load")
    x = _images((None, *model.input_shape[1:]))
    clock.note("")
    model.predict(x, verbose=0)
    clock.note("first predict")
    model.reconstruct(x)
    clock.note("first reconstruct")
    model.predict(x, verbose=0)
    clock.note("second predict")
    del clock.seconds[""]
    return clock.seconds


def _lite(options: common.Result) -> common.Result:
    clock = _Clock()
    try:
        from ae_zoo import lite

        model = lite.load(options["name"])
    except ImportError as error:
        raise common.Missing(str(error)) from error
    clock.note("lite.load, with imports")
    x = _images((None, *SHAPE))
    model.reconstruct(x)
    clock.note("lite, first reconstruct")
    return clock.seconds


def _torch(options: common.Result) -> common.Result:
    clock = _Clock()
    try:
        import torch
        import torch_variants
    except ImportError as error:
        raise common.Missing("It needs: pip install torch") from error
    clock.note("import torch")
    model = torch_variants.BUILD["deep"]().eval()
    clock.note("torch, build")
    x = torch.from_numpy(_images((None, 784)))
    with torch.inference_mode():
        model.decoder(model.encoder(x)).numpy()
    clock.note("torch, first reconstruction")
    return clock.seconds


def _images(shape: tuple[int | None, ...]) -> Any:
    import numpy as np

    size = (10, *shape[1:])
    return np.random.default_rng(0).random(size, dtype="float32")


# The report.


def report(results: dict[str, list[common.Result]]) -> str:
    """Format the seconds of each step, beside the bar of the project."""
    lines = []
    for arm, runs in results.items():
        name = arm.partition(" ")[2]
        for step in runs[0] if runs else ():
            values = [run[step] for run in runs]
            bar = BARS.get(step)
            verdict = ""
            if bar is not None:
                verdict = "met" if statistics.median(values) <= bar else "missed"
            lines.append([step, name, common.spread(values), bar or "", verdict])
    header = ["step", "model", "seconds, median (range)", "bar", ""]
    return "\n" + common.table(header, lines)


def _draw(figure: Any, results: dict[str, list[common.Result]]) -> None:
    axes = figure.add_subplot()
    bars = {
        f"{step} {arm.partition(' ')[2]}".strip(): [run[step] for run in runs]
        for arm, runs in results.items()
        for step in (runs[0] if runs else ())
    }
    names = list(bars)[::-1]
    axes.barh(names, [statistics.median(bars[name]) for name in names])
    axes.set_xlabel("seconds, median")
    axes.tick_params(labelsize="small")


if __name__ == "__main__":
    common.run(work, main)
