"""The zoo: every entry loads, does what its card says, and refuses what it should."""

import json
import re
import shutil
import zipfile

import h5py
import numpy as np
import pytest

import ae_zoo
from ae_zoo import data, evaluation, zoo
from ae_zoo.data import source
from ae_zoo.training.recipe import list_recipes, load_recipe
from ae_zoo.zoo import cards, checksums

DIGITS = "undercomplete_digits"


@pytest.fixture
def folder(tmp_path):
    """A copy of a small entry that a test may damage."""
    return shutil.copytree(zoo.entry._find(DIGITS), tmp_path / "entry")


def test_every_recipe_has_its_entry():
    assert ae_zoo.list_models() == list_recipes()


@pytest.mark.parametrize("name", ae_zoo.list_models())
def test_card_is_complete(name):
    card = ae_zoo.info(name)
    assert card["name"] == name
    for field in ("variant", "task", "paper", "license", "input_shape", "parameters"):
        assert card[field], field
    for field in ("license", "citation", "splits", "homepage"):
        assert card["dataset"][field], field
    for field in ("command", "seconds", "hardware", "versions", "commit"):
        assert card["training"][field], field
    for row in card["metrics"]:
        assert np.isfinite(row["value"]), row
        assert (row["baseline"] is None) == (not row["baseline_name"]), row
        assert (row["published"] is None) == (not row["source"]), row


@pytest.mark.parametrize("name", ae_zoo.list_models())
def test_a_folder_agrees_with_its_recipe(name):
    """Texts are those of the recipe and the data, and the page that of the card."""
    folder, card = zoo.entry._find(name), ae_zoo.info(name)
    _, recipe = load_recipe(name)
    for field in ("task", "paper", "limits", "license"):
        assert card[field] == getattr(recipe, field), field
    source = data.source(recipe.dataset)
    for field in ("name", "license", "citation", "homepage"):
        assert card["dataset"][field] == getattr(source, field), field
    assert card["dataset"]["sha256"] == source.fingerprint
    assert (folder / "README.md").read_text("utf-8") == cards.render(card)
    for kind in ("model", "model_int8"):
        sidecar = json.loads((folder / f"{kind}.json").read_text("utf-8"))
        for field in ("name", "task", "license"):
            assert sidecar[field] == card[field], field
    digests = checksums.verify_checksums(folder)
    unlisted = {path.name for path in folder.iterdir()} - digests.keys()
    assert unlisted == {"saved_model", "SHA256SUMS"}


@pytest.fixture
def folder_of(request, tmp_path):
    """Name of a data set → the folder it is prepared in, or a skip."""

    def find(name):
        if name == "digits":
            return None
        folder = request.getfixturevalue("prepared")
        if (folder / name).is_dir():
            return folder
        # The small sets take seconds to prepare.
        data.prepare(
            name, data_dir=tmp_path, manual_dir=request.getfixturevalue("manual")
        )
        return tmp_path

    return find


@pytest.mark.parametrize(
    "name",
    [
        # `make quick` takes those of one data set.
        name if name.endswith("_digits") else pytest.param(name, marks=pytest.mark.slow)
        for name in ae_zoo.list_models()
    ],
)
def test_entry_reproduces_its_card(name, folder_of):
    """The headline on the first test samples is the one on the card.

    The noise and the draws are seeded, so what is left is the rounding of float32
    sums on another processor.
    """
    card = ae_zoo.info(name)
    data_dir = folder_of(card["dataset"]["name"])
    model = ae_zoo.load(name)
    assert model.compiled
    assert list(model.input_shape[1:]) == card["input_shape"]
    assert model.count_params() == card["parameters"]
    _, recipe = load_recipe(name)
    samples = card["subset"]["samples"]
    splits = evaluation.read_splits(source(recipe.dataset, data_dir), samples)
    subset = evaluation.measure_subset(model, recipe.metrics, splits, samples)
    assert subset["metric"] == card["subset"]["metric"]
    assert subset["value"] == pytest.approx(card["subset"]["value"], rel=1e-3)


def test_loaded_model_fits():
    model = ae_zoo.load(DIGITS)
    x = ae_zoo.data.arrays("digits", "train")[:256]
    before = model.evaluate(x, verbose=0)
    model.fit(x, epochs=3, verbose=0)
    assert model.evaluate(x, verbose=0) < before


