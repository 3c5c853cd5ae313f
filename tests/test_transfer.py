"""Transfer: what pretraining is worth on other data, and how a card shows it."""

import shutil

import numpy as np
import pytest

import ae_zoo
from ae_zoo import data, evaluation, zoo
from ae_zoo.cli import main
from ae_zoo.studies.transfer import transfer
from ae_zoo.zoo import tables

pytestmark = pytest.mark.slow

NAME = "undercomplete_digits"


@pytest.fixture
def folder(tmp_path):
    """A copy of a small entry that a test may change."""
    return shutil.copytree(zoo.entry._find(NAME), tmp_path / "entry")


@pytest.fixture(scope="module")
def row():
    """A transfer to the model's own data."""
    return transfer(NAME, "digits", epochs=1, samples=100, verbose=0)


@pytest.fixture(scope="module")
def whole():
    """A transfer with all samples."""
    return transfer(NAME, "digits", epochs=1, verbose=0)


def errors(row):
    return [row[way]["value"] for way in ("as_it_is", "fine_tuned", "from_scratch")]


def test_on_its_own_data_a_model_is_what_its_card_says(row):
    as_it_is, fine_tuned, from_scratch = errors(row)
    headline = zoo.info(NAME)["metrics"][0]
    assert row["metric"] == headline["metric"]
    assert as_it_is == pytest.approx(headline["value"], rel=1e-3)
    assert row["baseline"] == pytest.approx(headline["baseline"], rel=1e-3)
    # Two steps change pretrained weights little, and are too few for fresh ones.
    assert fine_tuned < 2 * as_it_is < from_scratch
    assert row["samples"] == 100 and row["fine_tuned"]["seconds"] > 0


def test_both_runs_see_the_chosen_samples_alone(monkeypatch):
    """Both train for the same number of steps, on the first samples."""
    from ae_zoo.studies import transfer as module

    recipes = []
    train = module.train
    monkeypatch.setattr(
        module, "train", lambda r, **o: recipes.append(r) or train(r, **o)
    )
    transfer(NAME, "digits", epochs=2, samples=70, verbose=0)
    fine_tuning, scratch = recipes
    assert fine_tuning.steps_per_epoch == scratch.steps_per_epoch == 2 * 2
    chosen = np.sort(data.arrays("digits", "train")[:70].sum(axis=(1, 2, 3)))
    batches = [batch.numpy() for batch in scratch.batches(None, 0, (0, 1)).take(4)]
    for passed in (batches[:2], batches[2:]):
        sums = np.concatenate(passed).sum(axis=(1, 2, 3))
        np.testing.assert_allclose(np.sort(sums), chosen, rtol=1e-5)
    assert not np.array_equal(batches[0], batches[2])  # another order
    skipped = next(iter(fine_tuning.batches(None, 3, (0, 1)))).numpy()
    np.testing.assert_array_equal(skipped, batches[3])


def test_both_runs_train_in_float32_and_scratch_means_fresh_weights(row, tmp_path):
    path = tmp_path / "other.py"
    path.write_text(
        "import dataclasses\n"
        "from ae_zoo.training.recipe import load_recipe\n"
        f"own = load_recipe('{NAME}')[1]\n"
        "recipe = dataclasses.replace(\n"
        f"    own, dtype_policy='mixed_bfloat16', initial_weights='{NAME}'\n"
        ")\n"
    )
    options = {"epochs": 1, "samples": 100, "verbose": 0}
    assert errors(transfer(NAME, "digits", recipe=path, **options)) == errors(row)


def test_it_repeats_itself(whole):
    again = transfer(NAME, "digits", epochs=1, verbose=0)
    assert errors(again) == errors(whole)


def test_the_command_writes_the_card(folder, capsys):
    before = zoo.info(folder)
    command = ["transfer", str(folder), "digits", "--epochs", "1", "--samples"]
    kept = folder.parent / "kept"
    assert main([*command, "64", "--output-dir", str(kept)]) == 0
    assert zoo.info(folder) == before
    assert ae_zoo.load(kept / "model").input_shape == (None, 8, 8, 1)
    assert main([*command, "64", "--output-dir", str(kept)]) == 1
    assert "exists" in capsys.readouterr().err
    for run, samples in enumerate(("64", "128", "64")):
        out = ["--output-dir", str(folder.parent / str(run))]
        assert main([*command, samples, "--write", *out]) == 0
    output = capsys.readouterr().out
    assert "from scratch" in output
    assert "2 of 3: fine-tuning" in output
    card = zoo.info(folder)
    assert [row["samples"] for row in card["transfer"]] == [128, 64]
    assert card | {"transfer": None} == before | {"transfer": None}
    page = (folder / "README.md").read_text("utf-8")
    assert page.count("## Transfer") == 1
    _, rows = tables.transfer_rows(card["transfer"])
    assert all("| " + " | ".join(row) + " |" in page for row in rows)
    ae_zoo.load(folder)  # the checksums are those of the new files


def test_few_test_samples_bound_the_evaluation(whole, monkeypatch):
    seen = []
    score = evaluation.SquaredError.__call__

    def count(self, model, splits):
        seen.append(len(splits.test.x))
        return score(self, model, splits)

    monkeypatch.setattr(evaluation.SquaredError, "__call__", count)
    options = {"epochs": 1, "samples": 64, "verbose": 0}
    row = transfer(NAME, "digits", test_samples=50, **options)
    assert row["test_samples"] == 50 and max(seen) == 50
    _, rows = tables.transfer_rows([row])
    assert "first 50 test samples" in rows[0][0]
    x = ae_zoo.data.arrays("digits", "test")[:50]
    outputs = ae_zoo.load(NAME).reconstruct(x)
    error = np.square(x - outputs).sum(axis=(1, 2, 3)).mean()
    assert row["as_it_is"]["value"] == pytest.approx(error, rel=1e-4)
    # All 1297 training and 250 test samples.
    assert "test_samples" not in whole and whole["samples"] == 1297


def test_transfer_refuses_what_cannot_be(capsys):
    with pytest.raises(ValueError, match=r"(?s)'digits'.*\(8, 8, 1\).*\(28, 28, 1\)"):
        transfer(NAME, "mnist")
    with pytest.raises(ValueError, match="training samples. Received: 1,000,000"):
        transfer(NAME, "digits", samples=1_000_000)
    for wrong in ({"epochs": 0}, {"samples": 0}):
        with pytest.raises(ValueError, match=f"`{next(iter(wrong))}` must be"):
            transfer(NAME, "digits", **wrong)
    with pytest.raises(ValueError, match="one the model was trained with"):
        transfer(NAME, "digits", recipe="deep_digits")
    with pytest.raises(ValueError, match=r"of the classes \[1\] only"):
        transfer("anomaly_ecg5000", "ecg5000")
    assert main(["transfer", NAME, "fashion_minst"]) == 1
    assert "fashion_mnist" in capsys.readouterr().err
