"""Collectives between ranks: every member has what all brought, and computes the mean of it as one process does.

So the sums are those of one process, in the order of the replicas, to the last bit; a mean is not added up on the way,
in whatever order messages come. An AllReduce gives a mean that is still to come; whoever uses it waits for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

import torch
from torch import Tensor

from benchmarks.executors.accounting import Gradient
from benchmarks.executors.distributed.buckets import Bucket, ComingMean, Delivery, parted
from benchmarks.executors.distributed.form import Form
from benchmarks.executors.distributed.monitor import Away, RankMonitor
from benchmarks.executors.distributed.shares import SharedMean, worth_sharing
from benchmarks.executors.distributed.transport import NcclTransport, Transport, finish, tag_of
from benchmarks.executors.numerics.replica import TorchGradient, TorchLayer
from benchmarks.executors.numerics.team import TorchTeam
from benchmarks.executors.team import narrowed
from methods import effects as e


class GroupLine:
    """A group's buckets, kept over parts. round: the layers of those that are filled in turn; else each has its own."""

    def __init__(
        self, name: str, round: Sequence[TorchLayer], transport: Transport | NcclTransport, device: torch.device
    ) -> None:
        self.name, self.transport, self.device = name, transport, device
        adding = transport.thread("adding up") if round and isinstance(transport, Transport) else None
        self._buckets = [
            Bucket(layers, transport, tag_of(f"{name}, bucket {i}"), device, adding)
            for i, layers in enumerate(parted(round))
        ]
        self._round = [bucket for bucket in self._buckets for _ in bucket.layers]
        self._own: dict[TorchLayer, Bucket] = {}
        self._brought = 0
        self._open: dict[Bucket, Delivery] = {}

    def delivery(self, layer: TorchLayer) -> Delivery:
        """Returns the delivery that takes the layer's gradient. Raises ValueError where that is not the next."""
        bucket = self._bucket(layer)
        if bucket not in self._open:
            self._open[bucket] = bucket.delivery()
        delivery = self._open[bucket]
        if bucket.layers[len(delivery.means)] is not layer:
            raise ValueError(f"{self.name} was brought {layer.name} in another order than in its first steps")
        return delivery

    def leave(self, delivery: Delivery) -> list[Delivery]:
        """Sends a bucket. Returns the deliveries to await now: at the last bucket of a round all others, else none.

        Awaiting them sooner would make ranks that are slow in turns wait for each other at every bucket.
        """
        del self._open[delivery.bucket]
        delivery.leave()
        if not self._round or delivery.bucket is not self._buckets[-1]:
            return []
        return [bucket.last for bucket in self._buckets[:-1] if bucket.last is not None]

    def _bucket(self, layer: TorchLayer) -> Bucket:
        if self._round:
            self._brought += 1
            return self._round[(self._brought - 1) % len(self._round)]
        if layer not in self._own:
            self._own[layer] = Bucket([layer], self.transport, tag_of(f"{self.name}, {layer.name}"), self.device)
        return self._own[layer]


