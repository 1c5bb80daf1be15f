"""What following a thousand short runs on a cluster costs the command that follows. Needs sbatch.

    python tools/benchmark_slurm.py [--runs N] [--per-task N] [--folder SHARED]

Jobs write what runs of no length leave. Counted is the processor time of this process and of the commands that it asks,
from the plan's runs to the last one's end. Exits with 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from benchmarks.checkout import CHECKOUT
from benchmarks.runner import choices, plan
from benchmarks.runner.engines import cluster, slurm
from benchmarks.runner.engines.options import chosen
from benchmarks.runner.engines.shards import Shard
from benchmarks.runner.engines.submitting import Call
from benchmarks.runner.processes.messages import Setting
from benchmarks.runner.progress import Display
from benchmarks.tables import registry as tables
from results.records import folder_of
from results.records.journal import Journal

GOAL_SECONDS = 5.0
EPOCHS = 4
METRICS = {"accuracy_percent": 50.0, "loss": 1.0, "train_loss": 1.0, "virtual_seconds": 2.0, "train_seconds": 3.0}


def serve(path: str) -> None:
    """In a job: what a run of no length leaves."""
    shard = Shard.read(Path(path))
    for run in shard.runs:
        folder = folder_of(shard.setting.out, run.id)
        with Journal.create(folder, id=run.id, spec=run.spec, environment={}, labels=run.labels) as journal:
            for epoch in range(1, EPOCHS + 1):
                journal.evaluation(epoch, epoch, METRICS)
            journal.end("finished", wall_seconds=1.0)


def processor_seconds() -> float:
    """Of this process and of those that it has waited for."""
    used = (resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> int:
    """-> the exit code: 1 where the goal is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--per-task", type=int, default=50)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="one that the nodes share")
    given = parser.parse_args()
    os.environ["PYTHONPATH"] = str(CHECKOUT)
    asked, ask = [], cluster.ask

    def counted(*command: str) -> str:
        asked.append(command[0])
        return ask(*command)

    cluster.ask = counted
    slurm.SERVE = Call("tools.benchmark_slurm", "serve")
    wanted = choices.Choices(seeds=tuple(range(given.runs)), methods=("bp",), networks=("resnet18",))
    runs = [run for run in plan.runs(tables.table("table1"), wanted) if run.labels.row == "bp"]
    out = Path(tempfile.mkdtemp(dir=given.folder))
    looks = 0

    def sleep(seconds: float) -> None:
        nonlocal looks
        looks += 1
        time.sleep(seconds)

    engine = slurm.Slurm(chosen([], given.per_task), print, sleep)
    began, before = time.monotonic(), processor_seconds()
    with Display(runs, Console(file=(out / "display").open("w"))) as display:
        ended = engine.train_all(runs, Setting(out, None, {}, (), {}), jobs=2, listen=display)
    used, took = processor_seconds() - before, time.monotonic() - began
    finished = sum(end.status == "finished" for end in ended.values())
    print(f"{finished} of {len(runs)} runs finished in {took:.0f} s (wall clock), {given.per_task} a job")
    print(f"the follower: {used:.2f} s of the processor (goal {GOAL_SECONDS:g})")
    print(f"{asked.count('squeue')} squeue in {looks} looks, {asked.count('sacct')} sacct")
    return 0 if finished == len(runs) and used < GOAL_SECONDS and asked.count("squeue") <= looks + 1 else 1


if __name__ == "__main__":
    sys.exit(main())
