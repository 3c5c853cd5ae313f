"""Verification accepts a card that holds, and rejects one that does not."""

import dataclasses
import json
import shutil

import pytest

import ae_zoo
from ae_zoo import evaluation, zoo
from ae_zoo.cli import main
from ae_zoo.studies import verify
from ae_zoo.studies.spread import add_spread
from ae_zoo.training.recipe import load_recipe
from ae_zoo.zoo import tables

pytestmark = pytest.mark.slow

NAME = "undercomplete_digits"


@pytest.fixture
def folder(tmp_path):
    """A copy of a small entry, of a single seed, that a test may change."""
    entry = shutil.copytree(zoo.entry._find(NAME), tmp_path / "entry")
    alter(entry, mean=None, spread=None, seeds=1)
    return entry


def alter(folder, **fields):
    """Changes only the headline of a card."""
    card = zoo.info(folder)
    card["metrics"][0] |= fields
    zoo.amend(folder, card)


def test_a_shipped_card_holds(capsys):
    assert main(["verify", NAME]) == 0
    output = capsys.readouterr().out
    assert f"[1/1] {NAME}" in output and "All 1 cards hold" in output
    value = ae_zoo.info(NAME)["metrics"][0]["value"]
    row = next(line for line in output.splitlines() if "squared error" in line)
    assert row.split()[2:4] == [tables.number(value)] * 2


def test_an_altered_card_fails(folder, capsys):
    value = zoo.info(folder)["metrics"][0]["value"]
    alter(folder, value=0.99 * value)
    assert main(["verify", str(folder), NAME]) == 1
    captured = capsys.readouterr()
    assert "NO" in captured.out and "[2/2]" in captured.out
    assert captured.err == f"ae-zoo: 1 of 2 cards do not hold: {folder}\n"


def test_a_stated_spread_is_allowed(folder):
    value = zoo.info(folder)["metrics"][0]["value"]
    stated = {"mean": value, "spread": 0.02 * value, "seeds": 3}
    alter(folder, value=0.99 * value, **stated)
    (check,) = verify.verify(folder)
    assert check.holds and check.allowed == pytest.approx(0.02 * value)
    alter(folder, value=0.97 * value)
    (check,) = verify.verify(folder)
    assert not check.holds


def test_tolerance_of_a_card_without_a_spread(folder):
    value = zoo.info(folder)["metrics"][0]["value"]
    alter(folder, value=value * (1 + 0.5 * verify.TOLERANCE))
    assert all(check.holds for check in verify.verify(folder))
    alter(folder, value=value * (1 + 2 * verify.TOLERANCE))
    assert not any(check.holds for check in verify.verify(folder))


def test_altered_weights_fail(folder, tmp_path):
    model = ae_zoo.load(folder)
    weights = model.get_weights()
    weights[0] *= 1.1
    model.set_weights(weights)
    zoo.save(model, tmp_path / "other", zoo.info(folder))
    (check,) = verify.verify(tmp_path / "other")
    assert not check.holds and check.measured > check.stated


@pytest.mark.parametrize("subset, metric", [(True, "first"), (False, "metric")])
def test_a_number_that_is_on_one_side_alone_fails(folder, subset, metric):
    card = zoo.info(folder)
    card["subset"]["metric"] = card["metrics"][0]["metric"] = "another metric"
    zoo.amend(folder, card)
    checks = verify.verify(folder, subset=subset)
    assert not any(check.holds for check in checks)
    assert "another metric" in checks[0].metric and checks[0].measured is None
    assert len(checks) == (1 if subset else 2)


def test_subset_measures_the_headline_alone(folder, capsys):
    assert main(["verify", str(folder), "--subset"]) == 0
    samples = zoo.info(folder)["subset"]["samples"]
    assert f"(first {samples})" in capsys.readouterr().out
    card = zoo.info(folder)
    card["subset"]["value"] *= 1.01
    zoo.amend(folder, card)
    assert main(["verify", str(folder), "--subset"]) == 1


