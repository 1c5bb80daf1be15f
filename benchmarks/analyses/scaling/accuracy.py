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
    """One method on so many devices: one value per seed, after the last epoch."""

    method: str
    title: str
    devices: int
    accuracy: tuple[float, ...]  # percent
    staleness: tuple[float, ...]  # updates, in the last epoch


def work_of(request: Request) -> Workload:
    """Returns the smoke workload whatever the scale: 64 devices train 64 replicas."""
    return workload(FAMILY, NETWORK, "smoke", {"batch": str(BATCH)})


def train(request: Request, devices: Sequence[int]) -> list[Trained]:
    """Trains every method on each number of devices it can have, under every seed."""
    keep_freed_memory()  # as every process that trains does
    results = []
    for name in request.methods or METHODS:
        replicated = "devices" in methods.method_class(name).Options.__dataclass_fields__
        for device_count in sorted(devices) if replicated else [1]:
            ends = [_train(request, name, device_count if replicated else None, seed) for seed in request.seeds]
            title = methods.method_class(name).title
            results.append(Trained(name, title, device_count, tuple(e[0] for e in ends), tuple(e[1] for e in ends)))
    return results


def _train(request: Request, name: str, devices: int | None, seed: int) -> tuple[float, float]:
    """Trains once -> accuracy in percent and mean staleness in updates, after the last epoch."""
    from benchmarks.runner.training import Training, load_data

    options = {} if devices is None else {"devices": devices, "learning_rate": "published"}
    if "period" in methods.method_class(name).Options.__dataclass_fields__:
        options |= {"period": PERIOD}
    work, method = work_of(request), request.method(name, **options)
    spec = plan.alone(work, method, seed, card=request.card).spec
    training, metrics = Training(spec, load_data(work, None), request.card), dict[str, float]()
    for epoch in range(work.epochs):
        metrics = training.epoch(epoch)
    return metrics["accuracy_percent"], metrics["staleness_updates"]
