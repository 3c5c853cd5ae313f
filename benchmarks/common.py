"""What all benchmarks share: alternating processes, ratios, the machine, and reports.

A benchmark compares arms, such as this library and a peer. Each measurement of an arm
runs in a process of its own, and the arms alternate (A B, B A, A B, ...), so that a
slow period of the machine affects all of them. Only ratios within a round are compared:
the tables show their median and their range over the rounds.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import json
import math
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

OUTPUT_DIR = pathlib.Path("runs/benchmarks")
PACKAGES = (
    "ae-zoo tensorflow keras ai-edge-litert onnxruntime torch pythae pyod".split()
)
# The extensions that decide which kernels of the frameworks run.
INSTRUCTION_SETS = (
    "avx avx2 fma avx_vnni avx512f avx512_vnni avx512_bf16 avx512_fp16 amx_bf16 "
    "amx_int8 asimd asimddp bf16 sve i8mm"
).split()
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_MODULE_LOADING": "LAZY"}
Result = dict[str, Any]


class Missing(Exception):
    """An arm cannot run here; the message states what it needs."""


# Processes.


def run(work: Callable[[Result], Result], main: Callable[[], int | None]) -> None:
    """Run `main`, or in a process that `measure` started, `work`."""
    if len(sys.argv) == 3 and sys.argv[1] == "--worker":
        with contextlib.redirect_stdout(sys.stderr):
            result = attempt(work, json.loads(sys.argv[2]))
        print(json.dumps(result))
        return
    sys.exit(main())


def attempt(work: Callable[[Result], Result], options: Result) -> Result:
    """Call `work`; {"missing": reason} if the arm cannot run here."""
    try:
        return work(options)
    except (Missing, ImportError) as error:
        return {"missing": str(error)}


def measure(
    script: str | os.PathLike[str],
    options: Result,
    env: Mapping[str, str] | None = None,
    wrapper: Sequence[str] = (),
) -> Result:
    """Run one measurement in a new process.

    Args:
        script: The file of the benchmark, which calls `run`.
        options: What its `work` receives.
        env: Environment variables to add.
        wrapper: A command that starts the process, such as `["prlimit", ...]`.

    Returns:
        What `work` returned.

    Raises:
        Missing: The arm cannot run here.
        RuntimeError: The process failed.
    """
    command = [*wrapper, sys.executable, os.fspath(script), "--worker"]
    done = subprocess.run(
        [*command, json.dumps(options)],
        env=os.environ | QUIET | dict(env or {}),
        capture_output=True,
        text=True,
    )
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        raise RuntimeError(
            f"{pathlib.Path(script).name} {options} ended with status "
            f"{done.returncode}:\n{done.stderr[-3000:]}"
        )
    result = json.loads(lines[-1])
    if "missing" in result:
        raise Missing(result["missing"])
    return result


def alternate(
    arms: Mapping[str, Callable[[], Result]],
    rounds: int,
    label: str = "",
    stop_at: float = math.inf,
    always: Sequence[str] | None = None,
) -> dict[str, list[Result]]:
    """Measure all arms in every round, in alternating order.

    Args:
        arms: Name → a function that makes one measurement.
        rounds: Number of rounds.
        label: Text for the lines of progress.
        stop_at: Value of `time.monotonic` from which no further round starts.
        always: The arms that the first round measures also after `stop_at`; None
            stands for all.

    Returns:
        Name → the results of all rounds, without the arms that cannot run here.
    """
    results: dict[str, list[Result]] = {name: [] for name in arms}
    for number in range(rounds):
        if number and time.monotonic() > stop_at:
            say(f"{label}: {number} of {rounds} rounds, for lack of time")
            break
        names = list(results)
        for name in names if number % 2 == 0 else reversed(names):
            started = time.monotonic()
            is_optional = number == 0 and always is not None and name not in always
            if is_optional and started > stop_at:
                del results[name]
                say(f"{label}, {name}: left out, for lack of time")
                continue
            try:
                results[name].append(arms[name]())
            except Missing as error:
                del results[name]
                say(f"{label}, {name}: left out. {error}")
                continue
            seconds = time.monotonic() - started
            say(f"{label}, {name}, round {number + 1}: {seconds:.0f} s")
    return results


def say(text: str) -> None:
    """Print a line of progress to the standard error stream."""
    print(text, file=sys.stderr, flush=True)


# Numbers.


def ratios(values: Sequence[float], base: Sequence[float]) -> list[float]:
    """Divide the values of each round by those of the base in the same round."""
    return [a / b for a, b in zip(values, base, strict=True)]


def spread(values: Sequence[float], digits: int = 3) -> str:
    """Format median and range: "1.32 (1.28–1.40)"."""
    low, middle, high = min(values), statistics.median(values), max(values)
    text = f"{middle:.{digits}g}"
    if len(values) == 1:
        return text
    return f"{text} ({low:.{digits}g}–{high:.{digits}g})"


def slope(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Return the exponent p of cost ≈ c · sizeᵖ between the last two sizes."""
    return math.log(costs[-1] / costs[-2]) / math.log(sizes[-1] / sizes[-2])


