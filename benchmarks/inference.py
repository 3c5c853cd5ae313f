"""Measures the time to reconstruct 1 and 64 images, by runtime.

python benchmarks/inference.py [NAME ...]
"""

import argparse
import gc
import importlib.metadata
import os
import pathlib
import platform
import random
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported

import candidates
import numpy as np

import ae_zoo
from ae_zoo._machine import hardware
from ae_zoo.export import parity
from ae_zoo.zoo.tables import text_table

DEFAULT_NAMES = ["deep_mnist", "denoising_mnist"]  # dense and convolutional
BATCH_SIZES = (1, 64)
WARM_UP_ROUNDS = 2
PACKAGES = ("tensorflow", "keras", "ai-edge-litert", "onnxruntime", "torch")


def main(arguments=None):
    """Prints a table for each model; returns 1 if an output was wrong."""
    options = parse(arguments)
    candidates.use_one_thread()
    print(preamble(options), flush=True)
    wrong = []
    for name in options.names:
        model = ae_zoo.load(name)
        columns = [measure(model, size, options) for size in BATCH_SIZES]
        wrong += [note for _, _, mistakes in columns for note in mistakes]
        print(f"\n{name}: {model.count_params():,} parameters\n")
        print(report(columns), flush=True)
    return 1 if wrong else 0


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "names",
        nargs="*",
        default=DEFAULT_NAMES,
        metavar="NAME",
        help=f"zoo models, by default {' '.join(DEFAULT_NAMES)}",
    )
    parser.add_argument("--rounds", type=int, default=40, help="default: %(default)s")
    parser.add_argument(
        "--calls", type=int, default=5, help="timed per round (default: %(default)s)"
    )
    options = parser.parse_args(arguments)
    if options.rounds < 1 or options.calls < 1:
        parser.error("--rounds and --calls must be ≥ 1")
    return options


def preamble(options):
    """Describes the measurement, for readers of the table."""
    tolerances = parity.TOLERANCES
    return f"""\
{versions()}
Every call converts a NumPy array to a NumPy array, all in one process. TensorFlow,
LiteRT, ONNX Runtime and PyTorch each use 1 thread; `predict` builds a tf.data pipeline,
which has its own threads. Images are uniform noise.
{options.rounds} rounds after {WARM_UP_ROUNDS} warm-up rounds. In each round every \
runtime, in a new random
order, makes 1 call without timing and {options.calls} timed calls. The ratio is the
median over the rounds of a runtime's median divided by that of {candidates.BASE}.
Compare the ratios; below 1 is faster than {candidates.BASE}. Milliseconds depend on the
machine and its load: do not compare them with another run.
Outputs are checked before timing: maximum error ≤ {tolerances[None]:g} × max(1, \
maximum output of Keras);
quantized, RMS error ≤ {tolerances["float16"]:g} (float16), {tolerances["int8"]:g} \
(int8) × RMS of the output of Keras."""


def versions():
    """Versions of Python, the processor and the installed packages."""
    texts = [f"Python {platform.python_version()}", hardware()]
    for package in PACKAGES:
        try:
            texts.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return ", ".join(texts)


def measure(model, batch_size, options):
    """Times all candidates on batches of one size.

    Returns:
        {name: (rounds, calls) milliseconds} of the candidates that ran, {name: reason}
        of the others, and a list of the names whose output was wrong.
    """
    x = candidates.images(model, batch_size, seed=0)
    expected = model.predict(x, verbose=0)
    runs, reasons, mistakes = {}, {}, []
    with tempfile.TemporaryDirectory() as folder:
        for candidate in candidates.CANDIDATES:
            try:
                run = candidate.prepare(model, x, pathlib.Path(folder))
            except (ImportError, RuntimeError) as error:
                reasons[candidate.name] = str(error)
                continue
            error = parity.error(run(x), expected, candidate.quantization)
            if error <= parity.TOLERANCES[candidate.quantization]:
                runs[candidate.name] = run
            else:
                reasons[candidate.name] = (
                    f"not timed: differs from Keras by {error:.2g}"
                )
                mistakes.append(candidate.name)
        return time_in_rounds(runs, x, options.rounds, options.calls), reasons, mistakes


def time_in_rounds(runs, x, rounds, calls):
    """Calls every function in every round, so that a slow period affects all.

    Args:
        runs: {name: function of x}.
        x: A batch.
        rounds: Number of timed rounds.
        calls: Number of timed calls per round.

    Returns:
        {name: (rounds, calls) array}, in milliseconds.
    """
    order = random.Random(0)
    names = list(runs)
    durations = {name: [] for name in runs}
    gc.collect()
    gc.disable()
    try:
        for number in range(-WARM_UP_ROUNDS, rounds):
            order.shuffle(names)
            for name in names:
                timed = time_calls(runs[name], x, calls)
                if number >= 0:
                    durations[name].append(timed)
    finally:
        gc.enable()
    return {name: np.array(rows) for name, rows in durations.items()}


def time_calls(run, x, calls):
    """Returns the milliseconds of each call."""
    run(x)  # fills the caches, which hold data of the previous runtime
    durations = []
    for _ in range(calls):
        started = time.perf_counter()
        run(x)
        durations.append(1000 * (time.perf_counter() - started))
    return durations


def report(columns):
    """Formats the results of `measure` for each batch size, with notes."""
    header = ["runtime"]
    for size in BATCH_SIZES:
        images = "1 image" if size == 1 else f"{size} images"
        header += [f"{images}, ms", "p90", f"× {candidates.BASE}"]
    rows = [
        [candidate.name, *(cell for c in columns for cell in cells(candidate.name, c))]
        for candidate in candidates.CANDIDATES
    ]
    reasons = {
        name: reason for _, column, _ in columns for name, reason in column.items()
    }
    notes = [f"{name}: {reason}" for name, reason in reasons.items()]
    return "\n".join([text_table(header, rows), *notes])


def cells(name, column):
    """Returns median, p90 and ratio to the base as text."""
    durations = column[0]
    if name not in durations:
        return ["–"] * 3
    ratio = "–"
    if candidates.BASE in durations:
        medians = np.median(durations[name], axis=1)
        base = np.median(durations[candidates.BASE], axis=1)
        ratio = f"{np.median(medians / base):.3g}"
    median, p90 = np.percentile(durations[name], [50, 90])
    return [f"{median:.3g}", f"{p90:.3g}", ratio]


if __name__ == "__main__":
    sys.exit(main())
