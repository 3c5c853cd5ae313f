"""Kills processes that write, at every event of the file system, and looks at the rest.

python kill_job.py FOLDER ACTION HOW POINTS SEED prints a JSON object: the number of
events and {state: numbers of the events before which a process was killed}. HOW is
"exchange" or "renames", which stands for a system without an exchange of folders.
POINTS is a number of random events, or "all". A process is forked for each of them from
one that has imported everything and has run no operation of TensorFlow.
"""

import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import sys
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from ae_zoo import _staging, zoo
from ae_zoo._resources import folder
from ae_zoo.callbacks import checkpoint_files
from ae_zoo.export import arguments
from ae_zoo.zoo import checksums

NAME = "undercomplete_digits"
EVENTS = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "os.truncate"}
EVENTS |= {"open", "os.scandir", "os.listdir", "shutil.copyfile", "shutil.rmtree"}


# Each action has a function that prepares a folder, one that writes, and one that says
# what is there: "old", "new" or what is wrong.


def copy_of_model(root):
    shutil.copytree(folder("saved_models") / NAME, root / "model")
    (root / "model" / "notes.txt").write_text("mine")


def amend(root):
    zoo.amend(root / "model", {"task": "new"})


def save(root):
    model = zoo.load(NAME)
    card = zoo.info(NAME) | {"task": "new"}
    zoo.save(model, root / "model", card, overwrite=True)


def state_of_model(root):
    checksums.verified_files(root / "model")
    is_new = zoo.info(root / "model")["task"] == "new"
    return "new" if is_new else "old"


def state_of_amended(root):
    assert (root / "model" / "notes.txt").read_text() == "mine"
    return state_of_model(root)


def nothing(root):
    pass


def export_litert(root):
    zoo.load(NAME).export(root / "m.tflite", format="litert")


def state_of_litert(root):
    if not (root / "m.tflite").exists():
        arguments.check_path(root / "m.tflite", arguments.FORMATS["litert"])
        return "old"
    digest = hashlib.sha256((root / "m.tflite").read_bytes()).hexdigest()
    assert json.loads((root / "m.json").read_text())["sha256"] == digest
    return "new"


def export_saved_model(root):
    zoo.load(NAME).export(root / "saved")


def state_of_saved_model(root):
    if not (root / "saved").exists():
        return "old"
    assert (root / "saved" / "saved_model.pb").stat().st_size > 10_000
    assert (root / "saved" / "variables" / "variables.index").exists()
    return "new"


def write_checkpoint(root, number):
    values = {"model": [np.full((100,), number, "float32")], "arrays": []}
    checkpoint_files.write(root / f"{number:03d}", {"number": number}, values)
    checkpoint_files.keep_newest(root, 1)


def one_checkpoint(root):
    in_child(lambda: write_checkpoint(root, 1))


def second_checkpoint(root):
    write_checkpoint(root, 2)


def state_of_checkpoints(root):
    def newest():
        warnings.simplefilter("error")
        state = checkpoint_files.newest(root)[1]
        os._exit(10 + state["number"])

    return {11: "old", 12: "new"}[os.waitstatus_to_exitcode(in_child(newest))]


ACTIONS = {
    "amend": (copy_of_model, amend, state_of_amended),
    "save": (copy_of_model, save, state_of_model),
    "litert": (nothing, export_litert, state_of_litert),
    "saved_model": (nothing, export_saved_model, state_of_saved_model),
    "checkpoint": (one_checkpoint, second_checkpoint, state_of_checkpoints),
}


def in_child(function):
    """Run a function in a forked process; return how that ended."""
    child = os.fork()
    if child == 0:
        with open(os.devnull, "w") as null:
            os.dup2(null.fileno(), 1)
        try:
            function()
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def killed_at(number, write, root):
    """Write in a process that is killed before an event; return how many there were."""
    counter = root.with_name("events")
    count = 0

    def event():
        nonlocal count
        count += 1
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)

    def hook(name, arguments):
        is_here = any(str(root) in str(argument) for argument in arguments[:2])
        if name in EVENTS and is_here:
            event()

    def run():
        rename = _staging._renameat2

        def watched(*arguments):
            event()
            done = rename(*arguments)
            event()
            return done

        _staging._renameat2 = watched
        sys.addaudithook(hook)
        write(root)
        counter.write_text(str(count))

    counter.unlink(missing_ok=True)
    status = in_child(run)
    if counter.exists():
        return int(counter.read_text())
    assert os.WIFSIGNALED(status), "the process failed by itself"
    return None


def state(root, look):
    """What is there after the next process has cleaned up."""
    try:
        _staging.repair(root)
        left = [p.name for p in root.iterdir() if p.name.startswith(_staging.PREFIX)]
        return f"leftovers: {left}" if left else look(root)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def main(base, action, how, points, seed):
    prepare, write, look = ACTIONS[action]
    if how == "renames":
        _staging._system_call = lambda: None
    root = pathlib.Path(base).resolve() / "root"

    def attempt(number):
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        prepare(root)
        count = killed_at(number, write, root)
        if how == "exchange" and prepare is copy_of_model:
            assert (root / "model").is_dir(), f"absent at event {number}"
        return count, state(root, look)

    total, after = attempt(None)
    assert after == "new", after
    numbers = range(1, total + 1)
    if points != "all":
        numbers = random.Random(int(seed)).sample(numbers, min(int(points), total))
    states = {}
    for number in numbers:
        found = attempt(number)[1]
        states.setdefault(found, []).append(number)
    print(json.dumps({"events": total, "states": states}))


if __name__ == "__main__":
    main(*sys.argv[1:])
