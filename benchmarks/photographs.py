"""Compare denoisers of photographs: milliseconds for a megapixel, and PSNR.

    python benchmarks/photographs.py --model NAME_OR_FOLDER [--stddev 25] [--rounds 3]

The photographs are `camera`, `astronaut` (in gray) and `page` of scikit-image, with
Gaussian noise that is not clipped. Non-local means, total variation and BM3D (the
package `bm3d`) know its standard deviation, and the model does not. The time is that of
a picture of 1024×1024 pixels in one process with all threads; non-local means, total
variation and BM3D have one thread. LiteRT files take 256×256 pixels, and the picture is
cut into tiles without overlap.
"""

from __future__ import annotations

import functools
import pathlib
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

import common
import numpy as np

DENOISERS = {
    "reconstruct": "the model in Keras",
    "LiteRT float32": "",
    "LiteRT int8": "",
    "ONNX Runtime": "",
    "non-local means": "scikit-image, fast mode",
    "total variation": "scikit-image, Chambolle",
    "BM3D": "the package bm3d",
}
PHOTOGRAPHS = ("camera", "astronaut", "page")
TILE = 256
SIDE = 1024
SEED = 2026
Denoise = Callable[[np.ndarray], np.ndarray]


def main() -> int:
    """Measure, print the table, and write `photographs.json` and `photographs.png`."""
    parser = common.parser(__doc__, rounds=3)
    add = parser.add_argument
    add("--model", required=True, help="name or folder of a gray model")
    add("--stddev", type=float, default=25.0, help="of the noise, in levels of 255")
    add("--denoisers", nargs="+", choices=DENOISERS, metavar="NAME")
    options = parser.parse_args()
    facts = common.machine()
    print(common.describe(facts), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "model": options.model,
            "stddev": options.stddev,
            "folder": folder,
        }
        chosen = options.denoisers or list(DENOISERS)
        common.measure(__file__, settings | {"denoiser": None, "exports": chosen})
        arms = {
            name: functools.partial(
                common.measure, __file__, settings | {"denoiser": name}
            )
            for name in chosen
        }
        results = common.alternate(arms, options.rounds, options.model)
    print(report(results, options.stddev))
    common.write(
        "photographs", options.output_dir, facts, results, lambda f: _draw(f, results)
    )
    return 0


# In the process of one measurement.


def work(options: common.Result) -> common.Result:
    """Export the model, or measure one denoiser."""
    folder = pathlib.Path(options["folder"])
    if options["denoiser"] is None:
        return _export(options["model"], folder, options["exports"])
    stddev = options["stddev"] / 255
    denoise = _open(options["denoiser"], options["model"], folder, stddev)
    psnr = {}
    for name in PHOTOGRAPHS:
        clean = photograph(name)
        output = np.clip(denoise(noisy(clean, stddev)), 0, 1)
        psnr[name] = float(-10 * np.log10(np.square(output - clean).mean()))
    large = np.pad(photograph("camera"), (0, SIDE - 512), mode="reflect")
    large = noisy(large, stddev)
    denoise(large)
    started = time.perf_counter()
    denoise(large)
    milliseconds = 1000 * (time.perf_counter() - started)
    return {"psnr": psnr, "ms": milliseconds * 1e6 / large.size}


def photograph(name: str) -> np.ndarray:
    """Read a photograph of scikit-image in gray: (height, width) in [0, 1]."""
    from skimage import color, data

    image = getattr(data, name)()
    if image.ndim == 3:
        image = np.round(255 * color.rgb2gray(image))
    return (image / 255).astype("float32")


def noisy(image: np.ndarray, stddev: float) -> np.ndarray:
    """Add Gaussian noise with a fixed seed, without clipping."""
    noise = np.random.default_rng(SEED).standard_normal(image.shape, "float32")
    return image + np.float32(stddev) * noise


