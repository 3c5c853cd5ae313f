"""Model folders of the user's own: written, shared through a hub, loaded again."""

import json
import shutil

import keras
import numpy as np
import pytest
from hub import serve

import ae_zoo
from ae_zoo import _resources, lite, zoo
from ae_zoo.cli import main

DIGITS = "undercomplete_digits"
NO_CHECKSUMS = "has no checksums and no card"


@pytest.fixture(scope="module")
def x():
    return ae_zoo.data.arrays("digits", "train")[:64]


@pytest.fixture(scope="module")
def tuned(x):
    """A model of the zoo that was trained further."""
    model = ae_zoo.load(DIGITS)
    model.fit(x, verbose=0)
    return model


@pytest.fixture(scope="module")
def folder(tuned, tmp_path_factory):
    folder = tmp_path_factory.mktemp("shared") / "my_digits"
    tuned.save_pretrained(
        folder,
        task="Reconstruct the digits of our forms.",
        license="CC BY 4.0",
        data="64 digits of our forms",
        metrics={"error on our forms": 1.5},
    )
    return folder


# save_pretrained.


@pytest.mark.slow
def test_the_folder_loads_as_it_was_saved(folder, tuned, x):
    loaded = ae_zoo.load(folder)
    np.testing.assert_array_equal(loaded.reconstruct(x), tuned.reconstruct(x))
    assert loaded.compiled
    assert loaded.card["name"] == "my_digits"


@pytest.mark.slow
def test_the_card_says_what_is_known_and_nothing_of_the_original(folder, capsys):
    card, original = ae_zoo.info(folder), ae_zoo.info(DIGITS)
    assert card["task"] == "Reconstruct the digits of our forms."
    assert card["license"] == "CC BY 4.0"
    assert card["dataset"] == {"name": "64 digits of our forms"}
    assert [row["value"] for row in card["metrics"]] == [1.5]
    sums = (_resources.folder("saved_models") / DIGITS / "SHA256SUMS").read_text()
    assert card["origin"]["name"] == DIGITS
    assert f"{card['origin']['sha256']}  model.keras" in sums
    page = (folder / "README.md").read_text("utf-8")
    assert f"Trained further from `{DIGITS}`" in page
    for text in (original["task"], original["metrics"][0]["metric"]):
        assert text not in page
    main(["info", str(folder)])
    assert capsys.readouterr().out.rstrip() == page.rstrip()


def test_what_is_not_given_is_not_stated(tmp_path):
    model = ae_zoo.UndercompleteAutoencoder(
        ae_zoo.networks.dense_encoder((5,), [2], "tanh"),
        ae_zoo.networks.dense_decoder(2, [], (5,), output="linear"),
        reconstruction_loss="gaussian",
        scaling="standard",
    )
    with pytest.raises(ValueError, match="not adapted"):
        model.save_pretrained(tmp_path / "mine")
    model.scaling.adapt(np.arange(20.0).reshape(4, 5))
    model.save_pretrained(tmp_path / "mine")
    card = ae_zoo.info(tmp_path / "mine")
    assert (card["name"], card["task"], card["metrics"]) == ("mine", "not stated", [])
    assert card["scaling"] == "standard"
    assert "origin" not in card
    page = (tmp_path / "mine" / "README.md").read_text("utf-8")
    assert "License of the weights: not stated" in page
    assert ae_zoo.load(tmp_path / "mine").scaling.is_adapted


def test_an_unchanged_model_keeps_its_card(tmp_path):
    model = ae_zoo.load(DIGITS)
    model.save_pretrained(tmp_path / "copy", limits="Digits only.")
    card, original = ae_zoo.info(tmp_path / "copy"), ae_zoo.info(DIGITS)
    assert card["limits"] == "Digits only."
    for field in ("name", "task", "metrics", "training", "dataset"):
        assert card[field] == original[field]
    assert "deployment" not in card  # its files are not in the copy


