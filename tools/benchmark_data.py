"""Images per second of `ImageBatches` against torchvision's usual pipeline, on real CIFAR-10, within one run.

    python tools/benchmark_data.py --data FOLDER

The rival: torchvision's CIFAR10 with RandomCrop(32, 4), RandomHorizontalFlip, ToTensor and Normalize behind a
DataLoader with two worker processes, batch 128, shuffled. Both sides give the same kind of batch; rounds alternate.
Every number of threads and OpenMP wait policy is measured in a process of its own, since a process reads the policy
once; the best is the one to quote.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from torch.utils.data import DataLoader

from benchmarks.hardware.cores import usable_cores
from benchmarks.runner.environment import cpu_name, of_process
from benchmarks.runner.processes import openmp
from benchmarks.workloads.data.cards import card
from benchmarks.workloads.data.images.in_memory import ImageBatches, load

BATCH = 128


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds cifar-10-batches-py/")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=390, help="batches of ImageBatches per round")
    parser.add_argument("--rival-steps", type=int, default=150, help="batches of the DataLoader per round")
    options = parser.parse_args()

    print(f"{platform.machine()}, {cpu_name()}, {usable_cores()} cores")
    print(f"torch {torch.__version__}, batch {BATCH}, {options.rounds} rounds")
    own = os.environ.get(openmp.VARIABLE)
    for threads in (1, 2):
        for policy in (own,) if own or threads == 1 else (None, "PASSIVE"):
            _in_own_process(_measure, policy, options, threads)
    _in_own_process(_small, None, options.rounds)


def _in_own_process(function: Callable[..., None], policy: str | None, *arguments: Any) -> None:
    """Not a daemon, which may have no worker processes."""
    process = multiprocessing.get_context("spawn").Process(target=function, args=arguments)
    with openmp.applied(policy):
        process.start()
    process.join()


def _measure(options: argparse.Namespace, threads: int) -> None:
    ours = ImageBatches(load(card("cifar10"), folder=options.data), batch=BATCH, seed=0, device=torch.device("cpu"))
    rival = _rival(options.data)
    torch.set_num_threads(threads)
    rates: dict[str, list[float]] = {"ImageBatches": [], "torchvision, 2 workers": []}
    for epoch in range(options.rounds):
        rates["ImageBatches"].append(_images_per_second(ours_in(ours, epoch), options.steps))
        rates["torchvision, 2 workers"].append(_images_per_second(iter(rival), options.rival_steps))
    _show(threads, rates)


def ours_in(batches: ImageBatches, epoch: int) -> Iterator[Any]:
    """The batches of one epoch, one after the other."""
    return (batches.batch(epoch, index) for index in range(batches.steps()))


def _rival(folder: Path) -> Iterable[Any]:
    warnings.filterwarnings("ignore")  # torchvision unpickles NumPy's old array format
    from torchvision import transforms
    from torchvision.datasets import CIFAR10

    augment = [transforms.RandomCrop(32, 4), transforms.RandomHorizontalFlip(), transforms.ToTensor()]
    normalise = transforms.Normalize((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))
    data = CIFAR10(folder, transform=transforms.Compose([*augment, normalise]))
    return DataLoader(data, batch_size=BATCH, shuffle=True, num_workers=2, drop_last=True)


def _images_per_second(batches: Iterator[Any], steps: int) -> float:
    """The first batch (worker processes start, the epoch is shuffled) comes before the clock."""
    next(batches)
    start = time.perf_counter()
    images = sum(len(labels) for _, labels in islice(batches, steps - 1))
    return images / (time.perf_counter() - start)


def _show(threads: int, rates: dict[str, list[float]]) -> None:
    print(f"\n{threads} torch thread(s), wait policy: {of_process()['wait_policy']}")
    for name, values in rates.items():
        print(f"  {name:24}{_spread(values, 'images/s')}")
    ratios = [mine / other for mine, other in zip(*rates.values(), strict=True)]
    print(f"  {'ratio, round by round':24}{_spread(ratios, 'x', 1)}")


def _small(rounds: int) -> None:
    """The embedded default's batch, one torch thread: what a run at smoke scale pays per step."""
    torch.set_num_threads(1)
    data = load(card("digit-pairs"), train_samples=1280)
    batches = ImageBatches(data, batch=64, seed=0, device=torch.device("cpu"))
    costs = [_microseconds(lambda index: batches.batch(0, index % 20), 2000) for _ in range(rounds)]
    print(f"\ndigit-pairs, batch 64     {_spread(costs, 'microseconds per batch', 1)}")


def _microseconds(work: Callable[[int], Any], repeats: int) -> float:
    start = time.perf_counter()
    for index in range(repeats):
        work(index)
    return (time.perf_counter() - start) / repeats * 1e6


def _spread(values: list[float], unit: str, digits: int = 0) -> str:
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"min {low:,.{digits}f}   median {middle:,.{digits}f}   max {high:,.{digits}f} {unit}"


if __name__ == "__main__":
    main()
