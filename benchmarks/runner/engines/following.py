"""Follows runs trained by jobs: reads journals and notes as they grow, and decides what to submit again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.runner.checkpoints.file import existing as checkpoints
from benchmarks.runner.checkpoints.file import words
from benchmarks.runner.engines.cluster import Job, Key
from benchmarks.runner.engines.shards import Array, notes
from benchmarks.runner.plan import Run
from benchmarks.runner.processes.messages import (
    Begin,
    Ended,
    Epoch,
    Listen,
    Placed,
    QueueState,
    Remark,
    Requeued,
    Resumed,
)
from results.errors import ResultsError
from results.records import JOURNAL, folder_of, read
from results.records.usable import usable

TRIES = 3
"""Jobs that may end without a new checkpoint of a run before the run fails."""
NAMED = 4
"""Most nodes that a line names."""


@dataclass
class _FollowedRun:
    """State of a run as last reported.

    before: start of the journal that existed before its job. started: start of the journal that is read. version: inode
    and size of that file. going: whether its job trains it. checkpoint: the latest when its last job ended.
    """

    run: Run
    before: str = ""
    started: str = ""
    version: tuple[int, int] = (0, 0)
    going: bool = False
    resumed: bool = False
    epochs: float = 0
    where: str = ""
    tries: int = 0
    checkpoint: str = ""


@dataclass
class _FollowedJob:
    """A job of an array. state: last seen in squeue. missing: how often in a row squeue showed no live job."""

    array: Array
    index: int
    runs: list[_FollowedRun]
    state: Job | None = None
    missing: int = 0
    notes: int = 0  # that were reported

    @property
    def id(self) -> str:
        if self.state is not None:
            return self.state.id
        return self.array.jobs[self.index] if self.index < len(self.array.jobs) else self.array.name

    @property
    def where(self) -> str:
        node = f"on {self.state.node}, " if self.state is not None and self.state.node else ""
        return f"{node}job {self.id}"


class Follower:
    """Reports what happens to a command's runs until each has ended.

    Everything is read from files, so a later command that follows the same jobs reports the same. ended: how each run
    ended, by id. lost: runs whose jobs ended before them, to be submitted again.
    """

    def __init__(self, runs: Sequence[Run], out: Path, listen: Listen) -> None:
        self._out, self._listen = out, listen
        self._runs = {run.id: _FollowedRun(run) for run in runs}
        self._jobs: dict[Key, _FollowedJob] = {}
        self._queue = ""
        self.ended: dict[str, Ended] = {}
        self.lost: list[Run] = []

    @property
    def over(self) -> bool:
        return len(self.ended) == len(self._runs)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the followed jobs' arrays."""
        return tuple(dict.fromkeys(name for name, _ in self._jobs))

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of the followed jobs."""
        return tuple(job.id for job in self._jobs.values())

    def follow(self, array: Array, indices: Collection[int] | None = None) -> None:
        """Follows the array's jobs at these indices (None: all) that have runs of this command."""
        for index in range(len(array.shards)) if indices is None else indices:
            runs = [self._runs[id] for id in array.shards[index] if id in self._runs and id not in self.ended]
            for run in runs:
                run.before = array.before.get(run.run.id, "")
            if runs:
                self._jobs[array.name, index] = _FollowedJob(array, index, runs)

    def look(self, queue: Mapping[Key, Job] | None) -> None:
        """Reads journals and notes of jobs that may be running. queue: squeue's jobs; None: squeue was not asked."""
        for key, job in list(self._jobs.items()):
            if queue is not None:
                job.state = queue.get(key, job.state)
                job.missing = 0 if key in queue and not queue[key].over else job.missing + 1
            if job.state is None or job.state.state != "PENDING" or job.missing:
                self._read(job)
            if job.missing >= 2 or not self._open(job):  # twice: a shared file system may show last lines late
                del self._jobs[key]
                for run in self._open(job):
                    self._leave(run, job)
        if (queue_words := self.queue_words()) != self._queue:
            self._queue = queue_words
            self._listen(QueueState(queue_words))

    def _open(self, job: _FollowedJob) -> list[_FollowedRun]:
        return [run for run in job.runs if run.run.id not in self.ended]

    def _read(self, job: _FollowedJob) -> None:
        for run in self._open(job):
            self._read_journal(run, job)
            if job.state is not None and job.state.running and run.going and run.where != job.where:
                run.where = job.where
                self._listen(Placed(run.run.id, run.where))
        taken_notes = notes(job.array.shard(job.index))
        for note in taken_notes[job.notes :]:
            if note.id in {run.run.id for run in self._open(job)}:
                if note.kind == "failed":
                    self._end(note.id, "failed", note.sentence, job)
                else:
                    self._listen(Remark(note.id, note.sentence))
        job.notes = max(job.notes, len(taken_notes))

    def _read_journal(self, run: _FollowedRun, job: _FollowedJob) -> None:
        """Reports what is new in a run's journal."""
        path, id = folder_of(self._out, run.run.id) / JOURNAL, run.run.id
        try:
            status = path.stat()
            if (version := (status.st_ino, status.st_size)) == run.version:
                return
            record = read(path)
        except (OSError, ResultsError):  # not there, or its first line is not whole yet
            return
        run.version = version
        if record.started == run.before:
            return
        if record.started != run.started:
            if run.going:
                self._requeue(run, "its job ended, and another has it")
            run.started, run.going, run.resumed, run.epochs, run.where = record.started, True, False, 0, ""
            self._listen(Begin(id, run.run.spec, run.run.labels))
        if record.resumed is not None and not run.resumed:
            run.resumed, run.epochs = True, record.resumed.epoch
            self._listen(Resumed(id, record.resumed.epoch, words(record.resumed.epoch, record.resumed.batch)))
        for point in record.evaluations:
            if point.epoch > run.epochs:
                run.epochs = point.epoch
                self._listen(Epoch(id, point.epoch, point.metrics))
        if record.end is not None and record.status == "interrupted":
            self._requeue(run, f"interrupted ({record.end.get('reason')}); it waits for another job")
        elif record.end is not None:
            self._end(id, record.status, str(record.end.get("reason", "")), job)

    def _requeue(self, run: _FollowedRun, sentence: str) -> None:
        if run.going:
            run.going = False
            self._listen(Requeued(run.run.id, sentence))

    def _end(self, id: str, status: str, reason: str, job: _FollowedJob) -> None:
        self._runs[id].going = False
        log = f" [log: {job.array.log(job.index)}]" if status == "failed" else ""
        self.ended[id] = Ended(id, status, reason + log)
        self._listen(self.ended[id])

    def _leave(self, run: _FollowedRun, job: _FollowedJob) -> None:
        """Ends a run whose job ended before it, or puts it on the list to be submitted again."""
        id, state = run.run.id, job.state.state if job.state is not None and job.state.over else "gone"
        try:
            record = usable(folder_of(self._out, id) / JOURNAL)
        except ResultsError:
            record = None
        if record is not None and record.complete:  # another command trained it
            self._end(id, record.status, "", job)
            return
        checkpoint = next((path.name for path in checkpoints(self._out, id)), "")
        run.tries = run.tries + 1 if checkpoint == run.checkpoint else 1
        run.checkpoint = checkpoint
        failures = {
            "CANCELLED": f"its job {job.id} was cancelled; the same command repeats the run",
            "OUT_OF_MEMORY": f"its job {job.id} was out of memory; give it more, --slurm mem=32G",
        }
        stuck = f"{TRIES} jobs ended without getting any further with it, the last was {job.id} ({state})"
        if failure := failures.get(state, stuck if run.tries >= TRIES else ""):
            self._end(id, "failed", failure, job)
        else:
            self._requeue(run, f"its job {job.id} ended ({state}); it is submitted again")
            self.lost.append(run.run)

    def queue_words(self) -> str:
        """Returns "3 jobs queued (Priority), 2 running on node1, node2"."""
        jobs = [job.state for job in self._jobs.values() if job.state is not None and not job.state.over]
        queued, running = [job for job in jobs if not job.running], [job for job in jobs if job.running]
        parts = []
        if queued:
            reasons = Counter(job.reason for job in queued if job.reason not in ("", "None"))
            why = f" ({', '.join(reason for reason, _ in reasons.most_common(2))})" if reasons else ""
            parts.append(f"{len(queued)} {'job' if len(queued) == 1 else 'jobs'} queued{why}")
        if running:
            nodes = list(dict.fromkeys(job.node for job in running if job.node))
            more = ", ..." if len(nodes) > NAMED else ""
            parts.append(f"{len(running)} running on {', '.join(nodes[:NAMED])}{more}")
        return ", ".join(parts)
