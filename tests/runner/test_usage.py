"""CPU and memory use of a process, read from fake clocks and a fake file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.runner import run_progress
from benchmarks.runner.run_progress import Usage

CPU, MEMORY = "system/process_cpu_percent", "system/process_memory_megabytes"


def test_cpu_time_is_told_from_one_call_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    wall, cpu = iter([100.0, 102.0, 112.0]), iter([5.0, 8.0, 8.5])
    monkeypatch.setattr("benchmarks.runner.run_progress.time.perf_counter", lambda: next(wall))
    monkeypatch.setattr("benchmarks.runner.run_progress.time.process_time", lambda: next(cpu))
    usage = Usage()
    assert [usage.since_last()[CPU] for _ in range(2)] == [150.0, 5.0]


def test_memory_is_the_resident_pages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    statm = tmp_path / "statm"
    statm.write_text("900 250 30 1 0 70 0\n")
    monkeypatch.setattr(run_progress, "_STATM", statm)
    assert Usage().since_last()[MEMORY] == pytest.approx(250 * os.sysconf("SC_PAGE_SIZE") / 1e6)
    statm.unlink()
    assert MEMORY not in Usage().since_last()
