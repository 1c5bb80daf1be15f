"""Times ranks on this machine against torch's DistributedDataParallel, and against loops that never communicate.

    python tools/benchmark_distributed.py [--ranks N] [--rounds N] [--full-width] [--batches N] [--threads N]

Both rivals of a ratio are timed in the same processes, in turns: a round is an epoch of each. A ratio is the median
over the rounds of the ratios within a round, so that other load on the machine slows both. Rank 0's gathering of the
other replicas at an epoch's end is not timed: like an evaluation, it comes once an epoch.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for tools.measuring

import methods
from benchmarks.executors.distributed import session
from benchmarks.executors.distributed.place import RankPlace
from benchmarks.executors.distributed.session import RankSession
from benchmarks.executors.distributed.transport import dist
from benchmarks.runner.calibration import random_images
from benchmarks.runner.processes.memory import keep_freed_memory
from benchmarks.runner.training import Training, load_data
from benchmarks.workloads.workload import workload
from tools.measuring import ranges, ratio, spread, training

OPTIONS: dict[str, dict[str, Any]] = {"ddp": {}, "lapsgd": {"switch": 0.0}}
"""LAP-SGD averages every 16 updates of a device, as in its second phase."""
DDP = "DistributedDataParallel"
RIVALS: dict[str, dict[str, Any]] = {
    DDP: {},
    f"{DDP}, views": {"gradient_as_bucket_view": True},
    f"{DDP}, views, static graph": {"gradient_as_bucket_view": True, "static_graph": True},
    f"{DDP}, views, 8 MB": {"gradient_as_bucket_view": True, "bucket_cap_mb": 8},
}
"""torch's implementation with its default settings, and with others that may be faster."""
APART = ("lapsgd, apart", "independent loops")
"""Loops that never communicate: LAP-SGD's on one device each, and hand-written ones."""
Setting = argparse.Namespace
Turn = Callable[[], tuple[list[float], float]]
"""Trains one epoch -> the losses of this process, and the seconds that gathering took."""


def prepared(setting: Setting, method: str) -> Training:
    """Returns this rank's training, of a run on as many devices as ranks."""
    if setting.full_width:
        samples = setting.batches * setting.batch
        settings = {"train_samples": str(samples), "test_samples": "128", "batch": str(setting.batch)}
        work = workload("cifar10", "resnet18", "paper", settings)
        data: Any = random_images(work)
    else:
        work = workload("cifar100", "resnet18", "smoke", {"train_samples": str(64 * setting.batches)})
        data = load_data(work, None)
    work = work.model_copy(update={"threads": setting.threads})
    return training(work, method, data, "distributed", options=OPTIONS[method] | {"devices": setting.ranks})


def ours(training: Training) -> Turn:
    """Returns a function that trains an epoch through the executor."""

    def turn() -> tuple[list[float], float]:
        torch.set_num_threads(training.work.threads)
        team = training.team
        team.begin_epoch(0)
        training.executor.run(training.method.workers(team))
        team.accounts.end_epoch()
        losses = [float(loss) for _, loss in sorted(zip(team.tickets, team.losses, strict=True))]
        return losses, getattr(training.executor, "gathering_seconds", 0.0)

    return turn


def plain(training: Training, rank: int, ranks: int, wrap: Callable[[Any], Any]) -> Turn:
    """Returns a function that trains an epoch by a hand-written loop over this rank's batches. wrap: the network."""
    network = torch.nn.Sequential(*training.network().values()).train()
    wrapped, chosen = wrap(network), training.work.optimizer
    optimizer = torch.optim.SGD(
        network.parameters(), lr=1.0, momentum=chosen.momentum, weight_decay=chosen.weight_decay, fused=True
    )

    def turn() -> tuple[list[float], float]:
        torch.set_num_threads(training.work.threads)
        losses = []
        for i in range(rank, training.team.steps_per_epoch, ranks):
            images, labels = training.batches.batch(0, i)
            for group in optimizer.param_groups:
                group["lr"] = training.team.learning_rate(i - rank)
            loss = torch.nn.functional.cross_entropy(wrapped(images), labels)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            losses.append(float(loss.detach()))
        return losses, 0.0

    return turn


def every_other(training: Training, rank: int, ranks: int) -> Callable[[int, int], Any]:
    """Returns the batches of this rank alone, as the function (epoch, number) -> batch."""
    return lambda epoch, i: training.batches.batch(epoch, ranks * i + rank)


