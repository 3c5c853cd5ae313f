"""Compare sizes of the network of `denoising_photos` by short runs.

    python benchmarks/photo_networks.py [--steps 3500] [--networks S M L]

Each network is trained as in the recipe, but for fewer steps, and denoises the 32
validation photographs: the mean PSNR at noise 15, 25 and 50 of 255, beside the number
of multiplications for each pixel and of parameters. Needs the set `bsds500_gray`;
`--data-dir` is the folder of prepared sets. The largest network takes 8 to 12 minutes
for 3500 steps on 2 cores of Intel Xeon with AMX.
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from typing import Any

import common
import numpy as np

# Filters and residual blocks of the sizes, from half size down.
NETWORKS = {
    "S": ([32, 48, 64], [2, 2, 1]),
    "M": ([48, 72, 96], [2, 2, 1]),
    "L": ([64, 96, 128], [2, 2, 1]),
}
RECIPE = pathlib.Path(__file__).parents[1] / "recipes" / "denoising_photos.py"
STDDEVS = (15, 25, 50)


def main() -> int:
    """Train and measure, print the table, and write the JSON file and the picture."""
    parser = common.parser(__doc__, rounds=1)
    add = parser.add_argument
    add("--steps", type=common.positive, default=3500, help="of training")
    add("--data-dir", help="folder of prepared sets")
    add("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    options = parser.parse_args()
    facts = common.machine()
    print(common.describe(facts), flush=True)
    arms = {
        name: functools.partial(
            common.measure,
            __file__,
            {"network": name, "steps": options.steps, "data_dir": options.data_dir},
        )
        for name in options.networks
    }
    results = common.alternate(arms, options.rounds, "photographs")
    print(report(results, options.steps))
    common.write(
        "photo_networks",
        options.output_dir,
        facts,
        results,
        lambda f: _draw(f, results),
    )
    return 0


# In the process of one measurement.


def work(options: common.Result) -> common.Result:
    """Train one network, and measure it on the validation photographs."""
    import keras

    from ae_zoo import data, optimizers
    from ae_zoo.training.model import build
    from ae_zoo.training.recipe import load_recipe

    _, recipe = load_recipe(RECIPE)
    filters, blocks = NETWORKS[options["network"]]
    build_network = functools.partial(recipe.build, filters, blocks)
    recipe = dataclasses.replace(recipe, build=build_network)
    keras.utils.set_random_seed(recipe.seed)
    model = build(recipe)
    # Without averaged weights, which need more steps.
    rate = optimizers.muon(1e-3, decay="cosine", warmup=True, hold=0.6)
    model.compile(rate(options["steps"]), steps_per_execution=20)
    batches = data.load(
        recipe.dataset,
        "train",
        data_dir=options["data_dir"],
        batch_size=recipe.batch_size,
        shuffle=True,
        repeat=True,
        seed=recipe.seed,
        augment=recipe.augment,
    )
    model.fit(batches, steps_per_epoch=options["steps"], verbose=0)
    photographs = data.arrays(
        recipe.dataset, "validation", data_dir=options["data_dir"]
    )
    return {
        "parameters": model.count_params(),
        "multiplications": multiplications(model),
        "psnr": [psnr(model, photographs, stddev) for stddev in STDDEVS],
    }


def multiplications(model: Any) -> float:
    """Multiplications of the convolutions for each pixel of an image."""
    import keras

    side, total = 64, 0
    for part in (model.encoder, model.decoder):
        x = keras.Input((side, side, part.input_shape[-1]))
        functional = keras.models.clone_model(part, input_tensors=x)
        for layer in functional.layers:
            if isinstance(layer, keras.layers.Conv2DTranspose):
                # Each pixel of the input is multiplied with the whole kernel.
                total += layer.kernel.shape.num_elements() * layer.input.shape[1] ** 2
            elif isinstance(layer, keras.layers.Conv2D):
                total += layer.kernel.shape.num_elements() * layer.output.shape[1] ** 2
    return total / side**2


def psnr(model: Any, photographs: np.ndarray, stddev: int) -> float:
    """Mean PSNR of photographs with noise that is not clipped."""
    from ae_zoo import evaluation
    from ae_zoo.evaluation.protocol import measure_headline

    protocol = evaluation.PhotographDenoising(stddev=stddev)
    split = evaluation.Split(photographs)
    splits = evaluation.Splits(split, split, split)
    return float(measure_headline(model, [protocol], splits).value)


# The report.


def report(results: dict[str, list[common.Result]], steps: int) -> str:
    """Format a table of sizes and PSNRs."""
    header = [f"{steps} steps", "multiplications", "parameters"]
    header += [f"noise {stddev}, dB" for stddev in STDDEVS]
    lines = []
    for name, runs in results.items():
        for run in runs:
            values = [f"{value:.2f}" for value in run["psnr"]]
            counts = [f"{run[key]:,.0f}" for key in ("multiplications", "parameters")]
            lines.append([name, *counts, *values])
    return "\n" + common.table(header, lines)


def _draw(figure: Any, results: dict[str, list[common.Result]]) -> None:
    runs = [run for of_network in results.values() for run in of_network]
    axes = figure.subplots(1, len(STDDEVS))
    for place, (ax, stddev) in enumerate(zip(axes, STDDEVS, strict=True)):
        values = [run["psnr"][place] for run in runs]
        ax.plot([run["multiplications"] / 1000 for run in runs], values, "o-")
        ax.set(xlabel="1000 multiplications a pixel", title=f"noise {stddev}")
    axes[0].set_ylabel("mean PSNR, dB")


if __name__ == "__main__":
    common.run(work, main)
