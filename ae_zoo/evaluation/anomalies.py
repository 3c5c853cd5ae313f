"""Protocol of anomaly detection."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ae_zoo._checks import check_integer, check_number
from ae_zoo.evaluation.baselines import code_size, has_pca, pca
from ae_zoo.evaluation.measures import squared_error
from ae_zoo.evaluation.protocol import Measurement, Protocol, check_tuple
from ae_zoo.evaluation.splits import Splits
from ae_zoo.models import Autoencoder

_THRESHOLD = "threshold"
_METRICS = ("F1", "precision", "recall", "ROC-AUC", "PR-AUC")


@dataclasses.dataclass(frozen=True, kw_only=True)
class AnomalyDetection(Protocol):
    """Detection of anomalies in the test split by the model's score.

    Anomalies are the positive class. A sample counts as anomalous if its score is above
    a threshold: a quantile of the scores of normal training samples, so that setting it
    needs no anomalies. ROC-AUC and PR-AUC do not depend on the threshold.

    The baseline is PCA, fitted to the same normal samples, with as many components as
    the model has latent units. Its score is the model's reconstruction loss or, if that
    takes only probabilities, the squared error. The last row is the threshold.

    Attributes:
        normal: Labels of the normal samples.
        quantile: Quantile of the scores of normal training samples that is the
            threshold.
        anomalous: Labels of the anomalies; None means all other labels.
        headline_metric: Metric of the first row, which `published` belongs to: "F1",
            "precision", "recall", "ROC-AUC" or "PR-AUC".
    """

    normal: tuple[int, ...]
    quantile: float = 0.99
    anomalous: tuple[int, ...] | None = None
    headline_metric: str = "F1"

    _origin = "normal training"

    @property
    def needs_every_class(self) -> bool:
        return True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.normal != ():  # `one_class` sets it for each class
            check_tuple(self.argument("normal"), self.normal, check_integer, None)
        if self.anomalous is not None:
            check_tuple(self.argument("anomalous"), self.anomalous, check_integer, None)
        check_number(self.argument("quantile"), self.quantile, 0, 1)
        if self.headline_metric not in _METRICS:
            raise ValueError(
                f"AnomalyDetection.headline_metric must be one of {list(_METRICS)}. "
                f"Received: {self.headline_metric!r}"
            )

    def __call__(self, model: Autoencoder, splits: Splits) -> list[Measurement]:
        train = splits.train.of_classes(self.normal).x
        test, is_anomaly = self._test(splits)
        values = self._measure(is_anomaly, model.score(test), model.score(train))
        k = code_size(model, train)
        baseline, name = dict[str, float](), ""
        if has_pca(train, k):
            errors = [_error(model, x, pca(train, x, k)) for x in (test, train)]
            baseline, name = self._measure(is_anomaly, *errors), f"PCA, {k} components"
        return self._rows(values, baseline, name)

    def _test(self, splits: Splits) -> tuple[np.ndarray, np.ndarray]:
        """Return the test samples, and whether each is an anomaly."""
        known = None if self.anomalous is None else [*self.normal, *self.anomalous]
        test = splits.test.of_classes(known)
        labels = test.known_labels()
        is_anomaly = ~np.isin(labels, self.normal)
        if is_anomaly.all() or not is_anomaly.any():
            raise ValueError(
                "AnomalyDetection needs normal and anomalous test samples. Received "
                f"{len(test.x)} samples with labels {np.unique(labels).tolist()}, of "
                f"which {list(self.normal)} are normal. Use more test samples."
            )
        return test.x, is_anomaly

    def _measure(
        self, is_anomaly: np.ndarray, scores: np.ndarray, normal_scores: np.ndarray
    ) -> dict[str, float]:
        from sklearn import metrics

        threshold = np.quantile(normal_scores, self.quantile)
        predicted = scores > threshold
        # Without a predicted anomaly both are 0 / 0: report 0 instead of a warning.
        precision, recall, f1, _ = metrics.precision_recall_fscore_support(
            is_anomaly, predicted, average="binary", zero_division=0
        )
        return {
            "F1": f1,
            "precision": precision,
            "recall": recall,
            "ROC-AUC": metrics.roc_auc_score(is_anomaly, scores),
            "PR-AUC": metrics.average_precision_score(is_anomaly, scores),
            _THRESHOLD: float(threshold),
        }

    def _rows(
        self, values: dict[str, float], baseline: dict[str, float], name: str
    ) -> list[Measurement]:
        threshold = f"threshold: {100 * self.quantile:g} % of {self._origin} scores"
        names = {"F1": f"F1 ({threshold})"}
        first, *others = (
            Measurement(
                names.get(metric, metric),
                values[metric],
                baseline.get(metric),
                name,
                higher_is_better=True,
            )
            for metric in sorted(_METRICS, key=lambda m: m != self.headline_metric)
        )
        first = dataclasses.replace(first, published=self.published, source=self.source)
        last = Measurement(
            f"{_THRESHOLD} of the score", values[_THRESHOLD], higher_is_better=None
        )
        return [first, *others, last]


def threshold_of(metrics: Iterable[Mapping[str, Any]]) -> float | None:
    """Return the threshold of the score in the field `metrics` of a card, or None."""
    for row in metrics:
        if str(row["metric"]).startswith(_THRESHOLD):
            return float(row["value"])
    return None


def _error(model: Autoencoder, x: np.ndarray, reconstruction: np.ndarray) -> np.ndarray:
    """Compute the reconstruction error of a baseline, (batch,)."""
    loss = model.reconstruction_loss
    if loss.support is None:
        return np.asarray(loss.call(x, reconstruction))
    return squared_error(x, reconstruction)
