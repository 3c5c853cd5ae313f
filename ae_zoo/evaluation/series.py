"""Protocols of anomalies in series that are cut into windows."""

from __future__ import annotations

import dataclasses

import numpy as np

from ae_zoo._checks import check_count, check_integer
from ae_zoo.evaluation.anomalies import AnomalyDetection
from ae_zoo.evaluation.baselines import has_pca, pca
from ae_zoo.evaluation.measures import squared_error
from ae_zoo.evaluation.protocol import Measurement
from ae_zoo.evaluation.splits import Splits
from ae_zoo.models import Autoencoder


@dataclasses.dataclass(frozen=True, kw_only=True)
class WindowDetection(AnomalyDetection):
    """Detection of the anomalous rows of series, by windows that end with them.

    A sample is a window of a series, (rows, features), and its label is that of its
    last row. With one window for each row, the metrics count rows ("F1 by point").

    Unlike for `AnomalyDetection`, the threshold is a quantile of the scores of the
    normal windows of the validation split, which the model has not been trained on.
    The baseline is PCA of the flattened windows, with standardized features and a
    threshold from the same windows; its name on the row of the F1 score has the score
    of calling every row an anomaly.

    Attributes:
        components: Number of principal components of the baseline.
    """

    quantile: float = 0.95
    components: int = 32

    _origin = "held-out normal"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count(self.argument("components"), self.components)

    def __call__(self, model: Autoencoder, splits: Splits) -> list[Measurement]:
        train, held_out = (
            split.of_classes(self.normal).x
            for split in (splits.train, splits.validation)
        )
        if train.ndim != 3 or not len(held_out):
            raise ValueError(
                "WindowDetection needs windows of shape (rows, features), and normal "
                f"ones in the validation split. Received samples of shape "
                f"{train.shape[1:]}, {len(held_out)} of which validate."
            )
        test, is_anomaly = self._test(splits)
        values = self._measure(is_anomaly, model.score(test), model.score(held_out))
        baseline, name = dict[str, float](), ""
        if has_pca(train, self.components):
            mean, spread = train.mean(axis=(0, 1)), train.std(axis=(0, 1))
            known, *others = (
                (x - mean) / np.where(spread > 0, spread, 1)
                for x in (train, test, held_out)
            )
            errors = [squared_error(x, pca(known, x, self.components)) for x in others]
            baseline = self._measure(is_anomaly, *errors)
            name = f"PCA, {self.components} components"
        share = float(is_anomaly.mean())
        first, *others = self._rows(values, baseline, name)
        return [_with_every_row(first, 2 * share / (1 + share)), *others]


def _with_every_row(f1: Measurement, flagging: float) -> Measurement:
    """Compare F1 with that of flagging every row, if it is better than the baseline."""
    every = "flagging every row"
    if f1.baseline is None:
        return dataclasses.replace(f1, baseline=flagging, baseline_name=every)
    if flagging > f1.baseline:
        name = f"{every}; {f1.baseline_name} {f1.baseline:.4f}"
        return dataclasses.replace(f1, baseline=flagging, baseline_name=name)
    name = f"{f1.baseline_name}; {every} {flagging:.4f}"
    return dataclasses.replace(f1, baseline_name=name)


def rows_within_alarms(
    alarms: np.ndarray, window: int, edges: bool = False
) -> np.ndarray:
    """Return the rows of a series all of whose windows raise an alarm.

    Args:
        alarms: (rows − window + 1,) booleans: whether the window that begins with each
            row raises an alarm.
        window: Number of rows in a window.
        edges: Whether rows near the ends, which are in fewer than `window` windows,
            count as anomalies by those that they are in. Without them, as in the
            notebooks of SKAB, the first `window − 1` rows and the last
            `2 (window − 1)` rows never count, and the window that begins with a row is
            not asked about it.

    Returns:
        (rows,) booleans.

    Example:

    >>> alarms = np.array([False, True, True, True])
    >>> rows_within_alarms(alarms, window=2, edges=True)
    array([False, False,  True,  True,  True])
    """
    window = check_integer("window", window, 1 if edges else 2)
    alarms = np.asarray(alarms, bool)
    count = len(alarms) + window - 1
    if edges:
        # A row is out if a window without an alarm covers it.
        silent = np.convolve(~alarms, np.ones(window), mode="full")
        return silent < 0.5
    total = np.concatenate([[0], np.cumsum(alarms)])
    found = np.zeros(count, bool)
    rows = np.arange(window - 1, len(alarms) - window + 1)
    found[rows] = total[rows] - total[rows - window + 1] == window - 1
    return found
