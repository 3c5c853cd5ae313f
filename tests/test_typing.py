"""Type checkers know the public API; `make lint` checks the whole package."""

import pathlib

import pytest
from mypy import api

ROOT = pathlib.Path(__file__).parents[1]


@pytest.mark.slow
def test_types_of_the_public_api(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("MYPYPATH", str(ROOT))
    report, _, status = api.run(["tests/typing_checks.py"])
    assert status == 0, report