def _export(name: str, folder: pathlib.Path, denoisers: Sequence[str]) -> common.Result:
    import ae_zoo

    model = ae_zoo.load(name)
    if "ONNX Runtime" in denoisers:
        model.export(folder / "m.onnx", format="onnx")
    clean = np.stack([photograph("camera"), photograph("astronaut")])
    tiles = _tiles(np.concatenate([*clean, *noisy(clean, 25 / 255)]))
    for quantization in (None, "int8"):
        kind = quantization or "float32"
        if f"LiteRT {kind}" in denoisers:
            model.export(
                folder / f"{kind}.tflite",
                format="litert",
                input_shape=(1, TILE, TILE, 1),
                quantization=quantization,
                calibration=tiles if quantization else None,
            )
    return {}


def _open(name: str, model: str, folder: pathlib.Path, stddev: float) -> Denoise:
    """Make a function from a noisy to a denoised picture, (height, width) each.

    Raises:
        ImportError: A package is missing.
    """
    if name == "reconstruct":
        import ae_zoo

        loaded = ae_zoo.load(model)
        return lambda x: loaded.reconstruct(x[None, ..., None])[0, ..., 0]
    if name.startswith("LiteRT"):
        return _open_litert(folder / f"{name.split()[1]}.tflite")
    if name == "ONNX Runtime":
        import onnxruntime

        session = onnxruntime.InferenceSession(
            str(folder / "m.onnx"), providers=["CPUExecutionProvider"]
        )
        return lambda x: session.run(None, {"x": x[None, ..., None]})[0][0, ..., 0]
    if name == "BM3D":
        import bm3d

        return lambda x: bm3d.bm3d(x, stddev)
    from skimage import restoration

    # The weight and h are about the best for these photographs at noise 25.
    if name == "total variation":
        return lambda x: restoration.denoise_tv_chambolle(x, weight=0.75 * stddev)
    return lambda x: restoration.denoise_nl_means(
        x, patch_size=5, patch_distance=6, h=0.7 * stddev, sigma=stddev, fast_mode=True
    )


def _open_litert(filepath: pathlib.Path) -> Denoise:
    from ae_zoo import lite

    run = lite.load(filepath, num_threads=common.cores()).runner("reconstruct")

    def denoise(image: np.ndarray) -> np.ndarray:
        tiles = _tiles(image)
        outputs = [run(x=tile[None])["reconstruction"][0] for tile in tiles]
        columns = -(-image.shape[1] // TILE)
        rows = [
            np.concatenate(outputs[start : start + columns], axis=1)
            for start in range(0, len(outputs), columns)
        ]
        return np.concatenate(rows)[: image.shape[0], : image.shape[1], 0]

    return denoise


def _tiles(image: np.ndarray) -> np.ndarray:
    """Cut (height, width) to tiles, row by row; the last ones end in a reflection."""
    missing = [(0, -size % TILE) for size in image.shape]
    image = np.pad(image, missing, mode="reflect")
    rows, columns = (size // TILE for size in image.shape)
    tiles = image.reshape(rows, TILE, columns, TILE).swapaxes(1, 2)
    return tiles.reshape(-1, TILE, TILE, 1)


# The report.


def report(results: dict[str, list[common.Result]], stddev: float) -> str:
    """Format a table of times and PSNRs."""
    header = [f"noise {stddev:g} of 255", "ms for a megapixel"]
    header += [f"{name}, dB" for name in PHOTOGRAPHS]
    lines = []
    for name, runs in results.items():
        if not runs:
            continue
        times = common.spread([run["ms"] for run in runs])
        psnr = [f"{runs[0]['psnr'][photo]:.2f}" for photo in PHOTOGRAPHS]
        lines.append([name, times, *psnr])
    return "\n" + common.table(header, lines)


def _draw(figure: Any, results: dict[str, list[common.Result]]) -> None:
    axes = figure.add_subplot()
    for name, runs in results.items():
        if runs:
            time_of = statistics.median(run["ms"] for run in runs)
            psnr = statistics.mean(runs[0]["psnr"].values())
            axes.plot(time_of, psnr, "o", label=name)
    axes.set(xscale="log", xlabel="ms for a megapixel", ylabel="mean PSNR, dB")
    axes.legend(fontsize="small")


if __name__ == "__main__":
    common.run(work, main)
