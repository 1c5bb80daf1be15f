"""Channels whose reader is on another rank. They carry gradients: a header of numbers, then the tensors."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from benchmarks.executors.accounting import Moment, Read
from benchmarks.executors.distributed.transport import HEADER, PAYLOAD, LinkLost, Transport, channel_number
from benchmarks.executors.distributed.watch import RankMonitor
from benchmarks.executors.numerics.layer import TorchGradient, TorchLayer
from benchmarks.executors.numerics.team import TorchTeam
from benchmarks.executors.threads.channels import SharedChannels, SharedQueue
from benchmarks.executors.threads.monitor import Wait
from benchmarks.executors.traffic import Traffic
from methods import effects as e

CLOCK_OFFSET = time.time() - time.perf_counter()
"""Seconds from this process's clock to the wall's, in which ranks send each other moments."""
CLOSE = -1.0
"""Instead of a layer's index: a producer has closed the channel."""
HEADER_NUMBERS = 10
"""Part, channel, layer (or CLOSE), replica, ticket, version, settled, batches, and the moments read and ready."""

Message = tuple[list[float], list[Tensor]]
"""Header and tensors of a gradient."""


class MessageReceiver:
    """Receives, one thread per peer, the messages for this rank's channels, for as long as the run lasts.

    A message names its part of the run. One that comes before its part has begun here is kept until `begin`.

    on_lost: is called with the error when the connection to a peer is lost.
    """

    def __init__(self, transport: Transport, layers: Sequence[TorchLayer], on_lost: Callable[[LinkLost], None]) -> None:
        self.transport, self.layers, self.on_lost = transport, layers, on_lost
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
                numbers = torch.empty(HEADER_NUMBERS, dtype=torch.float64)
                self.transport.receive(peer, (HEADER, numbers))
                header = numbers.tolist()
                tensors = [] if header[2] == CLOSE else self._tensors(peer, self.layers[int(header[2])])
                with self._lock:
                    self._dispatch((header, tensors))
        except LinkLost as error:
            self.on_lost(error)

    def _tensors(self, peer: int, layer: TorchLayer) -> list[Tensor]:
        tensors = [torch.empty(p.shape, dtype=p.dtype) for p in layer.params]
        self.transport.receive(peer, *((PAYLOAD, tensor) for tensor in tensors))
        return tensors

    def _dispatch(self, message: Message) -> None:
        if message[0][0] == self.part:
            self.deliver(message)
        else:
            self._early.append(message)


class RankChannels(SharedChannels):
    """Channels of one part: those within this rank as in SharedChannels, those between ranks by messages.

    homes: the rank that reads, by the name of each channel between ranks. receiver: delivers what other ranks put; None
    where there are no such channels.
    """

    def __init__(
        self,
        monitor: RankMonitor,
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
        self._numbered = {channel_number(name): SharedQueue(self.make_items()) for name in homes}
        if receiver is not None:
            receiver.begin(part, self._take)

    def _queue(self, channel: e.Channel) -> SharedQueue:
        return self._numbered[channel_number(channel.name)] if channel.name in self.homes else super()._queue(channel)

    def put(self, worker: e.Worker, effect: e.Put) -> Wait | None:
        home, item = self.homes.get(effect.channel.name, self.transport.rank), effect.item
        if home == self.transport.rank:
            return super().put(worker, effect)
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
        port, rank = effect.port, self.transport.rank
        home = self.homes.get(port.name, rank) if isinstance(port, e.Channel) else rank
        if home == rank:
            super().close(worker, effect)
        else:
            self._message(home, [self.part, channel_number(port.name), CLOSE])

    def _send(self, home: int, channel: e.Channel, gradient: TorchGradient) -> None:
        """Sends the gradient to the rank that reads the channel.

        In this rank's accounts it is settled by that; the header says whether it was settled (applied) here before.
        """
        settled, layer, read = gradient.settled, gradient.layer, gradient.read
        self.team.accounts.settle([gradient])
        with gradient.stream:
            tensors = [tensor.contiguous().cpu() for tensor in gradient.tensors]
        moments = (CLOCK_OFFSET + _seconds(moment) for moment in (read.time, gradient.ready))
        numbers = [self.part, channel_number(channel.name), layer.index, layer.device, gradient.index]
        self._message(home, [*numbers, read.version(own=False), settled, gradient.batches, *moments], tensors)

    def _message(self, home: int, header: Sequence[float], tensors: Sequence[Tensor] = ()) -> None:
        numbers = torch.zeros(HEADER_NUMBERS, dtype=torch.float64)
        numbers[: len(header)] = torch.tensor(header, dtype=torch.float64)
        with self.monitor:
            self.sent += 1
        self.transport.send(home, (HEADER, numbers), *((PAYLOAD, tensor) for tensor in tensors))

    def _take(self, message: Message) -> None:
        """Appends a received gradient to its queue, or counts a Close; on the thread that listens to the sender."""
        header, tensors = message
        queue = self._numbered[int(header[1])]
        gradient = None if header[2] == CLOSE else self._gradient(header, tensors)
        with self.monitor:
            self.received += 1
            if gradient is None:
                queue.closed += 1
            else:
                queue.items.append((gradient, None))
            self.monitor.changed()

    def _gradient(self, header: Sequence[float], tensors: Sequence[Tensor]) -> TorchGradient:
        index, replica, ticket, version, settled, batches = map(int, header[2:8])
        layer, now = self.team.replicas[replica].layers[index], time.perf_counter()
        read, ready = (min(moment - CLOCK_OFFSET, now) for moment in header[8:])
        gradient = TorchGradient(
            layer, ticket, Read(version, read), ready, tuple(tensor.to(self.team.device) for tensor in tensors)
        )
        gradient.settled, gradient.batches = bool(settled), batches
        self.team.accounts.count_received(gradient)
        return gradient


def _seconds(moment: Moment) -> float:
    """Returns a moment in seconds of the host's clock; "now" for a device's event, which has no such time."""
    return moment if isinstance(moment, float) else time.perf_counter()
