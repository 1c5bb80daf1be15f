"""Freed memory is kept, and an allocator is preloaded if the system has one."""

from __future__ import annotations

import ctypes.util
import multiprocessing
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.runner import environment
from benchmarks.runner.processes import memory
from benchmarks.runner.processes.messages import Setting
from benchmarks.runner.processes.pool import TrainingProcess

SCRIPT = """
import resource, sys, threading
import numpy
from benchmarks.runner.processes.memory import keep_freed_memory

if sys.argv[1] == "kept":
    assert keep_freed_memory()

def work():
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        numpy.ones(int(sys.argv[3]))  # freed at once
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)

worker = threading.Thread(target=work)
worker.start() if sys.argv[2] == "thread" else work()
"""


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    memory.to_preload.cache_clear()
    yield
    memory.to_preload.cache_clear()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
@pytest.mark.parametrize(
    ("where", "numbers"),
    [("main", 10_000_000), ("thread", 5_000_000)],  # 80 and 40 MB; 64 hold in a thread's heap
)
def test_a_large_block_is_mapped_once(where: str, numbers: int) -> None:
    def faults(how: str) -> int:
        program = [sys.executable, "-c", SCRIPT, how, where, str(numbers)]
        return int(subprocess.run(program, capture_output=True, text=True, check=True).stdout)

    assert faults("kept") < 20 < faults("returned")


@pytest.mark.skipif(sys.platform != "linux", reason="LD_PRELOAD is Linux's")
@pytest.mark.parametrize(
    ("there", "own", "expected"),
    [
        (("tcmalloc", "jemalloc"), None, "libtcmalloc"),
        (("tcmalloc_minimal", "jemalloc"), None, "libtcmalloc_minimal"),
        (("jemalloc",), None, "libjemalloc"),
        ((), None, "none"),
        (("tcmalloc",), "", ""),
        (("tcmalloc",), "own.so", "own.so"),
    ],
)
def test_a_process_starts_with_the_allocator_that_the_system_has(
    there: tuple[str, ...], own: str | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless the user has set what to preload, or nothing."""
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: f"lib{name}" if name in there else None)
    monkeypatch.delenv(memory.PRELOAD, raising=False)
    if own is not None:
        monkeypatch.setenv(memory.PRELOAD, own)
    with memory.preloaded():
        assert os.environ.get(memory.PRELOAD, "none") == expected
        assert environment.of_process()["variables"].get(memory.PRELOAD, "none") == expected
    assert os.environ.get(memory.PRELOAD) == own


@pytest.mark.skipif(sys.platform != "linux", reason="LD_PRELOAD is Linux's")
def test_training_processes_are_started_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    preloads: list[str | None] = []

    def start(process: multiprocessing.process.BaseProcess) -> None:
        preloads.append(os.environ.get(memory.PRELOAD))

    monkeypatch.delenv(memory.PRELOAD, raising=False)
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: f"lib{name}")
    monkeypatch.setattr(multiprocessing.get_context("spawn").Process, "start", start)
    setting = Setting(Path(), None, {}, (), {})
    TrainingProcess(setting, {}).pipe.close()
    assert preloads == ["libtcmalloc"]
