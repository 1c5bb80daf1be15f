"""Measures the suite's overhead against bare PyTorch and the papers' formulas; prints each ratio beside its goal.

    python tools/benchmark_performance.py [--rounds N] [--quick] [--networks NAME ...]

Each rival has a process of its own, started with its own OpenMP wait policy and the allocator of every process that
trains; all wait while one of them times a round. A ratio is the median over the rounds of the ratios within a round.
BP's best is taken over its threads, policies and allocators (ACTIVE is left out: its idle threads would spin while
others are timed). The ceiling of Async LU is two bare loops that share nothing, in two threads of one process. Nothing
else should run on the machine meanwhile. Exits with 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for tools.measuring

from benchmarks.executors import registry as executors
from benchmarks.hardware.cores import usable_cores
from benchmarks.runner import environment
from benchmarks.runner.calibration import random_images
from benchmarks.runner.processes import memory, openmp
from benchmarks.runner.processes.memory import keep_freed_memory
from benchmarks.runner.training import load_data
from benchmarks.workloads.data.load import DataSet
from benchmarks.workloads.workload import Scale, Workload, workload
from tools.measuring import (
    bare,
    bare_in_threads,
    epoch,
    random_texts,
    ranges,
    ratio,
    spread,
    take_turns,
    training,
)

missed: list[str] = []
LEAD = {"resnet18": 1.1, "resnet50": 1.2, "lstm": 1.2}
"""Goal by network: Async LU's speed on real threads over BP's best."""


def verdict(label: str, value: float, goal: float, *, at_least: bool = True, detail: str = "") -> None:
    met = value >= goal if at_least else value <= goal
    if not met:
        missed.append(label)
    print(
        f"{'ok    ' if met else 'MISSED'} {label}: {value:.3f} (goal: {'at least' if at_least else 'at most'} {goal:g})"
        f"{'; ' + detail if detail else ''}",
        flush=True,
    )


# ---- what a rival's process does


@dataclass(frozen=True)
class Rival:
    """One way to train that is timed.

    executor: None for a bare loop. policy: how OpenMP's idle threads wait; None: default. loops: bare loops, each in a
    thread of its own. preload: False leaves the allocator to the C library.
    """

    network: str
    method: str = "bp"
    executor: str | None = executors.DEFAULT
    threads: int = 1
    policy: str | None = None
    scale: Scale = "smoke"
    record: bool = False
    loops: int = 0
    preload: bool = True

    def build(self) -> Callable[[], float]:
        """Returns a function that trains one epoch and returns its seconds per batch."""
        keep_freed_memory()  # as in every process that trains; all rivals alike
        work, data = data_of(self.network, self.scale)
        work = work.model_copy(update={"threads": self.threads})
        if self.loops:
            return bare_in_threads([training(work, self.method, data) for _ in range(self.loops)])
        built = training(work, self.method, data, self.executor or executors.DEFAULT, record=self.record)
        return bare(built) if self.executor is None else epoch(built)


def data_of(network: str, scale: Scale) -> tuple[Workload, DataSet]:
    """Returns workload and data: epochs long enough for the ramps at their ends to matter little.

    At full width an epoch is short, since one core has no ramps. At scale small batches have the shape of IMDb's, of
    random words.
    """
    if scale == "smoke":
        work = workload("cifar100", network, scale, {"train_samples": "3840"})
        return work, load_data(work, None)
    if scale == "small":
        work = workload("imdb", network, scale, {"train_samples": "1800"})
        return work, random_texts(work)
    work = workload("cifar10", network, scale, {"train_samples": "384", "test_samples": "128"})
    return work, random_images(work)


def serve(pipe: Connection, rival: Rival) -> None:
    """Times a round for every request, in a process of its own, until the pipe is closed."""
    timed = rival.build()
    try:
        while True:
            pipe.recv()
            pipe.send(timed())
    except EOFError:
        return


# ---- turns


class Timer:
    """A rival's process; calling it times one round -> seconds per batch."""

    def __init__(self, rival: Rival) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, child_pipe = context.Pipe()
        self.process = context.Process(target=serve, args=(child_pipe, rival), daemon=True)
        with openmp.applied(rival.policy), memory.preloaded() if rival.preload else nullcontext():
            self.process.start()
        child_pipe.close()

    def __call__(self) -> float:
        self.pipe.send(None)
        return float(self.pipe.recv())

    def end(self) -> None:
        self.pipe.close()
        self.process.join()


def rounds(rivals: Mapping[str, Rival], count: int) -> dict[str, list[float]]:
    """Times the rivals in turns -> per rival, seconds per batch of each round."""
    timers = {name: Timer(rival) for name, rival in rivals.items()}
    times = take_turns(timers, count)
    for timer in timers.values():
        timer.end()
    return times