def test_shipped_weights_hold_no_optimizer_state(folder):
    with zipfile.ZipFile(folder / "model.keras") as archive:
        with archive.open("model.weights.h5") as member, h5py.File(member) as weights:
            assert "optimizer" not in weights


def test_unknown_name_lists_near_matches():
    with pytest.raises(ValueError, match="(?s)'denoising_mnsit'.*'denoising_mnist'"):
        ae_zoo.load("denoising_mnsit")


def test_missing_folder():
    with pytest.raises(FileNotFoundError, match="no model folder 'no/such/folder'"):
        ae_zoo.load("no/such/folder")


def test_folder_without_card(folder):
    (folder / "card.json").unlink()
    with pytest.raises(FileNotFoundError, match="no card.json"):
        ae_zoo.info(folder)


def test_damaged_card(folder):
    (folder / "card.json").write_text("{")
    with pytest.raises(ValueError, match="damaged.*expected JSON"):
        ae_zoo.info(folder)


def test_truncated_weights(folder):
    whole = (folder / "model.keras").read_bytes()
    (folder / "model.keras").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="expected SHA-256"):
        ae_zoo.load(folder)


def test_missing_weights(folder):
    (folder / "model.keras").unlink()
    with pytest.raises(FileNotFoundError, match="model.keras"):
        ae_zoo.load(folder)


def test_save_and_load_a_folder(tmp_path):
    model = ae_zoo.load(DIGITS)
    x = ae_zoo.data.arrays("digits", "test")[:8]
    zoo.save(model, tmp_path / "mine", ae_zoo.info(DIGITS))
    again = ae_zoo.load(tmp_path / "mine")
    np.testing.assert_array_equal(
        again.predict(x, verbose=0), model.predict(x, verbose=0)
    )
    with pytest.raises(FileExistsError, match="overwrite=True"):
        zoo.save(model, tmp_path / "mine", ae_zoo.info(DIGITS))


def test_interrupted_save_leaves_the_old_folder(folder):
    def interrupt(_):
        raise KeyboardInterrupt

    model = ae_zoo.load(folder)
    card = ae_zoo.info(folder) | {"task": "another"}
    with pytest.raises(KeyboardInterrupt):
        zoo.save(model, folder, card, pictures=interrupt, overwrite=True)
    assert json.loads((folder / "card.json").read_text())["task"] != "another"
    assert [path.name for path in folder.parent.iterdir()] == ["entry"]
    ae_zoo.load(folder)


def test_old_cards_say_licence(folder):
    card = ae_zoo.info(folder)
    old = card | {"dataset": dict(card["dataset"])}
    for part in (old, old["dataset"]):
        part["licence"] = part.pop("license")
    (folder / "card.json").write_text(json.dumps(old))
    assert ae_zoo.info(folder) == card


def test_a_page_leads_with_what_the_model_is_for():
    card = ae_zoo.info("denoising_mnist")
    page = cards.render(card)
    assert page.startswith(f"# denoising_mnist\n\n{card['task']}\n\nOn the test split,")
    assert "noise 0.4 is **0.07868** (lower is better)" in page
    assert "0.1141 for the baseline (linear denoiser)" in page
    assert "0.0839 published (keras.io, validation split)" in page
    sections = re.findall("(?m)^## (.*)", page)
    assert sections[0] == "Metrics" and sections[-1].startswith("Data: checksums")
    assert page.index("## Use and limits") < page.index(card["dataset"]["citation"])


def test_a_page_of_a_recipe_of_your_own():
    """A card without paper, deployment, pictures and license has a page too."""
    card = ae_zoo.info(DIGITS) | {"license": None, "paper": "", "pictures": []}
    del card["deployment"], card["bytes"]
    card["training"] = card["training"] | {"command": None}
    card["dataset"] = card["dataset"] | {"citation": "", "homepage": ""}
    page = cards.render(card)
    assert "License of the weights: not stated." in page
    assert "Based on" not in page and "bibtex" not in page and "]()" not in page
    assert "A recipe of your own: " in page


def test_headlines_in_words():
    row = {"metric": "PSNR, dB", "value": 20.0, "higher_is_better": True}
    alone = row | {"baseline": None, "published": None}
    alone |= {"baseline_name": "", "source": ""}
    assert cards._headline(alone).startswith(
        "On the test split, its PSNR is **20** dB (higher is better). PSNR is"
    )
    neutral = alone | {"metric": "energy", "higher_is_better": None}
    assert cards._headline(neutral) == "On the test split, its energy is **20**."
