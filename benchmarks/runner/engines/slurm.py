"""The engine `slurm`: shards of runs as job arrays, followed until each run has ended, by this command or the next.

docs/decisions/0014-engines.md says why it is as it is.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.errors import Interrupted, UserError
from benchmarks.runner.checkpoints.keeper import prune
from benchmarks.runner.engines import cluster
from benchmarks.runner.engines.following import Follower
from benchmarks.runner.engines.options import SlurmOptions
from benchmarks.runner.engines.packing import packed, shares
from benchmarks.runner.engines.shards import LOGS, Array, arrays, place
from benchmarks.runner.engines.submitting import Call, submit
from benchmarks.runner.gpus import Node
from benchmarks.runner.pace import START_SECONDS, Pace
from benchmarks.runner.plan import Run
from benchmarks.runner.processes import signals
from benchmarks.runner.processes.messages import Ended, Listen, Setting
from benchmarks.runner.progress import duration
from benchmarks.runner.progress import runs as many
from results.errors import LeaseHeld, ResultsError
from results.files import own_folder, set_aside
from results.records import JOURNAL, folder_of, read
from results.records.lease import Lease, LeaseWatcher

SERVE = Call("benchmarks.runner.engines.job", "serve")
LOOK_SECONDS, QUEUE_SECONDS = 1.0, 5.0
"""Between two looks at files that change, and between two questions to the cluster's controller."""


@dataclass
class Slurm:
    """say: hears of what is submitted. sleep: between looks."""

    options: SlurmOptions
    say: Callable[[str], None]
    sleep: Callable[[float], None] = time.sleep
    node: Node | None = None  # what a node was found to be; None: nobody has asked
    detach: bool = False  # submit, and follow nothing
    held: list[Run] = field(default_factory=list)  # that the cluster does not take yet
    _shares: Mapping[str, int] = field(default_factory=dict)

    def train_all(self, runs: Sequence[Run], setting: Setting, *, jobs: int, listen: Listen) -> dict[str, Ended]:
        """Train the runs by jobs, as pool.train_all does here; a run whose job failed ends as failed, with its log.

        Raises UserError where SLURM takes none of them, Interrupted where this process was asked to end: jobs go on.
        """
        follower = Follower(runs, setting.out, listen)
        try:
            self._begin(runs, setting, follower)
            self._follow(setting, follower)
        except KeyboardInterrupt as error:
            asked = signals.signalled(error)
            raise Interrupted(f"{asked.word}: {_left(follower, len(runs))}.", asked.code) from None
        return follower.ended

    def detached(self, runs: Sequence[Run], setting: Setting) -> None:
        """Submit what is not queued or running, and say so."""
        follower = Follower(runs, setting.out, lambda event: None)
        self._begin(runs, setting, follower)
        self.say(f"Detached: {_left(follower, len(runs))}.")

    def expect(self, runs: Sequence[Run], pace: Pace) -> None:
        """Short ones of these will share jobs, unless the command line says how many do."""
        nodes = cluster.nodes(self.options.partition)
        self._shares = shares(runs, pace.run_seconds, nodes, self.options.minutes)

    def check_time(self, runs: Sequence[Run], pace: Pace) -> None:
        """Raises UserError where a job's time is less than an epoch of a run takes: it would never get on."""
        if not runs:
            return
        longest = max(runs, key=pace.of)
        needed = pace.of(longest) + START_SECONDS + self.options.signal_seconds
        if needed > 60 * self.options.minutes:
            epoch, enough = duration(math.ceil(pace.of(longest))), math.ceil(needed / 60)
            given = self.options.asked.get("time", f"{self.options.minutes:g}")
            raise UserError(
                f"--slurm time={given}: an epoch of {longest.title} takes about {epoch} "
                f"({pace.basis([longest])}), and a job leaves {self.options.signal_seconds} s before its end; give it "
                f"{enough} {'minute' if enough == 1 else 'minutes'} or more."
            )

    def described(self, runs: Sequence[Run], pace: Pace) -> str:
        """Says what would be submitted of these runs, and the hours that it takes."""
        if not runs:
            return "nothing is to be submitted"
        self.expect(runs, pace)
        shards = self._packed(runs)
        hours = [pace.seconds(shard, 1) / 3600 for shard in shards]
        return (
            f"{_jobs(len(shards))} of at most {many(max(map(len, shards)))} each, {self.options.words}: "
            f"{sum(hours):.2g} hours of jobs in all, the longest {max(hours):.2g} ({pace.basis(runs)})"
        )

    def width(self, runs: Sequence[Run], pace: Pace) -> int:
        """Jobs side by side, at most, where nobody else has the cluster. Raises UserError as `check_time`."""
        self.check_time(runs, pace)
        self.expect(runs, pace)
        return max(1, min(len(self._packed(runs)), cluster.nodes(self.options.partition)))

    def _packed(self, runs: Sequence[Run]) -> list[list[Run]]:
        asked = self.options.per_task
        return packed(runs, lambda key: self._shares.get(key, 1) if asked is None else asked)

    def _begin(self, runs: Sequence[Run], setting: Setting, follower: Follower) -> None:
        """Follow the jobs that there are, and submit the runs that none of them has."""
        with _alone(place(setting.out), self.sleep):
            there = arrays(setting.out)
            queue = _queue([array.name for array in there])
            if queue is None:
                raise UserError("The cluster does not answer (squeue), so that nothing is submitted; try again.")
            under_way: set[str] = set()
            for array in there:
                jobs = [queue.get((array.name, index)) for index in range(len(array.shards))]
                going = [index for index, job in enumerate(jobs) if job is not None and not job.over]
                under_way |= {id for index in going for id in array.shards[index]}
                if going:
                    follower.follow(array, going)
                else:
                    array.changed(over=True)
            if mine := under_way & {run.id for run in runs}:
                self.say(f"{many(len(mine))} queued or running already; followed.")
            missing = [run for run in runs if run.id not in under_way]
            if setting.fresh:
                for run in missing:
                    _put_aside(setting.out, run.id)
            self._submit(missing, setting, follower)

    def _submit(self, runs: Sequence[Run], setting: Setting, follower: Follower) -> None:
        """Submit arrays as long as the cluster takes them; the rest is held until jobs have ended.

        Raises UserError where it takes none.
        """
        shards = self._packed(runs)
        most = cluster.most_jobs() if shards else 1
        for first in range(0, len(shards), most):
            chunk = shards[first : first + most]
            try:
                with signals.command.held():  # or nobody would know of its jobs
                    array = self._submitted(chunk, setting)
            except UserError as error:
                if not follower.names:
                    raise
                self.held += [run for shard in shards[first:] for run in shard]
                self.say(f"{error} {many(len(self.held))} are held until a job has ended.")
                return
            base = array.jobs[0].partition("_")[0]
            self.say(f"Submitted {many(sum(map(len, chunk)))} in {_jobs(len(chunk))}: {base}")
            follower.follow(array)

    def _submitted(self, shards: Sequence[Sequence[Run]], setting: Setting) -> Array:
        before = _before(shards, setting.out)
        array = Array.create(setting.out, shards, replace(setting, fresh=False), before)
        paths = [array.shard(index) for index in range(len(shards))]
        try:
            ids = submit(SERVE, paths, name=array.name, logs=array.folder / LOGS, options=self.options)
        except UserError:
            array.changed(over=True)
            raise
        return array.changed(jobs=ids)

    def _follow(self, setting: Setting, follower: Follower) -> None:
        asked = -QUEUE_SECONDS
        while not follower.over:
            queue = None
            if time.monotonic() - asked >= QUEUE_SECONDS:
                asked, queue = time.monotonic(), _queue(follower.names)
            before = len(follower.ids)
            follower.look(queue)
            again, follower.lost = follower.lost, []
            if self.held and len(follower.ids) < before:
                again, self.held = [*again, *self.held], []
            if again:
                with _alone(place(setting.out), self.sleep):
                    self._submit(again, setting, follower)
            if not follower.over:
                self.sleep(LOOK_SECONDS)


