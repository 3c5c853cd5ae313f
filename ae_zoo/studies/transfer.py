"""Transfer: what pretrained weights are worth on other data."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ae_zoo import _staging, data, evaluation, zoo
from ae_zoo._checks import check_count
from ae_zoo._machine import hardware
from ae_zoo.training.loading import load_with_recipe, own_classes
from ae_zoo.training.model import check_same_network
from ae_zoo.training.recipe import Recipe
from ae_zoo.training.run import train

if TYPE_CHECKING:
    import tensorflow as tf

    from ae_zoo.models import Autoencoder
    from ae_zoo.training.context import RunContext


def transfer(
    name_or_folder: str | os.PathLike[str],
    dataset: Any,
    *,
    epochs: int = 3,
    samples: int | None = None,
    recipe: str | os.PathLike[str] | None = None,
    write: bool = False,
    data_dir: str | os.PathLike[str] | None = None,
    test_samples: int | None = 1000,
    output_dir: str | os.PathLike[str] | None = None,
    verbose: int | str = "auto",
) -> dict[str, Any]:
    """Measure what pretrained weights are worth on another data set.

    The headline of the model's recipe is measured on the other test split for three
    models: the model as it is, a copy fine-tuned on the training split, and the same
    network trained from fresh weights. Both are trained with the optimizer of the
    recipe, in float32, for the same number of epochs over the same batches, so they
    differ only in their initial weights. The recipe's callbacks, which are made for its
    own number of epochs, are left out. The test split is used only to measure.

    Args:
        name_or_folder: A name from `ae_zoo.list_models()`, or the path of a model
            folder.
        dataset: Data with samples of the same shape: a name from `ae_zoo.data.names()`,
            an `ae_zoo.data.Source`, or what else `ae_zoo.data.source` takes. A folder
            or file gets the options of the data of the model's recipe.
        epochs: Number of passes over the training samples, for both runs.
        samples: Train on the first `samples` samples only; None uses all of them.
        recipe: Name or file of the model's recipe. The default is the recipe with the
            model's name.
        write: Write the result to the model's card, where it replaces an older result
            for the same data and number of samples.
        data_dir: Folder of prepared data; see `ae_zoo.data.load`.
        test_samples: Measure on the first `test_samples` test samples only, which some
            protocols need minutes for; None uses all of them. A protocol that needs
            every class uses all.
        output_dir: Folder to keep the run of the fine-tuned model in; `ae_zoo.load`
            reads `model/` in it. None keeps nothing.
        verbose: As in `fit`; 0 also hides which of the three models is measured.

    Returns:
        The row of the card, as `ae_zoo.zoo.tables.transfer_rows` reads it.

    Raises:
        ValueError: The samples have another shape, a number is out of range, the
            recipe builds another network, or it trains on chosen classes.
        FileNotFoundError, ValueError: As `ae_zoo.load`; or the data are not prepared.
        FileExistsError: `output_dir` exists.

    Example:

    >>> facts = transfer("deep_digits", "digits", epochs=1, samples=64, verbose=0)
    >>> [facts[way]["value"] > 0 for way in ("as_it_is", "fine_tuned", "from_scratch")]
    [True, True, True]
    """
    check_count("epochs", epochs)
    if test_samples is not None:
        check_count("test_samples", test_samples, " or None")
    output = None if output_dir is None else pathlib.Path(output_dir)
    if output is not None and os.path.lexists(output):
        raise FileExistsError(f"'{output}' exists. Choose another folder.")
    model, own = load_with_recipe(name_or_folder, recipe)
    _check_recipe(own)
    check_same_network(
        model,
        own.build(),
        "The recipe must be the one the model was trained with, because its network is "
        "trained from fresh weights for comparison.",
    )
    columns = zoo.info(name_or_folder)["dataset"].get("columns")
    source = data.like(dataset, own.dataset, data_dir, columns and tuple(columns))
    _check_columns(columns, source)
    count = _check_data(model, own, source, samples)
    headline_protocol, few = _bounded(own.protocols(source)[0], source, test_samples)
    own = dataclasses.replace(own, metrics=(headline_protocol,))
    from_scratch = _recipe_for(own, source, count, epochs)
    allowed_classes = own_classes(recipe or zoo.info(name_or_folder)["name"])
    fine_tuning = dataclasses.replace(
        from_scratch, build=lambda: zoo.load(name_or_folder, allowed_classes)
    )
    say = print if verbose else _silent
    say(f"1 of 3: measuring {zoo.info(name_or_folder)['name']} as it is …")
    splits = evaluation.read_splits(source)
    headline = evaluation.evaluate(model, [headline_protocol], splits)[0]
    del splits  # up to hundreds of megabytes, while the two runs train
    facts = {
        "dataset": source.name,
        "samples": count,
        "epochs": epochs,
        "metric": headline.metric,
        "higher_is_better": headline.higher_is_better,
        "baseline": headline.baseline,
        "baseline_name": headline.baseline_name,
        "as_it_is": {"value": headline.value},
    }
    if few is not None:
        facts["test_samples"] = few
    passes = f"{epochs} epoch{'' if epochs == 1 else 's'}"
    say(f"2 of 3: fine-tuning it on {count:,} samples, {passes} …")
    facts["fine_tuned"] = _trained(fine_tuning, data_dir, verbose, output)
    say("3 of 3: training the same network from scratch …")
    facts["from_scratch"] = _trained(from_scratch, data_dir, verbose)
    facts["hardware"] = hardware()
    if write:
        _write(name_or_folder, facts)
    return facts


def _silent(*_: object) -> None:
    """Say nothing, in place of `print`."""


def _bounded(
    protocol: Any, source: data.Source, test_samples: int | None
) -> tuple[Any, int | None]:
    """Return a protocol that measures on few test samples, and their number.

    The number is None, and the protocol unchanged, if all test samples are used.
    """
    if (
        test_samples is None
        or test_samples >= source.counts["test"]
        or getattr(protocol, "needs_every_class", False)
    ):
        return protocol, None
    return _OnFewSamples(protocol, test_samples), test_samples


class _OnFewSamples:
    """A protocol on the first test samples."""

    def __init__(self, protocol: Any, samples: int) -> None:
        self._protocol, self._samples = protocol, samples
        self.is_slow = getattr(protocol, "is_slow", False)
        self.noise_levels = getattr(protocol, "noise_levels", ())

    def __call__(
        self, model: Any, splits: evaluation.Splits
    ) -> Sequence[evaluation.Measurement]:
        few = splits._replace(test=splits.test.first(self._samples))
        return self._protocol(model, few)


def _check_recipe(recipe: Recipe) -> None:
    if recipe.classes is not None:
        raise ValueError(
            "Transfer trains on all classes of the other data. Received a model of "
            f"the classes {list(recipe.classes)} only. Use `one_class` to train its "
            "network on other classes."
        )


def _check_columns(expected: Sequence[str] | None, source: data.Source) -> None:
    """Check that a table has the columns that the model was trained with, in order."""
    if expected is not None and tuple(expected) != source.columns:
        raise ValueError(
            f"The model takes the columns {list(expected)}. Received {source.name!r}, "
            f"with {list(source.columns or [])}."
        )


def _check_data(
    model: Autoencoder, recipe: Recipe, other: data.Source, samples: int | None
) -> int:
    """Check that the data fit the model; return the number of training samples."""
    shape = tuple(model.input_shape[1:])
    if recipe.pair is not None:  # it takes inputs made of the samples
        shape = data.source(recipe.dataset).shape
    if len(shape) != len(other.shape) or any(
        expected not in (None, size)
        for expected, size in zip(shape, other.shape, strict=True)
    ):
        own = recipe.dataset if isinstance(recipe.dataset, str) else recipe.dataset.name
        raise ValueError(
            "The model takes samples like those of "
            f"{own!r}, of shape {shape}. Received "
            f"{other.name!r}, of shape {other.shape}."
        )
    available = other.counts["train"]
    if samples is None:
        return available
    check_count("samples", samples)
    if samples > available:
        raise ValueError(
            f"{other.name!r} has {available:,} training samples. Received: {samples:,}"
        )
    return samples


def _recipe_for(own: Recipe, source: data.Source, count: int, epochs: int) -> Recipe:
    """Change a recipe to train on other data from fresh weights.

    All passes are one epoch of the recipe: validation after each pass over few samples
    would take longer than the training.
    """
    size = own.batch_size // own.gradient_accumulation_steps
    takes_all = count == source.counts["train"]
    return dataclasses.replace(
        own,
        dataset=source,
        metrics=own.metrics,
        callbacks=None,
        patience=None,
        initial_weights=None,
        dtype_policy="float32",  # as in the model folder
        steps_per_epoch=epochs * -(-count // size),
        batches=None if takes_all else _first_samples(own, source, count, size),
    )


def _first_samples(
    own: Recipe, source: data.Source, count: int, size: int
) -> Callable[[RunContext, int, tuple[int, int]], tf.data.Dataset]:
    """Make `Recipe.batches` of the first training samples, in a new order each pass."""

    def batches(
        run: RunContext, skip: int, shard: tuple[int, int]
    ) -> tf.data.Dataset:  # `transfer` takes no strategy, so there is one shard
        few = source.load(
            "train", binarize=own.binarize, augment=own.augment, pair=own.pair
        ).take(count)
        return few.shuffle(count, seed=own.seed).batch(size).repeat().skip(skip)

    return batches


def _trained(
    recipe: Recipe,
    data_dir: str | os.PathLike[str] | None,
    verbose: int | str,
    output: pathlib.Path | None = None,
) -> dict[str, float]:
    """Train a recipe; return its headline and the seconds of training.

    The run is moved to `output`, if that is given.
    """
    with _staging.scratch(None if output is None else output.parent) as folder:
        run = folder / (output.name if output is not None else "run")
        train(recipe, epochs=1, output_dir=run, data_dir=data_dir, verbose=verbose)
        card = zoo.info(run / "model")
        if output is not None:
            _staging.publish([run], [output])
    return {
        "value": card["metrics"][0]["value"],
        "seconds": card["training"]["seconds"],
    }


def _write(name_or_folder: str | os.PathLike[str], facts: Mapping[str, Any]) -> None:
    def key(row: Mapping[str, Any]) -> tuple[str, int]:
        return row["dataset"], -row["samples"]

    others = zoo.info(name_or_folder).get("transfer", [])
    rows = [row for row in others if key(row) != key(facts)]
    zoo.amend(name_or_folder, {"transfer": sorted([*rows, facts], key=key)})
