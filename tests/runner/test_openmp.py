"""Wait policy of idle OpenMP threads: chosen from jobs x threads and cores, set per process, recorded with the run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from benchmarks.runner.choices import Choices
from benchmarks.runner.plan import Run
from benchmarks.runner.processes import messages, openmp, pool, process
from benchmarks.runner.processes.messages import Begin, Ended
from benchmarks.runner.processes.watch import Watch
from benchmarks.runner.resolve import resolve
from benchmarks.runner.run_progress import RunProgress
from benchmarks.tables.registry import table
from results.records import folder_of, read

VARIABLE = openmp.VARIABLE


@pytest.fixture(autouse=True)
def _no_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(openmp, "usable_cores", lambda: 2)


def runs(executor: str = "virtual", threads: int = 1, seeds: tuple[int, ...] = (0,), method: str = "bp") -> list[Run]:
    settings = {"workload": {"threads": str(threads)}}
    chosen = Choices(executor=executor, methods=(method,), networks=("resnet18",), seeds=seeds, settings=settings)
    return resolve(table("table1"), chosen).runs


@pytest.mark.parametrize(
    ("jobs", "threads", "cores", "policy"),
    [
        (1, 2, 2, None),  # the rival that PASSIVE made three times slower
        (2, 2, 2, "PASSIVE"),
        (1, 3, 2, "PASSIVE"),
        (2, 2, 4, None),
        (64, 1, 2, None),  # one thread each: no team, nobody who waits
    ],
)
def test_threads_spin_as_long_as_each_has_a_core(jobs: int, threads: int, cores: int, policy: str | None) -> None:
    assert openmp.wait_policy(jobs, threads, cores) == policy


def test_a_run_s_policy_follows_from_all_its_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    def of(run: Run, jobs: int) -> str | None:
        return openmp.policy_of(run, jobs)

    (one_thread,), (two_threads,) = runs(), runs(threads=2)
    (workers,) = (run for run in runs("threads", threads=2, method="async_lu") if run.spec.method.name == "async_lu")
    assert (of(one_thread, 2), of(two_threads, 1), of(two_threads, 2), of(workers, 1)) == (
        None,
        None,
        "PASSIVE",
        "PASSIVE",
    )
    monkeypatch.setenv(VARIABLE, "ACTIVE")
    assert (of(one_thread, 2), of(two_threads, 1), of(two_threads, 2), of(workers, 1)) == ("ACTIVE",) * 4


def reporting(pipe: Connection, setting: Any) -> None:
    """A training process that reports the policy it was started with."""
    try:
        while True:
            begin: Begin = pipe.recv()
            pipe.send(Ended(begin.id, "finished", f"{os.getpid()} {os.environ.get(VARIABLE)}"))
    except EOFError:
        return


@pytest.fixture
def _reporting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "main", reporting)


def trained(order: Sequence[Run]) -> list[tuple[str, str]]:
    """Returns for each run, in the order of training, its process and the policy that this was started with."""
    processes: list[tuple[str, str]] = []

    def hear(event: Any) -> None:
        if isinstance(event, Ended):
            pid, policy = event.reason.split()
            processes.append((pid, policy))

    setting = messages.Setting(Path("out"), None, {}, (), {})
    assert len(pool.train_all(order, setting, jobs=1, listen=hear)) == len(order)
    return processes


@pytest.mark.usefixtures("_reporting")
def test_a_process_trains_the_runs_of_its_policy_and_another_one_the_rest() -> None:
    two_threads, three_threads = runs("virtual", threads=2, seeds=(0, 1)), runs("virtual", threads=3, seeds=(0, 1))
    processes = trained([two_threads[0], three_threads[0], two_threads[1], three_threads[1]])
    assert [policy for _, policy in processes] == ["None", "PASSIVE", "PASSIVE", "None"]
    assert [pid == processes[1][0] for pid, _ in processes] == [False, True, True, False]
    assert VARIABLE not in os.environ


def test_the_journal_says_what_the_training_process_saw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not what the command had, which is another process."""
    monkeypatch.setattr(process, "train", lambda *_: Ended("id", "finished"))
    (run,) = runs()
    of_command = {"cores": 2, "variables": {"MKL_NUM_THREADS": "7"}, "wait_policy": "the command's"}
    setting: Any = messages.Setting(tmp_path, None, {}, (), of_command)
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    monkeypatch.setenv(VARIABLE, "PASSIVE")
    pipe: Any = None
    process.run(pipe, setting, Begin(run.id, run.spec, run.labels), pipe, Watch(RunProgress(), print))
    recorded = read(folder_of(tmp_path, run.id) / "journal.jsonl").environment
    assert (recorded["cores"], recorded["wait_policy"]) == (2, "PASSIVE")
    assert recorded["variables"][VARIABLE] == "PASSIVE"
    assert "MKL_NUM_THREADS" not in recorded["variables"]
