"""The default detector on 38 tables of ADBench, trained on normal rows only.

Source: Han et al. 2022, "ADBench: Anomaly Detection Benchmark", NeurIPS; protocol and
published numbers of Livernoche et al. 2024, "On diffusion modeling for anomaly
detection", ICLR, whose repository prints the ROC-AUC of each table and method.
Protocol: half of the normal rows train; the other half and all anomalies are the test
rows; mean of 5 random halves. Nothing is set for a table, and no label of these tables
was used to choose the defaults of the detector.
Command: python benchmarks/adbench.py ADBench_classical_38.zip --output adbench.json
The archive holds NAME.npz files with X (rows, columns) and y (1 = anomaly).
"""

from __future__ import annotations

import argparse
import io
import json
import os
import pathlib
import time
import warnings
import zipfile
from collections.abc import Iterator

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from ae_zoo.estimators import AutoencoderDetector

# Mean ROC-AUC in % over these 38 tables, from the tables of the repository.
PUBLISHED = {
    "DTE-NP": 84.77,
    "kNN": 84.26,
    "DTE-C": 83.31,
    "LOF": 81.56,
    "OCSVM": 79.42,
    "IForest": 79.18,
    "VAE": 77.11,
    "PCA": 76.11,
    "ECOD": 72.60,
    "DeepSVDD": 71.21,
}
WDBC = "WDBC of scikit-learn"
_NEIGHBORS = 5


def tables(archive: pathlib.Path) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield (name, rows, labels) of scikit-learn's WDBC and of each table."""
    x, y = load_breast_cancer(return_X_y=True)
    yield WDBC, x, (y == 0).astype(int)  # malignant ones are the anomalies
    with zipfile.ZipFile(archive) as opened:
        for name in sorted(n for n in opened.namelist() if n.endswith(".npz")):
            with np.load(io.BytesIO(opened.read(name)), allow_pickle=False) as table:
                yield pathlib.Path(name).stem, table["X"], table["y"].ravel()


def split(
    x: np.ndarray, y: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return training rows, test rows, and the labels of the test rows."""
    normal = np.random.default_rng(seed).permutation(np.flatnonzero(y == 0))
    half = len(normal) // 2
    test = np.concatenate([normal[half:], np.flatnonzero(y == 1)])
    return x[normal[:half]], x[test], y[test]


def detector_auc(x: np.ndarray, y: np.ndarray, seed: int) -> float:
    train, test, labels = split(x, y, seed)
    detector = AutoencoderDetector(random_state=seed).fit(train)
    return 100 * roc_auc_score(labels, -detector.score_samples(test))


def neighbors_auc(x: np.ndarray, y: np.ndarray, seed: int) -> float:
    """The baseline: distance to the fifth neighbor in standardized columns."""
    train, test, labels = split(x, y, seed)
    scaler = StandardScaler().fit(train)
    nearest = NearestNeighbors(n_neighbors=_NEIGHBORS).fit(scaler.transform(train))
    distances, _ = nearest.kneighbors(scaler.transform(test))
    return 100 * roc_auc_score(labels, distances[:, -1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive", type=pathlib.Path)
    parser.add_argument("--output", type=pathlib.Path, help="JSON file of the results")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tables", nargs="*", help="parts of names; default: all")
    parser.add_argument("--baseline", action="store_true", help="measure kNN as well")
    options = parser.parse_args()
    methods = {"detector": detector_auc}
    if options.baseline:
        methods["kNN"] = neighbors_auc
    warnings.filterwarnings("ignore", "Constant in the training data")
    results: dict[str, dict[str, list[float]]] = {}
    started = time.perf_counter()
    for name, x, y in tables(options.archive):
        if options.tables and not any(part in name for part in options.tables):
            continue
        results[name] = {
            method: [round(auc(x, y, seed), 3) for seed in range(options.seeds)]
            for method, auc in methods.items()
        }
        keras.utils.clear_session()
        shown = (f"{m} {np.mean(v):6.2f}" for m, v in results[name].items())
        seconds = time.perf_counter() - started
        print(f"{name:22} {'  '.join(shown)}  {seconds:6.0f} s", flush=True)
        if options.output:
            write(options.output, results, seconds)
    for method in methods:
        print(f"mean of ADBench, {method}: {mean_of_tables(results, method):.2f}")


def mean_of_tables(
    results: dict[str, dict[str, list[float]]], method: str
) -> float | None:
    means = [np.mean(row[method]) for name, row in results.items() if name != WDBC]
    return round(float(np.mean(means)), 2) if means else None


def write(
    path: pathlib.Path, results: dict[str, dict[str, list[float]]], seconds: float
) -> None:
    methods = next(iter(results.values()))
    content = {
        "unit": "ROC-AUC in %, one number for each seed",
        "parameters": AutoencoderDetector().get_params(),
        "seconds": round(seconds),
        "mean": {method: mean_of_tables(results, method) for method in methods},
        "published_means": PUBLISHED,
        "tables": results,
    }
    path.write_text(json.dumps(content, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
