"""Measures the cost of a cluster, and what its grids survive. Needs sbatch; --grid, --kills start a SLURM of two nodes.

    python tools/benchmark_slurm.py [--runs N] [--per-task N] [--folder SHARED]
    python tools/benchmark_slurm.py --grid [--kills 20] [--seed 0] [-- ARGUMENTS OF run]

The first follows a thousand short runs: jobs write what runs of no length leave, and what is counted is the processor
time of this process and of the commands that it asks, from the plan to the last run's end. --grid trains the 42
runs of table3 at scale smoke by the local pool and by jobs, two at a time each, and compares wall clocks and tables.
--kills does so while jobs, nodes, daemons and the command itself are killed, as drawn by the seed, and gives the same
command again. Exits with 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import csv
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table as Grid

from benchmarks.checkout import CHECKOUT
from benchmarks.runner import choices
from benchmarks.runner.engines import cluster, slurm
from benchmarks.runner.engines.options import chosen
from benchmarks.runner.engines.shards import Shard
from benchmarks.runner.engines.submitting import Call
from benchmarks.runner.grid import resolve
from benchmarks.runner.processes.messages import Setting
from benchmarks.runner.progress import Display
from benchmarks.tables import registry as tables
from results.records import folder_of
from results.records.journal import Journal
from tests.slurm.kills import Trouble, attempts, drawn, twice
from tests.slurm.two_nodes import TwoNodes

GOAL_SECONDS, GOAL_RATIO = 5.0, 1.3
METRICS = {"accuracy_percent": 50.0, "loss": 1.0, "train_loss": 1.0, "virtual_seconds": 2.0, "train_seconds": 3.0}
TABLE = "table3"
ARGUMENTS = ("--seeds=3", "--no-alias")
"""42 runs: two networks, seven rows, three seeds, none of which stands for another."""
KILLED_PER_TASK = 3
"""Runs of a job that may be killed: enough jobs that no harm meets the same ones."""


def serve(path: str) -> None:
    """Run in a job: write what a run of no length leaves."""
    shard = Shard.read(Path(path))
    for run in shard.runs:
        folder = folder_of(shard.setting.out, run.id)
        with Journal.create(folder, id=run.id, spec=run.spec, environment={}, labels=run.labels) as journal:
            for epoch in range(1, run.spec.workload.epochs + 1):
                journal.evaluation(epoch, epoch, METRICS)
            journal.end("finished", wall_seconds=1.0)


def processor_seconds() -> float:
    """Processor seconds of this process and of those that it has waited for."""
    used = (resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def thousand(count: int, per_task: int, folder: Path) -> bool:
    """Follow so many runs of no length -> whether the goal is reached."""
    asked, ask = [], cluster.ask

    def counted(*command: str) -> str:
        asked.append(command[0])
        return ask(*command)

    cluster.ask = counted
    slurm.SERVE = Call("tools.benchmark_slurm", "serve")
    began, before = time.monotonic(), processor_seconds()
    wanted = choices.Choices(seeds=tuple(range(count)), methods=("bp",), networks=("resnet18",))
    runs = [run for run in resolve(tables.table("table1"), wanted).runs if run.labels.row == "bp"]
    out = Path(tempfile.mkdtemp(dir=folder))
    looks = 0

    def sleep(seconds: float) -> None:
        nonlocal looks
        looks += 1
        time.sleep(seconds)

    engine = slurm.Slurm(chosen([], per_task), print, sleep)
    with Display(runs, Console(file=(out / "display").open("w"))) as display:
        ended = engine.train_all(runs, Setting(out, None, {}, (), {}), jobs=2, listen=display)
    used, took = processor_seconds() - before, time.monotonic() - began
    finished = sum(end.status == "finished" for end in ended.values())
    print(f"{finished} of {len(runs)} runs finished in {took:.0f} s (wall clock), {per_task} a job")
    print(f"the follower: {used:.2f} s of the processor (goal {GOAL_SECONDS:g})")
    print(f"{asked.count('squeue')} squeue in {looks} looks, {asked.count('sacct')} sacct")
    return finished == len(runs) and used < GOAL_SECONDS and asked.count("squeue") <= looks + 1


class Folder:
    """A folder of results of its own, and the command that fills it."""

    def __init__(self, path: Path, nodes: TwoNodes | None, given: Sequence[str]) -> None:
        self.out, self._given = path, given
        self._environment = nodes.environment if nodes is not None else dict(os.environ)

    def start(self) -> subprocess.Popen[str]:
        """The command, as the leader of its process group; what it says is appended to a file in the folder."""
        self.out.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "benchmarks", "run", TABLE, "--no-tracking", f"--out={self.out}", *self._given]
        with (self.out / "said").open("a") as said:
            return subprocess.Popen(
                command, env=self._environment, stdout=said, stderr=said, text=True, start_new_session=True
            )

    def seconds(self) -> float:
        """Wall-clock seconds of the command. Raises RuntimeError where it fails."""
        began = time.monotonic()
        if code := self.start().wait():
            raise RuntimeError(f"exit code {code}: {self.out / 'said'}")
        return time.monotonic() - began

    @property
    def table(self) -> list[dict[str, str]]:
        """Lines of the table, without the commit that made them."""
        (path,) = self.out.glob(f"tables/*/{TABLE}.csv")
        with path.open() as file:
            return [{name: value for name, value in line.items() if name != "commit"} for line in csv.DictReader(file)]


def against_local(local: Folder, jobs: Folder) -> bool:
    """Train both, the local one twice, before and after -> whether the goals are reached."""
    first, by_jobs = local.seconds(), jobs.seconds()
    again = Folder(local.out.with_name("local-again"), None, local._given).seconds()
    ratio, same = by_jobs / min(first, again), jobs.table == local.table
    print(f"{len(attempts(jobs.out))} runs of {TABLE}, scale smoke; wall clocks, start and probe job included:")
    print(f"the local pool {first:.1f} and {again:.1f} s, before and after; by jobs {by_jobs:.1f} s")
    print(f"ratio {ratio:.2f} to the quicker (goal {GOAL_RATIO:g}); the same table to the last digit: {_yes(same)}")
    return same and ratio <= GOAL_RATIO


def killed(local: Folder, jobs: Folder, nodes: TwoNodes, count: int, seed: int) -> bool:
    """Train by jobs amid kills -> whether the grid is whole in the end, with the local table to the last digit."""
    expected = attempts(local.out)
    total = sum(one.evaluations for of_run in expected.values() for one in of_run)
    began, trouble = time.monotonic(), Trouble(nodes, jobs.out, jobs.start)
    shown = Grid("kill", "what", "which", "at evaluation", title=f"{count} kills, seed {seed}")
    done = 0
    for done, one in enumerate(trouble.carry_out(drawn(count, total, seed)), start=1):
        shown.add_row(str(done), one.kill.harm, one.what, f"{one.at} of {total}")
        print(f"{done}: {one.kill.harm}: {one.what}", flush=True)
    code = trouble.finish()
    found, same = attempts(jobs.out), jobs.table == local.table
    whole = sum(of_run[-1].status == "finished" for of_run in found.values())
    lost = sum(one.evaluations for of_run in found.values() for one in of_run) - total
    Console(width=120).print(shown)
    print(f"{done} of {count} kills in {time.monotonic() - began:.0f} s (wall clock); the command was given")
    print(f"{trouble.commands} times (exit codes {', '.join(map(str, trouble.codes))})")
    print(f"{whole} of {len(expected)} runs finished, {len(twice(found))} trained twice or by two at a time;")
    print(f"{lost} evaluations of {total} made again; the table is the local one's to the last digit: {_yes(same)}")
    return done == count and code == 0 and whole == len(expected) and not twice(found) and same


def _yes(value: bool) -> str:
    return "yes" if value else "NO"


def main() -> int:
    """-> the exit code: 1 where a goal is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--per-task", type=int, default=50)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="one that the nodes share")
    parser.add_argument("--grid", action="store_true", help="the local pool beside jobs")
    parser.add_argument("--kills", type=int, default=0, help="so many, in a grid by jobs")
    parser.add_argument("--seed", type=int, default=0, help="of the kills")
    parser.add_argument("arguments", nargs="*", help=f"of run {TABLE}, instead of {' '.join(ARGUMENTS)}")
    given = parser.parse_args()
    os.environ["PYTHONPATH"] = str(CHECKOUT)
    if not (given.grid or given.kills):
        return 0 if thousand(given.runs, given.per_task, given.folder) else 1
    folder, arguments = Path(tempfile.mkdtemp(dir=given.folder)), given.arguments or ARGUMENTS
    (folder / "nodes").mkdir()
    nodes = TwoNodes(folder / "nodes")
    local = Folder(folder / "local", None, [*arguments, "--jobs=2"])
    good = True
    try:
        nodes.up()
        if given.grid:
            good = against_local(local, Folder(folder / "jobs", nodes, [*arguments, "--engine=slurm"]))
        else:
            local.seconds()
        if given.kills:
            per_task = [*arguments, "--engine=slurm", f"--per-task={KILLED_PER_TASK}"]
            good &= killed(local, Folder(folder / "killed", nodes, per_task), nodes, given.kills, given.seed)
    finally:
        nodes.down()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
