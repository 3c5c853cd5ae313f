"""The card of a zoo entry: what it is, what it was trained on, how good it is."""

import dataclasses
import datetime
import math
import os
import pathlib
import platform
import subprocess
from importlib import metadata

from ae_zoo import __version__, data

_CAPTIONS = {
    "picture.png": "Samples of the test split, and what the model makes of them",
    "manifold.png": "Row by row from the code of one test image to that of another",
    "filters.png": "What single units look for, or add to the output",
    "code_histogram.png": "The values of the code, and how often its units are used",
    "scores.png": "How the scores of normal and of anomalous test samples lie",
    "training.png": "The loss on training and validation data, epoch by epoch",
}
_PLANE = "The plane of both latent units, in equal steps of the prior's probability"


def make_card(
    *, name, model, recipe, metrics, subset, command, epochs, epochs_at_most, seconds
):
    """Gathers everything a card says; see `render` for how it reads.

    Args:
        name: Of the entry.
        model: The trained model.
        recipe: Its `Recipe`.
        metrics: A list of `evaluation.Measurement`, the headline first.
        subset: The headline on the first test samples; see
            `evaluation.measure_subset`.
        command: That trains the entry, or None.
        epochs: That were trained.
        epochs_at_most: That were asked for; a callback may have stopped earlier.
        seconds: Wall time of the training.

    Returns:
        A dict that JSON can hold.
    """
    facts = data.info(recipe.dataset)
    return {
        "name": name,
        "variant": type(model).__name__,
        "task": recipe.task,
        "paper": recipe.paper,
        "limits": recipe.limits,
        "dataset": {
            "name": recipe.dataset,
            "splits": dict(facts.counts),
            "binarize": recipe.binarize,
            "classes": list(recipe.classes or []) or None,
            "licence": facts.license,
            "citation": facts.citation,
            "homepage": facts.homepage,
            "sha256": dict(facts.sha256),
        },
        "architecture": _architecture(model),
        "input_shape": list(model.input_shape[1:]),
        "input_range": list(model.input_range or []) or None,
        "latent_shape": list(model.latent_shape),
        "parameters": model.count_params(),
        "training": {
            "command": command,
            "epochs": epochs,
            "epochs_at_most": epochs_at_most,
            "batch_size": recipe.batch_size,
            "initial_weights": recipe.initial_weights and str(recipe.initial_weights),
            "seed": recipe.seed,
            "seconds": round(seconds, 1),
            "hardware": hardware(),
            "date": datetime.date.today().isoformat(),
            "commit": _commit(),
            "versions": {
                package: metadata.version(package)
                for package in ("keras", "tensorflow", "tensorflow-datasets", "numpy")
            },
        },
        "licence": "Apache-2.0",
        "metrics": [dataclasses.asdict(row) for row in metrics],
        "subset": subset,
    }


def render(card):
    """The card as the Markdown of the entry's README."""
    training, dataset = card["training"], card["dataset"]
    splits = ", ".join(
        f"{count:,} {split}" for split, count in dataset["splits"].items()
    )
    checksums = "".join(
        f"\n- `{file}` sha256 `{digest}`" for file, digest in dataset["sha256"].items()
    )
    parts = "\n".join(
        f"| {part} | {layers} |" for part, layers in card["architecture"].items()
    )
    command = training["command"] or "(a recipe of your own)"
    return f"""# {card["name"]}

{card["task"]}

```python
import ae_zoo

model = ae_zoo.load("{card["name"]}")
```

{metrics_table(card["metrics"])}
{_pictures(card)}
Measured on the test split, which neither training nor model selection has seen.

## Model
`{card["variant"]}`, {card["parameters"]:,} parameters, {card.get("bytes", 0):,} bytes.
Input {_shape(card["input_shape"])}{_range(card["input_range"])}, latent code \
{_shape(card["latent_shape"])}.

| part | layers |
|---|---|
{parts}

After {card["paper"]}

## Training
`{command}`: {training["epochs"]} epochs of batch size {training["batch_size"]}\
{_initial_weights(training)}, seed {training["seed"]}, \
{_duration(training["seconds"])} on {training["hardware"]}, \
{training["date"]}, commit `{training["commit"]}`, with \
{", ".join(f"{name} {version}" for name, version in training["versions"].items())}.

## Data
{dataset["name"]}: {splits}.{_classes(dataset)} {dataset["homepage"]}

Licence of the data: {dataset["licence"]}
{checksums}

```bibtex
{dataset["citation"].strip()}
```

{_transfer(card)}{_deployment(card)}
## Use and limits
{card["limits"] or "Made for images like those it was trained on."}
The weights are under {card["licence"]}.
"""