class RankMeetings:
    """The collectives of one part. lines: of the groups of gradients, by name, kept over parts.

    rounds: as CrossDeviceChannels has them. carrier: of gradients.
    """

    def __init__(
        self,
        team: TorchTeam,
        monitor: RankMonitor,
        transport: Transport,
        carrier: Transport | NcclTransport,
        lines: dict[str, GroupLine],
        rounds: Mapping[str, Sequence[int]],
    ) -> None:
        self.team, self.monitor, self.transport = team, monitor, transport
        self.carrier, self.lines, self.rounds = carrier, lines, rounds
        self._groups: dict[str, e.Group] = {}

    def all_reduce(self, worker: e.Worker, effect: e.AllReduce) -> Gradient:
        gradient = narrowed(TorchGradient, effect.gradient)
        if effect.group.members == 1:
            return self.team.all_reduce([gradient])[0]
        self._check(effect.group)
        self.settle(worker, gradient)
        line = self._line(effect.group, effect.replica)
        delivery = line.delivery(gradient.layer)
        mean = delivery.add(gradient)
        mean.batches = gradient.batches * effect.group.members  # all bring as many
        mean.parts = gradient.parts
        self.team.accounts.reduced([gradient], [mean])
        if delivery.full:
            before = line.leave(delivery)
            self._meet(effect.group, delivery)
            for earlier in before:  # their means are computed while this one is under way
                self._await(worker, earlier)
        return mean

    def settle(self, worker: e.Worker, what: object) -> None:
        """Waits until a mean that comes is there."""
        if isinstance(what, ComingMean) and what.delivery is not None:
            self._await(worker, what.delivery)

    def as_they_come(self, worker: e.Worker, gradients: Iterable[e.Gradient]) -> Iterator[list[e.Gradient]]:
        """Gives those that come together, once they are there: they can be applied while others are under way."""
        for _, together in groupby(gradients, key=lambda gradient: id(getattr(gradient, "delivery", None))):
            there = list(together)
            self.settle(worker, there[0])
            yield there

    def average(self, worker: e.Worker, effect: e.Average) -> bool | e.Correction:
        snapshot = self.team.flat(effect.replica, state=effect.state)
        if effect.group.members == 1:
            return self.team.averaged(effect, self.team.mean_flat([snapshot]), snapshot, effect.last)
        self._check(effect.group)
        with self.monitor.meeting(worker, self._meet(effect.group)):
            mean, everyone = self._mean_flat(effect.group, snapshot, effect.last)
        return self.team.averaged(effect, mean.to(snapshot.device), snapshot, everyone)

    def _mean_flat(self, group: e.Group, snapshot: Tensor, last: bool) -> tuple[Tensor, bool]:
        """(n,) -> the mean (n,) over the ranks, on the host, and whether it is the last of all."""
        form, tag = Form([snapshot], numbers=1), tag_of(group.name)
        rows = form.rows(self.transport.ranks)
        form.fill(rows[self.transport.rank], [snapshot], [last])
        if not worth_sharing(form, self.transport.ranks):
            finish([self.transport.expect(tag, rows), self.transport.give(tag, rows)])
            mean = self.team.mean_flat([form.tensors(row)[0] for row in rows])
            return mean, bool(*form.least_numbers(rows))
        shared = SharedMean(self.transport, tag, form, rows, self._add_up)
        shared.give()
        shared.add_up()
        row = shared.wait()
        return form.tensors(row)[0], bool(form.numbers(row))

    def _add_up(self, rows: Tensor, into: Tensor) -> None:
        into.copy_(self.team.mean_flat(list(rows)))

    def _line(self, group: e.Group, replica: e.Replica) -> GroupLine:
        if group.name not in self.lines:
            round = [narrowed(TorchLayer, replica.layers[i]) for i in self.rounds.get(group.name, ())]
            self.lines[group.name] = GroupLine(group.name, round, self.carrier, self.team.device)
        return self.lines[group.name]

    def _await(self, worker: e.Worker, delivery: Delivery) -> None:
        if delivery.there:
            return
        if delivery.meeting is None:
            with self.monitor:
                self.monitor.wait(worker, "what is sent together", lambda: delivery.meeting is not None)
        assert delivery.meeting is not None
        with self.monitor.meeting(worker, delivery.meeting):
            delivery.await_all()

    def _check(self, group: e.Group) -> None:
        if group.members != self.transport.ranks:
            raise ValueError(
                f"{group.name} has {group.members} members of {self.transport.ranks}: between ranks, all meet"
            )
        if self._groups.setdefault(group.name, group) is not group:
            raise ValueError(f"two groups are named '{group.name}': between ranks, a name stands for one")

    def _meet(self, group: e.Group, delivery: Delivery | None = None) -> Away:
        """This rank has brought its share of the group's next meeting -> which that is."""
        with self.monitor:
            self.monitor.met[group.name] += 1
            meeting = Away(group.name, self.monitor.met[group.name])
            if delivery is not None:
                delivery.meeting = meeting
            self.monitor.changed()
            return meeting
