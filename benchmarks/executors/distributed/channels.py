"""Channels whose reader is on another rank.

Gradients are all that they carry: a header of numbers, then the tensors.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from benchmarks.executors.accounting import Moment, Read
from benchmarks.executors.distributed.packing import PackedLayout
from benchmarks.executors.distributed.transport import HEADER, PAYLOAD, LinkLost, Transport, tag_of
from benchmarks.executors.numerics.layer import TorchGradient, TorchLayer
from benchmarks.executors.numerics.team import TorchTeam
from benchmarks.executors.threads.channels import SharedChannels, SharedQueue
from benchmarks.executors.threads.monitor import Monitor, Wait
from benchmarks.executors.traffic import Traffic
from methods import effects as e

GRADIENT, CLOSE = 1, 2
CLOCK_OFFSET = time.time() - time.perf_counter()
"""Seconds from this process's clock to the wall's, by which ranks tell each other moments."""

Message = tuple[list[int], list[Tensor]]


class MessageReceiver:
    """Receives, one thread per peer, the messages for this rank's channels, for as long as the run lasts.

    A message names its part of the run. One that comes before its part has begun here is kept until `begin`.

    on_lost: is called with the error when the connection to a peer is lost.
    """

    def __init__(self, transport: Transport, layers: Sequence[TorchLayer], on_lost: Callable[[LinkLost], None]) -> None:
        self.transport, self.on_lost = transport, on_lost
        self.layouts = [PackedLayout(layer.params) for layer in layers]
        self.part, self._early = 0, list[Message]()
        self.deliver: Callable[[Message], None] = self._early.append
        self._lock = threading.Lock()
        for peer in transport.others:
            threading.Thread(target=self._listen, args=(peer,), name=f"messages of rank {peer}", daemon=True).start()

    def begin(self, part: int, deliver: Callable[[Message], None]) -> None:
        """Delivers the messages of this part from now on, those that came early first."""
        with self._lock:
            self.part, self.deliver = part, deliver
            early, self._early = self._early, []
            for message in early:
                self._dispatch(message)

    def _listen(self, peer: int) -> None:
        try:
            while True:
                numbers = torch.empty(len(HEAD), dtype=torch.int64)
                self.transport.receive(peer, HEADER, numbers)
                header = numbers.tolist()
                with self._lock:
                    self._dispatch((header, self._payload(peer, header)))
        except LinkLost as error:
            self.on_lost(error)

    def _payload(self, peer: int, header: list[int]) -> list[Tensor]:
        if header[0] == CLOSE:
            return []
        layout = self.layouts[header[LAYER]]
        row = layout.empty_row()
        self.transport.receive(peer, PAYLOAD, row)
        return layout.tensors(row)

    def _dispatch(self, message: Message) -> None:
        if message[0][PART] == self.part:
            self.deliver(message)
        else:
            self._early.append(message)


HEAD = ("kind", "part", "channel", "layer", "replica", "ticket", "updates", "settled", "batches", "read", "ready")
PART, CHANNEL, LAYER, REPLICA, TICKET, UPDATES, SETTLED, BATCHES, READ, READY = range(1, len(HEAD))


class RankChannels(SharedChannels):
    """Channels of one part: those within this rank as in SharedChannels, those between ranks by messages.

    homes: the rank that reads, by the name of each channel between ranks. receiver: delivers what other ranks put; None
    where there are no such channels.
    """

    def __init__(
        self,
        monitor: Monitor,
        traffic: Traffic,
        team: TorchTeam,
        transport: Transport,
        homes: Mapping[str, int],
        part: int,
        receiver: MessageReceiver | None,
    ) -> None:
        super().__init__(monitor, traffic)
        self.team, self.transport, self.homes, self.part = team, transport, homes, part
        self.sent = self.received = 0
        self._named = {tag_of(name): SharedQueue(self.make_items()) for name in homes}
        if receiver is not None:
            self.layouts = receiver.layouts
            receiver.begin(part, self._take)

    def _queue(self, channel: e.Channel) -> SharedQueue:
        return self._named[tag_of(channel.name)] if channel.name in self.homes else super()._queue(channel)

    def put(self, worker: e.Worker, effect: e.Put) -> Wait | None:
        if (home := self.homes.get(effect.channel.name, self.transport.rank)) == self.transport.rank:
            return super().put(worker, effect)
        item = effect.item
        single = isinstance(item, TorchGradient) and item.batches and not item.parts
        if not (isinstance(item, TorchGradient) and single) or effect.channel.capacity is not None:
            raise ValueError(
                f"{effect.channel.name} is between ranks, which pass single gradients on (none of Accumulate's or "
                "Delta's, no weights), through channels without a bound"
            )
        self.traffic.team.accounts.count_sent(worker.device, home, self.traffic.gradient_bytes(item))
        self._send(home, effect.channel, item)
        return None

    def close(self, worker: e.Worker, effect: e.Close) -> None:
        port = effect.port
        if (
            isinstance(port, e.Counter)
            or (home := self.homes.get(port.name, self.transport.rank)) == self.transport.rank
        ):
            super().close(worker, effect)
            return
        self._count()
        header = [CLOSE, self.part, tag_of(port.name)]
        self.transport.send(home, (HEADER, torch.tensor(header + [0] * (len(HEAD) - len(header)))))

    def _send(self, home: int, channel: e.Channel, gradient: TorchGradient) -> None:
        """Sends a copy of the gradient to the rank that reads the channel.

        In this rank's accounts it is settled by that; the header says whether it was settled (applied) here before.
        """
        settled, layout = gradient.settled, self.layouts[gradient.layer.index]
        self.team.accounts.settle([gradient])
        row = layout.empty_row()
        with gradient.stream:
            layout.fill(row, gradient.tensors)
        moments = torch.tensor(
            [CLOCK_OFFSET + _seconds(gradient.read.time), CLOCK_OFFSET + _seconds(gradient.ready)]
        ).double()
        layer, read = gradient.layer, gradient.read
        place = [GRADIENT, self.part, tag_of(channel.name), layer.index, layer.device]
        numbers = [*place, gradient.index, read.version(own=False)]
        header = torch.cat([torch.tensor([*numbers, settled, gradient.batches]), moments.view(torch.int64)])
        self._count()
        self.transport.send(home, (HEADER, header), (PAYLOAD, row))

    def _count(self) -> None:
        with self.monitor:
            self.sent += 1

    def _take(self, message: Message) -> None:
        """Appends a received gradient to its queue, or counts a Close.

        Runs on the thread that listens to the sender.
        """
        header, tensors = message
        queue, item = self._named[header[CHANNEL]], None
        if header[0] == GRADIENT:
            item = self._gradient(header, tensors)
        with self.monitor:
            self.received += 1
            if item is None:
                queue.closed += 1
            else:
                queue.items.append((item, None))
            self.monitor.changed()

    def _gradient(self, header: list[int], tensors: list[Tensor]) -> TorchGradient:
        layer = self.team.replicas[header[REPLICA]].layers[header[LAYER]]
        now, moments = time.perf_counter(), torch.tensor(header[READ:]).view(torch.float64) - CLOCK_OFFSET
        read, ready = (min(moment, now) for moment in moments.tolist())
        tensors_here = tuple(tensor.to(self.team.device) for tensor in tensors)
        gradient = TorchGradient(layer, header[TICKET], Read(header[UPDATES], read), ready, tensors_here)
        gradient.settled, gradient.batches = bool(header[SETTLED]), header[BATCHES]
        self.team.accounts.count_received(gradient)
        return gradient


def _seconds(moment: Moment) -> float:
    """Returns a moment in seconds of the host's clock; "now" for a device's event, which has no such time."""
    return moment if isinstance(moment, float) else time.perf_counter()