def markdown_table(header, rows):
    """Writes rows of strings under a header as a Markdown table.

    >>> print(markdown_table(["a", "b"], [["1", "22"]]))
    | a | b |
    |---|---|
    | 1 | 22 |
    """
    lines = ["| " + " | ".join(cells) + " |" for cells in [header, *rows]]
    return "\n".join([lines[0], "|---" * len(header) + "|", *lines[1:]])


def metrics_table(metrics):
    """A Markdown table of measurements beside their baselines and published numbers."""
    return markdown_table(
        ["metric", "this model", "baseline", "published"],
        [
            [
                row["metric"] + _arrow(row),
                f"**{number(row['value'])}**{_spread(row)}",
                _explained(row["baseline"], row["baseline_name"]),
                _explained(row["published"], row["source"]),
            ]
            for row in metrics
        ],
    )


def number(value):
    """A measurement as tables show it: four digits, or two decimals from 100 on.

    >>> number(0.078654), number(229.968), number(784.0), number(math.inf), number(None)
    ('0.07865', '229.97', '784', 'inf', '–')
    """
    if value is None:
        return "–"
    if not 100 <= abs(value) < math.inf:
        return f"{value:.4g}"
    return f"{value:.0f}" if value == round(value) else f"{value:.2f}"


def deployment_rows(rows):
    """What was measured of LiteRT files, as a header and rows of strings.

    Args:
        rows: What `ae_zoo.studies.file_cost` measured, float32 first.
    """
    header = ["file", "bytes", rows[0]["metric"], "loss"]
    header += ["1 image, median ms", "p90", "64 images, median ms", "p90"]
    header += ["peak memory, MB"]
    return header, [
        [
            row["quantization"] or "float32",
            f"{row['bytes']:,} ({row['bytes'] / rows[0]['bytes']:.2f})",
            f"{row['value']:.5g}",
            f"{round(100 * row['loss'], 2) + 0.0:+.2f} %",  # no negative zero
            *(
                f"{row[timing][key]:.3g}"
                for timing in ("single", "batch")
                for key in ("median", "p90")
            ),
            "–" if (peak := row["single"]["memory"]) is None else f"{peak / 2**20:.1f}",
        ]
        for row in rows
    ]


def transfer_rows(rows):
    """What fine-tuning on other data is worth, as a header and rows of strings.

    Args:
        rows: Of one metric, as `ae_zoo.studies.transfer.transfer` returns them.
    """
    metric = rows[0]["metric"] + _arrow(rows[0])
    header = ["data", "training samples", "epochs"]
    header += [f"{metric}: as it is", "fine-tuned", "from scratch"]
    header += ["baseline"]
    return header, [
        [
            row["dataset"],
            f"{row['samples']:,}",
            str(row["epochs"]),
            number(row["as_it_is"]["value"]),
            *(
                f"{number(row[way]['value'])} ({_duration(row[way]['seconds'])})"
                for way in ("fine_tuned", "from_scratch")
            ),
            _explained(row["baseline"], row["baseline_name"]),
        ]
        for row in rows
    ]


def _arrow(row):
    return {True: " ↑", False: " ↓", None: ""}[row["higher_is_better"]]


