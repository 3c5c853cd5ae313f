"""Inputs that a model was not made for: noticed, and no others."""

import dataclasses
import warnings

import numpy as np
import pytest
import tensorflow as tf
from builders import normal

import ae_zoo
from ae_zoo import evaluation, zoo
from ae_zoo.cli import command_line
from ae_zoo.models import typical
from ae_zoo.studies.typical_inputs import typical_inputs
from ae_zoo.training.recipe import load_recipe
from ae_zoo.training.typical_inputs import kinds_of_inputs

WARNING = "far from what"


@pytest.fixture(scope="module")
def photos():
    """Patches of photographs, gray, 28×28."""
    skimage = pytest.importorskip("skimage")
    images = [skimage.data.camera() / 255, skimage.color.rgb2gray(
        skimage.data.astronaut())]  # fmt: skip
    return np.stack(
        [
            image[row : row + 28, column : column + 28, None]
            for image in images
            for row in range(0, 480, 96)
            for column in range(0, 480, 96)
        ]
    ).astype("float32")


@pytest.fixture(scope="module")
def digits():
    return ae_zoo.data.mnist_style(ae_zoo.data.arrays("digits", "test"))


def warned(model, x):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.predict(x, verbose=0)
    return [str(w.message) for w in caught if WARNING in str(w.message)]


@pytest.mark.slow
def test_photographs_are_noticed_by_the_first_predict_only(photos):
    model = ae_zoo.load("denoising_mnist")
    (text,) = warned(model, photos)
    assert "denoising_mnist" in text and "white digits on black" in text
    assert not warned(model, photos)


@pytest.mark.slow
@pytest.mark.parametrize("level", [0, 0.1, 0.3, 1.0])
def test_digits_of_others_are_not(digits, level):
    noisy = evaluation.add_noise(digits, level) if level else digits
    assert not warned(ae_zoo.load("denoising_mnist"), noisy)


@pytest.mark.slow
@pytest.mark.parametrize(
    "change", [lambda x: 1 - x, lambda x: x / 255], ids=["inverted", "another scale"]
)
def test_other_polarities_and_scales_are_noticed(change, digits):
    assert warned(ae_zoo.load("denoising_mnist"), change(digits))


@pytest.mark.slow
def test_datasets_are_looked_at_too(photos):
    dataset = tf.data.Dataset.from_tensor_slices(photos).batch(16)
    assert warned(ae_zoo.load("denoising_mnist"), dataset)


@pytest.mark.slow
def test_a_fine_tuned_model_says_nothing(photos):
    model = ae_zoo.load("denoising_digits")
    x = normal(4, 8, 8, 1) % 1
    model.fit(x, verbose=0)
    assert not warned(model, x)


PAIRS = ("cleaning_documents", "colorizing_cifar10")


@pytest.mark.slow
def test_pairs_are_exempt():
    assert not any(zoo.info(name).get(typical.FIELD) for name in PAIRS)
    model = ae_zoo.load("colorizing_cifar10")
    assert not warned(model, np.zeros((1, 32, 32, 1), "float32"))


def test_anomalies_are_exempt():
    for name in ("anomaly_ecg5000", "anomaly_skab"):
        assert zoo.info(name)[typical.FIELD] == []


def test_every_other_entry_has_typical_inputs():
    for name in ae_zoo.list_models():
        if name in PAIRS or name.startswith("anomaly_"):
            continue
        kinds = zoo.info(name)[typical.FIELD]
        assert kinds[0]["input"] == "clean"
        levels = {
            f"noise {level:.3g}"
            for protocol in load_recipe(name)[1].metrics
            for level in getattr(protocol, "noise_levels", ())
        }
        assert levels <= {kind["input"] for kind in kinds}


@pytest.mark.slow
def test_the_command_measures_and_counts_false_alarms(tmp_path, capsys):
    field, alarms = typical_inputs("denoising_digits")
    assert [kind["input"] for kind in field] == ["clean", "noise 0.5"]
    assert [alarm.unusual for alarm in alarms] == [0, 0]
    x = ae_zoo.data.arrays("digits", "validation")
    model = ae_zoo.load("denoising_digits")
    score = field[0]["score"]
    assert score["p50"] == pytest.approx(np.median(model.score(x)), rel=1e-3)
    rough = np.sqrt(np.square(np.diff(x[0], axis=0)).mean())
    assert typical.roughness(x[:1])[0] == pytest.approx(rough)
    assert command_line.main(["typical-inputs", "denoising_digits"]) == 0
    assert "noise 0.5" in capsys.readouterr().out


def kind(low, median, high):
    numbers = {"p0": low, "p50": median, "p100": high}
    rough = {"p0": 1, "p50": 1, "p100": 1}
    return {"samples": 10**6, "score": numbers, "roughness": rough}


def test_what_is_usual_by_hand():
    kinds = [kind(10, 20, 40), kind(100, 150, 200), kind(1000, 1500, 2000)]
    # The slack is a quarter of the logarithm's range, here 400 / 10 and 2000 / 100.
    scores = np.array([3, 9, 60, 250, 4500, 1e9])
    values = {"score": scores, "roughness": np.ones(6)}
    expected = [True, False, False, False, True, True]
    assert typical.are_unusual(kinds, values).tolist() == expected
    values["roughness"] = np.full(6, 2.0)  # more than 1.25 of the only one
    assert typical.are_unusual(kinds, values).all()
    values["roughness"] = np.zeros(6)  # the score alone decides
    assert typical.are_unusual(kinds, values).tolist() == expected
    values["roughness"] = np.full(6, 2.0)
    # Of few samples, the range says less: here the margins are eleven times as wide.
    few = [one | {"samples": 10} for one in kinds]
    assert not typical.are_unusual(few, values)[:5].any()


@pytest.mark.parametrize(
    "unusual, total, alarming",
    [(1, 1, True), (1, 2, False), (2, 2, True), (8, 32, False), (9, 32, True)],
)
def test_a_few_unusual_samples_are_no_alarm(unusual, total, alarming):
    flags = np.arange(total) < unusual
    assert typical.is_alarming(flags) == alarming


def test_own_corruptions_are_a_kind_of_input():
    _, recipe = load_recipe("anomaly_ecg5000")
    model = ae_zoo.load("anomaly_ecg5000")
    assert kinds_of_inputs(model, recipe) == {}
    kinds = kinds_of_inputs(model, dataclasses.replace(recipe, classes=None))
    assert list(kinds) == ["clean", "corrupted"]
    x = normal(3, 140)
    assert np.abs(kinds["corrupted"](x) - x).std() > 0.1


def test_scores_of_images_of_any_size_do_not_depend_on_it():
    encoder = ae_zoo.networks.u_net_encoder((None, None, 1), [4])
    decoder = ae_zoo.networks.pixel_decoder((None, None, 5), 1)
    model = ae_zoo.ConvolutionalAutoencoder(encoder, decoder)
    x = np.random.default_rng(0).random((4, 16, 16, 1), dtype="float32")
    kinds = [typical.describe(model, x, "clean")]
    large = np.tile(x, (1, 4, 4, 1))
    assert not typical.are_unusual(kinds, typical.measure(model, large)).any()
    kinds[0]["samples"] = 10**6  # as if the range were known well
    faint = typical.measure(model, large / 10)  # a tenth of the roughness
    assert typical.are_unusual(kinds, faint).all()
