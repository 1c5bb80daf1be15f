"""Channels whose taker is on another rank: what goes through them are gradients, a header and a payload each."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from benchmarks.executors.accounting import Read
from benchmarks.executors.distributed.form import Form
from benchmarks.executors.distributed.wire import HEADER, PAYLOAD, LinkLost, Wire, tag_of
from benchmarks.executors.numerics.replica import TorchGradient, TorchLayer
from benchmarks.executors.numerics.team import TorchTeam
from benchmarks.executors.threads.channels import SharedChannels, SharedQueue
from benchmarks.executors.threads.monitor import Monitor, Wait
from methods import effects as e

GRADIENT, CLOSE = 1, 2
CLOCKS = time.time() - time.perf_counter()
"""What makes this process's clock the wall's, by which ranks tell each other moments."""

Message = tuple[list[int], list[Tensor]]


class Post:
    """What comes to this rank's channels from others, as long as the run lasts: a thread listens to each of them.

    It is handed to the channels of the part that it is of, which may not have begun here.
    """

    def __init__(self, wire: Wire, layers: Sequence[TorchLayer], lost: Callable[[LinkLost], None]) -> None:
        self.wire, self.lost = wire, lost
        self.forms = [Form(layer.params) for layer in layers]
        self.part, self._early = 0, list[Message]()
        self.deliver: Callable[[Message], None] = self._early.append
        self._lock = threading.Lock()
        for peer in wire.others:
            threading.Thread(target=self._listen, args=(peer,), name=f"messages of rank {peer}", daemon=True).start()

    def begin(self, part: int, deliver: Callable[[Message], None]) -> None:
        """From now on, messages of this part are delivered."""
        with self._lock:
            self.part, self.deliver = part, deliver
            early, self._early = self._early, []
            for message in early:
                self._pass_on(message)

    def _listen(self, peer: int) -> None:
        try:
            while True:
                header = torch.empty(len(HEAD), dtype=torch.int64)
                self.wire.receive(peer, HEADER, header)
                said = header.tolist()
                with self._lock:
                    self._pass_on((said, self._payload(peer, said)))
        except LinkLost as error:
            self.lost(error)

    def _payload(self, peer: int, said: list[int]) -> list[Tensor]:
        if said[0] == CLOSE:
            return []
        form = self.forms[said[LAYER]]
        row = form.row()
        self.wire.receive(peer, PAYLOAD, row)
        return form.tensors(row)

    def _pass_on(self, message: Message) -> None:
        if message[0][PART] == self.part:
            self.deliver(message)
        else:
            self._early.append(message)


HEAD = ("kind", "part", "channel", "layer", "replica", "ticket", "updates", "settled", "batches", "read", "ready")
PART, CHANNEL, LAYER, REPLICA, TICKET, UPDATES, SETTLED, BATCHES, READ, READY = range(1, len(HEAD))


class RankChannels(SharedChannels):
    """homes: of channels between ranks, by name, the rank that takes."""

    def __init__(
        self, monitor: Monitor, team: TorchTeam, wire: Wire, homes: Mapping[str, int], part: int, post: Post | None
    ) -> None:
        super().__init__(monitor)
        self.team, self.wire, self.homes, self.part = team, wire, homes, part
        self.sent = self.had = 0
        self._named = {tag_of(name): SharedQueue(self.make_items()) for name in homes}
        if post is not None:
            self.forms = post.forms
            post.begin(part, self._take)

    def _queue(self, channel: e.Channel) -> SharedQueue:
        return self._named[tag_of(channel.name)] if channel.name in self.homes else super()._queue(channel)

    def put(self, worker: e.Worker, effect: e.Put) -> Wait | None:
        if (home := self.homes.get(effect.channel.name, self.wire.rank)) == self.wire.rank:
            return super().put(worker, effect)
        item = effect.item
        if not isinstance(item, TorchGradient) or effect.channel.capacity is not None:
            raise ValueError(
                f"{effect.channel.name} is between ranks, which pass gradients on, through channels without a bound"
            )
        self._send(home, effect.channel, item)
        return None

    def close(self, worker: e.Worker, effect: e.Close) -> None:
        port = effect.port
        if isinstance(port, e.Counter) or (home := self.homes.get(port.name, self.wire.rank)) == self.wire.rank:
            super().close(worker, effect)
            return
        self._count()
        said = [CLOSE, self.part, tag_of(port.name)]
        self.wire.send(home, (HEADER, torch.tensor(said + [0] * (len(HEAD) - len(said)))))

    def _send(self, home: int, channel: e.Channel, gradient: TorchGradient) -> None:
        """A copy of it, which is settled here: by whoever applied it before, or by being handed on."""
        settled, form = gradient.settled, self.forms[gradient.layer.index]
        self.team.accounts.settle([gradient])
        row = form.row()
        with gradient.stream:
            form.fill(row, gradient.tensors)
        moments = torch.tensor([CLOCKS + _seconds(gradient.read.time), CLOCKS + _seconds(gradient.ready)]).double()
        said = [GRADIENT, self.part, tag_of(channel.name), gradient.layer.index, gradient.layer.device, gradient.index]
        header = torch.cat(
            [torch.tensor([*said, gradient.read.updates, settled, gradient.batches]), moments.view(torch.int64)]
        )
        self._count()
        self.wire.send(home, (HEADER, header), (PAYLOAD, row))

    def _count(self) -> None:
        with self.monitor:
            self.sent += 1

    def _take(self, message: Message) -> None:
        """From another rank, in a thread that listens."""
        said, tensors = message
        queue, item = self._named[said[CHANNEL]], None
        if said[0] == GRADIENT:
            item = self._gradient(said, tensors)
        with self.monitor:
            self.had += 1
            if item is None:
                queue.closed += 1
            else:
                queue.items.append(item)
            self.monitor.changed()

    def _gradient(self, said: list[int], tensors: list[Tensor]) -> TorchGradient:
        layer = self.team.replicas[said[REPLICA]].layers[said[LAYER]]
        now, moments = time.perf_counter(), torch.tensor(said[READ:]).view(torch.float64) - CLOCKS
        read, ready = (min(moment, now) for moment in moments.tolist())
        here = tuple(tensor.to(self.team.device) for tensor in tensors)
        gradient = TorchGradient(layer, said[TICKET], Read(said[UPDATES], read), ready, here)
        gradient.settled, gradient.batches = bool(said[SETTLED]), said[BATCHES]
        self.team.accounts.arrived(gradient)
        return gradient


def _seconds(moment: Any) -> float:
    """By the host's clock; a device's event has none, and counts as now."""
    return moment if isinstance(moment, float) else time.perf_counter()
