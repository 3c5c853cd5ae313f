"""Protocols that measure a model on the test split and compare it with a baseline.

A protocol is a small object that a recipe lists. It is called with a model and the
splits of a data set, and returns measurements. The functions that protocols are made of
are available too.

| protocol | what it measures |
|---|---|
| `SquaredError`, `CrossEntropy`, `ImageQuality` | reconstruction of clean inputs |
| `PrincipalAngles` | angle between a linear decoder's range and the PCA subspace |
| `Denoising`, `NoiseLevels`, `Colorizing` | restoration of damaged images |
| `PhotographDenoising` | removal of noise from photographs, as papers measure it |
| `Restoration` | restoration of the inputs of pairs (input, target) |
| `DocumentCleaning` | cleaning of scanned pages, by the public root-mean-square error |
| `Likelihood`, `FrechetDistance` | density and samples of a variational model |
| `Sparsity`, `Contraction` | properties of the code |
| `LinearProbe`, `FineTuning` | how well the code predicts labels |
| `AnomalyDetection` | detection of anomalies by the score |
| `WindowDetection` | detection of anomalous rows of series, by windows |

Example:

>>> from ae_zoo import data, evaluation
>>> splits = evaluation.read_splits(data.source("digits"))
>>> model = ae_zoo.load("undercomplete_digits")
>>> (row,) = evaluation.evaluate(model, [evaluation.SquaredError()], splits)
>>> row.metric, row.baseline_name
('squared error', 'PCA, 8 components')
"""

from ae_zoo.evaluation.anomalies import AnomalyDetection, threshold_of
from ae_zoo.evaluation.baselines import (
    add_noise,
    linear_denoiser,
    non_local_means,
    pca,
)
from ae_zoo.evaluation.classification import FineTuning, LinearProbe
from ae_zoo.evaluation.codes import Contraction, Sparsity
from ae_zoo.evaluation.documents import DocumentCleaning, background_subtraction
from ae_zoo.evaluation.generation import FrechetDistance, Likelihood
from ae_zoo.evaluation.measures import (
    active_units,
    binary_cross_entropy,
    frechet_distance,
    jacobian_norm,
    mean_peak_snr,
    normalized_squared_error,
    peak_snr,
    structural_similarity,
)
from ae_zoo.evaluation.photographs import PhotographDenoising
from ae_zoo.evaluation.protocol import (
    AnyProtocol,
    Measurement,
    Protocol,
    evaluate,
    measure_subset,
)
from ae_zoo.evaluation.reconstruction import (
    CrossEntropy,
    ImageQuality,
    PrincipalAngles,
    SquaredError,
)
from ae_zoo.evaluation.restoration import (
    Colorizing,
    Denoising,
    NoiseLevels,
    Restoration,
)
from ae_zoo.evaluation.series import WindowDetection, rows_within_alarms
from ae_zoo.evaluation.splits import Split, Splits, read_split, read_splits

__all__ = [
    "AnomalyDetection",
    "AnyProtocol",
    "Colorizing",
    "Contraction",
    "CrossEntropy",
    "Denoising",
    "DocumentCleaning",
    "FineTuning",
    "FrechetDistance",
    "ImageQuality",
    "Likelihood",
    "LinearProbe",
    "Measurement",
    "NoiseLevels",
    "PhotographDenoising",
    "PrincipalAngles",
    "Protocol",
    "Restoration",
    "Sparsity",
    "Split",
    "Splits",
    "SquaredError",
    "WindowDetection",
    "active_units",
    "add_noise",
    "background_subtraction",
    "binary_cross_entropy",
    "evaluate",
    "frechet_distance",
    "jacobian_norm",
    "linear_denoiser",
    "mean_peak_snr",
    "measure_subset",
    "non_local_means",
    "normalized_squared_error",
    "pca",
    "peak_snr",
    "read_split",
    "read_splits",
    "rows_within_alarms",
    "structural_similarity",
    "threshold_of",
]
