"""The command line: what it prints and how it fails."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import ae_zoo
from ae_zoo import cli, lite
from ae_zoo._checks import check_count
from ae_zoo.cli import command_line, info, one_class, train
from ae_zoo.zoo import overview, tables

NAME = "undercomplete_digits"


def test_list_prints_every_entry(capsys):
    assert cli.main(["list"]) == 0
    output = capsys.readouterr().out
    first = [line.split(" ")[0] for line in output.splitlines()]
    assert sorted(set(first) & set(ae_zoo.list_models())) == ae_zoo.list_models()
    anomalies = output.split("Find anomalies\n")[1].split("\n\n")[0]
    assert "anomaly_ecg5000" in anomalies and "↑" in anomalies
    assert "Detects anomalous heartbeats" in anomalies


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


@pytest.mark.slow
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


@pytest.mark.slow
def test_export_writes_a_file_that_trains_on_the_device(tmp_path):
    path = str(tmp_path / "m.tflite")
    options = ["--trainable", "--optimizer", "sgd", "--batch-size", "4"]
    assert cli.main(["export", NAME, path, *options]) == 0
    with pytest.warns(UserWarning, match="unchecked"):  # it has no sidecar
        signatures = lite.load(path).signatures
    assert "train" in signatures
    assert signatures["train"]["inputs"]["x"]["shape"][0] == 4


@pytest.mark.parametrize(
    "options",
    [
        ["--optimizer", "sgd"],
        ["--trainable", "--report"],
        ["--trainable", "--quantization", "float16"],
        ["--trainable", "--format", "onnx"],
    ],
)
def test_options_of_a_trainable_file_must_fit(options, tmp_path, capsys):
    assert cli.main(["export", NAME, str(tmp_path / "m.tflite"), *options]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


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


@pytest.mark.parametrize("kind", [ValueError, RuntimeError])
def test_errors_of_libraries_are_bugs_too(kind, monkeypatch):
    def run(options):
        raise kind("not by this package")

    monkeypatch.setattr(info, "run", run)
    with pytest.raises(kind):
        cli.main(["info", NAME])


def test_messages_of_several_lines_are_printed_in_one(monkeypatch, capsys):
    def run(options):
        raise OSError("the first line\n\n  and the second")

    monkeypatch.setattr(info, "run", run)
    assert cli.main(["info", NAME]) == 1
    assert capsys.readouterr().err == "ae-zoo: the first line and the second\n"


def interrupt(options):
    raise KeyboardInterrupt


def test_interrupts_are_one_line(monkeypatch, capsys):
    monkeypatch.setattr(info, "run", interrupt)
    assert cli.main(["info", NAME]) == 130
    assert capsys.readouterr().err == "ae-zoo: interrupted\n"


@pytest.mark.parametrize("verb", [train, one_class])
def test_interrupted_training_says_how_to_resume(verb, monkeypatch, capsys):
    monkeypatch.setattr(verb, "run", interrupt)
    name = verb.__name__.rpartition(".")[2].replace("_", "-")
    assert cli.main([name, NAME]) == 130
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "again with --resume" in error


@pytest.mark.slow
def test_ctrl_c_ends_training_with_one_line(tmp_path):
    folder = tmp_path / "run"
    options = ["--epochs", "1000", "--output-dir", str(folder)]
    process = start(
        ["train", NAME, *options],
        stdout=subprocess.DEVNULL,
        # A shell lets processes in the background, and their children, ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while not list(folder.glob("checkpoints/[0-9]*")):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    # Nothing of TensorFlow either.
    lines = errors.splitlines()
    assert len(lines) == 1 and "--resume" in lines[0]


def start(arguments, unbuffered=False, **pipes):
    return subprocess.Popen(
        [sys.executable, *["-u"] * unbuffered, "-m", "ae_zoo.cli", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        **pipes,
    )


@pytest.mark.parametrize("unbuffered", [False, True])
@pytest.mark.parametrize("arguments", [["list"], ["info", NAME]])
def test_a_closed_pipe_ends_the_command_quietly(arguments, unbuffered):
    """As in `ae-zoo list | head -1`, whose reader ends first."""
    reader, writer = os.pipe()
    os.close(reader)
    process = start(arguments, unbuffered, stdout=writer)
    os.close(writer)
    assert process.communicate() == (None, "")
    assert process.returncode == 141


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_output_that_cannot_be_written_is_an_error():
    with open("/dev/full", "w") as full:
        process = start(["list"], stdout=full)
        _, errors = process.communicate()
    assert process.returncode == 1
    assert errors.startswith("ae-zoo: ") and errors.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", NAME, "--epochs", "0"],
        ["train", NAME, "--local-workers", "-1"],
        ["evaluate", NAME, "--samples", "few"],
        ["export", NAME, "m.tflite", "--batch-size", "0"],
        ["package", NAME, "--samples", "-1"],
        ["transfer", NAME, "digits", "--epochs", "1e3"],
        ["transfer", NAME, "digits", "--samples", "9" * 30],
        ["one-class", NAME, "--epochs", "9" * 5000],
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


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", NAME, "--seed", "-1"],
        ["train", NAME, "--seed", str(2**32)],
        ["one-class", NAME, "--seed", "1.5"],
        ["one-class", NAME, "--classes", "-1"],
    ],
)
def test_seeds_and_labels_are_integers_of_at_least_0(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(arguments)
    assert end.value.code == 2
    assert "expected an integer of at least 0" in capsys.readouterr().err


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
    assert overview.zoo_markdown() in readme


def test_a_message_is_one_line_without_control_characters(capsys, tmp_path):
    path = tmp_path / "\x1b[2J\nname\u202e"
    assert cli.main(["info", str(path)]) == 1
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "\\x1b[2J name\\u202e" in message


def test_messages_of_libraries_are_hidden_and_those_of_python_are_not():
    program = """
import logging, os, sys
from ae_zoo.cli import _quiet
logger = logging.getLogger("made inside")
with _quiet.silent_libraries():
    logger.addHandler(logging.StreamHandler())
    os.write(2, b"hidden\\n")
    print("printed", file=sys.stderr)
logger.warning("logged later")
for error in (KeyboardInterrupt, ValueError):
    try:
        with _quiet.silent_libraries():
            os.write(2, b"before %s\\n" % error.__name__.encode())
            raise error
    except error:
        pass
"""
    command = [sys.executable, "-X", "dev", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    # An error that nobody raised on purpose needs all there is to know.
    expected = ["printed", "logged later", "before ValueError"]
    assert done.stderr.splitlines() == expected