def test_a_source_of_data_is_described(tuned, tmp_path):
    tuned.save_pretrained(tmp_path / "m", data=ae_zoo.data.source("digits"))
    facts = ae_zoo.info(tmp_path / "m")["dataset"]
    assert facts["splits"]["train"] == 1297
    assert facts["license"] == ae_zoo.data.source("digits").license
    page = (tmp_path / "m" / "README.md").read_text("utf-8")
    assert "1,297 train" in page


def test_an_existing_folder_is_kept(folder, tuned, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        tuned.save_pretrained(copy)
    tuned.save_pretrained(copy, overwrite=True)
    assert ae_zoo.info(copy)["task"] == "not stated"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="not a model folder"):
        tuned.save_pretrained(tmp_path / "other", overwrite=True)


@pytest.mark.parametrize(
    ("facts", "error", "message"),
    [
        ({"task": 1}, TypeError, "`task` must be a text"),
        ({"license": " "}, ValueError, "`license`"),
        ({"data": 7}, TypeError, "`data` must be a sentence"),
        ({"data": {"license": "MIT"}}, ValueError, "must have a 'name'"),
        ({"data": {"name": "a", "licence": "MIT"}}, ValueError, "licence"),
        ({"metrics": [1.0]}, TypeError, "`metrics` must be a dict"),
        ({"overwrite": 1}, TypeError, "`overwrite` must be True or False"),
    ],
)
def test_wrong_facts(tuned, tmp_path, facts, error, message):
    with pytest.raises(error, match=message):
        tuned.save_pretrained(tmp_path / "m", **facts)
    assert not list(tmp_path.iterdir())


# A model that was changed is another one.


def change_by_fit(model, x, tmp_path):
    model.fit(x, verbose=0)


def change_by_set_weights(model, x, tmp_path):
    model.set_weights([0.9 * weight for weight in model.get_weights()])


def change_by_load_weights(model, x, tmp_path):
    model.save_weights(tmp_path / "m.weights.h5")
    before = model.get_weights()
    model.set_weights([0.9 * weight for weight in before])
    model.save_weights(tmp_path / "changed.weights.h5")
    model.set_weights(before)
    assert model.card is not None
    model.load_weights(tmp_path / "changed.weights.h5")


@pytest.mark.slow
@pytest.mark.parametrize(
    "change", [change_by_fit, change_by_set_weights, change_by_load_weights]
)
def test_a_changed_model_has_no_card(change, x, tmp_path):
    model = ae_zoo.load(DIGITS)
    assert model.card["name"] == DIGITS
    change(model, x, tmp_path)
    assert model.card is None
    assert model.origin.card["name"] == DIGITS


def test_a_changed_argument_changes_the_model():
    model = ae_zoo.load("sparse_digits")
    name = "k_inference" if model.sparsity == "k" else "penalty_weight"
    before = getattr(model, name)
    setattr(model, name, 5)
    assert model.card is None
    setattr(model, name, before)
    assert model.card is not None


@pytest.mark.slow
def test_a_sidecar_does_not_bear_the_original_name(tuned, tmp_path):
    tuned.export(tmp_path / "m.tflite", format="litert")
    sidecar = json.loads((tmp_path / "m.json").read_text("utf-8"))
    assert sidecar["name"] != DIGITS
    assert sidecar["task"] is None
    assert sidecar["license"] is None


# Files.


def test_a_keras_file_loads_with_a_warning(tuned, x, tmp_path):
    tuned.save(tmp_path / "m.keras")
    with pytest.warns(UserWarning, match=NO_CHECKSUMS):
        loaded = ae_zoo.load(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded.reconstruct(x), tuned.reconstruct(x))
    assert loaded.card is None
    with pytest.raises(ValueError, match=r"m.keras' is a file.*has no card"):
        ae_zoo.info(tmp_path / "m.keras")


def test_a_model_that_made_no_step_loads_without_more_warnings(tmp_path):
    ae_zoo.load("undercomplete_digits").save(tmp_path / "m.keras")
    with pytest.warns(UserWarning, match=NO_CHECKSUMS) as found:
        ae_zoo.load(tmp_path / "m.keras")
    assert not [w for w in found if "optimizer" in str(w.message)]