# The machine.


def cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def machine() -> dict[str, Any]:
    """Describe the processor, its instruction sets, the threads and the versions."""
    from ae_zoo._machine import hardware

    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return {
        "hardware": hardware(),
        "instruction_sets": instruction_sets(),
        "threads": cores(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "system": platform.platform(),
        "versions": versions,
    }


def instruction_sets() -> list[str]:
    """List the vector and matrix extensions of the processor; empty if unknown."""
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return []
    lines = text.splitlines()
    flags = next((x for x in lines if x.startswith(("flags", "Features"))), "")
    return [name for name in INSTRUCTION_SETS if name in flags.split()]


def describe(facts: Mapping[str, Any]) -> str:
    """Format what `machine` returns in three lines."""
    versions = ", ".join(f"{k} {v}" for k, v in facts["versions"].items())
    load = facts["load"]
    busy = "" if load is None else f" Load before: {load:.2f} (0 is best)."
    return (
        f"{facts['hardware']}, {facts['threads']} threads.{busy}\n"
        f"Instruction sets: {', '.join(facts['instruction_sets']) or 'unknown'}.\n"
        f"{versions}."
    )


# Reports.


def parser(text: str, rounds: int = 5) -> argparse.ArgumentParser:
    """Make a parser with the options of all benchmarks."""
    made = argparse.ArgumentParser(
        description=text.split("\n\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    made.add_argument("--rounds", type=positive, default=rounds, help="paired rounds")
    made.add_argument(
        "--output-dir",
        type=pathlib.Path,
        default=OUTPUT_DIR,
        help="receives the JSON file and the picture",
    )
    return made


def positive(text: str) -> int:
    """Parse a whole number of at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1. Received: {text}")
    return value


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Format a table in Markdown, which is also readable in a terminal."""
    from tabulate import tabulate

    return tabulate(rows, header, tablefmt="github", disable_numparse=True)


def write(
    name: str,
    output_dir: pathlib.Path,
    facts: Mapping[str, Any],
    results: Any,
    draw: Callable[[Any], None] | None = None,
) -> None:
    """Write `NAME.json` and, if Matplotlib is installed, the picture `NAME.png`.

    Args:
        name: Name of the benchmark.
        output_dir: Folder, which is created.
        facts: What `machine` returned before the measurements.
        results: All measurements, in JSON's types.
        draw: A function of a Matplotlib figure, which draws the results.
    """
    output_dir.mkdir(parents=True, exist_ok=True)
    path = output_dir / f"{name}.json"
    path.write_text(json.dumps({"machine": facts, "results": results}, indent=1))
    written = [path]
    if draw is not None:
        try:
            from matplotlib.backends.backend_agg import FigureCanvasAgg
            from matplotlib.figure import Figure
        except ImportError:
            say("The picture was left out: pip install 'ae-zoo[plots]'")
        else:
            figure = Figure(figsize=(9, 4.5), layout="constrained")
            FigureCanvasAgg(figure)
            draw(figure)
            figure.savefig(output_dir / f"{name}.png", dpi=120)
            written.append(output_dir / f"{name}.png")
    say("Written: " + ", ".join(map(str, written)))


def draw_ratios(
    figure: Any, title: str, bars: Mapping[str, Mapping[str, Sequence[float]]]
) -> None:
    """Draw groups of bars with the range of each, and a line at 1.

    Args:
        figure: A Matplotlib figure.
        title: Label of the vertical axis.
        bars: Series → group → the ratio of each round.
    """
    axes = figure.add_subplot()
    groups = list(dict.fromkeys(group for one in bars.values() for group in one))
    width = 0.8 / max(len(bars), 1)
    for index, (series, values) in enumerate(bars.items()):
        places = [groups.index(group) + index * width - 0.4 for group in values]
        middles = [statistics.median(v) for v in values.values()]
        below = [m - min(v) for m, v in zip(middles, values.values(), strict=True)]
        above = [max(v) - m for m, v in zip(middles, values.values(), strict=True)]
        axes.bar(
            places, middles, width, yerr=[below, above], align="edge", label=series
        )
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set_xticks(range(len(groups)), groups, rotation=20, ha="right")
    axes.set_ylabel(title)
    axes.legend(fontsize="small")
