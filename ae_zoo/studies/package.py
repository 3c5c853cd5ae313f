"""A model folder with its files for deployment, measured for the card."""

from ae_zoo import zoo
from ae_zoo._checks import check_count
from ae_zoo.studies import file_cost
from ae_zoo.training.loading import load_with_recipe
from ae_zoo.zoo import checksums, provenance

FILES = ("saved_model", "model.tflite", "model_int8.tflite")
_DESCRIPTIONS = ("model.json", "model_int8.json")
QUANTIZATIONS = (None, "float16", "dynamic", "int8")
# What full int8 may lose of the headline; beyond it activations stay in float.
MOST_LOST = 0.03


def package(name_or_folder, recipe=None, data_dir=None, samples=None, report=print):
    """Adds the files for deployment to a model folder, and their figures to its card.

    The folder gets `saved_model/`, `model.tflite` and `model_int8.tflite` (older ones
    are replaced). The last is in full int8, or "dynamic", with activations in float,
    where that loses more than `MOST_LOST` of the headline metric. The card gets, for
    every quantization, the bytes of the file, the headline metric and what it loses,
    and the latency and peak memory on this machine.

    Args:
        name_or_folder: A name of `ae_zoo.list_models()`, or the path of a model folder.
        recipe: Name or file of its recipe; the default is that of the model's name.
        data_dir: Where the datasets are; see `ae_zoo.data.load`.
        samples: Measure on the first so many test samples; None means all.
        report: Called with a line of progress.

    Raises:
        FileNotFoundError, ValueError: As `ae_zoo.load`; no such recipe, or that of
            another model; or `samples` < 1.
        ImportError: The package that runs LiteRT files is not installed.
        RuntimeError: The model cannot be exported; the folder stays as it was.

    Example:

    >>> from ae_zoo.studies.package import package
    >>> package("runs/my_digits/model", "my_digits.py")  # doctest: +SKIP
    """
    if samples is not None:
        check_count("samples", samples)
    model, recipe = load_with_recipe(name_or_folder, recipe)
    calibration = file_cost.calibration_data(model, recipe, data_dir)
    reports = []
    for kind in QUANTIZATIONS:
        report(f"{model.card['name']}: measuring {kind or 'float32'}")
        reports.append(
            file_cost.measure(model, recipe, kind, calibration, data_dir, samples)
        )
        _check_headline(model, reports[0].headline.metric)
    rows = [file.row(reports[0]) for file in reports]
    losses = {row["quantization"]: row["loss"] for row in rows}
    small = "int8" if losses["int8"] <= MOST_LOST else "dynamic"
    if small == "dynamic":
        report(
            f"{model.card['name']}: full int8 loses {losses['int8']:.1%}, so "
            f"model_int8.tflite is 'dynamic', which loses {losses['dynamic']:.1%}"
        )
    arguments = {
        "saved_model": {},
        "model.tflite": {"format": "litert"},
        "model_int8.tflite": {
            "format": "litert",
            "quantization": small,
            "calibration": calibration,
        },
    }

    def write(folder):
        for name in FILES:
            report(f"{model.card['name']}: writing {name}")
            model.export(folder / name, **arguments[name])
        # A list of its own: packages of the zoo leave this folder out.
        checksums.write_checksums(folder / "saved_model")

    deployment = {
        "samples": samples,
        "hardware": provenance.hardware(),
        "small": small,
        "rows": rows,
    }
    zoo.amend(
        name_or_folder,
        {"deployment": deployment},
        write,
        replaces=(*FILES, *_DESCRIPTIONS),
    )


def _check_headline(model, metric):
    expected = model.card["metrics"][0]["metric"]
    if metric != expected:
        raise ValueError(
            f"The recipe must be the one of the model: its card begins with "
            f"{expected!r}. Received a recipe that measures {metric!r}."
        )