def test_a_keras_file_is_checked_like_a_folder(tmp_path):
    harmless = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    harmless.save(tmp_path / "other.keras")
    with pytest.raises(zoo.UnsafeModelError, match="expected a model of the class"):
        ae_zoo.load(tmp_path / "other.keras")
    run = keras.Sequential([keras.Input((3,)), keras.layers.Lambda(lambda x: x)])
    run.save(tmp_path / "lambda.keras")
    with pytest.raises(zoo.UnsafeModelError, match="Lambda"):
        ae_zoo.load(tmp_path / "lambda.keras")
    (tmp_path / "damaged.keras").write_bytes(b"PK\x03\x04")
    with pytest.raises(zoo.UnsafeModelError, match="not a .keras file"):
        ae_zoo.load(tmp_path / "damaged.keras")


@pytest.mark.slow
@pytest.mark.filterwarnings(f"ignore:.*{NO_CHECKSUMS}")
def test_export_takes_what_load_takes(tuned, folder, tmp_path, capsys):
    tuned.save(tmp_path / "m.keras")
    for number, model in enumerate([tmp_path / "m.keras", folder]):
        main(["export", str(model), str(tmp_path / f"{number}.tflite")])
        options = ["--report", "--recipe", DIGITS, "--samples", "20"]
        main(["export", str(model), str(tmp_path / f"{number}r.tflite"), *options])
        assert "float32" in capsys.readouterr().out


@pytest.mark.filterwarnings(f"ignore:.*{NO_CHECKSUMS}")
def test_package_needs_a_folder_to_write_to(tuned, tmp_path, capsys):
    tuned.save(tmp_path / "m.keras")
    assert main(["package", str(tmp_path / "m.keras"), "--recipe", DIGITS])
    assert "save_pretrained" in capsys.readouterr().err


@pytest.mark.slow
def test_a_folder_without_figures_is_packaged(tuned, tmp_path):
    tuned.save_pretrained(tmp_path / "m")
    main(["package", str(tmp_path / "m"), "--recipe", DIGITS, "--samples", "20"])
    file = lite.load(tmp_path / "m")
    assert file.metadata["name"] == "m"
    assert "model.tflite" in (tmp_path / "m" / "SHA256SUMS.optional").read_text()
    assert "## Deployment" in (tmp_path / "m" / "README.md").read_text("utf-8")
    (tmp_path / "m" / "model.tflite").unlink()
    with pytest.warns(UserWarning, match=r"model_int8.tflite instead"):
        lite.load(tmp_path / "m")


def test_lite_takes_a_folder():
    folder = _resources.folder("saved_models") / "denoising_digits"
    assert lite.load(folder).metadata["name"] == "denoising_digits"
    with pytest.raises(ValueError, match="a directory without model.tflite"):
        lite.load(folder.parent)


