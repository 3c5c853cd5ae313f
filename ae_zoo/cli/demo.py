"""`ae-zoo demo`: denoise real digits, fine-tune, export, run the exported file."""

from __future__ import annotations

import argparse
import pathlib
import shutil
import statistics
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ae_zoo.cli import _quiet

if TYPE_CHECKING:
    from ae_zoo.models import Autoencoder

HELP = "Denoise digits, fine-tune, export to TFLite; draw a picture."
_MODEL = "denoising_mnist"
_STDDEV = 0.5
_CALLS = 200
_IMAGES = 12
_COLUMNS = [
    "denoiser",
    "parameters",
    "input PSNR, dB",
    "output PSNR, dB",
    "TFLite bytes",
    "ms per image",
]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output-dir", default="demo", help="default: demo")


def run(options: argparse.Namespace) -> None:
    """Write `denoised.png` and `denoiser.tflite`, and print a table.

    The digits come with scikit-learn, so nothing is downloaded. They are scans of other
    writers than MNIST's, converted to MNIST's format; the model has not seen them.
    """
    _quiet.load_tensorflow()
    from ae_zoo import data, lite, plots, zoo
    from ae_zoo.evaluation import add_noise
    from ae_zoo.zoo import tables

    output_dir = pathlib.Path(options.output_dir)
    output_dir.mkdir(parents=True, exist_ok=True)
    train = data.mnist_style(data.arrays("digits", "train"))
    clean = data.mnist_style(data.arrays("digits", "test"))
    noisy = add_noise(clean, _STDDEV)
    images = {"clean": clean[:_IMAGES], "noisy": noisy[:_IMAGES]}

    print(f"Loading {_MODEL} …")
    model = zoo.load(_MODEL)
    table = [_row("pretrained", model, model.reconstruct, clean, noisy)]
    images["denoised"] = np.asarray(model.reconstruct(noisy[:_IMAGES]))

    print(f"Fine-tuning on {len(train)} digits of scikit-learn …")
    model.fit(train, epochs=3, verbose=2)
    table.append(_row("fine-tuned", model, model.reconstruct, clean, noisy))
    images["fine-tuned"] = np.asarray(model.reconstruct(noisy[:_IMAGES]))
    picture = output_dir / "denoised.png"
    plots.image_rows(images, picture)

    print("Exporting to TFLite and running the file …")
    path = output_dir / "denoiser.tflite"
    for old in (path, path.with_suffix(".json")):
        old.unlink(missing_ok=True)
    model.export(path, format="litert")
    exported = lite.load(path)
    size = f"{path.stat().st_size:,}"
    table.append(_row("TFLite", model, exported.reconstruct, clean, noisy, size))

    print("\n" + tables.text_table(_COLUMNS, table))
    columns = min(shutil.get_terminal_size().columns, 88)
    print(f"\n{'─' * columns}\nPicture: {picture}\nTFLite:  {path}")


def _row(
    name: str,
    model: Autoencoder,
    denoise: Callable[[np.ndarray], Any],
    clean: np.ndarray,
    noisy: np.ndarray,
    size: str = "–",
) -> list[str]:
    from ae_zoo.evaluation import peak_snr

    return [
        name,
        f"{model.count_params():,}",
        f"{peak_snr(clean, noisy):.2f}",
        f"{peak_snr(clean, np.asarray(denoise(noisy))):.2f}",
        size,
        f"{_milliseconds(lambda: denoise(noisy[:1])):.2f}",
    ]


def _milliseconds(call: Callable[[], Any]) -> float:
    """Median duration of a call."""
    durations = []
    for _ in range(_CALLS):
        started = time.perf_counter()
        call()
        durations.append(1000 * (time.perf_counter() - started))
    return statistics.median(durations)
