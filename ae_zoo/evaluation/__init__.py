"""Protocols that measure a model on the test split, beside a trivial baseline.

A protocol is a small object that a recipe lists; called with a model and the splits of
a data set, it returns its measurements. The functions they are made of are here too.

| protocol | what it measures |
|---|---|
| `SquaredError`, `CrossEntropy`, `ImageQuality` | reconstruction of clean inputs |
| `PrincipalAngles` | distance of a linear model from the PCA subspace |
| `Denoising`, `NoiseLevels`, `Colorizing` | what is restored of a damaged image |
| `Likelihood`, `FrechetDistance` | a variational model's density, and its samples |
| `Sparsity`, `Contraction` | properties of the code |
| `LinearProbe`, `FineTuning` | what the code knows of the labels |
| `AnomalyDetection` | anomalies told from normal samples |
"""

from ae_zoo.evaluation.anomalies import AnomalyDetection
from ae_zoo.evaluation.baselines import (
    add_noise,
    linear_denoiser,
    non_local_means,
    pca,
)
from ae_zoo.evaluation.classification import FineTuning, LinearProbe
from ae_zoo.evaluation.codes import Contraction, Sparsity
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
from ae_zoo.evaluation.protocol import (
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
from ae_zoo.evaluation.restoration import Colorizing, Denoising, NoiseLevels
from ae_zoo.evaluation.splits import Split, Splits, read_splits

__all__ = [
    "AnomalyDetection",
    "Colorizing",
    "Contraction",
    "CrossEntropy",
    "Denoising",
    "FineTuning",
    "FrechetDistance",
    "ImageQuality",
    "Likelihood",
    "LinearProbe",
    "Measurement",
    "NoiseLevels",
    "PrincipalAngles",
    "Protocol",
    "Sparsity",
    "Split",
    "Splits",
    "SquaredError",
    "active_units",
    "add_noise",
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
    "read_splits",
    "structural_similarity",
]
