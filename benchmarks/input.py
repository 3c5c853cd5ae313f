"""Measure the input pipelines alone, as a multiple of the rate of a training step.

    python benchmarks/input.py [--rounds 3] [--variant undercomplete]

An arm reads batches of 128 samples and does nothing with them. The base, "fit", trains
on the same samples. Each arm runs in processes of its own, which alternate.
"""

from __future__ import annotations

import functools
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import common
import training

BATCH_SIZE = training.BATCH_SIZE
PIPELINES = {
    "in memory": {},
    "binarized": {"binarize": "dynamic"},
    "random_affine": {"augment": "random_affine"},
    "random_flip": {"augment": "random_flip"},
    "PNG records": {"streamed": True},
}
BAR = 20


def main() -> None:
    """Measure, print the table, and write `input.json` and `input.png`."""
    parser = common.parser(__doc__, rounds=3)
    parser.add_argument("--variant", choices=training.VARIANTS, default="undercomplete")
    parser.add_argument("--rows", type=common.positive, default=20_000)
    parser.add_argument("--seconds", type=float, default=1.0)
    options = parser.parse_args()
    facts = common.machine()
    print(common.describe(facts), flush=True)
    settings = {
        "variant": options.variant,
        "rows": options.rows,
        "seconds": options.seconds,
    }
    arms = {
        arm: functools.partial(common.measure, __file__, settings | {"arm": arm})
        for arm in ("fit", *PIPELINES)
    }
    results = common.alternate(arms, options.rounds, "input")
    print(report(results, options.variant))
    common.write(
        "input", options.output_dir, facts, results, lambda f: _draw(f, results)
    )


# In the process of one measurement.


def work(options: common.Result) -> common.Result:
    """Return the samples per second of one arm."""
    if options["arm"] == "fit":
        return training.work(
            {
                "arm": "fit",
                "variant": options["variant"],
                "device": "cpu",
                "rows": [options["rows"]],
                "seconds": options["seconds"],
            }
        )
    settings = dict(PIPELINES[options["arm"]])
    with tempfile.TemporaryDirectory() as folder:
        if settings.pop("streamed", False):
            batches = _streamed(options["rows"], Path(folder))
        else:
            batches = _load(options["rows"], settings)
        return {"samples_per_second": _rate(batches, options["seconds"])}


def _rate(dataset: Any, seconds: float) -> float:
    batches = iter(dataset)
    for _ in range(20):
        next(batches)
    rows, started = 0, time.perf_counter()
    while time.perf_counter() < started + seconds:
        for _ in range(20):
            rows += len(next(batches))
    return rows / (time.perf_counter() - started)


def _load(rows: int, settings: dict[str, Any]) -> Any:
    from ae_zoo import data

    if "augment" in settings:
        settings["augment"] = getattr(data, settings["augment"])()
    return _source(rows).load(
        "train", batch_size=BATCH_SIZE, shuffle=True, repeat=True, **settings
    )


def _source(rows: int) -> Any:
    """Images of uint8 in memory, as those of the catalog."""
    import numpy as np

    from ae_zoo.data import Source

    x = _stored(rows)

    class Images(Source):
        fingerprint = {}

        def stored(self, split: str) -> tuple[Any, Any]:
            return x, np.zeros(len(x), "int64")

    return Images(
        name="images", shape=x.shape[1:], counts={"train": len(x)}, divisor=255
    )


def _stored(rows: int) -> Any:
    return (255 * training.images(rows)).astype("uint8")


def _streamed(rows: int, folder: Path) -> Any:
    """PNG images that are decoded while they are read."""
    import tensorflow as tf

    from ae_zoo import data

    filepath = str(folder / "images.tfrecord")
    with tf.io.TFRecordWriter(filepath) as writer:
        for image in _stored(rows):
            writer.write(tf.io.encode_png(image).numpy())

    def parse(record: Any) -> Any:
        image = tf.io.decode_png(record, channels=1)
        return tf.cast(tf.ensure_shape(image, (28, 28, 1)), "float32") / 255

    return data.tfrecords(
        [filepath], parse, batch_size=BATCH_SIZE, shuffle=True, repeat=True
    )


# The report.


def report(results: dict[str, list[common.Result]], variant: str) -> str:
    """Format the rates and their ratio to that of `fit`."""
    rates = {
        arm: [run["samples_per_second"] for run in runs]
        for arm, runs in results.items()
    }
    lines = []
    for arm, values in rates.items():
        line = [arm, f"{statistics.median(values):,.0f}"]
        if arm != "fit":
            ratios = common.ratios(values, rates["fit"])
            met = "met" if statistics.median(ratios) >= BAR else "missed"
            line += [common.spread(ratios), BAR, met]
        lines.append(line)
    header = ["pipeline", "samples/s", f"/ fit of {variant}", "bar", ""]
    return "\n" + common.table(header, lines)


def _draw(figure: Any, results: dict[str, list[common.Result]]) -> None:
    rates = {
        arm: [run["samples_per_second"] for run in runs]
        for arm, runs in results.items()
    }
    bars = {
        "pipeline": {
            arm: common.ratios(values, rates["fit"])
            for arm, values in rates.items()
            if arm != "fit"
        }
    }
    common.draw_ratios(figure, "samples per second / fit", bars)


if __name__ == "__main__":
    common.run(work, main)
