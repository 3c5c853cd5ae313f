"""`ae-zoo detect` finds what was planted, and refuses bad tables in one sentence."""

import csv
import json

import numpy as np
import pytest

from ae_zoo.cli import main

NAMES = ("temperature", "current", "pressure")


def write(path, rows, names=NAMES, order=(0, 1, 2), first=0):
    """Write rows as a CSV file with times, its columns in another order."""
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["time", *(names[i] for i in order)])
        for number, row in enumerate(rows, first):
            time = f"2026-01-01 {number // 3600:02}:{number // 60 % 60:02}"
            values = (row[i] for i in order)
            writer.writerow([f"{time}:{number % 60:02}", *values])


def rows(n, seed):
    random = np.random.default_rng(seed)
    wave = np.sin(np.arange(n) / 9)
    noise = random.normal(size=(n, 3)) * [0.5, 0.1, 0.01]
    return np.stack([60 + 20 * wave, 5 + 3 * wave, np.full(n, 1.2)], axis=1) + noise


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("detect")
    write(folder / "normal.csv", rows(300, 0))
    new = rows(60, 1)
    new[30, 2] += 1.0
    write(folder / "new.csv", new, order=(2, 0, 1), first=300)
    return folder


@pytest.fixture
def inside(folder, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.mark.slow
def test_it_prints_the_flagged_rows_and_writes_all_it_was_asked_for(
    inside, capsys, tmp_path
):
    normal, new = str(inside / "normal.csv"), str(inside / "new.csv")
    assert main(["detect", normal, new, "--plot", "a.png", "--save", "kept"]) == 0
    out, err = capsys.readouterr()
    (line,) = [line for line in out.splitlines() if line.split()[:1] == ["31"]]
    assert "2026-01-01 00:05:30" in line and "pressure" in line.split()[-2]
    assert "of 60 rows flagged" in out
    with open("new-scores.csv") as file:
        written = list(csv.DictReader(file))
    assert len(written) == 60 and written[30]["flagged"] == "1"
    assert float(written[30]["share of pressure"]) > 0.5
    assert (tmp_path / "a.png").stat().st_size > 10_000
    assert main(["detect", normal, new]) == 1
    assert "'new-scores.csv' exists" in capsys.readouterr().err
    # The saved detector, without training, gives the same scores.
    assert main(["detect", "kept", new, "--json", "--output", "b.csv"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["rows"] == 60 and 31 in [row["row"] for row in facts["flagged"]]
    assert (tmp_path / "b.csv").read_bytes() == (
        tmp_path / "new-scores.csv"
    ).read_bytes()
    assert main(["detect", "kept", new, "--window", "3", "--overwrite"]) == 1
    assert "--window is an option of training" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("lacks", "has no column named 'pressure'"),
        ("text", "'current' of '"),
        ("missing", "has no value in the column 'current'"),
        ("label", "looks like a label"),
        ("disorder", "out of order"),
        ("short", "at least as long as the window"),
    ],
)
def test_bad_tables_are_refused_in_one_sentence(
    change, message, inside, tmp_path, capsys
):
    train, new = inside / "normal.csv", tmp_path / "bad.csv"
    arguments = []
    values, names = rows(20, 2), list(NAMES)
    if change == "lacks":
        names[2] = "pressures"
    write(new, values, names)
    lines = new.read_text().splitlines()
    if change == "text":
        lines = [line.replace(line.split(",")[2], "high", 1) for line in lines[1:]]
        lines.insert(0, "time,temperature,current,pressure")
    if change == "missing":
        cells = lines[5].split(",")
        lines[5] = ",".join([*cells[:2], "", *cells[3:]])
    if change == "label":
        lines = [f"{line},{'anomaly' if i == 0 else 0}" for i, line in enumerate(lines)]
        train = new
    if change == "disorder":
        lines[3], lines[9] = lines[9], lines[3]
        train = new
    if change == "short":
        train = new
        arguments = ["--window", "30"]
    new.write_text("\n".join(lines) + "\n")
    before = sorted(tmp_path.iterdir())
    assert main(["detect", str(train), str(new), *arguments]) == 1
    error = capsys.readouterr().err
    # A note on times without --window may come first.
    *notes, last = error.strip().splitlines()
    assert message in last and all("--window" in note for note in notes)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.slow
def test_nothing_is_written_if_the_figure_fails(inside, monkeypatch, capsys, tmp_path):
    from ae_zoo import plots

    def fail(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(plots, "anomalies", fail)
    normal, new = str(inside / "normal.csv"), str(inside / "new.csv")
    assert main(["detect", normal, new, "--plot", "a.png", "--save", "kept"]) == 130
    assert capsys.readouterr().err.splitlines()[-1] == "ae-zoo: interrupted"
    assert not list(tmp_path.iterdir())


def test_what_exists_is_kept(inside, capsys, tmp_path):
    (tmp_path / "kept").mkdir()
    normal, new = str(inside / "normal.csv"), str(inside / "new.csv")
    assert main(["detect", normal, new, "--save", "kept"]) == 1
    assert "replace it with --overwrite" in capsys.readouterr().err
    assert main(["detect", normal, "none.csv"]) == 1
    assert capsys.readouterr().err == "ae-zoo: There is no file 'none.csv'.\n"
