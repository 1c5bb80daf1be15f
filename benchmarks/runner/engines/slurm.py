"""Engine `slurm`: submits runs as job arrays and follows them to their end, in this command or a later one.

docs/decisions/0014-engines.md gives the reasons.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.errors import Interrupted, UserError
from benchmarks.runner.checkpoints.keeper import prune
from benchmarks.runner.engines import cluster
from benchmarks.runner.engines.cluster import Call
from benchmarks.runner.engines.following import Follower
from benchmarks.runner.engines.options import SlurmOptions
from benchmarks.runner.engines.shards import LOGS, Array, arrays, place
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
"""Seconds between two reads of files, and between two calls to the cluster's controller."""
LEAST_SECONDS, MOST_SECONDS = 30.0, 120.0
"""Seconds for which a job trains short runs: long compared to its start, short if the job is lost."""


@dataclass
class Slurm:
    """Trains runs by SLURM jobs.

    say: prints a sentence about submitted jobs. sleep: waits between two reads. node: that the probe job found; None:
    no probe job has run. detach: whether the command ends once all runs are submitted.
    """

    options: SlurmOptions
    say: Callable[[str], None]
    sleep: Callable[[float], None] = time.sleep
    node: Node | None = None
    detach: bool = False
    _held: list[Run] = field(default_factory=list)  # not accepted by the cluster yet
    _shares: Mapping[str, int] = field(default_factory=dict)  # runs of a job, by `kind_of`

    def train_all(self, runs: Sequence[Run], setting: Setting, *, jobs: int, listen: Listen) -> dict[str, Ended]:
        """Trains the runs by jobs, like pool.train_all -> how each ended, by id; failed ones name the job's log.

        Raises UserError if SLURM accepts none of them, Interrupted at a signal, after which the jobs continue.
        """
        follower = Follower(runs, setting.out, listen)
        try:
            self._begin(runs, setting, follower)
            self._follow(setting, follower)
        except KeyboardInterrupt as error:
            signal = signals.signalled(error)
            raise Interrupted(f"{signal.word}: {_status(follower, len(runs))}.", signal.code) from None
        return follower.ended

    def detached(self, runs: Sequence[Run], setting: Setting) -> None:
        """Submits the runs that are not queued or running, and reports it."""
        follower = Follower(runs, setting.out, lambda event: None)
        self._begin(runs, setting, follower)
        self.say(f"Detached: {_status(follower, len(runs))}.")

    def check_time(self, runs: Sequence[Run], pace: Pace) -> None:
        """Raises UserError if a job's time limit is shorter than an epoch of a run, which would then never advance."""
        if not runs:
            return
        longest = max(runs, key=pace.of)
        needed = pace.of(longest) + START_SECONDS + self.options.signal_seconds
        if needed > 60 * self.options.minutes:
            enough = math.ceil(needed / 60)
            raise UserError(
                f"--slurm time={self.options.sbatch.get('time', f'{self.options.minutes:g}')}: an epoch of "
                f"{longest.title} takes about {duration(math.ceil(pace.of(longest)))} ({pace.basis([longest])}), and a "
                f"job leaves {self.options.signal_seconds} s before its end; give it {enough} "
                f"{'minute' if enough == 1 else 'minutes'} or more."
            )

    def described(self, runs: Sequence[Run], pace: Pace) -> str:
        """Says which jobs would be submitted for these runs, and how many hours they take."""
        if not runs:
            return "nothing is to be submitted"
        shards, _ = self._plan(runs, pace)
        hours = [pace.seconds(shard, 1) / 3600 for shard in shards]
        return (
            f"{_jobs(len(shards))} of at most {many(max(map(len, shards)))} each, {self.options.description}: "
            f"{sum(hours):.2g} hours of jobs in all, the longest {max(hours):.2g} ({pace.basis(runs)})"
        )

    def width(self, runs: Sequence[Run], pace: Pace) -> int:
        """Returns the most jobs at a time on an otherwise empty cluster. Raises UserError as `check_time`."""
        self.check_time(runs, pace)
        shards, nodes = self._plan(runs, pace)
        return max(1, min(len(shards), nodes))

    def _plan(self, runs: Sequence[Run], pace: Pace) -> tuple[list[list[Run]], int]:
        """Chooses how many short runs share a job -> the runs of each job, and the number of nodes."""
        nodes = cluster.nodes(self.options.sbatch.get("partition"))
        self._shares = shares(runs, pace.run_seconds, nodes, self.options.minutes)
        return self._packed(runs), nodes

    def _packed(self, runs: Sequence[Run]) -> list[list[Run]]:
        per_task = self.options.per_task
        return packed(runs, lambda kind: self._shares.get(kind, 1) if per_task is None else per_task)

    def _begin(self, runs: Sequence[Run], setting: Setting, follower: Follower) -> None:
        """Follows existing jobs, and submits the runs that none of them has."""
        with _alone(setting.out, self.sleep):
            existing = arrays(setting.out)
            try:
                queue = cluster.queue([array.name for array in existing])
            except cluster.ClusterSilent:
                message = "The cluster does not answer (squeue), so that nothing is submitted; try again."
                raise UserError(message) from None
            going: set[str] = set()
            for array in existing:
                jobs = [queue.get((array.name, index)) for index in range(len(array.shards))]
                live = [index for index, job in enumerate(jobs) if job is not None and not job.over]
                going |= {id for index in live for id in array.shards[index]}
                if live:
                    follower.follow(array, live)
                else:
                    array.changed(over=True)
            missing = [run for run in runs if run.id not in going]
            if len(missing) < len(runs):
                self.say(f"{many(len(runs) - len(missing))} queued or running already; followed.")
            if setting.options.fresh:
                for run in missing:
                    _set_aside(setting.out, run.id)
            self._submit(missing, setting, follower)

    def _submit(self, runs: Sequence[Run], setting: Setting, follower: Follower) -> None:
        """Submits arrays until the cluster refuses one; the remaining runs are held until jobs have ended.

        Raises UserError if it refuses the first and no job is followed.
        """
        shards = self._packed(runs)
        most = cluster.most_jobs() if shards else 1
        for first in range(0, len(shards), most):
            chunk = shards[first : first + most]
            before = {run.id: started for shard in chunk for run in shard if (started := _started(setting.out, run.id))}
            try:
                with signals.command.held():  # else an array could be submitted and not followed
                    once = replace(setting, options=replace(setting.options, fresh=False))
                    array = Array.create(setting.out, chunk, once, before)
                    array = self._submit_array(array)
            except UserError as error:
                if not follower.names:
                    raise
                self._held += [run for shard in shards[first:] for run in shard]
                self.say(f"{error} {many(len(self._held))} are held until a job has ended.")
                return
            base = array.jobs[0].partition("_")[0]
            self.say(f"Submitted {many(sum(map(len, chunk)))} in {_jobs(len(chunk))}: {base}")
            follower.follow(array)

    def _submit_array(self, array: Array) -> Array:
        paths = [array.shard(index) for index in range(len(array.shards))]
        try:
            ids = cluster.submit(SERVE, paths, name=array.name, logs=array.folder / LOGS, options=self.options)
        except UserError:
            array.changed(over=True)
            raise
        return array.changed(jobs=ids)

    def _follow(self, setting: Setting, follower: Follower) -> None:
        asked_at = -QUEUE_SECONDS
        while not follower.over:
            queue = None
            if time.monotonic() - asked_at >= QUEUE_SECONDS:
                asked_at = time.monotonic()
                with contextlib.suppress(cluster.ClusterSilent):  # the last answer still holds
                    queue = cluster.queue(follower.names)
            jobs_before = len(follower.ids)
            follower.look(queue)
            again, follower.lost = follower.lost, []
            if self._held and len(follower.ids) < jobs_before:
                again, self._held = [*again, *self._held], []
            if again:
                with _alone(setting.out, self.sleep):
                    self._submit(again, setting, follower)
            if not follower.over:
                self.sleep(LOOK_SECONDS)


