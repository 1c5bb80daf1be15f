"""Channels and counters on the virtual clock: one epoch's queues, and the workers that wait at them.

A transfer between devices starts when its item is sent: when the item enters the queue, or is given to a getter who
waits already. An item whose putter has to wait for room is sent when there is room; in a rendezvous, when a getter asks
for it. A getter waits for the rest of the transfer, if any. Any number of transfers are under way at once, each at the
link's full rate. Where the card says `queues`, a device receives one message at a time instead, and a node one from all
others (or one from each, where every pair of nodes has a link), in the order in which they were sent; of a channel that
no worker has asked yet, in the order in which they are asked for.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf

from benchmarks.executors.traffic import Traffic
from benchmarks.executors.virtual.devices import BLOCKED, Clock, Deadline, Process, Ready
from benchmarks.hardware.price import Price
from methods import effects as e


@dataclass(eq=False, slots=True)
class Message:
    """An item on its way. arrival: where messages queue, and the getter's device is known."""

    item: object
    giver: e.Worker
    sent: float
    arrival: float | None = None


@dataclass(eq=False, slots=True)
class Queue:
    """A channel's state: items sent, and the workers that wait to put or get."""

    items: deque[Message] = field(default_factory=deque)
    putters: deque[tuple[Process, object]] = field(default_factory=deque)
    getters: deque[Process] = field(default_factory=deque)
    closed: int = 0
    last_getter: e.Worker | None = None


class Channels:
    """Carries out the effects on channels and counters on the virtual clock.

    traffic: says the bytes that are charged, and counts them. resume: lets a worker go on at once, with a value; those
    in `ready` go on in turn.
    """

    def __init__(
        self, clock: Clock, price: Price, traffic: Traffic, ready: Ready, resume: Callable[[Process, object], None]
    ) -> None:
        self.clock, self.price, self.traffic, self.ready, self.resume = clock, price, traffic, ready, resume
        self._queues: dict[e.Channel, Queue] = defaultdict(Queue)
        self._waiting: dict[e.Counter, list[tuple[int, Process]]] = {}
        self._deadlines: dict[Process, tuple[float, Deadline]] = {}  # of getters that wait until then
        self._free: dict[tuple[str, int, int], float] = {}  # by port, when it has received all messages so far

    def put(self, process: Process, effect: e.Put) -> object:
        queue, capacity = self._queues[effect.channel], effect.channel.capacity
        if queue.getters and not self._deadlines:
            getter = queue.getters.popleft()
            self.resume(getter, self._hand_over(self._send(process, effect.item, queue), getter))
        elif queue.getters and not queue.items:
            queue.items.append(self._send(process, effect.item, queue))
            self._offer(queue)
        elif capacity is None or len(queue.items) < capacity:
            queue.items.append(self._send(process, effect.item, queue))
        else:
            queue.putters.append((process, effect.item))
            return BLOCKED
        return None

    def get(self, process: Process, effect: e.Get) -> object:
        queue = self._queues[effect.channel]
        queue.last_getter = process.worker
        if queue.putters:
            putter, item = queue.putters.popleft()
            queue.items.append(self._send(putter, item, queue))
            self.ready.append((putter, None))
        if queue.items:
            if effect.deadline is None or self._in_time(queue.items[0], process, effect.deadline):
                return self._hand_over(queue.items.popleft(), process)
        elif queue.closed >= effect.channel.producers:
            return None
        queue.getters.append(process)
        if effect.deadline is not None:
            late = self.clock.at_deadline(effect.deadline, lambda: self._late(queue, process))
            self._deadlines[process] = effect.deadline, late
        return BLOCKED

    def _late(self, queue: Queue, getter: Process) -> None:
        queue.getters.remove(getter)
        del self._deadlines[getter]
        self.ready.append((getter, e.LATE))

    def _in_time(self, message: Message, getter: Process, deadline: float) -> bool:
        """Returns whether the message is at the getter by the deadline."""
        if message.giver.device == getter.worker.device:
            return True
        arrival = self._arrival(message, getter.worker) if message.arrival is None else message.arrival
        if self.price.queues:  # it has taken its place in the port's queue
            message.arrival = arrival
        return self.clock.before + arrival <= deadline

    def _offer(self, queue: Queue) -> None:
        """Hands the first item to the getter that has waited longest, of those that it reaches in time."""
        message = queue.items[0]
        for getter in queue.getters:
            deadline, late = self._deadlines.get(getter, (inf, None))
            if self._in_time(message, getter, deadline):
                queue.getters.remove(getter)
                queue.items.popleft()
                if late is not None:
                    late.cancelled = True
                    del self._deadlines[getter]
                self.resume(getter, self._hand_over(message, getter))
                return

    def _send(self, process: Process, item: object, queue: Queue) -> Message:
        message = Message(item, process.worker, self.clock.now)
        if self.price.queues and queue.last_getter is not None:
            message.arrival = self._arrival(message, queue.last_getter)
        return message

    def _hand_over(self, message: Message, getter: Process) -> object:
        """Returns the item; BLOCKED where the getter, on another device, waits for the rest of its transfer."""
        if message.giver.device == getter.worker.device:
            return message.item
        self.traffic.deliver(message.item, message.giver, getter.worker)
        arrival = self._arrival(message, getter.worker) if message.arrival is None else message.arrival
        seconds = arrival - self.clock.now
        if seconds <= 0:
            return message.item
        self.clock.after(seconds, lambda: self.resume(getter, message.item))
        return BLOCKED

    def _arrival(self, message: Message, getter: e.Worker) -> float:
        """Returns the time at which the message is at the getter, in simulated seconds."""
        giver, price = message.giver, self.price
        if giver.device == getter.device:
            return message.sent
        size, link = self.traffic.message_bytes(message.item, giver, getter), price.link(giver.device, getter.device)
        if not price.queues:
            return message.sent + link.seconds(size)
        port = price.port(giver.device, getter.device)
        begun = max(message.sent + link.latency_seconds, self._free.get(port, 0.0))
        self._free[port] = begun + link.sending(size)
        return self._free[port]

    def close(self, process: Process, effect: e.Close) -> None:
        port = effect.port
        if isinstance(port, e.Channel):
            queue = self._queues[port]
            queue.closed += 1
            if queue.closed >= port.producers and not queue.items:
                self.ready.extend((getter, None) for getter in queue.getters)
                for getter in self._deadlines.keys() & queue.getters:
                    self._deadlines.pop(getter)[1].cancelled = True
                queue.getters.clear()
        else:
            port.closes += 1
            self._wake(port)

    def count(self, process: Process, effect: e.Count) -> int:
        effect.counter.value += 1
        self._wake(effect.counter)
        return effect.counter.value - 1

    def wait(self, process: Process, effect: e.Await) -> object:
        counter = effect.counter
        if counter.value >= effect.at_least or counter.ended:
            return counter.now
        self._waiting.setdefault(counter, []).append((effect.at_least, process))
        return BLOCKED

    def _wake(self, counter: e.Counter) -> None:
        waiting = self._waiting.pop(counter, [])
        for at_least, process in waiting:
            if counter.value >= at_least or counter.ended:
                self.ready.append((process, counter))  # which is read when the worker goes on
            else:
                self._waiting.setdefault(counter, []).append((at_least, process))