def cancelled(out: Path) -> list[cluster.Job]:
    """End the jobs of this folder of results that are queued or running -> those. Raises UserError."""
    there = arrays(out)
    try:
        queue = cluster.queue([array.name for array in there])
        going = [one for one in queue.values() if not one.over]
        cluster.cancel(one.id for one in going)
    except cluster.ClusterSilent as error:
        raise UserError(f"The cluster does not answer ({error}): nothing is known to be cancelled.") from error
    return going


def _left(follower: Follower, total: int) -> str:
    """Sentence on the jobs that are still running when this command ends."""
    done = f"{len(follower.ended)} of {many(total)} done"
    bases = list(dict.fromkeys(id.partition("_")[0] for id in follower.ids))
    if not bases:
        return f"{done} and kept; the same command carries on"
    one = len(bases) == 1
    jobs, them = ("job", "it") if one else ("jobs", "them")
    go_on = f"{jobs} {', '.join(bases)} of SLURM go{'es' if one else ''} on"
    return f"{done}; {go_on}; the same command follows, `cancel` ends {them}"


def _jobs(count: int) -> str:
    return "one job" if count == 1 else f"an array of {count} jobs"


def _queue(names: Sequence[str]) -> Mapping[cluster.Key, cluster.Job] | None:
    """Jobs in the queue; None where SLURM does not answer, and the last answer still holds."""
    try:
        return cluster.queue(names)
    except cluster.ClusterSilent:
        return None


def _before(shards: Sequence[Sequence[Run]], out: Path) -> dict[str, str]:
    """Start of each run's journal, where it has one, by the run's id."""
    found: dict[str, str] = {}
    for run in (run for shard in shards for run in shard):
        with contextlib.suppress(ResultsError):
            found[run.id] = read(folder_of(out, run.id) / JOURNAL).started
    return found


def _put_aside(out: Path, id: str) -> None:
    """Set aside what --fresh replaces, so that jobs train it again."""
    folder = folder_of(out, id)
    with contextlib.suppress(FileNotFoundError, LeaseHeld):
        lease = Lease.take(own_folder(out, folder))
        try:
            prune(out, [id])
            set_aside(folder / JOURNAL, "replaced")
        finally:
            lease.release()


@contextlib.contextmanager
def _alone(folder: Path, sleep: Callable[[float], None]) -> Iterator[None]:
    """Holds the lease of a folder of results, so that one command at a time looks for jobs and submits more."""
    watcher = LeaseWatcher()
    folder.mkdir(parents=True, exist_ok=True)
    while True:
        try:
            lease = Lease.take(folder)
            break
        except LeaseHeld:
            while not watcher.free(folder):
                sleep(LOOK_SECONDS)
    try:
        yield
    finally:
        lease.release()
