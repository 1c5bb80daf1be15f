"""Ranks on this machine against torch's DistributedDataParallel, and against loops that never meet.

    python tools/benchmark_distributed.py [--ranks N] [--rounds N] [--full-width] [--batches N] [--threads N]

Both rivals of a ratio are timed in the same processes, in turns: a round is an epoch of each. A ratio is the median
over the rounds of the ratios within a round, so that what else runs on the machine slows both. Of an epoch's end, rank
0's gathering of the other's replica is said apart, and not timed: as evaluation, it comes once an epoch.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for what the tools share

import methods
from benchmarks.executors.distributed import session, shares
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
"""torch's, with its default settings and with others that may serve it better: the fastest is who is to be met."""
WHOLE = "ddp, whole rows"
"""Every rank's to all others, as short ones are sent."""
APART = ("lapsgd, apart", "independent loops")
Setting = argparse.Namespace


def options(method: str, setting: Setting) -> dict[str, Any]:
    return OPTIONS[method] | {"devices": setting.ranks}


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
    return training(work, method, data, "distributed", options=options(method, setting))


def plain(training: Training, rank: int, ranks: int, wrap: Callable[[Any], Any]) -> Callable[[], list[float]]:
    """Makes a hand-written loop over this rank's batches -> a function that runs an epoch and returns its losses."""
    network = torch.nn.Sequential(*training.network().values()).train()
    wrapped, chosen = wrap(network), training.work.optimizer
    optimizer = torch.optim.SGD(
        network.parameters(), lr=1.0, momentum=chosen.momentum, weight_decay=chosen.weight_decay, fused=True
    )

    def epoch() -> list[float]:
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
        return losses

    return epoch


class Rank:
    """One of the processes: trains an epoch of any of its rivals when asked (`turn`)."""

    def __init__(self, rank: int, port: int, setting: Setting) -> None:
        keep_freed_memory()
        torch.set_flush_denormal(True)
        self.rank, self.ranks, self.place = rank, setting.ranks, RankPlace(rank, setting.ranks, port=port)
        self.store = session.connect(self.place, 300.0)
        rival = dist.PrefixStore("rival", self.store)
        dist.init_process_group("gloo", store=rival, rank=rank, world_size=setting.ranks)
        self.turns: dict[str, Callable[[], Any]] = {}
        self.cpu: dict[str, list[float]] = {}  # seconds of this process, all threads
        self.lasting = contextlib.ExitStack()
        trainings = [self._ours(method, method, setting) for method in setting.methods]
        for name, settings in RIVALS.items():
            if "ddp" in setting.methods:
                wrap = partial(torch.nn.parallel.DistributedDataParallel, **settings)
                self.turns[name] = plain(trainings[0], rank, setting.ranks, wrap)
        if "ddp" in setting.methods and setting.ranks > 2:  # two share nothing
            self._ours("ddp", WHOLE, setting)
            self.turns[WHOLE] = partial(self._whole, self.turns[WHOLE])
        if "lapsgd" in setting.methods:
            self._apart(trainings[0])

    def _whole(self, turn: Callable[[], Any]) -> Any:
        least, shares.LEAST_BYTES = shares.LEAST_BYTES, sys.maxsize
        try:
            return turn()
        finally:
            dist.barrier()  # whoever follows has no part in the epoch's end
            shares.LEAST_BYTES = least

    def _apart(self, training_given: Training) -> None:
        """Adds loops that never communicate, for comparison."""
        single = training(
            training_given.work, "lapsgd", training_given.data, "threads", options={"devices": 1, "switch": 0.0}
        )
        single.team.batches = self._every_other(training_given)
        single.team.accounts.steps_per_epoch = training_given.team.steps_per_epoch // self.ranks
        self.turns[APART[0]] = lambda: _epoch(single)
        self.turns[APART[1]] = plain(training_given, self.rank, self.ranks, lambda network: network)

    def _every_other(self, training: Training) -> Callable[[int, int], Any]:
        """Returns this rank's batches."""
        return lambda epoch, i: training.batches.batch(epoch, self.ranks * i + self.rank)

    def _ours(self, name: str, turn: str, setting: Setting) -> Training:
        method = methods.create(name, options(name, setting))
        root = dist.PrefixStore(turn, self.store)
        rank_session = RankSession(root, 1, self.rank, self.ranks, method.workers, timeout_seconds=300.0)
        self.lasting.enter_context(session.session_entered(rank_session))
        training_made = prepared(setting, name)
        if self.rank:
            rank_session.publish_ready()
            threading.Thread(target=training_made.executor.follow, daemon=True).start()  # type: ignore[attr-defined]
            self.turns[turn] = lambda: []
        else:
            self.turns[turn] = lambda: _epoch(training_made)
        return training_made

    def turn(self, name: str) -> tuple[float, list[float]]:
        """Trains one epoch -> seconds until all ranks have finished, and the losses."""
        dist.barrier()
        begun, busy = time.perf_counter(), time.process_time()
        losses = self.turns[name]()
        gathering = 0.0
        if isinstance(losses, tuple):
            losses, gathering = losses
        dist.barrier()
        self.cpu.setdefault(name, []).append(time.process_time() - busy)
        return time.perf_counter() - begun - gathering, losses


