"""The zoo: every entry loads, does what its card says, and refuses what it should."""

import io
import json
import os
import re
import shutil
import zipfile

import h5py
import numpy as np
import pytest

import ae_zoo
from ae_zoo import data, evaluation, zoo
from ae_zoo.cli import main
from ae_zoo.data import source
from ae_zoo.training.recipe import list_recipes, load_recipe
from ae_zoo.zoo import cards, checksums

DIGITS = "undercomplete_digits"


@pytest.fixture
def folder(tmp_path):
    """A copy of a small entry that a test may damage."""
    return shutil.copytree(zoo.entry._find(DIGITS), tmp_path / "entry")


def test_every_recipe_has_its_entry():
    assert set(list_recipes()) == set(ae_zoo.list_models())


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


@pytest.mark.slow
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


@pytest.mark.slow
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


def test_a_file_is_no_folder(folder):
    for function in (ae_zoo.load, ae_zoo.info):
        with pytest.raises(ValueError, match="card.json' is a file. Expected"):
            function(folder / "card.json")


def test_folder_without_card(folder):
    (folder / "card.json").unlink()
    with pytest.raises(FileNotFoundError, match="no card.json"):
        ae_zoo.info(folder)


def test_damaged_card(folder):
    (folder / "card.json").write_text("{")
    with pytest.raises(ValueError, match="damaged.*expected JSON"):
        ae_zoo.info(folder)


