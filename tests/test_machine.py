"""The machine that a number was measured on."""

import os
import sys

import numpy as np
import pytest

from ae_zoo import _machine


def test_the_cores_are_those_that_may_be_used(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3}, raising=False)
    assert _machine.hardware().startswith("1 core of ")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 3})
    assert _machine.hardware().startswith("2 cores of ")


def test_the_processor_is_named(monkeypatch, tmp_path):
    path = tmp_path / "cpuinfo"
    path.write_text("processor\t: 0\nmodel name\t: AMD EPYC: 2\nmodel name\t: other\n")
    assert _machine._field(path, "model name") == "AMD EPYC: 2"
    assert _machine._field(path, "Hardware") is None
    assert _machine._field(tmp_path / "no such file", "model name") is None
    monkeypatch.setattr(_machine, "_field", lambda *_: None)  # as on macOS
    monkeypatch.setattr(_machine.platform, "processor", lambda: "arm")
    assert _machine.hardware().endswith(" of arm")
    assert _machine.memory() is None


@pytest.mark.parametrize("chosen", ["0", "1"])
def test_a_choice_of_the_user_about_onednn_is_kept(monkeypatch, chosen):
    monkeypatch.setattr(_machine.platform, "machine", lambda: "x86_64")
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", chosen)
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    _machine.prefer_onednn()
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == chosen


@pytest.mark.parametrize("machine, expected", [("x86_64", "1"), ("arm64", None)])
def test_onednn_is_used_on_x86(monkeypatch, machine, expected):
    monkeypatch.setattr(_machine.platform, "machine", lambda: machine)
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")  # restored after the test
    del os.environ["TF_ENABLE_ONEDNN_OPTS"]
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    _machine.prefer_onednn()
    assert os.environ.get("TF_ENABLE_ONEDNN_OPTS") == expected


@pytest.mark.parametrize(
    "flags, warnings", [("fpu avx2 fma", 1), ("fpu avx2 avx512_vnni", 0)]
)
def test_what_is_lost_without_onednn_is_said(monkeypatch, caplog, flags, warnings):
    monkeypatch.setattr(_machine.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(_machine, "_field", lambda *_: flags)
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    del os.environ["TF_ENABLE_ONEDNN_OPTS"]
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    _machine.prefer_onednn()
    assert "TF_ENABLE_ONEDNN_OPTS" not in os.environ
    assert len(caplog.records) == warnings


def test_the_peak_stays_when_memory_is_freed():
    before = _machine.memory()
    if before is None:
        return  # not on Linux
    assert len(np.ones(8_000_000)) == 8_000_000  # 64 MB, freed at once
    assert _machine.memory(peak=True) > before + 60e6
    assert _machine.memory() < before + 30e6
