"""One-class evaluation: one model for each class, and the results of all."""

from pathlib import Path

import keras
import numpy as np
import pytest
import sklearn.metrics
from builders import digits_recipe
from sklearn.decomposition import PCA

import ae_zoo
from ae_zoo import data, evaluation
from ae_zoo.cli import main
from ae_zoo.studies.one_class import OneClassReport, one_class
from ae_zoo.training.recipe import load_recipe

pytestmark = pytest.mark.slow

NAME = "undercomplete_digits"
LATENT_DIM = 8
MNIST = Path(__file__).parents[1] / "benchmarks" / "one_class_mnist.py"


def roc_auc(scores, labels, normal):
    return sklearn.metrics.roc_auc_score(labels != normal, scores)


def test_each_class_is_distinguished_from_all_others(tmp_path):
    protocol = evaluation.AnomalyDetection(
        normal=(0,), headline_metric="ROC-AUC", published=0.9, source="a paper"
    )
    report = one_class(
        digits_recipe(metrics=(protocol,)),
        [3, 1],
        epochs=5,
        output_dir=tmp_path,
        verbose=0,
    )
    assert list(report.classes) == [3, 1]
    x, labels = data.arrays("digits", "test", labels=True)
    train, train_labels = data.arrays("digits", "train", labels=True)
    flat = x.reshape(len(x), -1)
    for row, label in enumerate([3, 1]):
        model = ae_zoo.load(tmp_path / str(label) / "model")
        expected = roc_auc(model.score(x), labels, label)
        assert report.values()[row] == pytest.approx(expected)
        # Trained on its own class only, it detects the others better than chance.
        assert model.card["dataset"]["classes"] == [label]
        assert expected > 0.7
        own = train[train_labels == label].reshape(-1, 64)
        pca = PCA(LATENT_DIM).fit(own)
        error = flat - pca.inverse_transform(pca.transform(flat))
        expected = roc_auc(np.square(error).sum(axis=1), labels, label)
        assert report.baselines()[row] == pytest.approx(expected, abs=1e-3)
        # The published mean belongs to no single class.
        assert model.card["metrics"][0]["published"] is None
    assert (report.published, report.source) == (0.9, "a paper")


def test_a_class_is_learned_from_fresh_weights(tmp_path):
    """The zoo's weights were trained on the other classes too."""
    still = digits_recipe(
        initial_weights=NAME, optimizer=lambda steps: keras.optimizers.SGD(0.0)
    )
    one_class(still, [0], epochs=1, output_dir=tmp_path, verbose=0)
    model, known = ae_zoo.load(tmp_path / "0" / "model"), ae_zoo.load(NAME)
    assert np.abs(model.get_weights()[0] - known.get_weights()[0]).max() > 0.1


def test_an_interrupted_evaluation_resumes(tmp_path, capsys):
    run = ["one-class", NAME, "--epochs", "1", "--output-dir", str(tmp_path)]
    assert main([*run, "--classes", "0"]) == 0
    weights = (tmp_path / "0" / "model" / "model.keras").stat().st_mtime_ns
    assert main([*run, "--classes", "0", "1"]) == 1
    assert "--resume" in capsys.readouterr().err
    assert not (tmp_path / "1").exists()
    assert main([*run, "--classes", "0", "1", "--resume"]) == 0
    assert (tmp_path / "0" / "model" / "model.keras").stat().st_mtime_ns == weights
    printed = capsys.readouterr().out
    assert "[2/2] class 1" in printed
    auc = ae_zoo.info(tmp_path / "1" / "model")["metrics"][0]["value"]
    assert f"| 1 | {auc:.4f} |" in printed
    other = [*run, "--classes", "0", "0", "--resume", "--seed", "7"]
    assert main(other) == 1
    assert "'seed': 7" in capsys.readouterr().err


def report(values, **published):
    def row(metric, value):
        return evaluation.Measurement(metric, value, value / 2, "PCA, 2 components")

    return OneClassReport(
        {
            label: {metric: row(metric, value) for metric in ("ROC-AUC", "PR-AUC")}
            for label, value in enumerate(values)
        },
        **published,
    )


def test_the_table_ends_with_mean_and_paper():
    lines = (
        report([0.8, 0.9, 1.0], published=0.948, source="SVDD").markdown().split("\n")
    )
    assert lines[0].split(" | ")[:3] == [
        "| class",
        "ROC-AUC",
        "ROC-AUC of PCA, 2 components",
    ]
    assert lines[3] == "| 1 | 0.9000 | 0.4500 | 0.9000 | 0.4500 |"
    # The deviations from 0.9 are -0.1, 0 and 0.1: √(0.02 / 2) = 0.1.
    assert lines[5].startswith(
        "| mean ± standard deviation | **0.9000** ± 0.1000 | **0.4500** ± 0.0500 |"
    )
    assert lines[6] == "| mean of SVDD | 0.9480 | – | – | – |"
    assert len(lines) == 7
    assert report([0.8, 0.9]).mean() == pytest.approx(0.85)
    assert "mean of" not in report([0.8]).markdown()


def test_without_a_baseline():
    row = evaluation.Measurement("ROC-AUC", 0.9)
    overcomplete = OneClassReport({0: {"ROC-AUC": row, "PR-AUC": row}})
    assert overcomplete.baselines() == [None]
    header, _, first, *_ = overcomplete.markdown().split("\n")
    assert (header, first) == (
        "| class | ROC-AUC | PR-AUC |",
        "| 0 | 0.9000 | 0.9000 |",
    )


@pytest.mark.parametrize("classes", [[10], []])
def test_unknown_classes(classes, tmp_path):
    with pytest.raises(ValueError, match="labels of 'digits', which are .0, 1"):
        one_class(NAME, classes, output_dir=tmp_path, verbose=0)
    assert not list(tmp_path.iterdir())


def test_a_recipe_of_pairs_is_refused(tmp_path):
    pairs = digits_recipe(pair=lambda x: (x, x))
    with pytest.raises(ValueError, match="`pair`"):
        one_class(pairs, output_dir=tmp_path, verbose=0)


def test_the_benchmark_divides_the_error_by_the_length():
    _, benchmark = load_recipe(MNIST)
    model = benchmark.build()
    x = np.random.default_rng(0).random((5, 28, 28, 1), dtype="float32")
    x *= np.array([0.2, 0.4, 0.6, 0.8, 1.0], "float32").reshape(5, 1, 1, 1)
    error = np.square(x - model.predict(x, verbose=0)).sum(axis=(1, 2, 3))
    expected = 0.5 * error / np.sqrt(np.square(x).sum(axis=(1, 2, 3)))
    np.testing.assert_allclose(model.score(x), expected, rtol=1e-3)
    model.compile(benchmark.optimizer(10))
    assert np.isfinite(model.train_on_batch(x)).all()