def _transfer(card):
    rows = card.get("transfer")
    if not rows:
        return ""
    machines = " and ".join(dict.fromkeys(row["hardware"] for row in rows))
    return f"""
## Transfer
Measured on the test split of other data: this model as it is; a copy fine-tuned with
`fit` on the training samples; the same network trained from fresh weights; and the
baseline fitted to the whole training split. The two were trained with the recipe's
optimizer over the same batches and differ in nothing but the weights they began with.

{markdown_table(*transfer_rows(rows))}

One run each of `ae-zoo transfer {card["name"]} DATA --epochs N [--samples N]`, \
training times on {machines}, with whatever else ran there.
"""


def _deployment(card):
    deployment = card.get("deployment")
    if deployment is None:
        return ""
    samples = deployment["samples"]
    table = markdown_table(*deployment_rows(deployment["rows"]))
    return f"""
## Deployment
`saved_model/` for TensorFlow Serving, `model.tflite` (float32) and `model_int8.tflite`
({deployment["small"]}) for phones and browsers; `model.export` writes the other kinds.

{table}

Quality on {f"the first {samples:,}" if samples else "all"} test samples. Times and \
memory of `reconstruct` by LiteRT on one thread of {deployment["hardware"]}.
"""


def _initial_weights(training):
    # Cards of earlier versions know of none.
    name = training.get("initial_weights")
    return f" from the weights of `{name}`" if name else ""


def _classes(dataset):
    # Cards of earlier versions know of no classes.
    classes = dataset.get("classes")
    if not classes:
        return ""
    return (
        " Trained and validated on those labelled "
        f"{' or '.join(map(str, classes))} alone."
    )


def _spread(row):
    if row.get("spread") is None:
        return ""
    return f" ({number(row['mean'])} ± {row['spread']:.2g} over {row['seeds']} seeds)"


def _pictures(card):
    captions = dict(_CAPTIONS)
    if card["latent_shape"] == [2]:
        captions["manifold.png"] = _PLANE
    return "".join(
        f"\n![{caption}]({name})\n\n*{caption}.*\n"
        for name in card.get("pictures", [])
        for caption in [captions.get(name, name)]
    )


def _explained(value, explanation):
    return number(value) + ("" if value is None else f" ({explanation})")


def _architecture(model):
    parts = {
        part: " → ".join(
            f"{type(layer).__name__} {_width(layer)}".strip()
            for layer in getattr(network, "layers", [network])
        )
        for part, network in (("encoder", model.encoder), ("decoder", model.decoder))
    }
    prior = getattr(model, "prior", None)
    if prior is not None:
        of_any_layer = ("name", "trainable", "dtype")
        own = ", ".join(
            f"{name} {value}"
            for name, value in prior.get_config().items()
            if name not in of_any_layer
        )
        parts["prior"] = f"{type(prior).__name__} ({own})"
    return parts


def _width(layer):
    output = getattr(layer, "output", None)
    first = output[0] if isinstance(output, list | tuple) else output
    return "" if first is None else "×".join(str(size) for size in first.shape[1:])


def _shape(shape):
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"


def _range(interval):
    return f" in [{interval[0]:g}, {interval[1]:g}]" if interval else ""


def _duration(seconds):
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def hardware():
    """Cores and processor of this machine, for cards."""
    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as cpuinfo:
            names = [line for line in cpuinfo if line.startswith("model name")]
            model = names[0].split(":", 1)[1].strip() if names else model
    except OSError:
        pass
    cores = _available_cores()
    return f"{cores} core{'s' * (cores > 1)} of {model}"


def _available_cores():
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _commit():
    """The commit of the package's own checkout, or its version where there is none."""
    here = pathlib.Path(__file__).resolve()

    def git(*arguments):
        command = ["git", "-C", str(here.parent), *arguments]
        return subprocess.check_output(command, stderr=subprocess.DEVNULL, text=True)

    try:
        git("ls-files", "--error-unmatch", here.name)  # else another project's checkout
        return git("rev-parse", "--short", "HEAD").strip()
    except (OSError, subprocess.CalledProcessError):
        return __version__
