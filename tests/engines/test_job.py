"""Inside a job: the same pool trains a shard's runs, and signals end it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.errors import UserError
from benchmarks.runner.choices import Choices
from benchmarks.runner.engines import cluster, job
from benchmarks.runner.engines.job import LEFT, serve
from benchmarks.runner.engines.shards import Array, Note, notes
from benchmarks.runner.plan import Run
from benchmarks.runner.processes import pool, signals
from benchmarks.runner.processes.messages import Ended, Remark, Setting
from benchmarks.runner.resolve import resolve
from benchmarks.tables.registry import table
from results.records import JOURNAL, folder_of, read
from tests.commands.commands import train_here
from tests.engines.fakes import run_of, setting_of, train

SMALL = {"workload": {"epochs": "1", "train_samples": "128", "test_samples": "50"}}


@pytest.fixture(autouse=True)
def _signals(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Gives a job its own signal handling, as in its own process."""
    monkeypatch.setattr(signals, "command", signals.EndRequest())
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)  # to be put back
    before = {number: signal.getsignal(number) for number in (signal.SIGUSR2, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def planned() -> list[Run]:
    choices = Choices(seeds=(0,), methods=("bp", "async_lu"), networks=("resnet18",), settings=SMALL)
    return resolve(table("table1"), choices).runs


def shard_of(out: Path, runs: Sequence[Run], setting: Setting | None = None) -> Path:
    return Array.create(out, [runs], setting or setting_of(out), {}).shard(0)


def cards(runs: Sequence[Run]) -> dict[str, Any]:
    from benchmarks.hardware.cards import load

    return {load("paper-a").sha256: load("paper-a")}


def test_a_job_trains_its_runs_and_says_where_it_logged(
    planned: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "train_all", train_here)
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "12")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "3")
    shard = shard_of(tmp_path, planned, replace(setting_of(tmp_path), cards=cards(planned)))
    serve(str(shard))
    for run in planned:
        record = read(folder_of(tmp_path, run.id) / JOURNAL)
        assert record.status == "finished"
        assert record.labels.log == str(shard.parent / "logs" / "12_3_0_log.out")
        assert record.environment["job"] == "12_3"
        assert record.environment["command"] == ["python"]  # that planned it
    assert notes(shard) == []
    before = (folder_of(tmp_path, planned[0].id) / JOURNAL).read_bytes()
    serve(str(shard))  # the cluster started it again: nothing is trained twice
    assert (folder_of(tmp_path, planned[0].id) / JOURNAL).read_bytes() == before


def test_a_node_that_would_make_other_runs_trains_none(
    planned: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained_ids: list[str] = []

    def listed(runs: Sequence[Run], setting: Setting, **options: Any) -> dict[str, Ended]:
        trained_ids.extend(run.id for run in runs)
        return {}

    monkeypatch.setattr(pool, "train_all", listed)
    first, second = planned
    foreign = replace(first, spec=first.spec.model_copy(update={"sources": "ab" * 32}))
    shard = shard_of(tmp_path, [foreign, second])
    serve(str(shard))
    assert trained_ids == [second.id]
    (note,) = notes(shard)
    assert (note.id, note.kind) == (first.id, "failed")
    assert note.sentence.endswith("has other sources")


def test_remarks_are_noted(planned: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = planned

    def told(runs: Sequence[Run], setting: Setting, *, jobs: int, listen: Any) -> dict[str, Ended]:
        listen(Remark(first.id, "no room for a checkpoint"))
        listen(Ended(first.id, "failed", "its process was killed (out of memory?)"))
        listen(Ended(second.id, "finished"))
        return {}

    monkeypatch.setattr(pool, "train_all", told)
    shard = shard_of(tmp_path, planned)
    serve(str(shard))
    assert notes(shard) == [
        Note(first.id, "remark", "no room for a checkpoint"),
        Note(first.id, "failed", "its process was killed (out of memory?)"),
    ]


def test_mistakes_of_the_user_are_noted_for_all_runs(
    planned: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*arguments: Any, **options: Any) -> dict[str, Ended]:
        raise UserError("CIFAR-10 is not here.")

    monkeypatch.setattr(pool, "train_all", wrong)
    shard = shard_of(tmp_path, planned)
    with pytest.raises(UserError):
        serve(str(shard))
    assert notes(shard) == [Note(run.id, "failed", "CIFAR-10 is not here.") for run in planned]


@pytest.mark.parametrize("further", [True, False])
def test_before_its_time_limit_a_job_that_got_on_is_queued_again(
    further: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that made no progress is not, or it would be queued for ever."""
    run, commands = run_of(0), list[tuple[str, ...]]()

    def ask(*command: str) -> str:
        commands.append(command)
        return ""

    def asked_to_leave(*arguments: Any, **options: Any) -> dict[str, Ended]:
        if further:
            train(tmp_path, run)
        os.kill(os.getpid(), signal.SIGUSR2)
        raise AssertionError("it goes on")

    monkeypatch.setattr(job, "_differs", lambda run, shard: "")
    monkeypatch.setattr(pool, "train_all", asked_to_leave)
    monkeypatch.setattr(cluster, "ask", ask)
    monkeypatch.setenv("SLURM_JOB_ID", "15")
    with pytest.raises(SystemExit) as raised:
        serve(str(shard_of(tmp_path, [run])))
    assert raised.value.code == LEFT
    assert commands == ([("scontrol", "requeue", "15")] if further else [])


def test_a_job_that_is_cancelled_leaves_and_does_not_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked_to_leave(*arguments: Any, **options: Any) -> dict[str, Ended]:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)  # once is enough
        raise AssertionError("it goes on")

    def nobody(*command: str) -> str:
        raise AssertionError("it asks for more")

    monkeypatch.setattr(job, "_differs", lambda run, shard: "")
    monkeypatch.setattr(pool, "train_all", asked_to_leave)
    monkeypatch.setattr(cluster, "ask", nobody)
    with pytest.raises(SystemExit):
        serve(str(shard_of(tmp_path, [run_of(0)])))
