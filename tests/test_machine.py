"""The machine that a number was measured on."""

import os

import numpy as np

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


def test_the_peak_stays_when_memory_is_freed():
    before = _machine.memory()
    if before is None:
        return  # not on Linux
    assert len(np.ones(8_000_000)) == 8_000_000  # 64 MB, freed at once
    assert _machine.memory(peak=True) > before + 60e6
    assert _machine.memory() < before + 30e6
