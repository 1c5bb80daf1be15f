"""AllReduce and Average between ranks, by torch's all-reduce.

Gradients of several layers go in one message, a bucket, as torch's DistributedDataParallel sends them: a bucket leaves
when its last layer's gradient is there, while the backward pass goes on. AllReduce returns at once, a PendingMean;
whoever uses it waits for it. On two ranks sums have the bits of one process; on more they differ by rounding.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch

from benchmarks.executors.accounting import Gradient
from benchmarks.executors.distributed.session import RankSession
from benchmarks.executors.distributed.transport import Transport
from benchmarks.executors.distributed.watch import RankMonitor, RemoteWait
from benchmarks.executors.numerics.layer import TorchGradient, TorchLayer
from benchmarks.executors.numerics.team import TorchTeam
from benchmarks.executors.numerics.weights import wait_for_gradient
from benchmarks.executors.team import checked
from benchmarks.executors.traffic import Traffic
from methods import effects as e

FIRST_BYTES, BYTES = 2**20, 8 * 2**20
"""A bucket leaves at this size. torch takes 1 MiB and 25 MiB; nothing is computed while the last bucket is sent."""


def split_into_buckets(layers: Iterable[TorchLayer]) -> Iterator[list[TorchLayer]]:
    """Splits layers, in the order in which a round reduces them, into buckets of FIRST_BYTES or BYTES and more."""
    bucket: list[TorchLayer] = []
    limit, size = FIRST_BYTES, 0
    for layer in layers:
        bucket.append(layer)
        size += sum(p.numel() * p.element_size() for p in layer.params)
        if size >= limit:
            yield bucket
            bucket, limit, size = [], BYTES, 0
    if bucket:
        yield bucket


@dataclass(slots=True)
class PendingMean(TorchGradient):
    """The mean gradient of one layer; until its `reduction` has ended, tensors and ticket are this rank's own."""

    reduction: Reduction | None = None


class Reduction:
    """One all-reduce: of the gradients of some layers, in one vector.

    remote_wait: names the meeting of the group that this is, for error messages; None until the bucket was sent.
    """

    def __init__(self, layers: Sequence[TorchLayer], transport: Transport) -> None:
        self.layers, self.transport = layers, transport
        self.means: list[PendingMean] = []
        self.remote_wait: RemoteWait | None = None
        self.complete, self._lock = False, threading.Lock()

    def add(self, gradient: TorchGradient) -> PendingMean:
        """Adds this rank's gradient of the bucket's next layer -> the mean, pending."""
        mean = PendingMean(gradient.layer, gradient.index, gradient.read, gradient.ready, gradient.tensors)
        mean.reduction, mean.weights, mean.copied = self, gradient.weights, gradient.copied
        self.means.append(mean)
        return mean

    @property
    def full(self) -> bool:
        """Whether all layers of the bucket have been added."""
        return len(self.means) == len(self.layers)

    def send(self, group: str, carrier: str, device: torch.device) -> None:
        """Begins the all-reduce. carrier: the process group of the gradients, whose memory is `device`'s."""
        pieces = [tensor.reshape(-1) for mean in self.means for tensor in mean.tensors]
        self._vector = torch.cat([*pieces, torch.empty(0)]).to(device) if pieces else torch.empty(0)
        self._tickets = torch.tensor([mean.index for mean in self.means])
        self._works = [self.transport.all_reduce(group, self._tickets, "MIN")]
        if pieces:
            self._works.append(self.transport.all_reduce(carrier, self._vector))

    def wait(self) -> None:
        """Waits for the all-reduce, then fills in tensors and tickets of all means. Raises LinkLost."""
        with self._lock:
            if self.complete:
                return
            self.transport.wait(*self._works)
            self._vector /= self.transport.ranks
            pieces = iter(torch.split(self._vector, [t.numel() for mean in self.means for t in mean.tensors]))
            for mean, ticket in zip(self.means, self._tickets.tolist(), strict=True):
                mean.index = ticket
                mean.tensors = tuple(next(pieces).view(tensor.shape).to(tensor) for tensor in mean.tensors)
            self.means, self.complete = [], True


class Buckets:
    """The buckets of one group's gradients in one part of the run.

    round: the layers that every round reduces, in order, whose gradients are sent in buckets; empty: each layer is sent
    by itself.
    """

    def __init__(self, name: str, round: Sequence[TorchLayer], transport: Transport) -> None:
        self.name, self.transport = name, transport
        self._buckets = list(split_into_buckets(round))
        self._begun = 0
        self._open: Reduction | None = None

    def add(self, gradient: TorchGradient) -> tuple[PendingMean, Reduction]:
        """Adds a gradient to the bucket that is due -> its mean, and the bucket.

        Raises ValueError where the bucket has another layer next.
        """
        if (bucket := self._open) is None:
            layers = self._buckets[self._begun % len(self._buckets)] if self._buckets else [gradient.layer]
            bucket = Reduction(layers, self.transport)
            self._begun += 1
        if bucket.layers[len(bucket.means)] is not gradient.layer:
            raise ValueError(f"{self.name} was brought {gradient.layer.name} in another order than in its first steps")
        mean = bucket.add(gradient)
        self._open = None if bucket.full else bucket
        return mean, bucket


