"""Collectives between ranks. Every member receives what all contributed and computes the mean as one process would.

So sums are added in the order of the replicas, bit for bit those of one process; nothing is added up on the way in the
order in which messages come. AllReduce returns at once, a PendingMean; whoever uses it waits for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

import torch
from torch import Tensor

from benchmarks.executors.accounting import Gradient
from benchmarks.executors.distributed.buckets import (
    Bucket,
    BucketReduction,
    PendingMean,
    TensorsOf,
    parameters_of,
    split_into_buckets,
)
from benchmarks.executors.distributed.monitor import RankMonitor, RemoteWait
from benchmarks.executors.distributed.packing import PackedLayout
from benchmarks.executors.distributed.shares import SharedMean, worth_sharing
from benchmarks.executors.distributed.transport import NcclTransport, Transport, tag_of, wait_all
from benchmarks.executors.numerics.layer import TorchGradient, TorchLayer
from benchmarks.executors.numerics.team import TorchTeam
from benchmarks.executors.team import checked
from benchmarks.executors.traffic import Traffic
from methods import effects as e


class GroupBuckets:
    """The buckets of one group of gradients, kept over the parts of a run.

    round: the layers that every round reduces, in order, whose gradients are sent together in buckets. Empty: each
    layer is sent by itself.
    """

    def __init__(
        self,
        name: str,
        round: Sequence[TorchLayer],
        transport: Transport | NcclTransport,
        device: torch.device,
        tensors_of: TensorsOf = parameters_of,
    ) -> None:
        self.name, self.transport, self.device, self.tensors_of = name, transport, device, tensors_of
        reducer = transport.thread("reducing") if round and isinstance(transport, Transport) else None
        self._buckets = [
            Bucket(layers, transport, tag_of(f"{name}, bucket {i}"), device, reducer)
            for i, layers in enumerate(split_into_buckets(round))
        ]
        self._round = [bucket for bucket in self._buckets for _ in bucket.layers]
        self._own: dict[TorchLayer, Bucket] = {}
        self._brought = 0
        self._open: dict[Bucket, BucketReduction] = {}

    def reduction_for(self, layer: TorchLayer) -> BucketReduction:
        """Returns the reduction under way that takes this layer's gradient.

        Raises ValueError where another layer is due.
        """
        bucket = self._bucket(layer)
        if bucket not in self._open:
            self._open[bucket] = bucket.begin_reduction()
        reduction = self._open[bucket]
        if bucket.layers[len(reduction.means)] is not layer:
            raise ValueError(f"{self.name} was brought {layer.name} in another order than in its first steps")
        return reduction

    def send(self, sent: BucketReduction) -> list[BucketReduction]:
        """Sends a full bucket -> the reductions to wait for now: all others of the round at its last bucket, else none.

        Waiting at every bucket would couple ranks that are slow in turns.
        """
        del self._open[sent.bucket]
        sent.send()
        if not self._round or sent.bucket is not self._buckets[-1]:
            return []
        return [bucket.last for bucket in self._buckets[:-1] if bucket.last is not None]

    def _bucket(self, layer: TorchLayer) -> Bucket:
        if self._round:
            self._brought += 1
            return self._round[(self._brought - 1) % len(self._round)]
        if layer not in self._own:
            tag = tag_of(f"{self.name}, {layer.name}")
            self._own[layer] = Bucket([layer], self.transport, tag, self.device, tensors_of=self.tensors_of)
        return self._own[layer]


class RankCollectives:
    """Carries out AllReduce and Average of one part with the other ranks.

    gradient_transport: carries gradients (gloo or NCCL); transport: all else. group_buckets: by group name, kept over
    parts. rounds: as in CrossDeviceChannels.
    """

    def __init__(
        self,
        team: TorchTeam,
        monitor: RankMonitor,
        traffic: Traffic,
        transport: Transport,
        gradient_transport: Transport | NcclTransport,
        group_buckets: dict[str, GroupBuckets],
        rounds: Mapping[str, Sequence[int]],
    ) -> None:
        self.team, self.monitor, self.traffic, self.transport = team, monitor, traffic, transport
        self.gradient_transport, self.group_buckets, self.rounds = gradient_transport, group_buckets, rounds
        self._groups: dict[str, e.Group] = {}

    def all_reduce(self, worker: e.Worker, effect: e.AllReduce) -> Gradient:
        gradient = checked(TorchGradient, effect.gradient)
        if effect.group.members == 1:
            return self.team.all_reduce([gradient])[0]
        self._check(effect)
        self.wait_for_mean(worker, gradient)
        buckets = self._buckets_of(effect.group, effect.replica) if gradient.batches else self._of_deltas(effect.group)
        reduction = buckets.reduction_for(gradient.layer)
        mean = reduction.add(gradient)
        mean.batches = gradient.batches * effect.group.members  # all bring as many
        mean.parts = gradient.parts
        if mean.batches:
            self.team.accounts.count_reduction([gradient], [mean])
        else:
            mean.as_delta()
        if reduction.full:
            before = buckets.send(reduction)
            self._arrive(effect.group, reduction)
            for earlier in before:  # their means are computed while this one is under way
                self._await(worker, earlier)
        return mean

    def wait_for_mean(self, worker: e.Worker, item: object) -> None:
        """Waits until a mean that AllReduce returned is known; returns at once for anything else."""
        if isinstance(item, PendingMean) and item.reduction is not None:
            self._await(worker, item.reduction)

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
        with self.monitor.meeting(worker, self._arrive(effect.group)):
            mean, all_last = self._mean_flat(effect.group, self.team.weighed(effect, snapshot), effect.last)
        return self.team.finish_average(effect, mean.to(snapshot.device), snapshot, all_last)

    def _mean_flat(self, group: e.Group, snapshot: Tensor, last: bool) -> tuple[Tensor, bool]:
        """Exchanges snapshots (n,) -> their mean (n,) on the host, and whether all members said `last`."""
        layout, tag = PackedLayout([snapshot], numbers=1), tag_of(group.name)
        rows = layout.empty_rows(self.transport.ranks)
        layout.fill(rows[self.transport.rank], [snapshot], [last])
        if not worth_sharing(layout, self.transport.ranks):
            wait_all([self.transport.receive_rows(tag, rows), self.transport.send_rows(tag, rows)])
            mean = self.team.mean_flat([layout.tensors(row)[0] for row in rows])
            return mean, bool(*layout.least_numbers(rows))
        shared = SharedMean(self.transport, tag, layout, rows, self._add_up)
        shared.send()
        shared.reduce_share()
        row = shared.wait()
        return layout.tensors(row)[0], bool(layout.numbers(row))

    def _add_up(self, rows: Tensor, into: Tensor) -> None:
        into.copy_(self.team.mean_flat(list(rows)))

    def _buckets_of(self, group: e.Group, replica: e.Replica) -> GroupBuckets:
        if group.name not in self.group_buckets:
            round = [checked(TorchLayer, replica.layers[i]) for i in self.rounds.get(group.name, ())]
            self.group_buckets[group.name] = GroupBuckets(group.name, round, self.gradient_transport, self.team.device)
        return self.group_buckets[group.name]

    def _of_deltas(self, group: e.Group) -> GroupBuckets:
        """Returns the buckets of a group's pseudo-gradients, a layer each, which take running statistics along."""
        name, averaged = f"pseudo-gradients of {group.name}", self.team.average_buffers

        def tensors_of(layer: TorchLayer) -> Sequence[Tensor]:
            return [*layer.params, *layer.buffers] if averaged else layer.params

        if name not in self.group_buckets:
            self.group_buckets[name] = GroupBuckets(name, (), self.transport, self.team.device, tensors_of)
        return self.group_buckets[name]

    def _await(self, worker: e.Worker, reduction: BucketReduction) -> None:
        if reduction.complete:
            return
        if reduction.remote_wait is None:
            with self.monitor:
                self.monitor.wait(worker, "what is sent together", lambda: reduction.remote_wait is not None)
        assert reduction.remote_wait is not None
        with self.monitor.meeting(worker, reduction.remote_wait):
            reduction.wait_for_means()

    def _check(self, effect: e.AllReduce | e.Average) -> None:
        """Sees that all ranks meet, and counts what this one then sends to the next."""
        group, rank = effect.group, self.transport.rank
        if group.members != self.transport.ranks:
            raise ValueError(
                f"{group.name} has {group.members} members of {self.transport.ranks}: between ranks, all meet"
            )
        if self._groups.setdefault(group.name, group) is not group:
            raise ValueError(f"two groups are named '{group.name}': between ranks, a name stands for one")
        self.traffic.contribute(effect, rank, rank, (rank + 1) % group.members)

    def _arrive(self, group: e.Group, reduction: BucketReduction | None = None) -> RemoteWait:
        """Notes that this rank has contributed to the group's next meeting -> that meeting."""
        with self.monitor:
            self.monitor.met[group.name] += 1
            meeting = RemoteWait(group.name, self.monitor.met[group.name])
            if reduction is not None:
                reduction.remote_wait = meeting
            self.monitor.changed()
            return meeting
