"""`ae-zoo demo`: denoise real digits, fine-tune, export, run the exported file."""

from __future__ import annotations

import argparse
import pathlib
import shutil
import statistics
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from ae_zoo.models import Autoencoder

HELP = "Denoise digits, fine-tune, export to TFLite; draw a picture."
_MODEL = "denoising_mnist"
_STDDEV = 0.5
_CALLS = 200
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
    """Writes `denoised.png` and `denoiser.tflite`, and prints a table.

    The digits come with scikit-learn, so nothing is downloaded. They are scans of other
    writers than MNIST's, converted to MNIST's format; the model has not seen them.
    """
    from ae_zoo import data, plots, zoo
    from ae_zoo.evaluation import add_noise
    from ae_zoo.zoo import tables

    output_dir = pathlib.Path(options.output_dir)
    output_dir.mkdir(parents=True, exist_ok=True)
    train = data.mnist_style(data.arrays("digits", "train"))
    test = data.mnist_style(data.arrays("digits", "test"))
    noisy = add_noise(test, _STDDEV)

    print(f"Loading {_MODEL} …")
    model = zoo.load(_MODEL)
    pretrained = model.predict(noisy, verbose=0)
    table = [_keras_row("pretrained", model, test, noisy, pretrained)]

    print(f"Fine-tuning on {len(train)} digits of scikit-learn …")
    model.fit(train, epochs=3, verbose=2)
    finetuned = model.predict(noisy, verbose=0)
    table.append(_keras_row("fine-tuned", model, test, noisy, finetuned))
    picture = output_dir / "denoised.png"
    rows = {
        "clean": test,
        "noisy": noisy,
        "denoised": pretrained,
        "fine-tuned": finetuned,
    }
    plots.image_rows({name: images[:12] for name, images in rows.items()}, picture)

    print("Exporting to TFLite and running the file …")
    path = output_dir / "denoiser.tflite"
    for old in (path, path.with_suffix(".json")):
        old.unlink(missing_ok=True)
    model.export(path, format="litert")
    table.append(_tflite_row(path, model, test, noisy))

    print("\n" + tables.text_table(_COLUMNS, table))
    columns = min(shutil.get_terminal_size().columns, 88)
    print(f"\n{'─' * columns}\nPicture: {picture}\nTFLite:  {path}")


def _keras_row(
    name: str,
    model: Autoencoder,
    clean: np.ndarray,
    noisy: np.ndarray,
    denoised: np.ndarray,
) -> list[str]:
    milliseconds = _milliseconds(lambda: model.reconstruct(noisy[:1]))
    return _row(name, model, clean, noisy, denoised, "–", milliseconds)


def _tflite_row(
    path: pathlib.Path, model: Autoencoder, clean: np.ndarray, noisy: np.ndarray
) -> list[str]:
    from ae_zoo import lite

    exported = lite.load(path)
    denoised = exported.reconstruct(noisy)
    milliseconds = _milliseconds(lambda: exported.reconstruct(noisy[:1]))
    size = f"{path.stat().st_size:,}"
    return _row("TFLite", model, clean, noisy, denoised, size, milliseconds)


def _row(
    name: str,
    model: Autoencoder,
    clean: np.ndarray,
    noisy: np.ndarray,
    denoised: np.ndarray,
    size: str,
    milliseconds: float,
) -> list[str]:
    from ae_zoo.evaluation import peak_snr

    return [
        name,
        f"{model.count_params():,}",
        f"{peak_snr(clean, noisy):.2f}",
        f"{peak_snr(clean, denoised):.2f}",
        size,
        f"{milliseconds:.2f}",
    ]


def _milliseconds(call: Callable[[], Any]) -> float:
    """Median duration of a call."""
    durations = []
    for _ in range(_CALLS):
        started = time.perf_counter()
        call()
        durations.append(1000 * (time.perf_counter() - started))
    return statistics.median(durations)
