"""One-class evaluation: a recipe trained on each class alone, told from the others.

The protocol of Ruff et al. 2018, "Deep one-class classification": for every class of a
labelled data set a model is trained on its samples alone and scores the whole test
split, where all other classes are anomalies; what is reported is the mean ROC-AUC.
"""

import dataclasses
import pathlib
import statistics

import numpy as np

from ae_zoo import data, evaluation, zoo
from ae_zoo.training.recipe import Recipe, load_recipe
from ae_zoo.training.run import train
from ae_zoo.zoo import tables

METRICS = ("ROC-AUC", "PR-AUC")


@dataclasses.dataclass(frozen=True)
class OneClassReport:
    """What the models of all classes reached.

    Attributes:
        classes: {label: {metric: `evaluation.Measurement`}}, on the test split.
        published: The mean ROC-AUC of a paper, or None.
        source: Where it was published.
    """

    classes: dict
    published: float | None = None
    source: str = ""

    def values(self, metric="ROC-AUC", baseline=False):
        """A metric of each class, of the models or of their baseline; None: no such."""
        rows = [measured[metric] for measured in self.classes.values()]
        return [row.baseline if baseline else row.value for row in rows]

    def mean(self, metric="ROC-AUC", baseline=False):
        """The mean of `values` over the classes, or None."""
        values = self.values(metric, baseline)
        return None if None in values else statistics.fmean(values)

    def markdown(self):
        """A Markdown table: a row for each class, their mean, the published number."""
        first, *_ = self.classes.values()
        baseline = first["ROC-AUC"].baseline_name or "baseline"
        kinds = (False,) if first["ROC-AUC"].baseline is None else (False, True)
        columns = [(metric, kind) for metric in METRICS for kind in kinds]
        values = [self.values(*column) for column in columns]
        header = ["class"]
        for metric, is_baseline in columns:
            header.append(f"{metric} of {baseline}" if is_baseline else metric)
        cells = [map(_number, column) for column in values]
        rows = list(zip(map(str, self.classes), *cells, strict=True))
        rows.append(["mean ± standard deviation", *map(_mean_and_spread, values)])
        if self.published is not None:
            paper = _number(self.published)
            rows.append([f"mean of {self.source}", paper, *["–"] * (len(columns) - 1)])
        return tables.markdown_table(header, rows)


def one_class(
    recipe,
    classes=None,
    *,
    epochs=None,
    seed=None,
    output_dir=None,
    resume=False,
    data_dir=None,
    verbose="auto",
):
    """Trains a recipe on each class alone; all other classes of the test split are
    anomalies, told by the model's score.

    An `evaluation.AnomalyDetection` among the recipe's metrics that puts "ROC-AUC"
    first gives the published mean; the recipe's own `classes` are replaced, and
    training begins with fresh weights.

    Args:
        recipe: Name of a shipped recipe, path of a recipe file, or a `Recipe`.
        classes: Labels of the classes to go through; None takes all there are.
        epochs: In place of the recipe's.
        seed: In place of the recipe's.
        output_dir: Where each class has the folder of its run, as `ae_zoo.train` writes
            it. Default `runs/<name>-one-class`, with the seed where one is given.
        resume: Go on with what `output_dir` holds: finished classes are only read, and
            an interrupted one goes on from its checkpoint.
        data_dir: Where the datasets are; see `ae_zoo.data.load`.
        verbose: As in `fit`; 0 prints nothing.

    Returns:
        A `OneClassReport`.

    Raises:
        FileExistsError: `output_dir` holds a run already and `resume` is False.
        ValueError: No such recipe or class; finished runs of other settings; a data set
            without labels; a recipe whose batches are its own, or whose target is not
            the input.

    Example:

    >>> report = one_class("undercomplete_digits", [0, 1], epochs=1, verbose=0)
    >>> len(report.values("ROC-AUC"))
    2
    """
    name = "model"
    if not isinstance(recipe, Recipe):
        name, recipe = load_recipe(recipe)
    run = f"{name}-one-class" + ("" if seed is None else f"-seed{seed}")
    output_dir = pathlib.Path(output_dir or pathlib.Path("runs") / run)
    labels = _checked_classes(recipe, classes, data_dir)
    if not resume and any((output_dir / str(label)).exists() for label in labels):
        raise FileExistsError(
            f"'{output_dir}' holds runs already. Resume them (--resume), or choose "
            "another output directory (--output-dir)."
        )
    protocol = _protocol(recipe)
    measured = {}
    for number, label in enumerate(labels, 1):
        if verbose != 0:
            print(f"[{number}/{len(labels)}] class {label} …", flush=True)
        folder = output_dir / str(label)
        train(
            _of_class(recipe, protocol, label),
            epochs=epochs,
            seed=seed,
            output_dir=folder,
            resume=resume,
            data_dir=data_dir,
            verbose=verbose,
        )
        rows = zoo.info(folder / "model")["metrics"]
        measured[label] = {row["metric"]: evaluation.Measurement(**row) for row in rows}
    return OneClassReport(measured, protocol.published, protocol.source)


def _checked_classes(recipe, classes, data_dir):
    if recipe.batches is not None or recipe.pair is not None:
        raise ValueError(
            "One-class evaluation takes classes of a recipe's data set and scores each "
            "input by its own reconstruction. Received a recipe with `batches` or "
            "`pair`; leave them out."
        )
    _, labels = data.arrays(recipe.dataset, "train", labels=True, data_dir=data_dir)
    known = np.unique(labels).tolist()
    chosen = known if classes is None else list(dict.fromkeys(classes))
    if not chosen or not set(chosen) <= set(known):
        raise ValueError(
            f"`classes` must be labels of {recipe.dataset!r}, which are {known}. "
            f"Received: {chosen}"
        )
    return chosen


def _protocol(recipe):
    """The recipe's protocol of anomalies, with nothing published unless of ROC-AUC."""
    for protocol in recipe.metrics:
        if isinstance(protocol, evaluation.AnomalyDetection):
            if protocol.first == "ROC-AUC":
                return protocol
    return evaluation.AnomalyDetection(normal=(), first="ROC-AUC")


def _of_class(recipe, protocol, label):
    # The published mean is of all classes and stands beside no single one.
    protocol = dataclasses.replace(
        protocol, normal=(label,), anomalous=None, published=None, source=""
    )
    # Nor may a model of one class begin with weights that have seen the others.
    return dataclasses.replace(
        recipe, classes=(label,), metrics=(protocol,), initial_weights=None
    )


def _number(value):
    return "–" if value is None else f"{value:.4f}"


def _mean_and_spread(values):
    if None in values:
        return "–"
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"**{statistics.fmean(values):.4f}** ± {spread:.4f}"
