"""What the suite costs, against bare PyTorch and against the laws: ratios within one run, printed beside their goals.

    python tools/benchmark_performance.py [--rounds N] [--quick]

Rivals take turns, round by round; a ratio is the median over the rounds of the ratios within a round. Nothing else
should run on the machine meanwhile. Exits with 1 if a goal is missed.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Mapping

import torch

import methods
from benchmarks.executors import registry as executors
from benchmarks.executors.accounts import DryTeam
from benchmarks.executors.virtual.executor import VirtualExecutor
from benchmarks.hardware import cards
from benchmarks.papers.predicted_seconds import STEPS, seconds_per_epoch
from benchmarks.runner import choices, environment, plan
from benchmarks.runner.processes.memory import keep_freed_memory
from benchmarks.runner.training import Training, load_data
from benchmarks.tables.definition import Row
from benchmarks.workloads.data.cards import card as data_card
from benchmarks.workloads.data.images.in_memory import ImageSet
from benchmarks.workloads.data.load import DataSet
from benchmarks.workloads.workload import Workload, workload

missed: list[str] = []


def verdict(what: str, value: float, goal: float, *, at_least: bool = True, detail: str = "") -> None:
    met = value >= goal if at_least else value <= goal
    if not met:
        missed.append(what)
    print(
        f"{'ok    ' if met else 'MISSED'} {what}: {value:.3f} (goal: {'at least' if at_least else 'at most'} {goal:g})"
        f"{'; ' + detail if detail else ''}",
        flush=True,
    )


def training(
    work: Workload, method: str, data: DataSet, executor: str = executors.DEFAULT, threads: int = 1
) -> Training:
    work = work.model_copy(update={"threads": threads})
    card = cards.load("paper-a-ideal") if executors.executor(executor).needs_card else None
    run = plan.run(work, Row(method), methods.create(method), 0, choices.Choices(executor=executor, card=card), card)
    return Training(run.spec, data, card)


def epoch(made: Training) -> Callable[[], float]:
    """-> seconds per batch of one epoch through the executor."""

    def timed() -> float:
        torch.set_num_threads(made.work.threads)
        made.team.begin_epoch(0)
        begun = time.perf_counter()
        made.executor.run(made.method.workers(made.team))
        return (time.perf_counter() - begun) / made.team.steps_per_epoch

    return timed


def bare(made: Training) -> Callable[[], float]:
    """-> seconds per batch of a hand-written loop on the same network and the same batches."""
    network = torch.nn.Sequential(*made.network().values()).train()
    chosen, schedule = made.work.optimizer, made.work.schedule
    optimizer = torch.optim.SGD(
        network.parameters(), lr=schedule.lr, momentum=chosen.momentum, weight_decay=chosen.weight_decay, fused=True
    )
    steps = made.batches.steps()

    def timed() -> float:
        torch.set_num_threads(made.work.threads)
        begun = time.perf_counter()
        for i in range(steps):
            images, labels = made.batches.batch(0, i)
            loss = torch.nn.functional.cross_entropy(network(images), labels)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return (time.perf_counter() - begun) / steps

    return timed


def rounds(rivals: Mapping[str, Callable[[], float]], count: int) -> dict[str, list[float]]:
    for rival in rivals.values():
        rival()  # warm up: slots, optimizer state, caches
    found: dict[str, list[float]] = {name: [] for name in rivals}
    for _ in range(count):
        for name, rival in rivals.items():
            found[name].append(rival())
    return found


def ratio(found: Mapping[str, list[float]], of: str, over: str) -> float:
    return statistics.median(a / b for a, b in zip(found[of], found[over], strict=True))


def milliseconds(found: Mapping[str, list[float]]) -> str:
    return ", ".join(f"{name} {statistics.median(times) * 1e3:.1f} ms" for name, times in found.items())


def full_width(count: int) -> None:
    """Three batches an epoch: the ramps of Async LU's pipeline cost no work on one core, only a simulated second."""
    known = data_card("cifar10")
    images = torch.randint(0, 256, (128 * 3, 3, 32, 32), dtype=torch.uint8)
    labels = torch.randint(0, 10, (128 * 3,))
    data = ImageSet(known, images, labels, images[:128], labels[:128])
    work = workload("cifar10", "resnet18", "paper", {"train_samples": "384", "test_samples": "128"})
    threads = os.cpu_count() or 1
    one, lu = (training(work, method, data, threads=threads) for method in ("bp", "async_lu"))
    found = rounds({"bare loop": bare(one), "virtual BP": epoch(one), "virtual Async LU": epoch(lu)}, count)
    what = "ResNet-18, width 64, batch 128"
    verdict(
        f"{what}: virtual BP's samples/s over the bare loop's",
        ratio(found, "bare loop", "virtual BP"),
        0.97,
        detail=f"{threads} threads; {milliseconds(found)} a batch",
    )
    lu_over_bp = ratio(found, "virtual Async LU", "virtual BP")
    verdict(f"{what}: virtual Async LU's time per gradient over virtual BP's", lu_over_bp, 1.05, at_least=False)