def turns(rank: int, port: int, setting: Setting, sessions: contextlib.ExitStack) -> dict[str, Turn]:
    """Returns this rank's rivals by name. sessions: keeps the ranks' sessions open."""
    store = session.connect(RankPlace(rank, setting.ranks, port=port), 300.0)
    dist.init_process_group("gloo", store=dist.PrefixStore("rival", store), rank=rank, world_size=setting.ranks)
    rivals: dict[str, Turn] = {}
    for name in setting.methods:
        method = methods.create(name, OPTIONS[name] | {"devices": setting.ranks})
        root = dist.PrefixStore(name, store)
        rank_session = RankSession(root, 1, rank, setting.ranks, method.workers, timeout_seconds=300.0)
        sessions.enter_context(session.session_entered(rank_session))
        prepared_training = prepared(setting, name)
        rivals[name] = ours(prepared_training)
        if rank:
            rank_session.publish_ready()
            threading.Thread(target=prepared_training.executor.follow, daemon=True).start()  # type: ignore[attr-defined]
            rivals[name] = lambda: ([], 0.0)
        if name == "ddp":
            for rival, settings in RIVALS.items():
                wrap = partial(torch.nn.parallel.DistributedDataParallel, **settings)
                rivals[rival] = plain(prepared_training, rank, setting.ranks, wrap)
        else:
            options = {"devices": 1, "switch": 0.0}
            single = training(prepared_training.work, name, prepared_training.data, "threads", options=options)
            single.team.batches = every_other(prepared_training, rank, setting.ranks)
            single.team.accounts.steps_per_epoch = prepared_training.team.steps_per_epoch // setting.ranks
            rivals[APART[0]] = ours(single)
            rivals[APART[1]] = plain(prepared_training, rank, setting.ranks, lambda network: network)
    return rivals


def serve(rank: int, port: int, setting: Setting) -> None:
    """Runs one rank; rank 0 prints the results."""
    keep_freed_memory()
    torch.set_flush_denormal(True)
    with contextlib.ExitStack() as sessions:
        rivals = turns(rank, port, setting, sessions)
        times: dict[str, list[float]] = {name: [] for name in rivals}
        losses: dict[str, list[float]] = {name: [] for name in rivals}
        for number in range(setting.rounds + 1):
            for name, turn in rivals.items():
                dist.barrier()
                begun = time.perf_counter()
                losses_of_turn, gathering = turn()
                dist.barrier()
                losses[name] += losses_of_turn
                if number:  # the first round warms up
                    times[name].append(setting.ranks * (time.perf_counter() - begun - gathering) / setting.batches)
        rank_losses: list[Any] = [None] * setting.ranks
        dist.all_gather_object(rank_losses, losses.get(DDP, []))
        if not rank:
            show(times, losses, rank_losses, setting)
        dist.barrier()
        os._exit(0)  # the thread of a rank that follows never ends


def show(times: dict[str, list[float]], losses: dict[str, list[float]], rank_losses: Any, setting: Setting) -> None:
    print(ranges(times))
    for method, rivals in {"ddp": RIVALS, "lapsgd": APART}.items():
        for rival in (name for name in rivals if name in times):
            text = f"{ratio(times, rival, method):.3f} ({spread(times, rival, method)})"
            print(f"{method} on {setting.ranks} ranks over {rival}: {text}")
    if "ddp" in losses:
        interleaved = [loss for pair in zip(*rank_losses, strict=True) for loss in pair]
        apart = max(abs(a - b) for a, b in zip(losses["ddp"], interleaved, strict=True))
        difference = "to the last bit" if losses["ddp"] == interleaved else f"to {apart:.2g}"
        print(f"losses of {len(interleaved)} batches: DDP's and DistributedDataParallel's are equal {difference}")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batches", type=int, default=40)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--full-width", action="store_true")
    parser.add_argument("--methods", nargs="+", choices=list(OPTIONS), default=list(OPTIONS))
    setting = parser.parse_args()
    store: Any = session.serve("127.0.0.1")
    store.set_timeout(timedelta(seconds=300))
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=serve, args=(rank, store.port, setting)) for rank in range(setting.ranks)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()


if __name__ == "__main__":
    main()
