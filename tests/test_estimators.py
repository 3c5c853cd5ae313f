"""The estimators keep scikit-learn's rules, and files compute what Python computes."""

import json
import pickle
import warnings

import keras
import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import ae_zoo
from ae_zoo import lite, networks
from ae_zoo.estimators import AutoencoderDetector, AutoencoderTransformer
from ae_zoo.estimators.building import VARIANTS
from ae_zoo.estimators.scoring import Scorer, ScoreState, residual_scale
from ae_zoo.zoo import UnsafeModelError

FEW = {"steps": 2, "random_state": 0}


def table(values, columns):
    return pa.table(dict(zip(columns, np.asarray(values).T, strict=True)))


def related(n, seed=0):
    """Rows (a, 2a + noise, c) in units of very different size."""
    random = np.random.default_rng(seed)
    a, c = random.normal(size=(2, n))
    rows = np.stack([a, 2 * a + 0.1 * random.normal(size=n), c], axis=1)
    return rows * [1.0, 100.0, 1e-3] + [0.0, 500.0, 0.01]


@pytest.fixture(scope="module")
def detector():
    return AutoencoderDetector(steps=300, random_state=0).fit(related(400))


@pytest.fixture
def eagerly():
    """Functions run as Python, because tracing takes longer than a few steps."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "estimator",
    [
        AutoencoderDetector(latent_dim=4, **FEW),
        AutoencoderTransformer("deep", latent_dim=2, **FEW),
    ],
    ids=["detector", "transformer"],
)
def test_scikit_learns_checks_pass(estimator, eagerly):
    results = check_estimator(estimator, on_fail=None, on_skip=None)
    failed = {
        r["check_name"]: r["exception"] for r in results if r["status"] == "failed"
    }
    assert not failed
    assert sum(r["status"] == "passed" for r in results) > 35


# What the score is.


class Identity:
    """A model of two values, whose reconstruction has the error (0, 1)."""

    sample_shape = (2,)

    def scale(self, x):
        return x

    def parts(self):
        from ae_zoo.models.objective import Parts

        return Parts(lambda x: x, lambda z: z - tf.constant([0.0, 1.0]))

    def bottleneck(self, z):
        return z


def test_score_is_the_mean_distance_to_the_nearest_others():
    # Values (x, y) and residuals (0, 1), which cancel in the differences.
    memory = [[0, 0, 0, 1], [3, 4, 0, 1], [0, 8, 0, 1], [90, 0, 0, 1]]
    scale = np.ones(2, "float32")
    scorer = Scorer(Identity(), ScoreState(scale, np.float32(memory), 2))
    # (0, 2) is nearest to (0, 0) and (3, 4): |0| + |2| and |3| + |2| away.
    np.testing.assert_allclose(scorer.run("score", np.float32([[0, 2]])), [3.5])
    # The copy in the memory does not count: 3 + 4 and 8 away.
    np.testing.assert_allclose(scorer.run("score", np.float32([[0, 0]])), [7.5])
    np.testing.assert_allclose(
        scorer.run("contributions", np.float32([[0, 0]])), [[3 / 2, (4 + 8) / 2]]
    )


def test_score_without_neighbors_is_the_weighted_residual():
    scale = np.float32([7, 3])
    scorer = Scorer(Identity(), ScoreState(scale, np.empty((0, 4), "float32"), 0))
    np.testing.assert_allclose(scorer.run("score", np.float32([[5, 6]])), [3])
    np.testing.assert_allclose(
        scorer.run("contributions", np.float32([[5, 6]])), [[0, 3]]
    )


def test_residual_scale_draws_few_rows_toward_the_mean():
    # Variances 1 and 9 of two rows, with the mean 5: (2·1 + 2·5) / 4 = 3 and 7.
    scale = residual_scale(np.array([[1.0, 3.0], [-1.0, -3.0]]), 0.5)
    np.testing.assert_allclose(scale, 0.5 / np.sqrt([3 + 0.05, 7 + 0.05]), rtol=1e-6)


# What it finds.


@pytest.mark.slow
def test_it_finds_rows_that_break_a_relation_and_blames_the_columns(detector):
    new = related(50, seed=1)
    assert (detector.predict(new) == -1).mean() < 0.1
    new[:, 1] = new[::-1, 1].copy()  # each value alone is normal
    is_broken = np.abs((new[:, 1] - 500) / 100 - 2 * new[:, 0]) > 2
    assert (detector.predict(new[is_broken]) == -1).mean() > 0.9
    shares = detector.explain(new[is_broken])
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert shares[:, 2].mean() < 0.15  # the third column has no part in it


@pytest.mark.slow
def test_a_row_does_not_depend_on_the_others(detector):
    new = related(600, seed=2)
    alone = np.concatenate([detector.score_samples(row[None]) for row in new[:5]])
    np.testing.assert_array_equal(detector.score_samples(new)[:5], alone)


@pytest.mark.slow
def test_contamination_flags_that_share_of_the_training_rows():
    x = related(200)
    fitted = AutoencoderDetector(contamination=0.1, steps=20, random_state=0).fit(x)
    assert (fitted.predict(x) == -1).sum() == 20


@pytest.mark.slow
def test_windows_of_a_series():
    time = np.arange(700)[:, None]
    series = np.sin(time / [7.0, 11.0]) + 0.02 * np.cos(37.0 * time)
    detector = AutoencoderDetector(window=12, steps=300, random_state=0)
    detector.fit(series[:500])
    new = series[500:].copy()
    new[100:110, 1] = 0.0
    flagged = np.flatnonzero(detector.predict(new) == -1)
    # The last window with a changed row ends 11 rows after it.
    assert {105, 110} <= set(flagged) <= set(range(100, 121))
    shares = detector.explain(new)
    assert shares.shape == new.shape and shares[110].argmax() == 1
    windows = np.lib.stride_tricks.sliding_window_view(series, 12, axis=0)
    windows = np.moveaxis(windows, -1, 1)  # (n, moments, features)
    ready = AutoencoderDetector(steps=20, random_state=0).fit(windows[:300])
    assert ready.explain(windows[:2]).shape == (2, 12, 2)
    with pytest.raises(ValueError, match="window of 12 rows. Received 5 rows"):
        detector.predict(new[:5])


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_by_name(name):
    random = np.random.default_rng(0)
    x = (
        random.random((40, 8, 8, 1))
        if name == "convolutional"
        else random.random((40, 6))
    )
    detector = AutoencoderDetector(name, latent_dim=3, **FEW).fit(x)
    assert type(detector.model_).__name__.lower().startswith(name)
    assert detector.explain(x).shape == x.shape
    codes = AutoencoderTransformer(name, latent_dim=3, **FEW).fit_transform(x)
    assert codes.shape == (40, 3)


def build(input_shape, scaling):
    encoder = networks.dense_encoder(input_shape, [8, 2])
    decoder = networks.dense_decoder(2, [8], input_shape, output="linear")
    return ae_zoo.DeepAutoencoder(
        encoder, decoder, reconstruction_loss="gaussian", scaling=scaling
    )


@pytest.mark.slow
def test_a_function_builds_the_model():
    x = related(60)
    detector = clone(AutoencoderDetector(build, scaling="robust", **FEW)).fit(x)
    assert detector.model_.scaling.mode == "robust"
    assert detector.model_.latent_dim == 2
    with pytest.raises(TypeError, match="must return an ae_zoo autoencoder"):
        AutoencoderDetector(lambda shape: None).fit(x)


@pytest.mark.slow
def test_equal_seeds_give_equal_scores_and_leave_other_random_numbers_alone():
    x = related(60)
    keras.utils.set_random_seed(5)
    before = np.random.random(), keras.random.uniform(()).numpy()
    keras.utils.set_random_seed(5)
    first = AutoencoderDetector(**FEW).fit(x).score_samples(x)
    assert (np.random.random(), keras.random.uniform(()).numpy()) == before
    np.testing.assert_array_equal(
        AutoencoderDetector(**FEW).fit(x).score_samples(x), first
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_in_pipelines_and_searches():
    x = related(90)
    pipeline = make_pipeline(StandardScaler(), AutoencoderDetector(**FEW))
    assert pipeline.fit(x).predict(x).shape == (90,)
    y = np.where(np.arange(90) % 9, 1, -1)
    search = GridSearchCV(
        AutoencoderDetector(**FEW), {"n_neighbors": [0, 3]}, scoring="roc_auc", cv=2
    )
    assert search.fit(x, y).best_params_["n_neighbors"] in (0, 3)
    transformer = AutoencoderTransformer("undercomplete", latent_dim=2, **FEW)
    codes = make_pipeline(StandardScaler(), transformer).fit_transform(x)
    assert codes.shape == (90, 2)


# Columns, units and bad values.


@pytest.mark.slow
def test_columns_are_matched_by_name(tmp_path):
    trained = table(related(60), ["a", "b", "c"])
    detector = AutoencoderDetector(**FEW).fit(trained)
    assert list(detector.feature_names_in_) == ["a", "b", "c"]
    expected = detector.score_samples(trained)
    other = trained.select(["c", "a", "b"])
    np.testing.assert_array_equal(detector.score_samples(other), expected)
    with pytest.raises(ValueError, match="X lacks 'c' and also has 'd'"):
        detector.predict(table(related(60), ["a", "b", "d"]))
    detector.save(tmp_path / "d")
    loaded = AutoencoderDetector.load(tmp_path / "d")
    np.testing.assert_array_equal(loaded.score_samples(other), expected)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            np.nan,
            "contains NaN: 1 of 180 values in the columns '1'; the first is in row 7",
        ),
        (np.inf, "contains infinity"),
        (1e35, "values above 1e30"),
    ],
)
def test_values_that_are_not_finite_are_named(value, message):
    x = related(60)
    x[7, 1] = value
    with pytest.raises(ValueError, match=message):
        AutoencoderDetector(**FEW).fit(x)


def test_texts_are_named():
    texts = pa.table({"a": [1.0, 2.0], "b": ["x", "y"]})
    with pytest.raises(ValueError, match="Received texts or dates in 'b'"):
        AutoencoderDetector(**FEW).fit(texts)


def test_other_units_are_warned_of(detector):
    new = related(30, seed=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        detector.predict(new)
    with pytest.warns(UserWarning, match="column '1' seems to be in other units"):
        detector.predict(new / [1, 1000, 1])


@pytest.mark.slow
def test_constant_columns_are_warned_of():
    x = related(60)
    x[:, 2] = 4.0
    with pytest.warns(UserWarning, match="Constant in the training data: '2'"):
        detector = AutoencoderDetector(steps=20, random_state=0).fit(x)
    changed = x.copy()
    changed[:, 2] = 40.0
    assert (detector.predict(changed) == -1).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": "denoisin"}, "Did you mean 'denoising'"),
        ({"model": "convolutional"}, "needs images"),
        ({"contamination": 0.7}, "contamination"),
        ({"contamination": "half"}, "'auto', or a number"),
        ({"quantile": 2}, "quantile"),
        ({"window": 100}, "window of 100 rows. Received 60 rows"),
        ({"n_neighbors": -1}, "n_neighbors"),
        ({"steps": 0}, "steps"),
        ({"validation_fraction": 0}, "validation_fraction"),
    ],
)
def test_wrong_parameters_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        AutoencoderDetector(**arguments).fit(related(60))


def test_it_must_be_fitted_first(tmp_path):
    for call in (
        lambda e: e.predict(related(5)),
        lambda e: e.export(tmp_path / "m"),
        lambda e: e.save(tmp_path / "d"),
    ):
        with pytest.raises(NotFittedError):
            call(AutoencoderDetector())


# Saving and exporting.


def test_pickle_and_folder_give_the_same_scores(detector, tmp_path):
    new = related(20, seed=4)
    expected = detector.score_samples(new)
    copy = pickle.loads(pickle.dumps(detector))
    np.testing.assert_array_equal(copy.score_samples(new), expected)
    detector.save(tmp_path / "detector")
    loaded = AutoencoderDetector.load(tmp_path / "detector")
    np.testing.assert_array_equal(loaded.score_samples(new), expected)
    np.testing.assert_array_equal(loaded.predict(new), detector.predict(new))
    assert loaded.get_params() == detector.get_params()
    with pytest.raises(FileExistsError, match="overwrite=True"):
        detector.save(tmp_path / "detector")
    detector.save(tmp_path / "detector", overwrite=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    with pytest.raises(FileExistsError, match="holds no detector"):
        detector.save(tmp_path / "other", overwrite=True)


def test_a_changed_folder_is_refused(detector, tmp_path):
    from ae_zoo.zoo import checksums

    detector.save(tmp_path / "d")
    settings = json.loads((tmp_path / "d" / "detector.json").read_text())
    settings["offset"] = "much"
    (tmp_path / "d" / "detector.json").write_text(json.dumps(settings))
    with pytest.raises(UnsafeModelError, match="not the file that was published"):
        AutoencoderDetector.load(tmp_path / "d")
    checksums.write_checksums(tmp_path / "d")
    with pytest.raises(UnsafeModelError, match="detector.json is not valid"):
        AutoencoderDetector.load(tmp_path / "d")
    np.savez(tmp_path / "d" / "detector.npz", memory=np.array([object()]))
    checksums.write_checksums(tmp_path / "d")
    with pytest.raises(UnsafeModelError, match="detector.npz cannot be read"):
        AutoencoderDetector.load(tmp_path / "d")
    with pytest.raises(FileNotFoundError, match="holds no detector"):
        AutoencoderDetector.load(tmp_path)


@pytest.mark.slow
def test_files_compute_the_same_scores_and_labels(detector, tmp_path):
    new = np.float32(np.concatenate([related(5, seed=5), 3 * related(3, seed=6)]))
    scores, labels = -detector.score_samples(new), detector.predict(new)
    assert set(labels) == {1, -1}
    detector.export(tmp_path / "saved")
    loaded = tf.saved_model.load(str(tmp_path / "saved"))
    found = loaded.signatures["detect"](x=tf.constant(new))
    # Sums of float32 in another order.
    np.testing.assert_allclose(found["score"], scores, rtol=1e-5)
    np.testing.assert_array_equal(found["label"], labels)
    detector.export(tmp_path / "d.tflite", format="litert")
    file = lite.load(tmp_path / "d.tflite")
    found = file.run("detect", x=new)
    np.testing.assert_allclose(found["score"], scores, rtol=1e-4)
    np.testing.assert_array_equal(found["label"], labels)


# The figure.


def test_figure(detector, tmp_path):
    from ae_zoo import plots
    from ae_zoo.plots.anomalies import stretches

    series = related(80, seed=7)
    series[20:25, 0] += 9
    series[60, 2] += 1
    names = ["a", "b", "c"]
    plots.anomalies(detector, series, tmp_path / "a.svg", names, first_row=101)
    # Text is drawn as paths, with the text as a comment.
    assert "<!-- 121 -->" in (tmp_path / "a.svg").read_text("utf-8")
    plots.anomalies(detector, series, tmp_path / "a.png", names)
    assert (tmp_path / "a.png").stat().st_size > 10_000
    with pytest.raises(ValueError, match="`columns` must name the 3 features"):
        plots.anomalies(detector, series, tmp_path / "b.png", columns=["a"])
    flagged = np.array([True, False, True, True])
    assert list(stretches(flagged)) == [(0, 1), (2, 4)]
