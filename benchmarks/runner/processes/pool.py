"""Runs side by side in processes, one pipe each: a process that dies takes its run with it and nothing else."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection, wait

from benchmarks.errors import UserError
from benchmarks.runner.plan import Run
from benchmarks.runner.processes import memory, openmp, process
from benchmarks.runner.processes.messages import Answer, Begin, Ended, Listen, Wrong


class TrainingProcess:
    """A process and the run it is at; None while it waits for one. policy: how its idle OpenMP threads wait."""

    def __init__(self, setting: process.Setting, policy: str | None) -> None:
        context = multiprocessing.get_context("spawn")  # a fork after OpenMP or autograd hangs
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=process.main, args=(theirs, setting), daemon=True)
        with _no_ctrl_c(), openmp.applied(policy), memory.preloaded():
            self.process.start()
        theirs.close()
        self.gpus, self.policy = setting.gpus, policy
        self.run: Run | None = None

    def begin(self, run: Run) -> None:
        """Send it the run; it is at no other."""
        self.run = run
        # A process that died at rest is found when its answer is waited for.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.pipe.send(_begin(run))

    def dismiss(self) -> None:
        """Ask it to go; a run that it is at ends as interrupted."""
        self.pipe.close()  # at rest the child sees the end of its pipe and goes
        if self.run is not None:
            self.process.terminate()

    def join(self) -> None:
        """Wait until it has gone, ten seconds at most before it is killed."""
        self.process.join(10)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


@contextlib.contextmanager
def _no_ctrl_c() -> Iterator[None]:
    """A process inherits what its parent blocks: Ctrl-C in the seconds of its imports is then no traceback of it."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)  # one that came meanwhile is delivered now


def train_all(runs: Sequence[Run], setting: process.Setting, *, jobs: int, listen: Listen) -> dict[str, Ended]:
    """Train the runs, `jobs` at a time -> how each ended, by its id. listen hears it all.

    Raises UserError for what the user can mend; the other runs are ended, and stay to be repeated.
    """
    waiting, ended = deque(runs), dict[str, Ended]()
    policies = {run.id: openmp.policy_of(run.spec, jobs) for run in runs}
    crew: list[TrainingProcess] = []
    try:
        while len(ended) < len(runs):
            while waiting and len(crew) < jobs:
                run = waiting.popleft()
                crew.append(TrainingProcess(_placed(setting, crew), policies[run.id]))
                _start(crew[-1], run, listen)
            for pipe in wait([job.pipe for job in crew]):
                job = next(job for job in crew if job.pipe is pipe)
                if not _hear(job, ended, listen):
                    crew.remove(job)  # dead: a new one takes its place if there is more to do
                elif job.run is None and waiting:
                    if (fitting := _fitting(waiting, policies, job.policy)) is None:
                        crew.remove(job)  # it cannot change its policy: a new one takes its place
                        job.dismiss()
                        job.join()
                    else:
                        waiting.remove(fitting)
                        _start(job, fitting, listen)
    finally:
        for job in crew:
            job.dismiss()
        for job in crew:
            job.join()
    return ended


def _placed(setting: process.Setting, crew: Sequence[TrainingProcess]) -> process.Setting:
    """The next process's: of all GPUs it sees the one that fewest of the crew are at, or the first of those."""
    used = [gpu for job in crew for gpu in job.gpus]
    return replace(setting, gpus=tuple(sorted(setting.gpus, key=used.count)[:1]))


def _fitting(waiting: Sequence[Run], policies: Mapping[str, str | None], policy: str | None) -> Run | None:
    """The next run that a process of this policy may train, of the seed that is at hand; None where there is none."""
    seed = waiting[0].spec.seed
    return next((run for run in waiting if run.spec.seed == seed and policies[run.id] == policy), None)


def _begin(run: Run) -> Begin:
    return Begin(run.id, run.spec, run.labels)


def _start(job: TrainingProcess, run: Run, listen: Listen) -> None:
    listen(_begin(run))
    job.begin(run)


def _hear(job: TrainingProcess, ended: dict[str, Ended], listen: Listen) -> bool:
    """Take one message -> whether the process lives."""
    assert job.run is not None
    pipe: Connection = job.pipe
    try:
        answer: Answer = pipe.recv()
    except (EOFError, OSError):
        job.process.join()
        ended[job.run.id] = died = Ended(job.run.id, "failed", _death(job.process.exitcode))
        listen(died)
        return False
    if isinstance(answer, Wrong):
        job.run = None
        raise UserError(answer.sentence)
    if isinstance(answer, Ended):
        job.run = None
        ended[answer.id] = answer
    listen(answer)
    if isinstance(answer, Ended) and answer.with_process:
        pipe.close()
        job.join()
        return False
    return True


def _death(code: int | None) -> str:
    if code == -9:  # SIGKILL: nobody but a person or the kernel sends it
        return "its process was killed (out of memory?); the same command repeats the run"
    return f"its process ended with exit code {code}; the same command repeats the run"