def packed(runs: Sequence[Run], per_task: Callable[[str], int]) -> list[list[Run]]:
    """Divides runs among jobs, each of one `kind_of`, so that a job loads data once. per_task: most runs of a job."""
    latest: dict[str, list[Run]] = {}
    shards: list[list[Run]] = []
    for run in runs:
        kind = kind_of(run)
        if kind not in latest or len(latest[kind]) >= per_task(kind):
            latest[kind] = []
            shards.append(latest[kind])
        latest[kind].append(run)
    return shards


def shares(runs: Sequence[Run], seconds: Callable[[Run], float], nodes: int, minutes: float) -> Mapping[str, int]:
    """Returns runs per job by `kind_of`: short runs fill every node, and no job takes much longer than MOST_SECONDS.

    seconds: training time of a run. minutes: time limit of a job, of which half is planned for.
    """
    times: dict[str, list[float]] = defaultdict(list)
    for run in runs:
        times[kind_of(run)].append(seconds(run))
    even = sum(map(sum, times.values())) / nodes
    share = min(max(LEAST_SECONDS, even), MOST_SECONDS, 30 * minutes)
    return {kind: math.ceil(len(of_kind) / max(1, round(sum(of_kind) / share))) for kind, of_kind in times.items()}


def kind_of(run: Run) -> str:
    """Key of runs that may share a job: one network on one data set, which take equally long and share their data."""
    work = run.spec.workload
    return f"{work.scale} {work.dataset} {work.network}"


def cancelled(out: Path) -> list[cluster.Job]:
    """Cancels the queued and running jobs of a folder of results -> those jobs. Raises UserError."""
    try:
        live = [job for job in cluster.queue([array.name for array in arrays(out)]).values() if not job.over]
        cluster.cancel(job.id for job in live)
    except cluster.ClusterSilent as error:
        raise UserError(f"The cluster does not answer ({error}): nothing is known to be cancelled.") from error
    return live


def _status(follower: Follower, total: int) -> str:
    """Says what is done, and which jobs continue when this command ends."""
    done = f"{len(follower.ended)} of {many(total)} done"
    bases = list(dict.fromkeys(id.partition("_")[0] for id in follower.ids))
    if not bases:
        return f"{done} and kept; the same command carries on"
    jobs = f"job {bases[0]} of SLURM goes on" if len(bases) == 1 else f"jobs {', '.join(bases)} of SLURM go on"
    return f"{done}; {jobs}; the same command follows, `cancel` ends {'it' if len(bases) == 1 else 'them'}"


def _jobs(count: int) -> str:
    return "one job" if count == 1 else f"an array of {count} jobs"


def _started(out: Path, id: str) -> str:
    """Start of the journal that a run has; "" without one."""
    try:
        return read(folder_of(out, id) / JOURNAL).started
    except ResultsError:
        return ""


def _set_aside(out: Path, id: str) -> None:
    """Renames the journal that --fresh replaces and removes checkpoints, unless another command trains the run."""
    folder = folder_of(out, id)
    with contextlib.suppress(FileNotFoundError, LeaseHeld):
        lease = Lease.take(own_folder(out, folder))
        try:
            prune(out, [id])
            set_aside(folder / JOURNAL, "replaced")
        finally:
            lease.release()


@contextlib.contextmanager
def _alone(out: Path, sleep: Callable[[float], None]) -> Iterator[None]:
    """Lets one command at a time look for jobs and submit more, by a lease on the folder of jobs."""
    watcher, folder = LeaseWatcher(), place(out)
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
