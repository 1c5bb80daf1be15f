"""Measures this machine: seconds of every effect of a batch, timed on the threads executor as in a run.

A layer's seconds include the worker's overhead (executor, locks, Python). Loading a batch, its loss and its updates are
timed separately.
"""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Generator, Iterable
from typing import Any

import torch

import methods
from benchmarks.executors import registry as executors
from benchmarks.hardware.card import NetworkSeconds
from benchmarks.hardware.price import MeasuredEffects
from benchmarks.hardware.step_price import counted
from benchmarks.runner import plan
from benchmarks.runner.training import Training
from benchmarks.workloads.data.cards import card as data_card
from benchmarks.workloads.data.images.in_memory import ImageSet
from benchmarks.workloads.data.load import DataSet
from benchmarks.workloads.data.text.in_memory import TextSet
from benchmarks.workloads.data.text.windows import WindowSet
from benchmarks.workloads.workload import Workload
from methods.effects import (
    Backward,
    Channel,
    Effect,
    Forward,
    Get,
    Loss,
    NextBatch,
    Program,
    Put,
    Snapshot,
    Update,
    Worker,
)

SPLIT = 4
"""Every batch of so many times snapshots, and backward passes without gradients of weights, instead of whole ones."""
MEMBERS = 3
"""Number of replicas in a timed mean, and of workers in the ring that times messages."""
LAPS = 100
ALL = slice(None)

Key = tuple[str, int]  # effect, layer


class Calibration:
    """Times a workload in rounds: an epoch of one worker, then one shared by `workers`, each with its replica.

    Raises UserError if an epoch has fewer batches than workers.
    """

    def __init__(self, work: Workload, data: DataSet, *, device: str = "cpu", workers: int = 1) -> None:
        method = methods.create("ddp", {"devices": workers})
        run = plan.alone(work, method, executor=executors.THREADS.name, device=device)
        self.made = Training(run.spec, data, None)
        self.team, self.device = self.made.team, torch.device(device)
        self._rounds: dict[Key, list[float]] = defaultdict(list)  # per round the mean over its batches
        self._capacity: list[float] = []
        self._capacity_of_one: list[float] = []
        self._epoch(self.team.replicas)  # warm up: optimizer state, slots, caches

    def round(self) -> None:
        """Times an epoch of one worker, one of all workers, and the means over replicas."""
        started = time.perf_counter()
        times, gradients = self._epoch(self.team.replicas[:1])
        alone = time.perf_counter() - started
        for key, values in times.items():
            self._rounds[key].append(statistics.fmean(values))
        self._means(gradients)
        self._messages()
        if len(self.team.replicas) > 1:
            for replicas, capacity in (
                (self.team.replicas, self._capacity),
                ([self.team.replica] * len(self.team.replicas), self._capacity_of_one),
            ):
                started = time.perf_counter()
                self._epoch(replicas)
                capacity.append(alone / (time.perf_counter() - started))

    def capacity(self, rounds: slice = ALL, *, shared: bool = False) -> float:
        """Returns the speed of all workers together over that of one: the median of the rounds, at least 1.

        shared: whether the workers share one replica, with its locks.
        """
        capacities = self._capacity_of_one if shared else self._capacity
        return max(1.0, statistics.median(capacities[rounds])) if capacities else 1.0

    def seconds(self, rounds: slice = ALL) -> NetworkSeconds:
        """Returns the workload's entry of a hardware card: medians of the rounds."""
        work, names = self.made.work, [layer.name for layer in self.team.replica.layers]
        layers = range(len(names))
        layer_costs = counted(work, data_card(work.dataset), self.made.network(), work.batch)

        def of(effect: str, layers: Iterable[int]) -> tuple[float, ...]:
            return tuple(statistics.median(self._rounds[effect, i][rounds]) for i in layers)

        whole, inputs = of("backward", layers), (0.0, *of("inputs", layers[1:]))
        inputs = tuple(map(min, inputs, whole))
        return NetworkSeconds(
            what=f"{work.label}, batch {work.batch}, measured",
            batch=work.batch,
            families=(work.family,),
            layers=tuple(names),
            forward_seconds=of("forward", layers),
            backward_input_seconds=inputs,
            backward_weight_seconds=tuple(both - alone for alone, both in zip(inputs, whole, strict=True)),
            parameter_bytes=tuple(layer.parameter_bytes for layer in layer_costs),
            effects=MeasuredEffects(
                next_batch_seconds=of("next batch", [0])[0],
                loss_seconds=of("loss", [0])[0],
                update_seconds=of("update", layers),
                snapshot_seconds=of("snapshot", layers),
                all_reduce_seconds=of("mean", layers),
                average_seconds=of("average", [0])[0],
                message_seconds=of("message", [0])[0],
            ),
            step_flops=self.made.step_flops,
        )

    # ---- one epoch

    def _epoch(self, replicas: Any) -> tuple[dict[Key, list[float]], dict[int, Any]]:
        """Trains an epoch -> the first replica's times and its last gradients, by layer."""
        self.team.begin_epoch(0)
        recorded: list[tuple[dict[Key, list[float]], dict[int, Any]]] = [(defaultdict(list), {}) for _ in replicas]
        programs = [self._program(replica, *record) for replica, record in zip(replicas, recorded, strict=True)]
        self.made.executor.run([Worker(program, device=i, role="calibration") for i, program in enumerate(programs)])
        return recorded[0]

    def _program(self, replica: Any, times: dict[Key, list[float]], gradients: dict[int, Any]) -> Program:
        number = 0
        while (step := (yield from self._timed(times, ("next batch", 0), NextBatch(replica, shared=True)))) is not None:
            number += 1
            alone = number % SPLIT == 2  # the inputs' gradients alone
            if alone:
                for layer in replica.layers:
                    yield from self._timed(times, ("snapshot", layer.index), Snapshot(layer, step))
            for layer in replica.layers:
                key = ("pinned forward" if alone else "forward", layer.index)
                yield from self._timed(times, key, Forward(layer, step))
            yield from self._timed(times, ("loss", 0), Loss(step))
            for layer in reversed(replica.layers):
                key = ("inputs" if alone else "backward", layer.index)
                gradient = yield from self._timed(times, key, Backward(layer, step, weights=not alone))
                if gradient is not None:
                    yield from self._timed(times, ("update", layer.index), Update(gradient))
                    gradients[layer.index] = gradient

    def _timed(self, times: dict[Key, list[float]], key: Key, effect: Effect) -> Generator[Effect, Any, Any]:
        started = time.perf_counter()
        value = yield effect
        self._wait()
        if value is not None or not isinstance(effect, NextBatch):  # an epoch's end loads nothing
            times[key].append(time.perf_counter() - started)
        return value

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def _means(self, gradients: dict[int, Any]) -> None:
        """Times a mean, per member: of each layer's gradients, and of all weights of a replica."""
        team, replica = self.team, self.team.replica
        for i, gradient in gradients.items():
            started = time.perf_counter()
            team.mean_gradients([gradient] * MEMBERS)
            self._wait()
            self._rounds["mean", i].append((time.perf_counter() - started) / MEMBERS)
        started = time.perf_counter()
        vectors = [team.flat(replica) for _ in range(MEMBERS)]
        mean = team.mean_flat(vectors)
        for vector in vectors:
            team.add_mean(replica, mean, vector)
        self._wait()
        self._rounds["average", 0].append((time.perf_counter() - started) / MEMBERS)

    def _messages(self) -> None:
        """Times sending or receiving a message, by workers in a ring of whom all but one sleep."""
        ring = [Channel(capacity=None) for _ in range(MEMBERS)]
        programs = [_hand_on(ring[k], ring[(k + 1) % MEMBERS], first=k == 0) for k in range(MEMBERS)]
        started = time.perf_counter()
        workers = [Worker(program, device=0, role="ring", index=k) for k, program in enumerate(programs)]
        self.made.executor.run(workers)
        self._rounds["message", 0].append((time.perf_counter() - started) / (2 * MEMBERS * LAPS))