def baselines(network: str, scale: Scale) -> dict[str, Rival]:
    """Returns BP as a bare loop with 1 to as many threads as cores, each wait policy, and both allocators."""
    user_policy, rivals = os.environ.get(openmp.VARIABLE), dict[str, Rival]()
    for preload in (True, False) if preloads() else (True,):
        allocator = "" if preload else ", nothing preloaded"
        bp = Rival(network, executor=None, scale=scale, preload=preload)
        rivals[f"BP, 1 thread{allocator}"] = bp
        for threads in range(2, usable_cores() + 1):
            for policy in (user_policy,) if user_policy else (None, "PASSIVE"):
                name = f"BP, {threads} threads, wait policy {policy or 'default'}{allocator}"
                rivals[name] = replace(bp, threads=threads, policy=policy)
    return rivals


def preloads() -> str | None:
    """Returns the allocator that training processes preload by default; None without one, or where the user chose."""
    return None if memory.PRELOAD in os.environ else memory.to_preload()


def on_virtual_clock(label: str, network: str, count: int, goal: float, **settings: Any) -> None:
    """Times BP against a bare loop, and Async LU against BP, all with the same threads and policy."""
    rivals = {
        "bare loop": Rival(network, executor=None, **settings),
        "virtual BP": Rival(network, **settings),
        "virtual Async LU": Rival(network, "async_lu", **settings),
    }
    times = rounds(rivals, count)
    threads = f"{settings.get('threads', 1)} thread(s), wait policy {settings.get('policy') or 'default'}"
    bp = ratio(times, "bare loop", "virtual BP")
    verdict(f"{label}: virtual BP's samples/s over the bare loop's", bp, goal, detail=f"{threads}; {ranges(times)}")
    lu = ratio(times, "virtual Async LU", "virtual BP")
    verdict(
        f"{label}: virtual Async LU's time per gradient over virtual BP's", lu, 1.05, at_least=False, detail=threads
    )


def on_threads(label: str, network: str, count: int, goal: float, scale: Scale = "smoke") -> None:
    """Times Async LU on real threads against two bare loops in two threads, and against BP's best."""
    lu, ceiling, rivals = "Async LU, 1 forward and 2 backward threads", "two bare loops", baselines(network, scale)
    own_rivals = {
        ceiling: Rival(network, executor=None, scale=scale, loops=2),
        lu: Rival(network, "async_lu", "threads"),
    }
    times = rounds({**rivals, **{name: replace(rival, scale=scale) for name, rival in own_rivals.items()}}, count)
    best = min(rivals, key=lambda name: ratio(times, name, lu))
    print(f"       {label}: {ranges(times)}")
    against = f"{label}: Async LU's samples/s on real threads over"
    verdict(
        f"{against} those of two bare loops in two threads",
        ratio(times, ceiling, lu),
        0.85,
        detail=spread(times, ceiling, lu),
    )
    verdict(f"{against} BP's best", ratio(times, best, lu), goal, detail=f"{spread(times, best, lu)}; {best}")


def recording(label: str, network: str, count: int) -> None:
    """Measures how much locks and recording slow down a run on threads."""
    for title, method in {"BP": "bp", "Async LU": "async_lu", "Hogwild!": "hogwild"}.items():
        plain = Rival(network, method, executors.THREADS.name)
        times = rounds({"plain": plain, "recorded": replace(plain, record=True)}, count)
        description = f"{label}: {title}'s time per gradient on threads, recorded over not recorded"
        value, detail = ratio(times, "recorded", "plain"), spread(times, "recorded", "plain")
        verdict(description, value, 1.10, at_least=False, detail=f"{detail}; {ranges(times)}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--quick", action="store_true", help="leave the full-width network out")
    parser.add_argument("--networks", nargs="*", choices=list(LEAD), default=list(LEAD), help="lstm: of scale small")
    parser.add_argument("--threads-only", action="store_true", help="only Async LU on real threads, and its rivals")
    chosen = parser.parse_args()
    print(
        f"torch {torch.__version__}, {environment.cpu_name()}, {usable_cores()} cores, "
        f"{chosen.rounds} rounds, processes preload {os.environ.get(memory.PRELOAD) or preloads() or 'no allocator'}",
        flush=True,
    )
    for network in chosen.networks:
        scale: Scale = "small" if network == "lstm" else "smoke"
        count = max(3, chosen.rounds // 4) if network == "lstm" else chosen.rounds
        on_threads(f"{scale} {network}", network, count, LEAD[network], scale)
    if not chosen.threads_only:
        for network in (name for name in chosen.networks if name != "lstm"):
            on_virtual_clock(f"smoke {network}", network, chosen.rounds, 0.95)
        recording("smoke resnet18", "resnet18", chosen.rounds)
    if not (chosen.threads_only or chosen.quick):
        label, count = "ResNet-18, width 64, batch 128", max(3, chosen.rounds // 3)
        on_virtual_clock(label, "resnet18", count, 0.97, scale="paper", threads=usable_cores())
    print(f"{len(missed)} goals missed" + (": " + "; ".join(missed) if missed else ""))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
