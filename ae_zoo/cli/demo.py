"""The demo: denoise real digits, fine-tune, export, run the exported file."""

import pathlib
import shutil
import statistics
import time

import numpy as np

from ae_zoo import data, plots, zoo
from ae_zoo.evaluation import add_noise, peak_snr
from ae_zoo.zoo import tables

_MODEL = "denoising_mnist"
_STDDEV = 0.5
_CALLS = 200


def run(output_dir="demo"):
    """Runs the demo and writes a picture and a TFLite file.

    The digits are scikit-learn's, which the model has never seen, scanned by other
    people on other paper than MNIST's and brought to its form; no download.

    Args:
        output_dir: Where to write `denoised.png` and `denoiser.tflite`.
    """
    output_dir = pathlib.Path(output_dir)
    output_dir.mkdir(parents=True, exist_ok=True)
    train = data.mnist_style(data.arrays("digits", "train"))
    test = data.mnist_style(data.arrays("digits", "test"))
    noisy = add_noise(test, _STDDEV)

    print(f"Loading {_MODEL} …")
    model = zoo.load(_MODEL)
    pretrained = model.predict(noisy, verbose=0)
    table = [_row("pretrained", model, test, noisy, pretrained)]

    print(f"Fine-tuning on {len(train)} digits of scikit-learn …")
    model.fit(train, epochs=3, verbose=2)
    finetuned = model.predict(noisy, verbose=0)
    table.append(_row("fine-tuned", model, test, noisy, finetuned))
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
    table.append(_litert_row(path, model, test, noisy))

    print(
        "\n"
        + tables.text_table(
            [
                "denoiser",
                "parameters",
                "input PSNR, dB",
                "output PSNR, dB",
                "TFLite bytes",
                "ms per image",
            ],
            table,
        )
    )
    columns = min(shutil.get_terminal_size().columns, 88)
    print(f"\n{'─' * columns}\nPicture: {picture}\nTFLite:  {path}")


def _row(name, model, clean, noisy, denoised, size="–", milliseconds=None):
    if milliseconds is None:
        milliseconds = _milliseconds(lambda: model.reconstruct(noisy[:1]))
    return [
        name,
        f"{model.count_params():,}",
        f"{peak_snr(clean, noisy):.2f}",
        f"{peak_snr(clean, denoised):.2f}",
        size,
        f"{milliseconds:.2f}",
    ]


def _litert_row(path, model, clean, noisy):
    from ai_edge_litert.interpreter import Interpreter

    reconstruct = Interpreter(str(path)).get_signature_runner("reconstruct")
    denoised = np.concatenate(
        [reconstruct(x=image[None])["reconstruction"] for image in noisy]
    )
    milliseconds = _milliseconds(lambda: reconstruct(x=noisy[:1]))
    size = f"{path.stat().st_size:,}"
    return _row("TFLite", model, clean, noisy, denoised, size, milliseconds)


def _milliseconds(call):
    durations = []
    for _ in range(_CALLS):
        started = time.perf_counter()
        call()
        durations.append(1000 * (time.perf_counter() - started))
    return statistics.median(durations)