# The hub.


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A local hub, with an empty cache."""
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    for name in ("HF_TOKEN", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with serve() as (hub, address):
        monkeypatch.setenv("HF_ENDPOINT", address)
        yield hub


def put(hub, folder, repo="me/digits"):
    """Serve the files of a folder, and return them for changes."""
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    hub.repositories[repo] = {"main": files}
    return files


@pytest.mark.slow
def test_a_model_is_pushed_and_loaded(hub, tuned, x):
    name = tuned.push_to_hub(
        "me/digits", license="CC BY 4.0", task="Ours.", token="hf_x", private=True
    )
    assert name == "hf://me/digits"
    loaded = ae_zoo.load(name)
    np.testing.assert_array_equal(loaded.reconstruct(x), tuned.reconstruct(x))
    assert loaded.card["name"] == "digits"
    assert loaded.card["origin"]["name"] == DIGITS
    page = hub.repositories["me/digits"]["main"]["README.md"].decode()
    assert page.startswith("---\nlibrary_name: keras\n")
    assert "\nlicense: cc-by-4.0\n" in page
    assert sum("/commit/" in request for request in hub.requests) == 1


@pytest.mark.slow
def test_a_branch(hub, tuned):
    tuned.push_to_hub("me/digits", token="hf_x")
    name = tuned.push_to_hub("me/digits", revision="v2", task="Second.", token="hf_x")
    assert name == "hf://me/digits@v2"
    assert ae_zoo.info(name)["task"] == "Second."
    assert ae_zoo.info("hf://me/digits")["task"] == "not stated"


def test_nothing_is_added_to_a_downloaded_copy(hub, folder, capsys):
    put(hub, folder)
    with pytest.raises(ValueError, match="not on this machine.*save_pretrained"):
        zoo.amend("hf://me/digits", {"task": "Another."})
    assert main(["package", "hf://me/digits", "--recipe", DIGITS])
    assert "not on this machine" in capsys.readouterr().err


def test_what_is_downloaded_is_checked(hub, folder):
    files = put(hub, folder)
    files["card.json"] = files["card.json"].replace(b"forms", b"farms")
    with pytest.raises(zoo.UnsafeModelError, match="not the file that was published"):
        ae_zoo.load("hf://me/digits")
    del files["card.json"]
    with pytest.raises(FileNotFoundError, match="card.json', which is missing"):
        ae_zoo.load("hf://me/digits")


def test_only_listed_files_are_downloaded(hub, folder):
    files = put(hub, folder)
    files["run_me.py"] = b"raise SystemExit"
    ae_zoo.load("hf://me/digits")
    assert not any("run_me" in request for request in hub.requests)


def test_a_list_cannot_name_other_places(hub, folder):
    files = put(hub, folder)
    files["SHA256SUMS"] += b"0" * 64 + b"  ../../evil\n"
    files["../../evil"] = b"x"
    with pytest.raises(zoo.UnsafeModelError, match="without '..'"):
        ae_zoo.load("hf://me/digits")
    assert not any("evil" in request for request in hub.requests)


def test_too_much_is_not_downloaded(hub, folder, monkeypatch):
    put(hub, folder)
    monkeypatch.setattr("ae_zoo.zoo.hub.MAX_FOLDER", 1000)
    with pytest.raises(zoo.UnsafeModelError, match="at most 1,000 are allowed"):
        ae_zoo.load("hf://me/digits")
    assert not any("model.keras" in request for request in hub.requests)


def test_repositories_that_are_not_there(hub, tmp_path):
    with pytest.raises(FileNotFoundError, match="no repository or revision.*hf auth"):
        ae_zoo.load("hf://me/none")
    hub.repositories["me/other"] = {"main": {"config.json": b"{}"}}
    with pytest.raises(FileNotFoundError, match="no model folder"):
        ae_zoo.load("hf://me/other")
    with pytest.raises(FileNotFoundError, match="no repository or revision"):
        ae_zoo.load("hf://me/other@v3")
    with pytest.raises(ValueError, match="Expected 'hf://user/repo'"):
        ae_zoo.load("hf://me")
    with pytest.raises(ValueError, match="`repo_id` must be 'user/name'"):
        ae_zoo.load(DIGITS).push_to_hub("digits")


def test_a_hub_that_does_not_answer(monkeypatch):
    pytest.importorskip("huggingface_hub")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nothing listens there
    with pytest.raises(OSError, match="Hub failed for 'hf://me/digits'"):
        ae_zoo.info("hf://me/digits")


def test_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    for use in (ae_zoo.info, ae_zoo.load, ae_zoo.load(DIGITS).push_to_hub):
        argument = "me/digits" if use not in (ae_zoo.info, ae_zoo.load) else "hf://a/b"
        with pytest.raises(ImportError, match=r"pip install 'ae-zoo\[hub\]'"):
            use(argument)


def test_nothing_is_asked_of_a_hub_unless_named(hub, folder):
    ae_zoo.load(folder)
    ae_zoo.load(DIGITS)
    assert hub.requests == []
