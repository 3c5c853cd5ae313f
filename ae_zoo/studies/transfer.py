"""Fine-tuning shown: a model on other data as it is, fine-tuned, and from scratch."""

import dataclasses
import pathlib
import tempfile

from ae_zoo import data, evaluation, zoo
from ae_zoo._checks import check_count
from ae_zoo.data import source
from ae_zoo.training.loading import load_with_recipe, own_classes
from ae_zoo.training.model import check_same_network
from ae_zoo.training.run import train
from ae_zoo.zoo import provenance


def transfer(
    name_or_folder,
    dataset,
    *,
    epochs=3,
    samples=None,
    recipe=None,
    write=False,
    data_dir=None,
    verbose="auto",
):
    """Measures what pretraining is worth on another data set.

    The headline of the model's recipe is measured on the other test split three times:
    of the model as it is; of a copy fine-tuned on the training split; and of the same
    network trained from fresh weights. Both are trained by `fit` with the optimizer of
    the recipe, in float32, for as many epochs over the same batches: they differ in
    nothing but the weights they begin with. The recipe's callbacks, made for its own
    number of epochs, are left out. The test split is looked at in the end alone.

    Args:
        name_or_folder: A name of `ae_zoo.list_models()`, or the path of a model folder.
        dataset: A name of `ae_zoo.data.names()`, of samples of the same shape.
        epochs: Passes over the training samples, of both runs.
        samples: Train on the first so many samples alone; None takes all.
        recipe: Name or file of the model's recipe; the default is that of its name.
        write: Put the result on the model's card, in the place of an older one of the
            same data and samples.
        data_dir: Where the datasets are; see `ae_zoo.data.load`.
        verbose: As in `fit`.

    Returns:
        A dict of what the card says of it; see `ae_zoo.zoo.tables.transfer_rows`.

    Raises:
        ValueError: Samples of another shape, a number out of range, a recipe of
            another network, or one of chosen classes.
        FileNotFoundError, ValueError: As `ae_zoo.load`; or the data are not prepared.

    Example:

    >>> facts = transfer("deep_digits", "digits", epochs=1, samples=64, verbose=0)
    >>> [facts[way]["value"] > 0 for way in ("as_it_is", "fine_tuned", "from_scratch")]
    [True, True, True]
    """
    check_count("epochs", epochs)
    model, own = load_with_recipe(name_or_folder, recipe)
    if own.classes is not None:
        raise ValueError(
            "Transfer trains on all classes of the other data. Received a model of "
            f"the classes {list(own.classes)} alone; `one_class` trains its network on "
            "others."
        )
    check_same_network(
        model,
        own.build(),
        "The recipe must be the one the model was trained by: its network is trained "
        "from fresh weights beside the model.",
    )
    count = _check_data(own.dataset, dataset, samples)
    there = dataclasses.replace(
        own,
        dataset=dataset,
        metrics=own.metrics[:1],
        callbacks=None,
        patience=None,
        initial_weights=None,
        dtype_policy="float32",  # as the model is kept
        **_batches(own, dataset, count, epochs, data_dir),
    )
    splits = evaluation.read_splits(source(dataset, data_dir))
    (headline,) = evaluation.evaluate(model, there.metrics, splits)[:1]
    del splits
    own_of_recipe = own_classes(recipe or model.card["name"])
    fine_tuning = dataclasses.replace(
        there, build=lambda: zoo.load(name_or_folder, own_of_recipe)
    )
    facts = {
        "dataset": dataset,
        "samples": count,
        "epochs": epochs,
        "metric": headline.metric,
        "higher_is_better": headline.higher_is_better,
        "baseline": headline.baseline,
        "baseline_name": headline.baseline_name,
        "as_it_is": {"value": headline.value},
        "fine_tuned": _trained(fine_tuning, data_dir, verbose),
        "from_scratch": _trained(there, data_dir, verbose),
        "hardware": provenance.hardware(),
    }
    if write:
        _write(name_or_folder, facts)
    return facts


def _check_data(own, dataset, samples):
    """The number of training samples."""
    expected, received = data.info(own).shape, data.info(dataset).shape
    if expected != received:
        raise ValueError(
            f"The model is made for samples like those of {own!r}, of shape "
            f"{expected}. Received {dataset!r}, of shape {received}."
        )
    there = data.info(dataset).counts["train"]
    if samples is None:
        return there
    check_count("samples", samples)
    if samples > there:
        raise ValueError(
            f"{dataset!r} has {there:,} training samples. Received: {samples:,}"
        )
    return samples


def _batches(recipe, dataset, count, epochs, data_dir):
    """The recipe's fields that say what it trains on, all passes in one epoch.

    Validation after each pass over few samples would take longer than the training.
    """
    size = recipe.batch_size // recipe.gradient_accumulation_steps
    steps = {"steps_per_epoch": epochs * -(-count // size)}
    if count == data.info(dataset).counts["train"]:
        return steps | {"batches": None}

    def batches(run, skip, shard):  # of one worker: `transfer` takes no strategy
        few = data.load(
            dataset,
            "train",
            binarize=recipe.binarize,
            augment=recipe.augment,
            pair=recipe.pair,
            data_dir=data_dir,
        ).take(count)
        return few.shuffle(count, seed=recipe.seed).batch(size).repeat().skip(skip)

    return steps | {"batches": batches}


def _trained(recipe, data_dir, verbose):
    """What a run of a recipe reaches, and the seconds it trains."""
    with tempfile.TemporaryDirectory() as folder:
        run = pathlib.Path(folder) / "run"
        train(recipe, epochs=1, output_dir=run, data_dir=data_dir, verbose=verbose)
        card = zoo.info(run / "model")
    value, seconds = card["metrics"][0]["value"], card["training"]["seconds"]
    return {"value": value, "seconds": seconds}


def _write(name_or_folder, facts):
    def key(row):
        return row["dataset"], -row["samples"]

    others = zoo.info(name_or_folder).get("transfer", [])
    rows = [row for row in others if key(row) != key(facts)]
    zoo.amend(name_or_folder, {"transfer": sorted([*rows, facts], key=key)})