def _hand_on(inbox: Channel, outbox: Channel, *, first: bool) -> Program:
    for _ in range(LAPS):
        if first:
            yield Put(outbox, None)
        yield Get(inbox)
        if not first:
            yield Put(outbox, None)


def random_data(work: Workload, samples: int) -> DataSet:
    """Returns random data of the workload's shape, always the same, for timing."""
    vocabulary, draw = work.vocabulary_on(data_card(work.dataset)), torch.Generator().manual_seed(0)
    if vocabulary is None:
        return random_images(work, samples)
    card = data_card(work.dataset)
    if work.tokens is not None:
        ids = torch.randint(vocabulary, ((samples + 1) * work.tokens.context,), generator=draw, dtype=torch.int32)
        return WindowSet(card, work.tokens, ids, ids, samples, 1, vocabulary, 1.0)
    assert work.text is not None
    tokens = torch.randint(vocabulary, (samples, work.text.length), generator=draw, dtype=torch.int32)
    labels = torch.randint(card.classes, (samples,), generator=draw)
    return TextSet(card, tokens, labels, tokens[: work.batch], labels[: work.batch], vocabulary)


def random_images(work: Workload, samples: int | None = None) -> ImageSet:
    """Returns random images of the data card's shape, always the same; by default as many as the workload has."""
    card = data_card(work.dataset)
    count, draw = samples or work.train_samples or card.train_samples, torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, *card.shape), dtype=torch.uint8, generator=draw)
    labels = torch.randint(card.classes, (count,), generator=draw)
    return ImageSet(card, images, labels, images[: work.batch], labels[: work.batch])
