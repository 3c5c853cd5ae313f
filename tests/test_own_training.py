"""Own data in recipes and commands: training, cards, verification, transfer, int8."""

import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import ae_zoo
from ae_zoo import data, evaluation, networks
from ae_zoo.cli import main
from ae_zoo.studies import file_cost
from ae_zoo.training.recipe import load_recipe

RECIPE = """
from ae_zoo import ConvolutionalAutoencoder, Recipe, data, networks

def build():
    encoder = networks.convolutional_encoder((8, 8, 3), [4], latent_dim=6)
    decoder = networks.convolutional_decoder((8, 8, 3), [4], latent_dim=6)
    return ConvolutionalAutoencoder(encoder, decoder, reconstruction_loss="gaussian")

photos = data.Images("photos", image_size=(8, 8), color_mode="rgb")
recipe = Recipe(build=build, dataset=photos, task="Compresses.", epochs=1)
"""


def photographs(folder, count=40, seed=0):
    """Write parts of a photograph that comes with scikit-learn."""
    from sklearn.datasets import load_sample_images

    image = load_sample_images().images[0]
    random = np.random.default_rng(seed)
    folder.mkdir()
    for number in range(count):
        top, left = random.integers(0, 400), random.integers(0, 600)
        part = image[top : top + 16, left : left + 16]
        Image.fromarray(part).save(folder / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with photos, a recipe, and the model that it trained."""
    folder = tmp_path_factory.mktemp("own")
    photographs(folder / "photos")
    (folder / "my_photos.py").write_text(RECIPE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["train", "my_photos.py"]) == 0
    return folder


@pytest.fixture
def here(trained, monkeypatch):
    monkeypatch.chdir(trained)
    return trained


MODEL, FLAGS = "runs/my_photos/model", ["--recipe", "my_photos.py"]


def test_the_recipe_takes_less_than_ten_lines():
    assert len([line for line in RECIPE.splitlines() if line.strip()]) < 10


@pytest.mark.slow
def test_the_card_describes_the_users_own_data(here):
    card = ae_zoo.info(MODEL)
    facts = card["dataset"]
    assert facts["name"] == "photos" and facts["kind"] == "Images"
    assert facts["splits"] == {"train": 32, "validation": 4, "test": 4}
    assert facts["license"] == "not stated" and facts["citation"] == ""
    assert set(facts["sha256"]) == {"images (40 files)", "splits"}
    assert card["metrics"][0]["metric"] == "squared error"
    page = (here / MODEL / "README.md").read_text("utf-8")
    # `load` knows the names of the zoo only.
    assert 'model = ae_zoo.load("PATH_OF_THIS_FOLDER")' in page
    assert "photos, 32 train, 4 validation, 4 test samples" in page
    assert "Splits: at random by file" in page and "resized to 8×8 (bilinear)" in page
    assert "License of the data: not stated." in page and "--data PATH" in page
    assert (here / MODEL / "picture.png").exists()
    assert str(here) not in page


@pytest.mark.slow
def test_verify_finds_the_data_elsewhere_and_refuses_others(here, tmp_path, capsys):
    assert main(["verify", MODEL, *FLAGS]) == 0
    moved = shutil.copytree("photos", tmp_path / "moved")
    assert main(["verify", MODEL, *FLAGS, "--data", str(moved)]) == 0
    (moved / "3.png").write_bytes((moved / "4.png").read_bytes())
    capsys.readouterr()
    for verb in ("verify", "evaluate"):
        assert main([verb, MODEL, *FLAGS, "--data", str(moved)]) == 1
        assert "have other checksums (images (40 files), splits)" in (
            capsys.readouterr().err
        )
    assert main(["verify", MODEL, *FLAGS, "--data", str(tmp_path / "nowhere")]) == 1
    assert "nowhere" in capsys.readouterr().err


@pytest.mark.slow
def test_another_division_of_the_same_files_is_refused(here, tmp_path, capsys):
    other = RECIPE.replace('color_mode="rgb"', 'color_mode="rgb", seed=1')
    (tmp_path / "other.py").write_text(other)
    assert main(["verify", MODEL, "--recipe", str(tmp_path / "other.py")]) == 1
    assert "divided or prepared in another way" in capsys.readouterr().err


@pytest.mark.slow
def test_models_move_to_other_folders(here, tmp_path, capsys):
    other = photographs(tmp_path / "others", seed=1)
    command = ["transfer", MODEL, str(other), *FLAGS, "--epochs", "1", "--samples", "9"]
    assert main(command) == 0
    assert "others" in capsys.readouterr().out
    command = ["train", "my_photos.py", "--data", str(other)]
    assert main([*command, "--output-dir", str(tmp_path / "run")]) == 0
    card = ae_zoo.info(tmp_path / "run" / "model")
    assert card["dataset"]["name"] == "others"
    assert card["training"]["command"] == "ae-zoo train my_photos.py --data PATH"
    # The data are part of what a run resumes with.
    assert main([*command[:2], "--resume", "--output-dir", str(tmp_path / "run")]) == 1


@pytest.mark.slow
def test_int8_files_are_calibrated_on_the_users_own_images(here):
    _, recipe = load_recipe("my_photos.py")
    model = ae_zoo.load(MODEL)
    found = file_cost.calibration_data(model, recipe, recipe.dataset, samples=7)
    train = recipe.dataset.arrays("train")
    assert len({image.tobytes() for image in found}) == 7
    assert {image.tobytes() for image in found} <= {image.tobytes() for image in train}
    # From the whole split: the first images may be alike, such as those of one day.
    assert not np.array_equal(found, train[:7])


# Recipes in Python


def build(features=6, **options):
    return ae_zoo.UndercompleteAutoencoder(
        networks.dense_encoder((features,), [features // 2]),
        networks.dense_decoder(features // 2, [], (features,), output="linear"),
        reconstruction_loss="gaussian",
        **options,
    )


def own_recipe(dataset, **fields):
    return ae_zoo.Recipe(
        **{"build": build, "dataset": dataset, "task": "Test.", "epochs": 1} | fields
    )


def numbers(count=60, features=6, seed=0):
    return np.random.default_rng(seed).normal(size=(count, features)).astype("float32")


@pytest.mark.slow
def test_batches_are_not_taken_for_the_data_set(tmp_path):
    digits = ae_zoo.data.arrays("digits", "train")

    def batches(run, skip, shard):
        import tensorflow as tf

        dark = tf.data.Dataset.from_tensor_slices(0.5 * digits)
        return dark.batch(50).repeat().skip(skip)

    recipe = ae_zoo.Recipe(
        build=lambda: ae_zoo.UndercompleteAutoencoder(
            networks.dense_encoder((8, 8, 1), [3]),
            networks.dense_decoder(3, [], (8, 8, 1)),
        ),
        dataset="digits",
        batches=batches,
        steps_per_epoch=3,
        task="Test.",
        epochs=1,
    )
    model = ae_zoo.train(recipe, output_dir=tmp_path / "run", verbose=0)
    page = (tmp_path / "run" / "model" / "README.md").read_text("utf-8")
    assert "Their source, number and license are not stated" in page
    assert "1,297 train" not in page and "250 test" in page
    assert "License of the data for validation and tests: CC BY 4.0" in page
    found = file_cost.calibration_data(model, recipe, data.source("digits"), 70)
    np.testing.assert_array_equal(found, 0.5 * digits[:70])


@pytest.mark.slow
def test_datasets_and_arrays_are_data_of_a_recipe(tmp_path):
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensor_slices(numbers()).batch(8)
    for number, given in enumerate((dataset, numbers(), data.Arrays(numbers()))):
        folder = tmp_path / str(number)
        ae_zoo.train(own_recipe(given), output_dir=folder, verbose=0)
        facts = ae_zoo.info(folder / "model")["dataset"]
        assert facts["splits"] == {"train": 48, "validation": 6, "test": 6}
        assert facts["kind"] == "Arrays"
    with pytest.raises(TypeError, match="`Recipe.dataset` must be"):
        own_recipe(None)


@pytest.mark.slow
def test_pairs_are_restored_and_measured_with_their_targets(tmp_path):
    clean = numbers(60)
    pairs = data.Arrays((clean + 0.1 * numbers(60, seed=1), clean))
    ae_zoo.train(own_recipe(pairs), output_dir=tmp_path / "run", verbose=0)
    row = ae_zoo.info(tmp_path / "run" / "model")["metrics"][0]
    assert (row["metric"], row["baseline_name"]) == ("squared error", "input unchanged")
    x, y = pairs.arrays("test")
    assert row["baseline"] == pytest.approx(((x - y) ** 2).sum(axis=1).mean())
    wrong = own_recipe(pairs, metrics=[evaluation.SquaredError()])
    with pytest.raises(ValueError, match="pairs .*SquaredError.*Restoration"):
        ae_zoo.train(wrong, output_dir=tmp_path / "wrong", verbose=0)
    plain = own_recipe(clean, metrics=[evaluation.Restoration()])
    with pytest.raises(ValueError, match="without targets"):
        ae_zoo.train(plain, output_dir=tmp_path / "plain", verbose=0)


@pytest.mark.slow
def test_training_adapts_the_scaling_to_the_training_split(tmp_path):
    rows = numbers(100, 2) * [1000, 0.1] + [5000, 1]
    path = tmp_path / "sensors.csv"
    np.savetxt(path, rows, delimiter=",", header="speed,slip", comments="")
    sensors = data.Table(path)
    recipe = own_recipe(sensors, build=lambda: build(2, scaling="standard"))
    model = ae_zoo.train(recipe, output_dir=tmp_path / "run", verbose=0)
    scaled = np.asarray(model.scaling.scale(sensors.arrays("train")))
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(scaled.std(axis=0), 1, atol=1e-4)
    card = ae_zoo.info(tmp_path / "run" / "model")
    assert card["dataset"]["columns"] == ["speed", "slip"]
    # Columns of other tables are matched by name.
    turned = tmp_path / "turned.csv"
    np.savetxt(turned, rows[:, ::-1], delimiter=",", header="slip,speed", comments="")
    other = data.like(turned, sensors, columns=("speed", "slip"))
    np.testing.assert_array_equal(other.arrays("test"), sensors.arrays("test"))


@pytest.mark.slow
def test_a_large_split_is_measured_in_part_and_the_card_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("ae_zoo.data.own.base.MEASURED_BYTES", 10 * 24)
    model = ae_zoo.train(
        own_recipe(numbers(200)), output_dir=tmp_path / "run", verbose=0
    )
    card = ae_zoo.info(tmp_path / "run" / "model")
    assert card["dataset"]["measured"] == {"train": 10, "validation": 10, "test": 10}
    source = data.Arrays(numbers(200))
    x = source.arrays("test")[:10]
    error = ((x - model.reconstruct(x)) ** 2).sum(axis=1).mean()
    assert card["metrics"][0]["value"] == pytest.approx(error, rel=1e-4)
    page = (tmp_path / "run" / "model" / "README.md").read_text("utf-8")
    assert "10 of test" in page


LARGE = """
import sys
import numpy as np
from ae_zoo import data
from ae_zoo._machine import memory

before = memory(peak=True)
source = data.Arrays(np.load(sys.argv[1], mmap_mode="r"))
rows = source.contents.rows["train"]
for start in range(0, len(rows), 512):
    rows.read(np.arange(start, min(len(rows), start + 512)))
print(source.measured("test"), memory(peak=True) - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not pathlib.Path("/proc/meminfo").exists(), reason="needs Linux")
def test_arrays_larger_than_the_memory_that_is_used(tmp_path):
    path = tmp_path / "large.npy"
    shape = (6000, 64, 64, 4)
    large = np.lib.format.open_memmap(path, "w+", np.float32, shape)  # 393 MB, sparse
    large[0] = 1
    del large
    run = subprocess.run(
        [sys.executable, "-c", LARGE, str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    measured, used = map(int, run.stdout.split())
    assert measured == 600
    # Chunks of 17 MB, batches of 34 MB, the test split of 39 MB and the imports.
    assert used < 200 * 2**20
