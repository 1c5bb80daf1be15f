"""Trains runs in parallel processes, one pipe each: a process that dies fails only its own run."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from multiprocessing.connection import wait
from pathlib import Path

from benchmarks.errors import UserError
from benchmarks.runner.plan import Run
from benchmarks.runner.processes import process, ranks, signals
from benchmarks.runner.processes.messages import Alive, Answer, Begin, Busy, Ended, Event, Listen, Setting, UserMistake
from benchmarks.runner.processes.starting import started, variables_of
from benchmarks.runner.processes.watch import Heartbeats
from results import children
from results.records import folder_of
from results.records.lease import LeaseWatcher

POLL_SECONDS = 1.0
"""Seconds between two checks of runs that other commands train."""


class TrainingProcess:
    """A process and its current run; None while it waits for one. variables: of its environment."""

    lost = ""
    """Why the command killed it."""

    def __init__(self, setting: Setting, variables: Mapping[str, str]) -> None:
        self.pipe, child_pipe = multiprocessing.Pipe()
        self.process = started(process.main, child_pipe, setting, variables=variables)
        child_pipe.close()
        self.gpus, self.variables = setting.gpus, variables
        self.run: Run | None = None

    def begin(self, run: Run) -> None:
        """Sends a run to the process, which must have none."""
        self.run = run
        # If the process died at rest, waiting for its answer finds that out.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.pipe.send(Begin(run.id, run.spec, run.labels))

    def dismiss(self) -> None:
        """Asks the process to end; its run, if any, ends as interrupted."""
        self.pipe.close()  # at rest the child sees the end of its pipe and ends
        if self.run is not None:
            self.process.terminate()

    def join(self) -> None:
        """Waits until the process has ended."""
        children.join_or_kill([self.process], signals.POOL_SECONDS)


def train_all(runs: Sequence[Run], setting: Setting, *, jobs: int, listen: Listen) -> dict[str, Ended]:
    """Trains the runs, `jobs` at a time -> how each ended, by id. listen: takes every event.

    A run that another command trains is waited for, and trained here if that command ends first.

    Raises UserError for mistakes of the user, after interrupting the other runs.
    """
    with ranks.started_for(runs, setting):
        return _train_all(runs, setting, jobs, listen)


def _train_all(runs: Sequence[Run], setting: Setting, jobs: int, listen: Listen) -> dict[str, Ended]:
    waiting, ended = deque(runs), dict[str, Ended]()
    busy = BusyRuns(setting.out, runs, listen)
    heartbeats = Heartbeats(setting.options.stall_after, busy.hear)
    variables = {run.id: variables_of(run, jobs) for run in runs}
    pool: list[TrainingProcess] = []
    try:
        while len(ended) < len(runs):
            waiting.extend(busy.freed())
            for job in [job for job in pool if job.run is None][: len(waiting)]:
                if (fitting := _fitting(waiting, variables, job.variables)) is None:
                    pool.remove(job)  # libraries read them once: a new one takes its place
                    job.dismiss()
                    job.join()
                else:
                    waiting.remove(fitting)
                    _begin(job, fitting, heartbeats.hear)
            while waiting and len(pool) < jobs:
                run = waiting.popleft()
                with signals.command.held():  # else a process could start that is not in the pool
                    pool.append(TrainingProcess(_placed(setting, pool), variables[run.id]))
                _begin(pool[-1], run, heartbeats.hear)
            for pipe in wait([job.pipe for job in pool if job.run is not None], heartbeats.every):
                job = next(job for job in pool if job.pipe is pipe)
                if not _hear(job, ended, heartbeats.hear):
                    pool.remove(job)  # a new one takes its place if there is more to do
            running = {job.run.id: job for job in pool if job.run is not None}
            for id, why in heartbeats.lost(running):
                running[id].lost = why
                running[id].process.kill()  # the end of its pipe is heard next
    finally:
        for job in pool:  # all at once, so that they end at the same time
            job.dismiss()
        children.join_or_kill([job.process for job in pool], signals.POOL_SECONDS)
    return ended


class BusyRuns:
    """Runs that other commands train into the same folder. listen: takes the pool's events."""

    def __init__(self, out: Path, runs: Sequence[Run], listen: Listen) -> None:
        self._out, self._listen = out, listen
        self._runs = {run.id: run for run in runs}
        self._busy: list[str] = []
        self._watcher = LeaseWatcher()
        self._next_look = 0.0

    def hear(self, event: Event) -> None:
        """Notes which runs are busy, and passes on every event."""
        if isinstance(event, Busy):
            self._busy.append(event.id)
        self._listen(event)

    def freed(self) -> list[Run]:
        """Returns runs whose commands have ended since the last check; checks once in POLL_SECONDS."""
        if time.monotonic() < self._next_look:
            return []
        self._next_look = time.monotonic() + POLL_SECONDS
        free = [id for id in self._busy if self._watcher.free(folder_of(self._out, id))]
        self._busy = [id for id in self._busy if id not in free]
        return [self._runs[id] for id in free]


def _placed(setting: Setting, pool: Sequence[TrainingProcess]) -> Setting:
    """Returns the setting of the next process, with the GPU that the fewest processes use."""
    used = [gpu for job in pool for gpu in job.gpus]
    return replace(setting, gpus=tuple(sorted(setting.gpus, key=used.count)[:1]))


def _fitting(
    waiting: Sequence[Run], variables: Mapping[str, Mapping[str, str]], of_process: Mapping[str, str]
) -> Run | None:
    """Returns the next run of the current seed that a process with these variables may train, or None."""
    seed = waiting[0].spec.seed
    return next((run for run in waiting if run.spec.seed == seed and variables[run.id] == of_process), None)


def _begin(job: TrainingProcess, run: Run, listen: Listen) -> None:
    listen(Begin(run.id, run.spec, run.labels))
    job.begin(run)


def _hear(job: TrainingProcess, ended: dict[str, Ended], listen: Callable[[Event | Alive], None]) -> bool:
    """Handles one message of a process -> whether the process continues."""
    assert job.run is not None
    try:
        answer: Answer = job.pipe.recv()
    except (EOFError, OSError):
        job.process.join()
        answer = Ended(job.run.id, "failed", job.lost or _death(job.process.exitcode))
        ended[answer.id] = answer
        listen(answer)
        return False
    if isinstance(answer, Ended | Busy | UserMistake):
        job.run = None
    if isinstance(answer, UserMistake):
        raise UserError(answer.text)
    if isinstance(answer, Ended):
        ended[answer.id] = answer
    listen(answer)
    if isinstance(answer, Ended) and answer.with_process:
        job.pipe.close()
        job.join()
        return False
    return True


def _death(code: int | None) -> str:
    """Says how a process with this exit code ended."""
    end = f"its process ended with exit code {code}"
    if code == -signal.SIGKILL:  # sent by a person or the kernel
        end = "its process was killed (out of memory?)"
    elif code == signals.TERMINATED:
        end = "its process was asked to end, by another than this command"
    elif code is not None and code < 0:
        end = f"its process was ended by signal {-code} ({signal.strsignal(-code)})"
    return f"{end}; the same command repeats the run"
