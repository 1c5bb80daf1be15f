"""Damaged data, full disks, Ctrl-C, killed processes: a sentence, nothing half-written, and a rerun carries on."""

from __future__ import annotations

import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.runner.plan import Run
from benchmarks.runner.processes import pool
from benchmarks.runner.processes.messages import Ended, Epoch, Event, Listen
from results.children import blocked
from results.records.spec import Labels
from tests.commands.commands import TINY, Cli, alive, children, journals, program, tiny, train_here, until
from tests.results.samples import spec_of

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
LONG = tiny(epochs=40, patience=40)


def two(**fields: int) -> tuple[str, ...]:
    """Arguments for two seeds."""
    return tuple(argument.replace("--seeds=1", "--seeds=2") for argument in tiny(**{"patience": 40, **fields}))


TWO = two(epochs=40)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no limits on files")
@pytest.mark.usefixtures("here")
def test_a_full_disk_is_a_sentence_and_a_rerun_carries_on(cli: Cli, tmp_path: Path) -> None:
    import resource

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))

    command = ["run", "table1", "--method=bp", "--no-tracking", "--jobs=1", f"--out={tmp_path / 'out'}", *TINY]
    process = program(*command, prepare=limit)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 2
    assert "journal.jsonl cannot be written (File too large); make room or choose another --out, then run again" in err
    assert err.count("\n") == 1
    (status,) = (journal["status"] for journal in journals(tmp_path / "out"))
    assert status in (None, "failed")  # by whether the short last line still fits
    cli.ok(*command)
    statuses = {journal["file"]: journal["status"] for journal in journals(tmp_path / "out")}
    assert statuses.pop("journal.jsonl") == "finished"
    assert list(statuses.values()) == [status]


def test_tables_that_cannot_be_written(cli: Cli, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "runs").symlink_to(trained / "runs")
    (tmp_path / "out" / "tables").write_text("in the way", encoding="utf-8")
    output = cli.refused("run", "table1", "--method=bp,async_lu", "--no-tracking", *TINY)
    assert "table1.json cannot be written" in output.err


@pytest.mark.slow
@LINUX
@pytest.mark.parametrize(
    ("number", "code", "word", "options"),
    [
        (signal.SIGINT, 130, "Interrupted", ["--method=bp"]),
        (signal.SIGTERM, 143, "Terminated", ["--method=async_lu", "--executor=threads"]),
    ],
)
def test_a_signal_keeps_what_is_done_and_a_rerun_does_the_rest(
    cli: Cli,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    code: int,
    word: str,
    options: list[str],
) -> None:
    """To the whole group, as a terminal and a cluster send it, and impatiently; threads are not torn down at work."""
    out = tmp_path / "out"
    command = ["run", "table1", *options, "--no-tracking", "--jobs=1", f"--out={out}", *TWO]
    process = program(*command)
    until(lambda: any(journal["seed"] == 1 and journal["evaluations"] > 1 for journal in journals_of(out)))
    workers = children(process.pid)
    assert len(workers) == 1
    os.killpg(process.pid, number)
    os.killpg(process.pid, number)
    _, err = process.communicate(timeout=300)
    assert err == f"{word}: 1 of 2 runs done and kept; the same command carries on.\n"
    assert process.returncode == code
    until(lambda: not any(map(alive, workers)))
    assert {journal["seed"]: journal["status"] for journal in journals(out)} == {0: "finished", 1: "interrupted"}

    seeds: list[int] = []

    def ask(runs: Sequence[Run], *arguments: Any, **options: Any) -> dict[str, Ended]:
        seeds.extend(run.spec.seed for run in runs)
        return {}

    monkeypatch.setattr(pool, "train_all", ask)
    cli(*command)
    assert seeds == [1]


def journals_of(out: Path) -> list[dict[str, Any]]:
    """Reads the journals while a last line may be half-written; empty then."""
    try:
        return journals(out)
    except (ValueError, IndexError):
        return []


