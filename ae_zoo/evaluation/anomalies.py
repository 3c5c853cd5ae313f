"""The protocol of anomaly detection."""

import dataclasses

import numpy as np

from ae_zoo.evaluation.baselines import pca
from ae_zoo.evaluation.measures import squared_error
from ae_zoo.evaluation.protocol import Measurement, Protocol

_MEASURES = ("F1", "precision", "recall", "ROC-AUC", "PR-AUC")


@dataclasses.dataclass(frozen=True, kw_only=True)
class AnomalyDetection(Protocol):
    """Anomalies of the test split told by their score; anomalies are the positives.

    Samples above the threshold are called anomalous. It is a quantile of the scores of
    normal training samples: no anomaly is needed to set it. The baseline is PCA, fitted
    on the same samples, with as many components as the model has latent units; its
    score is the model's loss too where that takes any number for a reconstruction, and
    the squared error where it takes probabilities.

    Attributes:
        normal: Labels of the normal samples.
        quantile: Of the scores of normal training samples, the threshold.
        anomalous: Labels that count as anomalies; None for all the others.
        first: The measure that heads the table, beside the published number: "F1",
            "precision", "recall", "ROC-AUC" or "PR-AUC".
    """

    normal: tuple
    quantile: float = 0.99
    anomalous: tuple | None = None
    first: str = "F1"

    @property
    def needs_every_class(self) -> bool:
        return True

    def __post_init__(self):
        if self.first not in _MEASURES:
            raise ValueError(
                f"AnomalyDetection.first must be one of {list(_MEASURES)}. Received: "
                f"{self.first!r}"
            )

    def __call__(self, model, splits):
        train = splits.train.of_classes(self.normal).x
        known = None if self.anomalous is None else [*self.normal, *self.anomalous]
        test = splits.test.of_classes(known)
        is_anomaly = ~np.isin(test.labels, self.normal)
        if is_anomaly.all() or not is_anomaly.any():
            raise ValueError(
                "AnomalyDetection needs normal and anomalous test samples. Received "
                f"{len(test.x)} samples with labels {sorted(set(test.labels))} where "
                f"{list(self.normal)} are normal. Use more test samples."
            )
        model_row = self._measure(
            is_anomaly, model.score(test.x).numpy(), model.score(train).numpy()
        )
        k = model.latent_dim
        baseline = dict.fromkeys(model_row)
        name = ""
        if k < min(train[0].size, len(train)):
            errors = [self._error(model, x, pca(train, x, k)) for x in (test.x, train)]
            baseline, name = self._measure(is_anomaly, *errors), f"PCA, {k} components"
        threshold = f"threshold: {100 * self.quantile:g} % of normal training scores"
        names = {"F1": f"F1 ({threshold})"}
        rows = [
            Measurement(
                names.get(measure, measure),
                model_row[measure],
                baseline[measure],
                name,
                higher_is_better=True,
            )
            for measure in sorted(_MEASURES, key=lambda measure: measure != self.first)
        ]
        facts = {"published": self.published, "source": self.source}
        return [dataclasses.replace(rows[0], **facts), *rows[1:]]

    @staticmethod
    def _error(model, x, reconstruction):
        if model.reconstruction_loss.support is None:
            return model.reconstruction_loss.call(x, reconstruction).numpy()
        return squared_error(x, reconstruction)

    def _measure(self, is_anomaly, scores, normal_scores):
        from sklearn import metrics

        predicted = scores > np.quantile(normal_scores, self.quantile)
        # Nothing called anomalous has neither precision nor recall: 0, not a warning.
        precision, recall, f1, _ = metrics.precision_recall_fscore_support(
            is_anomaly, predicted, average="binary", zero_division=0
        )
        return {
            "F1": f1,
            "precision": precision,
            "recall": recall,
            "ROC-AUC": metrics.roc_auc_score(is_anomaly, scores),
            "PR-AUC": metrics.average_precision_score(is_anomaly, scores),
        }
