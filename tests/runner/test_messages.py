"""Messages between a command and its training processes arrive unchanged."""

from __future__ import annotations

import multiprocessing
from typing import Any

import pytest

from benchmarks.errors import UserError
from benchmarks.runner.plan import Run
from benchmarks.runner.processes import pool
from benchmarks.runner.processes.messages import Answer, Begin, Ended, UserMistake
from results.records.spec import Labels
from tests.results.samples import spec_of

RUN = Run("id", spec_of(), Labels(row="async_lu"))


class Gone:
    """A process that ends by itself."""

    exitcode, joined = 1, False

    def join(self, timeout: float | None = None) -> None:
        self.joined = True

    def is_alive(self) -> bool:
        return False


def heard(answer: Answer, *, lives: bool = True) -> tuple[list[Any], dict[str, Ended], pool.TrainingProcess]:
    """Returns the events that a listener gets for an answer, the ended runs, and the process's job afterwards."""
    job = pool.TrainingProcess.__new__(pool.TrainingProcess)
    job.pipe, process_end = multiprocessing.Pipe()
    job.process = Gone()  # type: ignore[assignment]
    job.begin(RUN)
    assert process_end.recv() == Begin("id", RUN.spec, RUN.labels)
    process_end.send(answer)
    events: list[Any] = []
    ended: dict[str, Ended] = {}
    try:
        assert pool._hear(job, ended, events.append) == lives
    finally:
        job.pipe.close()
        process_end.close()
    return events, ended, job


def test_a_run_that_ends_its_process_has_ended() -> None:
    """The process ends with the run that it reports as failed; the pool starts another one for the remaining runs."""
    end = Ended("id", "failed", "no progress for 60 s while training epoch 1", with_process=True)
    events, ended, job = heard(end, lives=False)
    assert (events, ended, job.run) == ([end], {"id": end}, None)
    assert job.pipe.closed
    assert job.process.joined  # type: ignore[attr-defined]


def test_mistakes_of_the_user_end_the_command() -> None:
    with pytest.raises(UserError, match="move the file"):
        heard(UserMistake("id", "move the file away"))
