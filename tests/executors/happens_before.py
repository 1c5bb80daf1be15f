"""A fake device: streams and events with vector clocks, and a record of all operations on them.

Tensors are on the CPU. Each ATen operation, in every thread, counts as an access to its tensors' memory on the thread's
current stream. Two accesses to the same memory, one of them a write, must be ordered by their stream, by events, or by
the host having waited for the device (Lamport's happens-before, as in FastTrack, Flanagan and Freund, PLDI 2009).
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from benchmarks.executors.accounting import TimedEvent
from benchmarks.executors.numerics.streams import DeviceStreams, Event

VectorClock = dict[int, int]  # by stream, how much of it has happened before

# Arguments 3 and 4, running mean and variance, are written without saying so; while training, the backward pass has
# them as arguments only (it uses what the forward pass saved).
RUNNING = {"aten::native_batch_norm": "written", "aten::native_batch_norm_backward": "unused"}


def join(into: VectorClock, other: Mapping[int, int]) -> None:
    for stream, time in other.items():
        into[stream] = max(into.get(stream, 0), time)


@dataclass(eq=False)
class FakeEvent:
    device: FakeDevice
    clock: VectorClock
    milliseconds: int  # on the device's clock, which counts accesses
    timed: bool

    def synchronize(self) -> None:
        with self.device.lock:
            join(self.device.finished, self.clock)

    def elapsed_time(self, end_event: TimedEvent) -> float:
        assert isinstance(end_event, FakeEvent)
        if not (self.timed and end_event.timed):
            raise RuntimeError("an event without timing was asked for the time")
        if not all(self.device.has_finished(event.clock) for event in (self, end_event)):
            raise RuntimeError("device not ready")
        return float(end_event.milliseconds - self.milliseconds)


@dataclass(eq=False)
class Memory:
    """One storage: its last write and the reads since, as (stream, time, operation)."""

    storage: torch.UntypedStorage  # held, so that no other gets its address
    owner: int | None = None  # the stream that it was allocated on
    written: tuple[int, int, str] | None = None
    reads: dict[int, tuple[int, str]] = field(default_factory=dict)
    users: set[int] = field(default_factory=set)
    kept_for: set[int] = field(default_factory=set)


class FakeDevice(DeviceStreams):
    """A device that lags as far as allowed: an operation has finished only once the host has waited for it."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.clocks: dict[int, VectorClock] = {0: {0: 0}}  # stream 0 is every thread's to begin with
        self.finished: VectorClock = {}
        self.now = 0
        self.memories: dict[int, Memory] = {}
        self.unordered: list[str] = []
        self.not_kept: list[str] = []
        self.pairs: Counter[int] = Counter()  # ordered pairs of accesses from two streams, by storage
        self._thread = threading.local()

    # ---- DeviceStreams

    def stream(self) -> int:
        with self.lock:
            self.clocks[len(self.clocks)] = {len(self.clocks): 0, **self.finished}
            return len(self.clocks) - 1

    def current(self) -> int:
        return int(getattr(self._thread, "stream", 0))

    def use(self, stream: object) -> None:
        self._thread.stream = stream

    def event(self, *, timed: bool = False) -> FakeEvent:
        with self.lock:
            self.now += 1
            return FakeEvent(self, dict(self.clocks[self.current()]), self.now, timed)

    def wait(self, event: Event) -> None:
        assert isinstance(event, FakeEvent)
        with self.lock:
            join(self.clocks[self.current()], event.clock)

    def keep(self, tensor: Tensor) -> None:
        with self.lock:
            self._memory(tensor).kept_for.add(self.current())

    def synchronize(self) -> None:
        """For moments when no other thread launches anything."""
        with self.lock:
            self.finish()
            for clock in self.clocks.values():
                join(clock, self.finished)

    # ---- what the tests ask

    def finish(self) -> None:
        """All of it, though nobody waits for that."""
        for clock in self.clocks.values():
            join(self.finished, clock)

    def has_finished(self, clock: Mapping[int, int]) -> bool:
        return all(self.finished.get(stream, 0) >= time for stream, time in clock.items())

    def doing(self, operation: str) -> None:
        """Sets the operation that the thread's accesses belong to."""
        self._thread.doing = operation

    def begin(self) -> None:
        """Nothing is under way: what has been used up to now may be freed without care."""
        for memory in self.memories.values():
            memory.users.clear()
            memory.kept_for.clear()

    def end(self) -> None:
        """Before the host waits: what is gone by now, was it used on a stream that its allocator knows nothing of?"""
        for memory in self.memories.values():
            gone = torch._C._storage_Use_Count(memory.storage._cdata) == 1  # our own
            if gone and memory.owner is not None and memory.users - memory.kept_for - {memory.owner}:
                self.not_kept.append(f"of stream {memory.owner}, last written by {memory.written}: {memory.users}")

    def pairs_of(self, tensors: Iterable[Tensor]) -> int:
        return sum(self.pairs[key] for key in {tensor.untyped_storage()._cdata for tensor in tensors})

    def last(self) -> tuple[int, int]:
        """The calling thread's last access: its stream and time."""
        last: tuple[int, int] = getattr(self._thread, "last", (0, 0))
        return last

    # ---- accesses

    def access(self, reads: Iterable[Tensor], writes: Iterable[Tensor], created: Iterable[Tensor]) -> None:
        with self.lock:
            stream, doing = self.current(), getattr(self._thread, "doing", "between epochs")
            clock = self.clocks[stream]
            clock[stream] += 1
            self.now += 1
            self._thread.last = stream, clock[stream]
            for tensor in created:
                if tensor.untyped_storage()._cdata not in self.memories:
                    self._memory(tensor).owner = stream
                    self._write(tensor, stream, clock, doing)
            for tensor in reads:
                self._read(tensor, stream, clock, doing)
            for tensor in writes:
                self._write(tensor, stream, clock, doing)

    def _memory(self, tensor: Tensor) -> Memory:
        storage = tensor.untyped_storage()
        return self.memories.setdefault(storage._cdata, Memory(storage))

    def _read(self, tensor: Tensor, stream: int, clock: VectorClock, doing: str) -> None:
        memory = self._memory(tensor)
        memory.users.add(stream)
        if memory.written is not None:
            self._check(memory, memory.written, stream, clock, f"{doing} reads what {memory.written[2]} wrote")
        memory.reads[stream] = clock[stream], doing

    def _write(self, tensor: Tensor, stream: int, clock: VectorClock, doing: str) -> None:
        memory = self._memory(tensor)
        memory.users.add(stream)
        if memory.written is not None:
            self._check(memory, memory.written, stream, clock, f"{doing} writes what {memory.written[2]} wrote")
        for reader, (time, reading) in memory.reads.items():
            self._check(memory, (reader, time, reading), stream, clock, f"{doing} writes what {reading} read")
        memory.written, memory.reads = (stream, clock[stream], doing), {}

    def _check(self, memory: Memory, earlier: tuple[int, int, str], stream: int, clock: VectorClock, text: str) -> None:
        earlier_stream, time, _ = earlier
        if earlier_stream == stream:
            return
        if clock.get(earlier_stream, 0) < time:
            self.unordered.append(text)
        else:
            self.pairs[memory.storage._cdata] += 1


class Launches(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Reports every operation of this thread to the device, inside `with Launches(device):`."""

    def __init__(self, device: FakeDevice) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.device = device

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        keywords = kwargs or {}
        result = func(*args, **keywords)
        schema = func._schema
        if any(r.alias_info is not None and not r.alias_info.is_write for r in schema.returns):
            return result  # a view: no memory is touched
        reads: list[Tensor] = []
        writes: list[Tensor] = []
        for i, argument in enumerate(schema.arguments):
            value = args[i] if i < len(args) else keywords.get(argument.name)
            running = RUNNING.get(schema.name, "") if i in (3, 4) else ""
            written = running == "written" or (argument.alias_info is not None and argument.alias_info.is_write)
            if running != "unused":
                (writes if written else reads).extend(_tensors(value))
        if "empty" in schema.name:  # of a tensor's shape
            reads = []
        self.device.access(reads, writes, _tensors(result))
        return result


def _tensors(value: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor)]


def traced(device: FakeDevice, run: Callable[[], Any]) -> Callable[[], Any]:
    """Wraps the function so that the device is told of its operations."""

    def running() -> Any:
        with Launches(device):
            return run()

    return running
