"""What the explorer shows of test samples: `explorer.json` of a model folder."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np

from ae_zoo import evaluation, zoo
from ae_zoo.explorer import details
from ae_zoo.export.on_device import write_trainable
from ae_zoo.training.loading import load_with_data

if TYPE_CHECKING:
    from ae_zoo.evaluation import Split
    from ae_zoo.models import Autoencoder

_POINTS = 400
_VALUES = 20_000  # of all codes together
_WIDEST = 256  # latent units; the pictures of wider codes along few axes all look alike
_SCORES = 500
_DIRECTIONS = 8
_DIGITS = 4  # significant ones
_EXAMPLES = 6  # of each kind, as `plots.card_figures` draws


def explorer_data(
    name_or_folder: str | os.PathLike[str],
    recipe: str | os.PathLike[str] | None = None,
    data_dir: str | os.PathLike[str] | None = None,
    data: Any = None,
    trainable: int | None = None,
) -> list[str]:
    """Add what the explorer shows of test samples to a model folder.

    `explorer.json` gets the codes of test samples with their labels and the principal
    directions of the codes, if a code is a vector. A model of anomalies gets the scores
    of test samples, and those test samples that the card's picture shows. Other samples
    are not written, because the terms of most datasets do not say that they may be.

    Args:
        name_or_folder: A name from `ae_zoo.list_models()`, or the path of a model
            folder.
        recipe: Name or file of its recipe. The default is the recipe with its name.
        data_dir: Folder of prepared data; see `ae_zoo.data.load`.
        data: The data of the card, if they lie elsewhere than the recipe says.
        trainable: Also write `trainable.tflite`, which the page trains with Adam on
            batches of this size; None writes none.

    Returns:
        The names of the files that were written.

    Raises:
        FileNotFoundError: There is no such model or recipe.
        ValueError: The model or the recipe cannot be read, or there is nothing to show.

    Example:

    >>> explorer_data("variational_digits")  # doctest: +SKIP
    ['explorer.json']
    """
    model, used = load_with_data(name_or_folder, recipe, data, data_dir)
    test = evaluation.read_split(used.dataset, "test")
    fields: dict[str, Any] = {}
    if _has_few_units(model.latent_shape):
        fields["codes"] = _codes(model, test)
    if used.classes is not None:
        fields |= _anomalies(model, test, used.classes)
        fields["source"] = used.dataset.name
    if not fields and trainable is None:
        raise ValueError(
            f"The explorer shows no test samples of {model.name!r}: it does not "
            f"detect anomalies, and its codes of shape {model.latent_shape} are not "
            f"vectors of at most {_WIDEST} values."
        )
    names = [details.FILE] * bool(fields) + [details.TRAINABLE] * (
        trainable is not None
    )

    def write(folder: pathlib.Path) -> None:
        if fields:
            content = {"format_version": details.VERSION, **fields}
            text = json.dumps(content, separators=(",", ":"), allow_nan=False)
            (folder / details.FILE).write_text(text + "\n", "utf-8")
        if trainable is not None:
            write_trainable(model, folder / details.TRAINABLE, batch_size=trainable)

    zoo.amend(name_or_folder, {}, write, replaces=names)
    return names


def _has_few_units(latent_shape: tuple[int, ...] | None) -> bool:
    return (
        latent_shape is not None
        and len(latent_shape) == 1
        and latent_shape[0] <= _WIDEST
    )


def _codes(model: Autoencoder, test: Split) -> dict[str, Any]:
    """Codes of test samples, and axes that suit them.

    Two latent units are shown as they are. More are shown along the principal
    directions of the codes, whose deviations say how far the codes reach.
    """
    z = np.asarray(model.encode(test.x), "float64")
    latent_dim = z.shape[1]
    if latent_dim == 2:
        center, directions = np.zeros(2), np.eye(2)
        # A prior N(0, I) has the deviation 1; other codes have their own.
        has_prior = "posterior" in model.endpoints()
        deviations = np.ones(2) if has_prior else np.sqrt(np.square(z).mean(0))
    else:
        center = z.mean(0)
        _, values, directions = np.linalg.svd(z - center, full_matrices=False)
        deviations = values / np.sqrt(len(z))
    points = min(_POINTS, _VALUES // latent_dim)
    labels = None if test.labels is None else test.labels[:points].tolist()
    count = int(min(_DIRECTIONS, latent_dim, (deviations > 0).sum()))
    return {
        "values": _rounded(z[:points]),
        "labels": labels,
        "center": _rounded(center),
        "directions": _rounded(directions[:count]),
        "deviations": _rounded(deviations[:count]),
    }


def _anomalies(
    model: Autoencoder, test: Split, normal_classes: Collection[int]
) -> dict[str, Any]:
    is_normal = np.isin(test.known_labels(), list(normal_classes))
    rows = np.linspace(0, len(test.x) - 1, min(_SCORES, len(test.x))).astype(int)
    groups = {"normal": test.x[is_normal], "anomalous": test.x[~is_normal]}
    examples = [
        {"label": label, "values": _rounded(x.ravel())}
        for label, group in groups.items()
        for x in group[:_EXAMPLES]
    ]
    return {
        "scores": {
            "values": _rounded(np.asarray(model.score(test.x[rows]))),
            "anomalous": (~is_normal[rows]).tolist(),
        },
        "examples": examples,
    }


def _rounded(values: np.ndarray) -> Any:
    """Nested lists of numbers with few digits, which keep the file small."""
    if values.ndim > 1:
        return [_rounded(row) for row in values]
    return [float(f"{value:.{_DIGITS}g}") for value in values]
