"""Runs side by side in processes, one pipe each: a process that dies takes its run with it and nothing else."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from pathlib import Path

from benchmarks.errors import UserError
from benchmarks.runner.plan import Run
from benchmarks.runner.processes import memory, one_run, openmp, process, ranks, signals
from benchmarks.runner.processes.apart import apart
from benchmarks.runner.processes.heartbeat import Heartbeats
from benchmarks.runner.processes.messages import Alive, Answer, Begin, Busy, Ended, Event, Listen, Setting, UserMistake
from results import children
from results.records import folder_of
from results.records.lease import LeaseWatcher

POLL_SECONDS = 1.0
"""Between two looks whether runs of other commands can be had."""
RANK_WORK = ranks.RankWork(process.prepare, one_run.data_of)


class TrainingProcess:
    """A process and the run it is at; None while it waits for one. policy: how its idle OpenMP threads wait."""

    lost = ""
    """Why it was given up."""

    def __init__(self, setting: Setting, policy: str | None) -> None:
        context = multiprocessing.get_context("spawn")  # a fork after OpenMP or autograd hangs
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=process.main, args=(theirs, setting, one_run.carry_out), daemon=True)
        with children.blocked(), openmp.applied(policy), memory.preloaded(), apart():
            self.process.start()
        theirs.close()
        self.gpus, self.policy = setting.gpus, policy
        self.run: Run | None = None

    def begin(self, run: Run) -> None:
        """Send it the run; it is at no other."""
        self.run = run
        # A process that died at rest is found when its answer is waited for.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.pipe.send(Begin(run.id, run.spec, run.labels))

    def dismiss(self) -> None:
        """Ask it to go; a run that it is at ends as interrupted."""
        self.pipe.close()  # at rest the child sees the end of its pipe and goes
        if self.run is not None:
            self.process.terminate()

    def join(self) -> None:
        """Wait until it has gone, which it is asked for."""
        children.gone([self.process], signals.POOL_SECONDS)


def train_all(runs: Sequence[Run], setting: Setting, *, jobs: int, listen: Listen) -> dict[str, Ended]:
    """Train the runs, `jobs` at a time -> how each ended, by its id. listen hears it all.

    A run that another command trains comes last, and is asked for again until it is done there, or can be had.

    Raises UserError for what the user can mend; the other runs are ended, and stay to be repeated.
    """
    with ranks.started(runs, setting, RANK_WORK):
        return _train_all(runs, setting, jobs, listen)


def _train_all(runs: Sequence[Run], setting: Setting, jobs: int, listen: Listen) -> dict[str, Ended]:
    waiting, ended = deque(runs), dict[str, Ended]()
    busy = BusyRuns(setting.out, runs, listen)
    heartbeats = Heartbeats(setting.stall_after, busy.hear)
    policies = {run.id: openmp.policy_of(run, jobs) for run in runs}
    pool: list[TrainingProcess] = []
    try:
        while len(ended) < len(runs):
            waiting.extend(busy.freed())
            for job in [job for job in pool if job.run is None][: len(waiting)]:
                if (fitting := _fitting(waiting, policies, job.policy)) is None:
                    pool.remove(job)  # it cannot change its policy: a new one takes its place
                    job.dismiss()
                    job.join()
                else:
                    waiting.remove(fitting)
                    _start(job, fitting, heartbeats.hear)
            while waiting and len(pool) < jobs:
                run = waiting.popleft()
                with signals.command.held():  # or it would be nobody's
                    pool.append(TrainingProcess(_placed(setting, pool), policies[run.id]))
                _start(pool[-1], run, heartbeats.hear)
            for pipe in wait([job.pipe for job in pool if job.run is not None], heartbeats.every):
                job = next(job for job in pool if job.pipe is pipe)
                if not _hear(job, ended, heartbeats.hear):
                    pool.remove(job)  # dead: a new one takes its place if there is more to do
            running = {job.run.id: job for job in pool if job.run is not None}
            for id, why in heartbeats.lost(running):
                running[id].lost = why
                running[id].process.kill()  # the end of its pipe is heard next
    finally:
        for job in pool:  # all at once, so that the patience with one is that with all
            job.dismiss()
        children.gone([job.process for job in pool], signals.POOL_SECONDS)
    return ended


class BusyRuns:
    """The runs that other commands train into the same folder: waited for, until they are done or can be had.

    listen: hears of each that it is busy.
    """

    def __init__(self, out: Path, runs: Sequence[Run], listen: Listen) -> None:
        self._out, self._listen = out, listen
        self._runs = {run.id: run for run in runs}
        self._busy: list[str] = []
        self._watcher = LeaseWatcher()
        self._next = 0.0

    def hear(self, event: Event) -> None:
        """Listen to what happens to runs, as the pool's own listener."""
        if isinstance(event, Busy):
            self._busy.append(event.id)
        self._listen(event)

    def freed(self) -> list[Run]:
        """The runs to ask for again, looked for once a second."""
        if time.monotonic() < self._next:
            return []
        self._next = time.monotonic() + POLL_SECONDS
        free = [id for id in self._busy if self._watcher.free(folder_of(self._out, id))]
        self._busy = [id for id in self._busy if id not in free]
        return [self._runs[id] for id in free]


def _placed(setting: Setting, pool: Sequence[TrainingProcess]) -> Setting:
    """The next process's: of all GPUs it sees the one that the fewest processes are at, or the first of those."""
    used = [gpu for job in pool for gpu in job.gpus]
    return replace(setting, gpus=tuple(sorted(setting.gpus, key=used.count)[:1]))


def _fitting(waiting: Sequence[Run], policies: Mapping[str, str | None], policy: str | None) -> Run | None:
    """The next run that a process of this policy may train, of the seed that is at hand; None where there is none."""
    seed = waiting[0].spec.seed
    return next((run for run in waiting if run.spec.seed == seed and policies[run.id] == policy), None)


def _start(job: TrainingProcess, run: Run, listen: Listen) -> None:
    listen(Begin(run.id, run.spec, run.labels))
    job.begin(run)


def _hear(job: TrainingProcess, ended: dict[str, Ended], listen: Callable[[Event | Alive], None]) -> bool:
    """Take one message -> whether the process lives."""
    assert job.run is not None
    pipe: Connection = job.pipe
    try:
        answer: Answer = pipe.recv()
    except (EOFError, OSError):
        job.process.join()
        ended[job.run.id] = died = Ended(job.run.id, "failed", job.lost or _death(job.process.exitcode))
        listen(died)
        return False
    if isinstance(answer, UserMistake):
        job.run = None
        raise UserError(answer.sentence)
    if isinstance(answer, Ended):
        job.run = None
        ended[answer.id] = answer
    if isinstance(answer, Busy):
        job.run = None
    listen(answer)
    if isinstance(answer, Ended) and answer.with_process:
        pipe.close()
        job.join()
        return False
    return True


def _death(code: int | None) -> str:
    again = "the same command repeats the run"
    if code == -9:  # SIGKILL: nobody but a person or the kernel sends it
        return f"its process was killed (out of memory?); {again}"
    if code == signals.TERMINATED:
        return f"its process was asked to end, by another than this command; {again}"
    if code is not None and code < 0:
        return f"its process was ended by signal {-code} ({signal.strsignal(-code)}); {again}"
    return f"its process ended with exit code {code}; {again}"
