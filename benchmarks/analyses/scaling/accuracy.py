"""Real training on up to 64 simulated devices: accuracy as devices, and staleness, grow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import methods
from benchmarks.analyses.definition import Request
from benchmarks.runner import plan
from benchmarks.runner.processes.memory import keep_freed_memory
from benchmarks.workloads.workload import Workload, workload

METHODS = ("bp", "ddp", "lsgd", "lapsgd", "pdasgd")
FAMILY, NETWORK, BATCH = "cifar10", "resnet20", 8
"""1,024 digits in batches of 8: 128 an epoch, two for each of 64 devices."""
PERIOD = 2
"""K of the methods that average: with 16, as the clock's part has it, 64 devices would not meet within an epoch."""


@dataclass(frozen=True)
class Trained:
    """One method on so many devices: per seed, percent and updates of the last epoch."""

    method: str
    title: str
    devices: int
    accuracy: tuple[float, ...]
    staleness: tuple[float, ...]


def work_of(request: Request) -> Workload:
    """Returns the smoke workload whatever the scale: 64 devices train 64 replicas."""
    return workload(FAMILY, NETWORK, "smoke", {"batch": str(BATCH)})


def train(request: Request, devices: Sequence[int]) -> list[Trained]:
    """Trains every method on each number of devices it can have, under every seed."""
    keep_freed_memory()  # as every process that trains does
    results = []
    for name in request.methods or METHODS:
        kind = methods.method_class(name)
        options = {"period": PERIOD} if "period" in kind.Options.__dataclass_fields__ else {}
        replicated = "devices" in kind.Options.__dataclass_fields__
        for count in sorted(devices) if replicated else [1]:
            of_devices = {"devices": count, "learning_rate": "published"} if replicated else {}
            ends = [_train(request, name, {**of_devices, **options}, seed) for seed in request.seeds]
            accuracy, staleness = zip(*ends, strict=True)
            results.append(Trained(name, kind.title, count, accuracy, staleness))
    return results


def _train(request: Request, name: str, options: dict[str, object], seed: int) -> tuple[float, float]:
    """Trains once -> accuracy in percent and mean staleness in updates, after the last epoch."""
    from benchmarks.runner.training import Training, load_data

    work = work_of(request)
    spec = plan.alone(work, request.method(name, **options), seed, card=request.card).spec
    training = Training(spec, load_data(work, None), request.card)
    metrics = [training.epoch(epoch) for epoch in range(work.epochs)][-1]
    return metrics["accuracy_percent"], metrics["staleness_updates"]
