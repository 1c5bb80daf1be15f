"""Following jobs: what journals and notes say of their runs, what one squeue a look says of themselves, and retries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.runner.checkpoints.file import found as checkpoints
from benchmarks.runner.checkpoints.file import words
from benchmarks.runner.engines.cluster import Job, Key
from benchmarks.runner.engines.shards import Array, Parse, Tail, notes_of
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
from results.records import JOURNAL, Record, folder_of, lines
from results.records.usable import usable

TRIES = 3
"""Jobs that end without having got any further with a run, before the run counts as failed."""
NAMED = 4
"""Nodes that a line names."""


@dataclass
class _Heard:
    """Last known state of a run. begun: the start in its journal; under_way: whether its job goes on."""

    run: Run
    journal: Tail
    before: str = ""
    begun: str = ""
    under_way: bool = False
    where: str = ""
    epochs: float = 0
    tries: int = 0
    reached: str = ""


@dataclass
class _Watched:
    """A job, by what was last known of it. gone: looks at the queue since it was last seen to go on."""

    array: Array
    index: int
    ids: list[str]
    notes: Tail
    job: Job | None = None
    gone: int = 0
    placed: set[str] = field(default_factory=set)

    @property
    def key(self) -> Key:
        return self.array.name, self.index

    @property
    def id(self) -> str:
        listed = self.array.jobs[self.index] if self.index < len(self.array.jobs) else self.array.name
        return self.job.id if self.job is not None else listed

    @property
    def where(self) -> str:
        node = self.job.node if self.job is not None else ""
        return f"on {node}, job {self.id}" if node else f"job {self.id}"


class Follower:
    """Hears of the runs of a command until each has ended. lost: runs whose jobs ended before them, to be submitted.

    It reads files that change, and keeps in step with whatever jobs do without it: who follows anew hears the same.
    """

    def __init__(self, runs: Sequence[Run], out: Path, listen: Listen) -> None:
        self._out, self._listen = out, listen
        self._heard = {run.id: _Heard(run, Tail(folder_of(out, run.id) / JOURNAL, _parser)) for run in runs}
        self._jobs: dict[Key, _Watched] = {}
        self._said = ""
        self.ended: dict[str, Ended] = {}
        self.lost: list[Run] = []

    @property
    def over(self) -> bool:
        return len(self.ended) == len(self._heard)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the arrays whose jobs are followed."""
        return tuple(dict.fromkeys(name for name, _ in self._jobs))

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of the jobs that are followed."""
        return tuple(watched.id for watched in self._jobs.values())

    def follow(self, array: Array, indices: Collection[int] | None = None) -> None:
        """Follow the array's jobs at these indices (default: all), if they have runs of this command."""
        for index in range(len(array.shards)) if indices is None else indices:
            ids = [id for id in array.shards[index] if id in self._heard and id not in self.ended]
            if ids:
                watched = _Watched(array, index, ids, Tail(notes_of(array.shard(index))))
                self._jobs[watched.key] = watched
            for id in ids:
                self._heard[id].before = array.before.get(id, "")

    def look(self, queue: Mapping[Key, Job] | None) -> None:
        """Read the journals and notes of jobs that may run. queue: as squeue has it now; None: it was not asked."""
        for watched in tuple(self._jobs.values()):
            if queue is not None:
                watched.job = queue.get(watched.key, watched.job)
                going = watched.key in queue and not queue[watched.key].over
                watched.gone = 0 if going else watched.gone + 1
            if watched.job is None or watched.job.state != "PENDING" or watched.gone:
                self._read(watched)
            if watched.gone >= 2 or not self._open(watched):  # a file system may show last lines late
                self._leave(watched)
        self._tell_queue()

    def _open(self, watched: _Watched) -> list[str]:
        return [id for id in watched.ids if id not in self.ended]

    def _read(self, watched: _Watched) -> None:
        for id in self._open(watched):
            heard = self._heard[id]
            for line in heard.journal.lines():
                self._hear(heard, line, watched)
            running = watched.job is not None and watched.job.running and id not in self.ended
            if running and heard.under_way and heard.where != watched.where:
                heard.where = watched.where
                self._listen(Placed(id, watched.where))
        for note in watched.notes.lines():
            id, sentence = str(note.get("id")), str(note.get("sentence"))
            if id in self._heard and id not in self.ended:
                failed = note.get("kind") == "failed"
                self._end(id, "failed", sentence, watched) if failed else self._listen(Remark(id, sentence))

    def _hear(self, heard: _Heard, line: Mapping[str, Any], watched: _Watched) -> None:
        """Takes in a new line of a run's journal."""
        id, kind = heard.run.id, line.get("type")
        if kind == "run":
            heard.begun = str(line.get("started", ""))
            if heard.begun == heard.before:
                return
            if heard.under_way:
                self._requeue(heard, "its job ended, and another has it")
            heard.where = ""
            heard.under_way, heard.epochs = True, 0
            self._listen(Begin(id, heard.run.spec, heard.run.labels))
        elif heard.begun == heard.before:  # of an attempt before this job's
            return
        elif kind == "resumed":
            heard.epochs = int(line["epoch"])
            self._listen(Resumed(id, heard.epochs, words(heard.epochs, int(line["batch"]))))
        elif kind == "evaluation" and line["epoch"] > heard.epochs:
            heard.epochs = line["epoch"]
            self._listen(Epoch(id, heard.epochs, lines.thaw(line["metrics"])))
        elif kind == "end" and line.get("status") == "interrupted":
            self._requeue(heard, f"interrupted ({line.get('reason')}); it waits for another job")
        elif kind == "end":
            self._end(id, str(line.get("status")), str(line.get("reason", "")), watched)

    def _requeue(self, heard: _Heard, sentence: str) -> None:
        if heard.under_way:
            heard.under_way = False
            self._listen(Requeued(heard.run.id, sentence))

    def _end(self, id: str, status: str, reason: str, watched: _Watched) -> None:
        more = f" [log: {watched.array.log(watched.index)}]" if status == "failed" else ""
        self.ended[id] = Ended(id, status, reason + more)
        self._listen(self.ended[id])

    def _leave(self, watched: _Watched) -> None:
        """A job that will not go on: what of its runs has not ended is lost, and may be tried again."""
        del self._jobs[watched.key]
        for id in self._open(watched):
            done = _complete(folder_of(self._out, id) / JOURNAL)
            if done is not None:  # as another command has left it
                self._end(id, done.status, "", watched)
            else:
                self._lose(self._heard[id], watched)

    def _lose(self, heard: _Heard, watched: _Watched) -> None:
        state = watched.job.state if watched.job is not None and watched.job.over else "gone"
        reached = next((path.name for path in checkpoints(self._out, heard.run.id)), "")
        heard.tries = heard.tries + 1 if reached == heard.reached else 1
        heard.reached = reached
        if state == "CANCELLED":
            self._end(
                heard.run.id, "failed", f"its job {watched.id} was cancelled; the same command repeats the run", watched
            )
        elif state == "OUT_OF_MEMORY":
            self._end(
                heard.run.id,
                "failed",
                f"its job {watched.id} was out of memory; give it more, --slurm mem=32G",
                watched,
            )
        elif heard.tries >= TRIES:
            last = f"the last was {watched.id} ({state})"
            self._end(
                heard.run.id, "failed", f"{TRIES} jobs ended without getting any further with it, {last}", watched
            )
        else:
            self._requeue(heard, f"its job {watched.id} ended ({state}); it is submitted again")
            self.lost.append(heard.run)

    def _tell_queue(self) -> None:
        words = self.queue_words()
        if words != self._said:
            self._said = words
            self._listen(QueueState(words))

    def queue_words(self) -> str:
        """ "3 jobs queued (Priority), 2 running on node1, node2"."""
        jobs = [watched.job for watched in self._jobs.values() if watched.job is not None and not watched.job.over]
        queued = [job for job in jobs if not job.running]
        running = [job for job in jobs if job.running]
        parts = []
        if queued:
            reasons = Counter(job.reason for job in queued if job.reason not in ("", "None"))
            why = f" ({', '.join(reason for reason, _ in reasons.most_common(2))})" if reasons else ""
            parts.append(f"{len(queued)} {'job' if len(queued) == 1 else 'jobs'} queued{why}")
        if running:
            places = list(dict.fromkeys(job.node for job in running if job.node))
            more = ", ..." if len(places) > NAMED else ""
            parts.append(f"{len(running)} running on {', '.join(places[:NAMED])}{more}")
        return ", ".join(parts)


def _parser() -> Parse:
    return lines.Reader().parse


def _complete(path: Path) -> Record | None:
    """The run's record, if it finished or diverged."""
    try:
        record = usable(path)
    except ResultsError:
        return None
    return record if record.complete else None
