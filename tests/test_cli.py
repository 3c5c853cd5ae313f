"""The command line: what it prints and how it fails."""

from pathlib import Path

import pytest

import ae_zoo
from ae_zoo import cli
from ae_zoo._checks import check_count
from ae_zoo.cli import command_line, info
from ae_zoo.zoo import tables

NAME = "undercomplete_digits"


def test_list_prints_every_entry(capsys):
    assert cli.main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["name", "variant", "data"]
    assert [line.split()[0] for line in lines[2:]] == ae_zoo.list_models()


def test_info_prints_the_card(capsys):
    assert cli.main(["info", NAME]) == 0
    assert f"# {NAME}" in capsys.readouterr().out


def test_evaluate_reproduces_the_card(capsys):
    assert cli.main(["evaluate", NAME]) == 0
    value = ae_zoo.info(NAME)["metrics"][0]["value"]
    assert tables.number(value) in capsys.readouterr().out


@pytest.mark.slow
def test_train_and_evaluate_a_folder(tmp_path, capsys):
    run = str(tmp_path / "run")
    assert cli.main(["train", NAME, "--epochs", "1", "--output-dir", run]) == 0
    assert f"{run}/model" in capsys.readouterr().out
    assert cli.main(["evaluate", f"{run}/model"]) == 0
    assert cli.main(["train", NAME, "--epochs", "1", "--output-dir", run]) == 1
    assert "--resume" in capsys.readouterr().err


@pytest.mark.parametrize("path", ["model.tflite", "saved_model"])
def test_export_writes_the_format_of_the_path(tmp_path, path, capsys):
    assert cli.main(["export", NAME, str(tmp_path / path)]) == 0
    assert (tmp_path / path).is_dir() == (path == "saved_model")
    assert cli.main(["export", NAME, str(tmp_path / path)]) == 1
    assert "exists" in capsys.readouterr().err


@pytest.mark.slow
def test_export_reports_what_quantization_costs(tmp_path, capsys):
    path = str(tmp_path / "m.tflite")
    arguments = ["--quantization", "int8", "--report", "--samples", "50"]
    assert cli.main(["export", NAME, path, *arguments]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:2] == ["file", "bytes"]
    assert [line.split()[0] for line in lines[3:]] == ["float32", "int8"]


def test_a_report_is_of_a_litert_file(tmp_path, capsys):
    assert cli.main(["export", NAME, str(tmp_path / "saved"), "--report"]) == 1
    assert ".tflite" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_errors_are_one_line_without_a_traceback(capsys):
    assert cli.main(["info", "denoising_mnsit"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("ae-zoo: ") and "denoising_mnist" in error
    assert error.count("\n") == 1


def test_type_errors_of_the_package_are_one_line(monkeypatch, capsys):
    monkeypatch.setattr(info, "run", lambda options: check_count("n", 2.5))
    assert cli.main(["info", NAME]) == 1
    assert capsys.readouterr().err.startswith("ae-zoo: `n` must be an integer")


@pytest.mark.parametrize("bug", [lambda options: len(3), lambda: None])
def test_other_type_errors_are_bugs_and_keep_their_traceback(bug, monkeypatch):
    monkeypatch.setattr(info, "run", bug)
    with pytest.raises(TypeError):
        cli.main(["info", NAME])


def test_interrupts_are_one_line(monkeypatch, capsys):
    def run(options):
        raise KeyboardInterrupt

    monkeypatch.setattr(info, "run", run)
    assert cli.main(["info", NAME]) == 130
    assert capsys.readouterr().err == "ae-zoo: interrupted\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", NAME, "--epochs", "0"],
        ["train", NAME, "--local-workers", "-1"],
        ["evaluate", NAME, "--samples", "few"],
        ["export", NAME, "m.tflite", "--batch-size", "0"],
    ],
)
def test_counts_are_positive_integers(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(arguments)
    assert end.value.code == 2
    message = capsys.readouterr().err.splitlines()[-1]
    option, value = arguments[-2:]
    assert f"argument {option}: expected a positive integer" in message
    assert f"received {value!r}" in message


def test_every_verb_has_a_file_and_help(capsys):
    """A file of this folder is a verb, or one of the parts that verbs share."""
    files = {path.stem for path in Path(cli.__file__).parent.glob("[!_]*.py")}
    verbs = {verb.replace("-", "_") for verb in command_line.VERBS}
    assert verbs == files - {"command_line", "options"}
    for verb in command_line.VERBS:
        with pytest.raises(SystemExit) as end:
            cli.main([verb, "--help"])
        assert end.value.code == 0
        assert f"usage: ae-zoo {verb}" in capsys.readouterr().out


def test_zoo_table_is_in_the_readme():
    """`README.md` shows the cards as they are."""
    readme = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    assert tables.zoo_markdown() in readme