def test_a_card_that_cannot_be_measured_fails_and_the_others_go_on(folder, capsys):
    (folder / "model.keras").unlink()
    assert main(["verify", str(folder), NAME]) == 1
    captured = capsys.readouterr()
    assert "model.keras" in captured.err and "1 of 2 cards" in captured.err
    assert "yes" in captured.out


def test_rewriting_a_card_leaves_the_weights(folder):
    before = (folder / "model.keras").read_bytes()
    alter(folder, value=123.0)
    assert (folder / "model.keras").read_bytes() == before
    assert "**123**" in (folder / "README.md").read_text("utf-8")
    ae_zoo.load(folder)  # the checksums are those of the new files


def test_a_card_cannot_name_a_program_to_run(folder, tmp_path):
    program = tmp_path / "evil.py"
    program.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    zoo.amend(folder, {"name": str(program)})
    with pytest.raises(ValueError, match="Pass the file.*--recipe"):
        verify.verify(folder)
    assert not (tmp_path / "ran").exists()
    assert main(["verify", str(folder), "--recipe", NAME]) == 0


def test_evaluate_writes_the_table(folder, capsys):
    value = zoo.info(folder)["metrics"][0]["value"]
    alter(folder, value=0.5 * value, mean=1.0, spread=1e-6, seeds=3)
    assert main(["evaluate", str(folder), "--write"]) == 0
    row = zoo.info(folder)["metrics"][0]
    assert row["value"] == pytest.approx(value, rel=verify.TOLERANCE)
    assert (row["mean"], row["seeds"]) == (
        None,
        1,
    )  # for other weights
    alter(folder, mean=1.0, spread=1e-6, seeds=3)
    assert main(["evaluate", str(folder), "--write"]) == 0
    assert zoo.info(folder)["metrics"][0]["mean"] == 1.0
    assert main(["evaluate", str(folder), "--write", "--quick"]) == 1
    assert "--quick" in capsys.readouterr().err


@pytest.fixture
def runs(folder, tmp_path):
    """Three run folders of one entry, as if trained with three seeds."""
    paths = []
    for seed, value in enumerate([1.0, 2.0, 6.0]):
        paths.append(tmp_path / f"run{seed}")
        shutil.copytree(folder, paths[-1] / "model")
        card = json.loads((folder / "card.json").read_text("utf-8"))
        card["training"]["seed"] = seed
        card["metrics"][0]["value"] = value
        zoo.amend(paths[-1] / "model", card)
    return paths


def test_spread_over_seeds_by_hand(folder, runs, capsys):
    assert main(["spread", str(folder), *map(str, runs)]) == 0
    value = ae_zoo.info(NAME)["metrics"][0]["value"]
    row = zoo.info(folder)["metrics"][0]
    # Mean 3; squared deviations 4, 1 and 9 over two degrees of freedom.
    assert (row["value"], row["mean"], row["seeds"]) == (value, 3.0, 3)
    assert row["spread"] == pytest.approx(7**0.5)
    assert "(3 ± 2.6 over 3 seeds)" in capsys.readouterr().out


def test_spread_refuses_runs_that_do_not_compare(folder, runs, capsys):
    assert main(["spread", str(folder), str(runs[0]), str(runs[0])]) == 1
    assert "[0, 0]" in capsys.readouterr().err
    with pytest.raises(ValueError, match="at least two runs"):
        add_spread(folder, runs[:1])
    card = zoo.info(runs[1] / "model")
    card["training"]["epochs"] += 1
    zoo.amend(runs[1] / "model", card)
    with pytest.raises(ValueError, match="epochs"):
        add_spread(folder, runs)


def test_training_of_another_seed(tmp_path):
    _, recipe = load_recipe(NAME)
    recipe = dataclasses.replace(recipe, metrics=(evaluation.SquaredError(),))
    for seed in (None, 5):
        ae_zoo.train(
            recipe, epochs=1, seed=seed, output_dir=tmp_path / str(seed), verbose=0
        )
    cards = [zoo.info(tmp_path / str(seed) / "model") for seed in (None, 5)]
    assert [card["training"]["seed"] for card in cards] == [recipe.seed, 5]
    values = [card["metrics"][0]["value"] for card in cards]
    assert values[0] != values[1]