@pytest.mark.slow
@LINUX
def test_children_end_with_a_command_that_is_killed(tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = program("run", "table1", "--method=bp", "--no-tracking", "--jobs=1", f"--out={out}", *LONG)
    until(lambda: any(journal["evaluations"] > 1 for journal in journals_of(out)))
    workers = children(process.pid)
    assert len(workers) == 1
    process.kill()
    process.communicate(timeout=300)
    until(lambda: not any(map(alive, workers)))
    assert [journal["status"] for journal in journals(out)] == [None]


@pytest.mark.slow
def test_a_killed_process_takes_one_run_with_it(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train_all, workers = pool.train_all, list[pool.TrainingProcess]()

    class Watched(pool.TrainingProcess):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            workers.append(self)

    def killing(runs: Sequence[Run], setting: Any, *, jobs: int, listen: Listen) -> dict[str, Ended]:
        def hear(event: Event) -> None:
            listen(event)
            if isinstance(event, Epoch) and len(workers) == 1:
                workers[0].process.kill()
                workers[0].process.join()

        return train_all(runs, setting, jobs=jobs, listen=hear)

    monkeypatch.setattr(pool, "TrainingProcess", Watched)
    monkeypatch.setattr(pool, "train_all", killing)
    result = cli("run", "table1", "--method=bp", "--no-tracking", "--jobs=1", *two(epochs=3))
    assert result.code == 1
    assert "Failed: cifar10-resnet18 BP, 1 device, seed 0: its process was killed (out of memory?)" in result.out
    assert {journal["seed"]: journal["status"] for journal in journals(tmp_path / "out")} == {0: None, 1: "finished"}


STUCK = """
import time
from pathlib import Path

from methods import NextBatch, Worker, register
from methods.bp import Backpropagation

STUCK = Path(__file__).with_suffix(".stuck")


@register(title="Stuck", source="here", name="stuck")
class Stuck(Backpropagation):
    def workers(self, team):
        if STUCK.exists():
            yield from super().workers(team)
        else:
            STUCK.touch()
            yield Worker(self.sleep(team.replica), device=0, role="sleeper")

    def sleep(self, replica):
        yield NextBatch(replica)
        while True:
            time.sleep(0.01)
"""


@pytest.mark.slow
def test_a_run_that_stands_still_fails_and_the_next_goes_on(cli: Cli, tmp_path: Path) -> None:
    """In a process of its own: the first one ended with its run."""
    plugin = tmp_path / "mine.py"
    plugin.write_text(STUCK, encoding="utf-8")
    options = (f"--plugin={plugin}", "--jobs=1", "--no-tracking", "--stall-after=5", *two(epochs=1))
    result = cli("run", "table1", "--method=stuck", *options)
    assert (result.code, result.err) == (1, "")
    (reason,) = re.findall(r"Stuck, seed 0: failed: (no progress for .*? s)(?:;|$)", result.out, re.MULTILINE)
    line = STUCK[: STUCK.index("time.sleep")].count("\n") + 1
    assert f"while training epoch 1: sleeper 0 on device 0 in the method's own code ({plugin}:{line}) for " in reason
    assert f"Failed: cifar10-resnet18 Stuck, seed 0: {reason}" in result.out
    assert "its process ended" not in result.out
    assert {entry["seed"]: entry["status"] for entry in journals(tmp_path / "out")} == {0: "failed", 1: "finished"}


def test_a_process_that_died_at_rest_is_a_failed_run() -> None:
    """Nobody listens at the other end of its pipe: the next run fails, and the command goes on."""

    class Dead:
        exitcode = 3

        def join(self, timeout: float | None = None) -> None:
            """It is dead."""

    job = pool.TrainingProcess.__new__(pool.TrainingProcess)
    job.pipe, other_end = multiprocessing.Pipe()
    other_end.close()
    job.process = Dead()  # type: ignore[assignment]
    run = Run("id", spec_of(), Labels(method_title="BP"))
    job.begin(run)
    events: list[Any] = []
    ended: dict[str, Ended] = {}
    assert not pool._hear(job, ended, events.append)
    assert ended == {
        "id": Ended("id", "failed", "its process ended with exit code 3; the same command repeats the run")
    }
    assert events == [ended["id"]]
    job.pipe.close()


def test_a_signal_while_the_end_is_synced_writes_no_second_end(tmp_path: Path) -> None:
    """The end is on the disk, the journal does not know it yet: the record stays readable, and finished."""
    from benchmarks.runner.processes import process
    from results.records import read
    from results.records.journal import Journal

    folder = tmp_path / "runs" / "id"
    journal = Journal.create(folder, id="id", spec=spec_of(), environment={}, labels=Labels())
    journal._write({"type": "end", "status": "finished", "reason": "", "epochs": 0})
    process.interrupt(journal)
    assert read(folder / "journal.jsonl").status == "finished"


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="no signal masks")
def test_ctrl_c_is_blocked_only_while_a_process_starts() -> None:
    with blocked():
        inherited = subprocess.run(
            [sys.executable, "-c", "import signal; print(signal.pthread_sigmask(signal.SIG_BLOCK, []))"],
            capture_output=True,
            text=True,
            check=True,
        )
    assert "SIGINT" in inherited.stdout
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_what_another_command_finished_meanwhile_is_not_trained_again(
    cli: Cli, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(runs: Sequence[Run], setting: Any, **options: Any) -> dict[str, Ended]:
        shutil.copytree(trained / "runs", setting.out / "runs")
        return train_here(runs, setting, **options)

    monkeypatch.setattr(pool, "train_all", late)
    cli.ok("run", "table1", "--method=bp,async_lu", "--no-tracking", *TINY)
    assert [journal["file"] for journal in journals(tmp_path / "out")] == ["journal.jsonl"] * 2


@pytest.mark.usefixtures("here")
def test_data_that_changes_after_the_plan_is_a_sentence(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.runner import plan

    monkeypatch.setattr(plan, "data_sha256", lambda data, folder: "0" * 64)
    output = cli.refused("run", "table3", "--method=bp", *TINY, "--no-tracking")
    assert "changed since the run was planned" in output.err
