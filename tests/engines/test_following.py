"""Following runs trained by jobs: by journals, notes and squeue, from any command."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.runner.engines.cluster import Job
from benchmarks.runner.engines.following import TRIES, Follower
from benchmarks.runner.engines.shards import Array, Note, take_note
from benchmarks.runner.plan import Run
from benchmarks.runner.processes.messages import (
    Begin,
    Ended,
    Epoch,
    Event,
    Placed,
    QueueState,
    Remark,
    Requeued,
    Resumed,
)
from results.records import JOURNAL, Evaluation, folder_of, read
from tests.engines.fakes import METRICS, journal_of, run_of, setting_of, train

RUN = run_of(0)


class Heard:
    """A follower of one array, and its events."""

    def __init__(self, out: Path, runs: Sequence[Run] = (RUN,), before: dict[str, str] | None = None) -> None:
        self.out, self.events = out, list[Event]()
        self.array = Array.create(out, [runs], setting_of(out), before or {}).changed(jobs=("12",))
        self.follower = Follower(runs, out, self.events.append)
        self.follower.follow(self.array)

    def look(self, state: str | None = None, node: str = "node1") -> list[Event]:
        """Looks once -> the new events. state: of the job; None: squeue does not show it."""
        self.events.clear()
        job = Job("12", state, node if state == "RUNNING" else "", "") if state is not None else None
        self.follower.look({(self.array.name, 0): job} if job is not None else {})
        return [event for event in self.events if not isinstance(event, QueueState)]


def test_a_run_is_heard_line_by_line(tmp_path: Path) -> None:
    heard = Heard(tmp_path)
    assert heard.look("PENDING") == []
    journal = journal_of(tmp_path, RUN)
    assert heard.look("RUNNING") == [Begin(RUN.id, RUN.spec, RUN.labels), Placed(RUN.id, "on node1, job 12")]
    journal.evaluation(1, 4, METRICS)
    assert heard.look("RUNNING") == [Epoch(RUN.id, 1, METRICS)]
    assert heard.look("RUNNING") == []
    journal.evaluation(2, 8, METRICS)
    journal.end("finished")
    assert heard.look("RUNNING") == [Epoch(RUN.id, 2, METRICS), Ended(RUN.id, "finished")]
    assert heard.follower.over
    assert heard.follower.names == ()  # nobody asks for it any more


def test_a_failure_names_the_jobs_log(tmp_path: Path) -> None:
    heard = Heard(tmp_path)
    train(tmp_path, RUN, status="failed", reason="Worker 1 failed")
    (end,) = (event for event in heard.look("RUNNING") if isinstance(event, Ended))
    assert end.status == "failed"
    assert end.reason == f"Worker 1 failed [log: {heard.array.folder / 'logs' / '12_0_log.out'}]"


def test_notes_of_jobs_are_reported(tmp_path: Path) -> None:
    """A killed process wrote no end of its run, and the job continues with the others."""
    second_run = run_of(1)
    heard = Heard(tmp_path, [RUN, second_run])
    take_note(heard.array.shard(0), Note(RUN.id, "remark", "a checkpoint cannot be written"))
    assert heard.look("RUNNING") == [Remark(RUN.id, "a checkpoint cannot be written")]
    take_note(heard.array.shard(0), Note(RUN.id, "failed", "its process was killed (out of memory?)"))
    assert [type(event) for event in heard.look("RUNNING")] == [Ended]
    assert heard.follower.ended[RUN.id].status == "failed"
    assert not heard.follower.over


@pytest.mark.parametrize("state", ["TIMEOUT", "PREEMPTED", "NODE_FAIL", "FAILED", None])
def test_a_run_whose_job_is_gone_is_submitted_again(state: str | None, tmp_path: Path) -> None:
    heard = Heard(tmp_path)
    train(tmp_path, RUN, status=None)
    heard.look("RUNNING")
    assert heard.look(state) == []  # a file system may show its last lines late
    (event,) = heard.look(state)
    assert isinstance(event, Requeued)
    assert heard.follower.lost == [RUN]
    assert heard.follower.names == ()


def test_a_job_that_comes_back_is_followed_on(tmp_path: Path) -> None:
    """The cluster preempted the job and queues it again by itself."""
    heard = Heard(tmp_path)
    train(tmp_path, RUN, epochs=1, status="interrupted", reason="the command was ended")
    events = heard.look("RUNNING")
    assert [type(event) for event in events] == [Begin, Epoch, Requeued]
    heard.look("PREEMPTED")
    heard.look("PENDING")
    heard.look("PREEMPTED")
    assert heard.follower.lost == []
    train(tmp_path, RUN)
    assert [type(event) for event in heard.look("RUNNING")] == [Begin, Epoch, Epoch, Ended]


def test_a_journal_from_before_the_job_is_not_its_own(tmp_path: Path) -> None:
    train(tmp_path, RUN, status="failed", reason="long ago")
    before = read(folder_of(tmp_path, RUN.id) / JOURNAL).started
    heard = Heard(tmp_path, before={RUN.id: before})
    assert heard.look("RUNNING") == []
    assert not heard.follower.over


def test_a_job_that_somebody_cancelled_is_not_submitted_again(tmp_path: Path) -> None:
    heard = Heard(tmp_path)
    heard.look("RUNNING")
    heard.look("CANCELLED")
    heard.look("CANCELLED")
    assert "its job 12 was cancelled" in heard.follower.ended[RUN.id].reason
    assert heard.follower.lost == []


def test_jobs_that_get_no_further_are_given_up(tmp_path: Path) -> None:
    heard = Heard(tmp_path)
    for tries in range(1, TRIES + 1):
        heard.look("FAILED")
        heard.look("FAILED")
        assert len(heard.follower.lost) == min(tries, TRIES - 1)
        heard.follower.follow(heard.array)
    assert "3 jobs ended without getting any further with it" in heard.follower.ended[RUN.id].reason


def test_a_run_that_gets_further_is_never_given_up(tmp_path: Path) -> None:
    heard = Heard(tmp_path)
    folder = folder_of(tmp_path, RUN.id) / "checkpoints"
    folder.mkdir(parents=True)
    for epoch in range(1, 2 * TRIES):
        (folder / f"epoch-{epoch}.batch-0.{'0' * 32}.safetensors").touch()
        heard.look("TIMEOUT")
        heard.look("TIMEOUT")
        heard.follower.follow(heard.array)
    assert heard.follower.ended == {}


def test_the_queue_is_said_in_words(tmp_path: Path) -> None:
    runs = [run_of(seed) for seed in range(3)]
    events: list[Any] = []
    follower = Follower(runs, tmp_path, events.append)
    array = Array.create(tmp_path, [[run] for run in runs], setting_of(tmp_path), {})
    follower.follow(array)
    jobs = [
        Job("7_0", "RUNNING", "node1"),
        Job("7_1", "PENDING", "", "Resources"),
        Job("7_2", "PENDING", "", "Priority"),
    ]
    follower.look({(array.name, index): job for index, job in enumerate(jobs)})
    assert events == [QueueState("2 jobs queued (Resources, Priority), 1 running on node1")]
    follower.look(None)  # nobody asked the cluster: nothing is new
    assert len(events) == 1


def test_a_run_that_goes_on_from_a_checkpoint_says_from_where(tmp_path: Path) -> None:
    heard = Heard(tmp_path)
    with journal_of(tmp_path, RUN) as journal:
        points = [Evaluation(epoch, 4 * epoch, METRICS) for epoch in (1, 2)]
        journal.resumed(points, epoch=2, batch=0, wall_seconds=1.0, environments=[])
        assert Resumed(RUN.id, 2, "epoch 2") in heard.look("RUNNING")