def _epoch(training: Training) -> tuple[list[float], float]:
    torch.set_num_threads(training.work.threads)
    training.team.begin_epoch(0)
    training.executor.run(training.method.workers(training.team))
    training.team.accounts.end_epoch()
    gathering: float = getattr(training.executor, "gathering_seconds", 0.0)
    return [float(loss) for _, loss in sorted(zip(training.team.tickets, training.team.losses, strict=True))], gathering


def serve(rank: int, port: int, setting: Setting) -> None:
    """Runs one rank; rank 0 prints the results."""
    member = Rank(rank, port, setting)
    names = list(member.turns)
    times: dict[str, list[float]] = {name: [] for name in names}
    losses: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(setting.rounds + 1):
        for name in names:
            seconds, of_turn = member.turn(name)
            losses[name] += of_turn
            if turn:  # after one to warm up
                times[name].append(setting.ranks * seconds / setting.batches)
    rank_losses: list[Any] = [None] * setting.ranks
    dist.all_gather_object(rank_losses, losses.get(DDP, []))
    if not rank:
        _print(times, losses, rank_losses, setting)
        scale = 1e3 * setting.ranks / setting.batches
        busy = {name: f"{scale * statistics.median(seconds[1:]):.1f}" for name, seconds in member.cpu.items()}
        print(f"milliseconds of rank 0's CPU a batch of its own: {busy}", flush=True)
    dist.barrier()
    os._exit(0)  # a rank that follows is still in its thread


def _print(times: dict[str, list[float]], losses: dict[str, list[float]], rank_losses: Any, setting: Setting) -> None:
    print(ranges(times))
    pairs = [*(("ddp", name) for name in (*RIVALS, WHOLE)), *(("lapsgd", name) for name in APART)]
    for method, rival in pairs:
        if method in times and rival in times:
            text = f"{ratio(times, rival, method):.3f} ({spread(times, rival, method)})"
            print(f"{method} on {setting.ranks} ranks over {rival}: {text}")
    if "ddp" in losses:
        interleaved = [loss for pair in zip(*rank_losses, strict=True) for loss in pair]
        apart = max(abs(a - b) for a, b in zip(losses["ddp"], interleaved, strict=True))
        difference = "to the last bit" if losses["ddp"] == interleaved else f"to {apart:.2g}"
        print(f"losses of {len(interleaved)} batches: DDP's and DistributedDataParallel's are the same {difference}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batches", type=int, default=40)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--full-width", action="store_true")
    parser.add_argument("--methods", nargs="+", default=["ddp", "lapsgd"])
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