def smoke(network: str, count: int) -> None:
    """Sixty batches an epoch: long enough for the ramps at its ends to matter little."""
    work = workload("cifar100", network, "smoke", {"train_samples": "3840"})
    data = load_data(work, None)
    one, lu = training(work, "bp", data), training(work, "async_lu", data)
    found = rounds({"bare loop": bare(one), "virtual BP": epoch(one), "virtual Async LU": epoch(lu)}, count)
    verdict(
        f"smoke {network}: virtual BP's samples/s over the bare loop's",
        ratio(found, "bare loop", "virtual BP"),
        0.90,
        detail=f"1 thread; {milliseconds(found)} a batch",
    )
    lu_over_bp = ratio(found, "virtual Async LU", "virtual BP")
    verdict(
        f"smoke {network}: virtual Async LU's time per gradient over virtual BP's", lu_over_bp, 1.05, at_least=False
    )
    lu_name = "Async LU, 1 forward and 2 backward threads"
    rivals = {
        "BP, 1 thread": bare(one),
        "BP, 2 threads": bare(training(work, "bp", data, threads=2)),
        lu_name: epoch(training(work, "async_lu", data, "threads")),
    }
    found = rounds(rivals, count)
    best = min(ratio(found, name, lu_name) for name in rivals if name != lu_name)
    verdict(
        f"smoke {network}: Async LU's samples/s on real threads over BP's best",
        best,
        1.3,
        detail=f"{milliseconds(found)} a batch",
    )


def laws() -> None:
    ideal, fitted = cards.load("paper-a-ideal"), cards.load("paper-a")
    for network, long_stream, published in (("resnet18", 2.96, 1.86), ("resnet50", 2.80, 2.02)):
        known, on_card = ideal.networks[network], fitted.networks[network]
        price = ideal.price(known)
        f, b, k = price.forward_seconds, price.backward_seconds, 2
        law = STEPS * (f + b) / (f + (STEPS - 1) * max(f, b / k) + b)
        simulated = seconds_per_epoch(ideal, known, "bp") / seconds_per_epoch(ideal, known, "async_lu")
        verdict(
            f"{network}: virtual Async LU's steps/s over BP's, off the law with ramps ({law:.3f}) by",
            abs(simulated / law - 1),
            0.02,
            at_least=False,
            detail=f"simulated {simulated:.3f}, long stream {long_stream}, the paper measured {published}",
        )
        lu, bu = (seconds_per_epoch(fitted, on_card, row) for row in ("async_lu", "async_bu"))
        verdict(
            f"{network} on paper-a: Async BU's seconds per epoch over Async LU's",
            bu / lu,
            1.0,
            at_least=False,
            detail=f"simulated {bu:.2f} s and {lu:.2f} s",
        )
    price = ideal.price(ideal.networks["resnet18"])
    team = DryTeam.of([(str(i), 1) for i in range(10)], steps_per_epoch=2000)
    executor, begun = VirtualExecutor(team, price), time.perf_counter()
    executor.run(methods.create("async_lu").workers(team))
    print(f"       the simulation alone: {2000 * 32 / (time.perf_counter() - begun):,.0f} effects a second")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--quick", action="store_true", help="leave the full-width network out")
    chosen = parser.parse_args()
    kept = keep_freed_memory()  # as in every process that trains; all rivals alike
    print(
        f"torch {torch.__version__}, {environment.cpu_name()}, {os.cpu_count()} cores, "
        f"OMP_WAIT_POLICY={os.environ['OMP_WAIT_POLICY']}, {chosen.rounds} rounds, "
        f"freed memory {'kept' if kept else 'returned'}",
        flush=True,
    )
    laws()
    for network in ("resnet18", "resnet50"):
        smoke(network, chosen.rounds)
    if not chosen.quick:
        full_width(max(3, chosen.rounds // 3))
    print(f"{len(missed)} goals missed" + (": " + "; ".join(missed) if missed else ""))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
