"""Whether cards hold: measures again what they say, and says what seeds are worth."""

import dataclasses
import pathlib
import statistics

from ae_zoo import evaluation, zoo
from ae_zoo.data import source
from ae_zoo.training.loading import load_with_recipe

# Weights, data and noise are fixed; what is left is the rounding of float32 sums on
# another processor. Relative to the number on the card.
TOLERANCE = 1e-3
_SPREAD = ("mean", "spread", "seeds")


@dataclasses.dataclass(frozen=True)
class Check:
    """One number of a card, measured again.

    Attributes:
        metric: What was measured.
        stated: On the card, or None where the card lacks it.
        measured: Now, or None where the recipe no longer measures it.
        allowed: How far the two may differ.
    """

    metric: str
    stated: float | None
    measured: float | None
    allowed: float = 0.0

    @property
    def holds(self):
        """Whether the card says what is so."""
        if self.stated is None or self.measured is None:
            return False
        return abs(self.measured - self.stated) <= self.allowed


def verify(name_or_folder, data_dir=None, subset=False, recipe=None):
    """Measures a model again and compares with its card.

    Args:
        name_or_folder: A name of `ae_zoo.list_models()`, or the path of a folder.
        data_dir: Where the datasets are; see `ae_zoo.data.load`.
        subset: Compare the card's headline alone, on the first test samples that its
            `subset` is of: seconds in place of minutes.
        recipe: Name or file of the model's recipe; the default is that of its name.

    Returns:
        A list of `Check`.

    Raises:
        ValueError: Unknown name or recipe, or a damaged folder.
        FileNotFoundError: The data set is not prepared.

    Example:

    >>> all(check.holds for check in verify("deep_digits"))
    True
    """
    model, recipe = load_with_recipe(name_or_folder, recipe)
    card = model.card
    if subset:
        return [_check_subset(card["subset"], model, recipe, data_dir)]
    splits = evaluation.read_splits(source(recipe.dataset, data_dir))
    rows = evaluation.evaluate(model, recipe.metrics, splits)
    measured = {row.metric: row.value for row in rows}
    stated = {row["metric"]: row for row in card["metrics"]}
    return [
        Check(
            metric,
            stated.get(metric, {}).get("value"),
            measured.get(metric),
            _allowed(stated.get(metric, {})),
        )
        for metric in dict.fromkeys([*stated, *measured])
    ]


def write_metrics(folder, rows, subset):
    """Puts a table measured anew on a model's card.

    Mean and spread over seeds stay where the value does; a value that moved loses them.

    Args:
        folder: Of the model, or a name of `ae_zoo.list_models()`.
        rows: What `evaluation.evaluate` returned for the model.
        subset: What `evaluation.measure_subset` returned for it.
    """
    before = {row["metric"]: row for row in zoo.info(folder)["metrics"]}
    metrics = []
    for row in map(dataclasses.asdict, rows):
        old = before.get(row["metric"], {})
        if Check(row["metric"], old.get("value"), row["value"], _allowed(old)).holds:
            row |= {key: old[key] for key in _SPREAD if key in old}
        metrics.append(row)
    zoo.amend(folder, {"metrics": metrics, "subset": subset})


def add_spread(folder, runs):
    """Writes the mean and spread over runs of several seeds into a model's card.

    Args:
        folder: Of the model whose card it is, one of the runs or a copy of it.
        runs: Run folders as `ae_zoo.train` writes them, one for each seed.

    Returns:
        The new card.

    Raises:
        ValueError: Fewer than two runs, or runs that differ in more than their seed.
    """
    card = zoo.info(folder)
    cards = [zoo.info(run) for run in map(_model_folder, runs)]
    _check_comparable(card, cards)
    metrics = []
    for row in card["metrics"]:
        values = [
            other["value"]
            for run in cards
            for other in run["metrics"]
            if other["metric"] == row["metric"]
        ]
        if len(values) != len(runs):
            raise ValueError(
                f"Only {len(values)} of the {len(runs)} runs measured "
                f"{row['metric']!r}. Measure the others again: ae-zoo evaluate RUN "
                "--write"
            )
        metrics.append(
            row
            | {
                "mean": statistics.fmean(values),
                "spread": statistics.stdev(values),
                "seeds": len(values),
            }
        )
    zoo.amend(folder, {"metrics": metrics})
    return card | {"metrics": metrics}


def _check_comparable(card, runs):
    seeds = [run["training"]["seed"] for run in runs]
    if len(runs) < 2 or len(set(seeds)) < len(seeds):
        raise ValueError(
            "A spread needs at least two runs, each of another seed (ae-zoo train "
            f"NAME --seed N). Received the seeds: {seeds}"
        )
    differing = [
        f"{field}: {sorted(values)}"
        for field, values in {
            "name": {run["name"] for run in [card, *runs]},
            "parameters": {run["parameters"] for run in [card, *runs]},
            "epochs": {run["training"]["epochs"] for run in runs},
        }.items()
        if len(values) > 1
    ]
    if differing:
        raise ValueError(
            "A spread is one of runs that differ in nothing but their seed. Received "
            f"runs of other {'; '.join(differing)}"
        )


def _model_folder(run):
    inner = pathlib.Path(run) / "model"
    return inner if inner.is_dir() else run


def _check_subset(subset, model, recipe, data_dir):
    samples = subset["samples"]
    splits = evaluation.read_splits(source(recipe.dataset, data_dir), samples)
    again = evaluation.measure_subset(model, recipe.metrics, splits, samples)
    metric = f"{subset['metric']} (first {subset['samples']})"
    if again["metric"] != subset["metric"]:
        return Check(metric, subset["value"], None)
    return Check(metric, subset["value"], again["value"], _allowed(subset))


def _allowed(row):
    stated = [row.get("spread"), row.get("tolerance")]
    return max(
        TOLERANCE * abs(row.get("value") or 0.0), *(value or 0.0 for value in stated)
    )
