"""Timing for the benchmark tools: trainings, bare loops beside them, rivals timed in turns."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

import torch

import methods
from benchmarks.executors import registry as executors
from benchmarks.hardware import cards
from benchmarks.runner import plan
from benchmarks.runner.training import Training
from benchmarks.workloads.data.cards import card as data_card
from benchmarks.workloads.data.load import DataSet
from benchmarks.workloads.data.options import Text
from benchmarks.workloads.data.text.in_memory import TextSet
from benchmarks.workloads.data.text.tokenizer import SPECIALS
from benchmarks.workloads.workload import Workload

Timed = Callable[[], float]
"""Trains for a while -> seconds per batch."""


def training(
    work: Workload,
    method: str,
    data: DataSet,
    executor: str = executors.DEFAULT,
    *,
    device: str = "cpu",
    options: Mapping[str, Any] | None = None,
    record: bool = False,
) -> Training:
    """Returns a run, ready to be trained. Raises UserError where the method cannot run on the executor."""
    card = cards.load("paper-a-ideal") if executors.executor(executor).needs_card else None
    method_made = methods.create(method, dict(options or {}))
    run = plan.alone(work, method_made, executor=executor, device=device, record=record, card=card)
    return Training(run.spec, data, card)


def random_texts(work: Workload) -> TextSet:
    """Returns rows of random words, as many as the workload trains on, so that no data is needed."""
    data, text = data_card(work.dataset), work.text or Text()
    count = work.train_samples or data.train_samples
    words, generator = text.vocabulary + len(SPECIALS), torch.Generator().manual_seed(0)
    tokens = torch.randint(len(SPECIALS), words, (count, text.length), dtype=torch.int32, generator=generator)
    labels = torch.randint(0, data.classes, (count,), generator=generator)
    return TextSet(data, tokens, labels, tokens[: work.batch], labels[: work.batch], words)


def synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def epoch(training: Training) -> Timed:
    """Returns a function that trains one epoch through the executor and gives its seconds per batch."""

    def timed() -> float:
        torch.set_num_threads(training.work.threads)
        synchronise(training.device)
        training.team.begin_epoch(0)
        begun = time.perf_counter()
        training.executor.run(training.method.workers(training.team))
        synchronise(training.device)
        seconds = time.perf_counter() - begun
        training.team.accounts.end_epoch()  # raises where batches were left out
        return seconds / training.team.steps_per_epoch

    return timed


def bare(training: Training, *, layout: torch.memory_format = torch.preserve_format, bf16: bool = False) -> Timed:
    """Returns a function that trains one epoch by a hand-written loop on the same network and batches."""
    network = torch.nn.Sequential(*training.network().values()).train()
    network.to(memory_format=layout)
    precision: Any = partial(torch.autocast, training.device.type, torch.bfloat16) if bf16 else nullcontext
    optimizer, steps = _optimizer(training.work, network), training.batches.steps()

    def timed() -> float:
        torch.set_num_threads(training.work.threads)
        synchronise(training.device)
        begun = time.perf_counter()
        for i in range(steps):
            images, labels = training.batches.batch(0, i)
            with precision():
                logits = network(images.to(memory_format=layout))
                loss = torch.nn.functional.cross_entropy(logits, labels)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        synchronise(training.device)
        return (time.perf_counter() - begun) / steps

    return timed


def with_cudnn(rival: Timed, *, fastest: bool) -> Timed:
    """Returns the rival with cuDNN's fastest algorithms, or with repeatable ones, as the suite has them."""

    def timed() -> float:
        torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic = fastest, not fastest
        return rival()

    return timed


def bare_in_threads(trainings: Sequence[Training]) -> Timed:
    """Returns a function that times bare loops in one thread each, which share nothing: the best possible here."""
    loops = [bare(training) for training in trainings]

    def alone(loop: Timed) -> None:
        torch.set_flush_denormal(True)  # as every worker's thread
        with torch.autograd.set_multithreading_enabled(False):
            loop()

    def timed() -> float:
        threads = [threading.Thread(target=alone, args=(loop,)) for loop in loops]
        begun = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return (time.perf_counter() - begun) / sum(training.batches.steps() for training in trainings)

    return timed


def _optimizer(work: Workload, network: torch.nn.Module) -> torch.optim.Optimizer:
    """Returns torch's own fused optimizer, one for all layers."""
    chosen, lr = work.optimizer, work.schedule.lr
    if chosen.name == "adam":
        betas = chosen.momentum, 0.999
        return torch.optim.Adam(network.parameters(), lr=lr, betas=betas, weight_decay=chosen.weight_decay, fused=True)
    return torch.optim.SGD(
        network.parameters(), lr=lr, momentum=chosen.momentum, weight_decay=chosen.weight_decay, fused=True
    )


def take_turns(rivals: Mapping[str, Timed], count: int) -> dict[str, list[float]]:
    """Times rivals in turns, `count` rounds, after one run of each to warm up slots, optimizer state and caches."""
    for rival in rivals.values():
        rival()
    times: dict[str, list[float]] = {name: [] for name in rivals}
    for _ in range(count):
        for name, rival in rivals.items():
            times[name].append(rival())
    return times


def ratio(times: Mapping[str, list[float]], of: str, over: str) -> float:
    """Returns the median over the rounds of the ratios within a round."""
    return statistics.median(a / b for a, b in zip(times[of], times[over], strict=True))


def spread(times: Mapping[str, list[float]], of: str, over: str) -> str:
    """Returns range and number of the ratios within a round, as text."""
    ratios = [a / b for a, b in zip(times[of], times[over], strict=True)]
    return f"{min(ratios):.2f} to {max(ratios):.2f} in {len(ratios)} rounds"


def ranges(times: Mapping[str, list[float]]) -> str:
    """Returns milliseconds per batch of each rival, median and range over the rounds, as text."""
    return "; ".join(
        f"{name}: {statistics.median(rounds) * 1e3:.1f} ({min(rounds) * 1e3:.1f} to {max(rounds) * 1e3:.1f}) ms a batch"
        for name, rounds in times.items()
    )