@pytest.mark.parametrize(
    "changes, match",
    [
        ({"metrics": None}, "'metrics' of the card has another type"),
        ({"metrics": []}, "no measurement"),
        ({"metrics": [{"metric": "NLL"}]}, "lacks its name or its value"),
        ({"metrics": [{"metric": 7, "value": 1.0}]}, "'metric' of 'metrics' of"),
        ({"dataset": "mnist"}, "'dataset' of the card has another type"),
        ({"dataset": {}}, "'dataset' lacks its name"),
        ({"parameters": True}, "'parameters' of the card has another type"),
        ({"input_shape": [[8]]}, "'input_shape' of the card has another type"),
        ({"training": {"versions": {"keras": 3}}}, "'keras' of 'versions' of"),
    ],
)
def test_forged_card(folder, changes, match):
    card = ae_zoo.info(folder) | changes
    (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(zoo.UnsafeModelError, match=match) as caught:
        ae_zoo.info(folder)
    assert caught.value.file == folder / "card.json"


@pytest.mark.parametrize("text", ["[]", "7", "null", "{}", '{"name": "x"}'])
def test_card_that_is_no_card(folder, text):
    (folder / "card.json").write_text(text)
    with pytest.raises(zoo.UnsafeModelError, match="expected a JSON object|lacks the"):
        ae_zoo.info(folder)


def test_card_that_has_no_page(folder):
    """What only the page needs may be missing, until somebody asks for the page."""
    card = ae_zoo.info(folder)
    del card["training"]["seconds"]
    (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(zoo.UnsafeModelError, match="lacks a field.*'seconds'"):
        cards.render(ae_zoo.info(folder))


def test_control_characters_of_a_card_are_escaped(folder, capsys):
    card = ae_zoo.info(folder)
    card["task"] = "\x1b]0;title\x07 \u202ereversed \ud800 two\nlines"
    card["dataset"]["sha256"] = {"\x9b2J": "00"}
    (folder / "card.json").write_text(json.dumps(card))
    escaped = ae_zoo.info(folder)
    assert escaped["task"] == ("\\x1b]0;title\\x07 \\u202ereversed \\ud800 two\nlines")
    assert list(escaped["dataset"]["sha256"]) == ["\\x9b2J"]
    assert main(["info", str(folder)]) == 0
    assert not {"\x1b", "\x07", "\x9b"} & set(capsys.readouterr().out)


def with_members(folder, **changes):
    """Change members of model.keras, and the checksums with them."""
    path = folder / "model.keras"
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            change = changes.get(name.split(".")[0])
            archive.writestr(name, change(data) if change else data)
    checksums.write_checksums(folder)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite(folder, value):
    def diverge(data):
        with h5py.File(buffer := io.BytesIO(data), "a") as file:
            names = []
            file.visit(names.append)
            arrays = (file[name] for name in names)
            next(a for a in arrays if getattr(a, "ndim", 0) == 2)[-1, -1] = value
        return buffer.getvalue()

    with_members(folder, model=diverge)
    with pytest.raises(zoo.UnsafeModelError, match="NaN or infinite values: .*kernel"):
        ae_zoo.load(folder)


def of_another_class(config):
    """A config of something that is no autoencoder, though Keras would build it."""
    inner = config["config"]["encoder"]
    yield inner, "Functional"
    name, loss = "ae_zoo>Bernoulli", {"module": "ae_zoo.losses", "config": {}}
    yield loss | {"class_name": "Bernoulli", "registered_name": name}, "Bernoulli"


def test_load_returns_an_autoencoder(folder):
    with zipfile.ZipFile(folder / "model.keras") as archive:
        config = json.loads(archive.read("config.json"))
    for other, name in of_another_class(config):
        with_members(folder, config=lambda _, other=other: json.dumps(other).encode())
        match = f"holds a '{name}'; expected a model of the class Autoencoder"
        with pytest.raises(zoo.UnsafeModelError, match=match):
            ae_zoo.load(folder)


def broken_configs(config):
    """(what Keras or a variant says, config) of mistakes in otherwise safe configs."""
    layer = config["config"]["encoder"]["config"]["layers"][2]["config"]
    for change, match in (
        ({"units": "x"}, "ValueError: .*units"),
        ({"units": -1}, "units"),
        ({"activation": "nonsense"}, "activation"),
        ({"unknown": 1}, "unknown"),
        ({"units": layer["units"] + 1}, "do not fit it"),
        ({"kernel_initializer": 7}, "initializer"),
        ({"dtype": "float3"}, "float3"),
    ):
        saved = dict(layer)
        layer.update(change)
        yield config, match
        layer.clear()
        layer.update(saved)
    for field, value in (("decoder", None), ("seed", "x"), ("input_range", [1, 0])):
        inner = config["config"] | {field: value}
        yield config | {"config": inner}, "cannot build this model"


def test_what_keras_cannot_build(folder):
    """One error with the file and the reason, not a configuration of thousands."""
    with zipfile.ZipFile(folder / "model.keras") as archive:
        original = json.loads(archive.read("config.json"))
    for config, match in broken_configs(original):
        data = json.dumps(config).encode()
        with_members(folder, config=lambda _, data=data: data)
        with pytest.raises(zoo.UnsafeModelError, match=match) as caught:
            ae_zoo.load(folder)
        assert caught.value.file == folder / "model.keras"
        assert len(str(caught.value)) < 1000 and caught.value.__suppress_context__


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


def test_only_model_folders_are_replaced(folder, tmp_path):
    model = ae_zoo.load(folder)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "precious").touch()
    with pytest.raises(FileExistsError, match="home' exists and is not a model fold"):
        zoo.save(model, tmp_path / "home", ae_zoo.info(folder), overwrite=True)
    assert (tmp_path / "home" / "precious").exists()


# `amend` and what others put into a folder.


def test_amend_keeps_what_is_not_listed_as_it_is(folder, tmp_path):
    (tmp_path / "private").write_text("secret")
    (folder / "link").symlink_to(tmp_path / "private")
    (folder / "inner").mkdir()
    (folder / "inner" / "link").symlink_to(tmp_path)
    (folder / "inner" / "endless").symlink_to("/dev/zero")
    (folder / "empty").mkdir()
    (folder / "notes.txt").write_text("mine")
    os.mkfifo(folder / "pipe")
    (folder / "saved_model" / "own").write_text("mine")
    before = tree(folder)
    listed = (folder / "SHA256SUMS").read_text().split()[1::2]
    zoo.amend(folder, {"task": "another"}, lambda new: (new / "new").touch())
    assert tree(folder) == before | {"new": "file"}
    assert (folder / "SHA256SUMS").read_text().split()[1::2] == sorted([*listed, "new"])
    assert (folder / "notes.txt").read_text() == "mine"
    assert ae_zoo.load(folder).card["task"] == "another"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["entry", "private"]


def tree(folder):
    """What there is in a folder: where links lead, and what else is a file."""
    return {
        path.relative_to(folder).as_posix(): os.readlink(path)
        if path.is_symlink()
        else "folder"
        if path.is_dir()
        else "file"
        for path in folder.rglob("*")
    }


@pytest.mark.parametrize(
    "name",
    ["card.json", "README.md", "model.tflite", "SHA256SUMS", "saved_model/SHA256SUMS"],
)
@pytest.mark.parametrize("place", ["inside", "outside"])
def test_amend_refuses_listed_links(folder, tmp_path, name, place):
    target = {"inside": folder / "other", "outside": tmp_path / "other"}[place]
    (folder / name).rename(target)
    (folder / name).symlink_to(target)
    before = tree(folder)
    with pytest.raises(zoo.UnsafeModelError, match="is a link"):
        zoo.amend(folder, {})
    assert tree(folder) == before


@pytest.mark.parametrize("name", ["model.keras", "saved_model/saved_model.pb"])
def test_amend_does_not_list_changed_files_anew(folder, name):
    (folder / name).write_bytes(b"changed")
    with pytest.raises(zoo.UnsafeModelError, match="not the file that was published"):
        zoo.amend(folder, {})


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
