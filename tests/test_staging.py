"""Files that appear complete or not at all, and the leftovers of killed processes."""

import errno
import os
import subprocess
import sys
import textwrap

import pytest

from ae_zoo import _staging


@pytest.fixture(params=["exchange", "two renames"])
def parent(request, tmp_path, monkeypatch):
    """A folder with a model folder in it, with and without an atomic exchange."""
    if request.param == "two renames":
        monkeypatch.setattr(_staging, "_system_call", lambda: None)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "file").write_text("old")
    return tmp_path


def in_child(code, *arguments):
    """Run code that kills its own process, or wait for its first line of output."""
    code = f"import os, pathlib, signal, sys\nfrom ae_zoo import _staging\n{code}"
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
    )


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_is_replaced(parent):
    with _staging.replacement(parent / "model") as new:
        new.mkdir()
        (new / "file").write_text("new")
        assert (parent / "model" / "file").read_text() == "old"
    assert (parent / "model" / "file").read_text() == "new"
    assert names(parent) == ["model"]


def test_a_folder_that_a_link_leads_to_is_replaced(parent):
    (parent / "link").symlink_to("model")
    with _staging.replacement(parent / "link") as new:
        new.mkdir()
    assert (parent / "link").is_symlink()
    assert names(parent / "model") == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_error_changes_nothing(parent, error):
    with pytest.raises(error), _staging.replacement(parent / "model") as new:
        new.mkdir()
        raise error
    assert (parent / "model" / "file").read_text() == "old"
    assert names(parent) == ["model"]


@pytest.mark.slow
def test_the_folder_is_there_at_every_moment(tmp_path):
    """Without an exchange of folders, this finds it missing within a few rounds."""
    code = """
        for number in range(300):
            with _staging.replacement(sys.argv[1]) as new:
                new.mkdir()
    """
    (tmp_path / "model").mkdir()
    writer = in_child(textwrap.dedent(code), tmp_path / "model")
    if _staging._system_call() is None:
        pytest.skip("this system cannot exchange two folders")
    while writer.poll() is None:
        assert os.path.isdir(tmp_path / "model")
    assert writer.returncode == 0
    writer.stdout.close()


def test_new_files_appear_in_order(parent):
    with _staging.scratch(parent) as private:
        for name in ("m.json", "m.tflite"):
            (private / name).write_text(name)
        written = [private / "m.json", private / "m.tflite"]
        _staging.publish(written, [parent / path.name for path in written])
    assert names(parent) == ["m.json", "m.tflite", "model"]


def test_nothing_is_replaced(parent):
    (parent / "m.tflite").write_text("precious")
    with _staging.scratch(parent) as private:
        written = [private / "m.json", private / "m.tflite"]
        for path in written:
            path.write_text("new")
        with pytest.raises(FileExistsError):
            _staging.publish(written, [parent / path.name for path in written])
    assert names(parent) == ["m.tflite", "model"]
    assert (parent / "m.tflite").read_text() == "precious"


DIES = """
    with _staging.scratch(sys.argv[1]) as private:
        (private / "inner").mkdir()
        (private / "inner" / "file").touch()
        os.kill(os.getpid(), signal.SIGKILL)
"""
LIVES = """
    with _staging.scratch(sys.argv[1]) as private:
        (private / "file").touch()
        print(private, flush=True)
        signal.pause()
"""


def test_leftovers_of_the_dead_are_removed_and_those_of_the_living_stay(tmp_path):
    assert in_child(textwrap.dedent(DIES), tmp_path).communicate()[0] == ""
    living = in_child(textwrap.dedent(LIVES), tmp_path)
    private = living.stdout.readline().strip()
    assert len(names(tmp_path)) == 1  # the living one has removed that of the dead
    for _ in range(3):
        _staging.repair(tmp_path)
        with _staging.scratch(tmp_path):
            assert len(names(tmp_path)) == 2
    assert os.listdir(private)
    living.kill()
    living.communicate()
    _staging.repair(tmp_path)
    assert names(tmp_path) == []


@pytest.mark.parametrize("content", [(), ("lock",), ("file",), ("lock", "file")])
def test_leftovers_in_any_state_are_removed(tmp_path, content):
    left = tmp_path / f"{_staging.PREFIX}abc"
    left.mkdir()
    for name in content:
        (left / name).touch()
    _staging.repair(tmp_path)
    assert names(tmp_path) == []


def test_links_and_files_with_such_names_stay(tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    (tmp_path / f"{_staging.PREFIX}link").symlink_to("precious")
    (tmp_path / f"{_staging.PREFIX}file").touch()
    left = tmp_path / f"{_staging.PREFIX}dead"
    left.mkdir()
    (left / "inner").symlink_to("../precious")
    _staging.repair(tmp_path)
    assert not left.exists()
    assert len(names(tmp_path)) == 3 and names(tmp_path / "precious") == ["file"]


def test_a_lock_that_is_a_link_or_a_pipe_is_not_opened(tmp_path):
    (tmp_path / "precious").write_text("text")
    for number, make in enumerate([lambda p: p.symlink_to("../precious"), os.mkfifo]):
        left = tmp_path / f"{_staging.PREFIX}{number}"
        left.mkdir()
        make(left / "lock")
    _staging.repair(tmp_path)
    assert (tmp_path / "precious").read_text() == "text"


def test_what_was_moved_aside_comes_back(tmp_path):
    code = """
    _staging._system_call = lambda: None
    rename = os.rename
    def killed(source, target):
        if "new" in source.parts:
            os.kill(os.getpid(), signal.SIGKILL)
        rename(source, target)
    os.rename = killed
    with _staging.replacement(sys.argv[1]) as new:
        new.mkdir()
    """
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "file").touch()
    in_child(textwrap.dedent(code), tmp_path / "model").communicate()
    assert not (tmp_path / "model").exists()
    _staging.repair(tmp_path)
    assert names(tmp_path) == ["model"] and names(tmp_path / "model") == ["file"]


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError("Can't write data (error message = 'No space left on device')"),
        RuntimeError("ResourceExhausted: x; No space left on device"),
    ],
    ids=["python", "hdf5", "tensorflow"],
)
def test_a_full_disk_is_one_sentence_about_the_target(tmp_path, error):
    target = tmp_path / "model"
    with (
        pytest.raises(OSError, match="model' cannot be written: No space left") as got,
        _staging.explained(target),
    ):
        raise error
    assert got.value.errno == errno.ENOSPC
    assert "Nothing was changed" in str(got.value)


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(errno.ENOENT, "No such file", "data.csv"),
        PermissionError(errno.EACCES, "Permission denied", "/elsewhere/data.csv"),
        ValueError("unknown"),
    ],
)
def test_other_errors_stay_as_they_are(tmp_path, error):
    with pytest.raises(type(error)) as got, _staging.explained(tmp_path / "model"):
        raise error
    assert got.value is error


def test_old_checkpoints_leave_a_full_disk(tmp_path, monkeypatch):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "file").touch()

    def full(*arguments, **keywords):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "mkdir", full)
    _staging.discard(tmp_path / "1")
    assert names(tmp_path) == []


def test_a_file_system_without_locks_keeps_what_others_left(tmp_path, monkeypatch):
    left = tmp_path / f"{_staging.PREFIX}abc"
    left.mkdir()

    def refused(*arguments):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(_staging.fcntl, "flock", refused)
    with _staging.scratch(tmp_path) as private:
        assert private.is_dir()
    assert names(tmp_path) == [left.name]
