"""Images per second of `ImageBatches` against torchvision's usual pipeline, on real CIFAR-10, within one run.

    python tools/benchmark_data.py --data FOLDER [--rounds 5] [--threads 1]

The rival: torchvision's CIFAR10 with RandomCrop(32, 4), RandomHorizontalFlip, ToTensor and Normalize behind a
DataLoader with two worker processes, batch 128, shuffled. Both sides give the same kind of batch; rounds alternate.
OMP_WAIT_POLICY=PASSIVE in the environment lets threads that wait sleep.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
import warnings
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import CIFAR10

from benchmarks.hardware.cores import usable_cores
from benchmarks.runner.environment import cpu_name
from benchmarks.workloads.data.cards import card
from benchmarks.workloads.data.images.in_memory import ImageBatches, load

BATCH, STEPS, RIVAL_STEPS = 128, 390, 150


def rival(folder: Path) -> Iterable[Any]:
    warnings.filterwarnings("ignore")  # torchvision unpickles NumPy's old array format
    augment = [transforms.RandomCrop(32, 4), transforms.RandomHorizontalFlip(), transforms.ToTensor()]
    normalise = transforms.Normalize((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))
    data = CIFAR10(folder, transform=transforms.Compose([*augment, normalise]))
    return DataLoader(data, batch_size=BATCH, shuffle=True, num_workers=2, drop_last=True)


def images_per_second(batches: Iterator[Any], steps: int) -> float:
    """The first batch (worker processes start, the epoch is shuffled) comes before the clock."""
    next(batches)
    start = time.perf_counter()
    images = sum(len(labels) for _, labels in islice(batches, steps - 1))
    return images / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds cifar-10-batches-py/")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="torch's, of ImageBatches")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"torch {torch.__version__}, {cpu_name()}, {usable_cores()} cores, batch {BATCH}, {options.rounds} rounds")
    ours = ImageBatches(load(card("cifar10"), folder=options.data), batch=BATCH, seed=0, device=torch.device("cpu"))
    theirs = rival(options.data)
    rates: dict[str, list[float]] = {"ImageBatches": [], "torchvision, 2 workers": [], "ratio": []}
    for epoch in range(options.rounds):
        batches = (ours.batch(epoch, index) for index in range(ours.steps()))
        mine, other = images_per_second(batches, STEPS), images_per_second(iter(theirs), RIVAL_STEPS)
        for values, value in zip(rates.values(), (mine, other, mine / other), strict=True):
            values.append(value)
    for name, values in rates.items():
        print(f"{name:24} min {min(values):,.1f}  median {statistics.median(values):,.1f}  max {max(values):,.1f}")


if __name__ == "__main__":
    main()
