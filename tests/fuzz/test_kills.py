"""A process that is killed while it writes leaves the old state or the new one."""

import json
import pathlib
import subprocess
import sys

import pytest
from conftest import FIRST, SECONDS

JOB = pathlib.Path(__file__).with_name("kill_job.py")
# Points that are tried in the usual tests; `make fuzz` tries all, of all actions with
# and without an exchange of folders.
SAMPLES = {"amend": 8, "checkpoint": 5, "save": 2, "litert": 2, "saved_model": 1}
CASES = [(action, "exchange") for action in SAMPLES] + [("amend", "renames")]
if SECONDS:
    CASES = [(action, how) for action in SAMPLES for how in ("exchange", "renames")]


@pytest.mark.slow
@pytest.mark.parametrize(("action", "how"), CASES)
def test_killed_writers(action, how, tmp_path):
    points = "all" if SECONDS else str(SAMPLES[action])
    done = subprocess.run(
        [sys.executable, str(JOB), str(tmp_path), action, how, points, str(FIRST)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(done.stdout.splitlines()[-1])
    assert set(result["states"]) <= {"old", "new"}, result
    assert result["events"] > 10