class RankCollectives:
    """Carries out AllReduce and Average of one part with the other ranks. rounds: as in CrossDeviceChannels."""

    def __init__(
        self,
        team: TorchTeam,
        monitor: RankMonitor,
        traffic: Traffic,
        session: RankSession,
        rounds: Mapping[str, Sequence[int]],
    ) -> None:
        self.team, self.monitor, self.traffic, self.rounds = team, monitor, traffic, rounds
        self.session, self.transport = session, session.transport
        self.nccl = session.read("backend", str) == "nccl"
        self._buckets: dict[str, Buckets] = {}
        self._groups: dict[str, e.Group] = {}

    def all_reduce(self, worker: e.Worker, effect: e.AllReduce) -> Gradient:
        gradient = checked(TorchGradient, effect.gradient)
        if effect.group.members == 1:
            return self.team.all_reduce([gradient])[0]
        self._check(effect)
        self.wait_for_mean(worker, gradient)
        wait_for_gradient(gradient, self.team.streams)
        mean, bucket = self._buckets_of(effect, gradient).add(gradient)
        mean.batches = gradient.batches * effect.group.members  # all bring as many
        mean.parts = gradient.parts
        if mean.batches:
            self.team.accounts.count_reduction([gradient], [mean])
        else:
            mean.as_delta()
        if bucket.full:
            self._send(worker, effect.group.name, bucket, nccl=self.nccl and bool(mean.batches))
        return mean

    def wait_for_mean(self, worker: e.Worker, item: object) -> None:
        """Waits until a mean that AllReduce returned is known; returns at once for anything else."""
        if isinstance(item, PendingMean) and (reduction := item.reduction) is not None and not reduction.complete:
            if reduction.remote_wait is None:
                with self.monitor:
                    self.monitor.wait(worker, "what is sent together", lambda: reduction.remote_wait is not None)
            assert reduction.remote_wait is not None
            with self.monitor.meeting(worker, reduction.remote_wait):
                reduction.wait()

    def grouped_by_arrival(self, worker: e.Worker, gradients: Iterable[e.Gradient]) -> Iterator[list[e.Gradient]]:
        """Yields the gradients bucket by bucket, each once its means are known, while others are on their way."""
        for _, arriving in groupby(gradients, key=lambda gradient: id(getattr(gradient, "reduction", None))):
            arrived = list(arriving)
            self.wait_for_mean(worker, arrived[0])
            yield arrived

    def average(self, worker: e.Worker, effect: e.Average) -> bool | e.Correction:
        snapshot = self.team.flat(effect.replica, state=effect.state)
        if effect.group.members == 1:
            mean = self.team.mean_flat([self.team.weighed(effect, snapshot)])
            return self.team.finish_average(effect, mean, snapshot, effect.last)
        self._check(effect)
        name = effect.group.name
        mean = self.team.weighed(effect, snapshot).to("cpu", copy=True)
        all_last = torch.tensor(int(effect.last))
        with self.monitor.meeting(worker, self._arrive(name)):
            self._connect(name)
            works = self.transport.all_reduce(name, mean), self.transport.all_reduce(name, all_last, "MIN")
            self.transport.wait(*works)
        mean /= self.transport.ranks
        return self.team.finish_average(effect, mean.to(snapshot.device), snapshot, bool(all_last))

    def _send(self, worker: e.Worker, name: str, bucket: Reduction, *, nccl: bool) -> None:
        """Sends a full bucket, and lets those go on that wait for it."""
        meeting, carrier = self._arrive(name), f"{name} by NCCL" if nccl else name
        with self.monitor.meeting(worker, meeting):
            self._connect(name)
            self._connect(carrier, nccl=nccl)
        bucket.send(name, carrier, self.team.device if nccl else torch.device("cpu"))
        with self.monitor:
            bucket.remote_wait = meeting
            self.monitor.changed()

    def _connect(self, name: str, *, nccl: bool = False) -> None:
        if not self.transport.connected(name):
            self.session.connect(name, self.monitor.check, nccl=nccl)

    def _buckets_of(self, effect: e.AllReduce, gradient: TorchGradient) -> Buckets:
        """Returns the group's buckets; pseudo-gradients have their own, a layer each."""
        name = effect.group.name if gradient.batches else f"pseudo-gradients of {effect.group.name}"
        if name not in self._buckets:
            round = [checked(TorchLayer, effect.replica.layers[i]) for i in self.rounds.get(name, ())]
            self._buckets[name] = Buckets(name, round, self.transport)
        return self._buckets[name]

    def _check(self, effect: e.AllReduce | e.Average) -> None:
        """Checks that all ranks meet, and counts what this one then sends to the next. Raises ValueError."""
        group, rank = effect.group, self.transport.rank
        if group.members != self.transport.ranks:
            raise ValueError(
                f"{group.name} has {group.members} members of {self.transport.ranks}: between ranks, all meet"
            )
        if self._groups.setdefault(group.name, group) is not group:
            raise ValueError(f"two groups are named '{group.name}': between ranks, a name stands for one")
        self.traffic.contribute(effect, rank, rank, (rank + 1) % group.members)

    def _arrive(self, name: str) -> RemoteWait:
        """Notes that this rank has contributed to the group's next meeting -> that meeting."""
        with self.monitor:
            self.monitor.met[name] += 1
            self.monitor.changed()
            return RemoteWait(name, self.monitor.met[name])
