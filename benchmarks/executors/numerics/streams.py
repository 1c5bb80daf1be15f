"""CUDA streams for batches in flight, and the order that their kernels keep; on other devices there are none.

Autograd runs a node on the stream of its forward operation, so kernels of two batches overlap only if each batch has a
stream of its own from its forward pass on. Streams know nothing of a host's mutex, nor of the order of its launches:
what is read and written on several of them is ordered by events.
"""

from __future__ import annotations

from collections import deque
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from types import TracebackType
from typing import Protocol, cast

import torch
from torch import Tensor

from benchmarks.executors.accounting import TimedEvent

AHEAD = 2  # batches that a worker may have launched before the device has finished them
NO_CONTEXT: AbstractContextManager[None] = nullcontext()


class Event(TimedEvent, Protocol):
    """A moment on a device that the host can wait for."""

    def synchronize(self) -> None: ...


class DeviceStreams:
    """The streams of a CUDA device. The current stream is the calling thread's."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def stream(self) -> object:
        """Returns a new stream."""
        return torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]

    def current(self) -> object:
        return torch.cuda.current_stream(self.device)

    def use(self, stream: object) -> None:
        """Makes it the current one."""
        torch.cuda.set_stream(cast(torch.cuda.Stream, stream))

    def event(self, *, timed: bool = False) -> Event:
        """Returns an event that comes once the device has done all that was launched on the current stream so far."""
        # blocking: the host sleeps while it waits, else it spins
        event = torch.cuda.Event(enable_timing=timed, blocking=True)  # type: ignore[no-untyped-call]
        event.record(torch.cuda.current_stream(self.device))
        return cast(Event, event)

    def wait(self, event: Event) -> None:
        """Makes what is launched on the current stream from now on run after the event."""
        cast(torch.cuda.Event, event).wait(torch.cuda.current_stream(self.device))

    def keep(self, tensor: Tensor) -> None:
        """Keeps the tensor's memory from reuse until the current stream is done with it."""
        tensor.record_stream(torch.cuda.current_stream(self.device))

    def synchronize(self) -> None:
        """Blocks the host until the device has done all that was launched."""
        torch.cuda.synchronize(self.device)


def streams_of(device: torch.device) -> DeviceStreams | None:
    """Returns the streams of a CUDA device; None for any other."""
    return DeviceStreams(device) if device.type == "cuda" else None


# ---- a batch's own stream


class _Launched:
    """The batches that a worker has launched, and their streams."""

    def __init__(self) -> None:
        self.outside: list[object] = []  # the streams to go back to, innermost last
        self.stream: BatchStream | None = None  # the last one used
        self.unfinished: deque[tuple[Event, Event]] = deque()  # per batch, on its stream and on its thread's own


_of_worker: ContextVar[_Launched] = ContextVar("launched")


def _launched() -> _Launched:
    if (launched := _of_worker.get(None)) is None:
        _of_worker.set(launched := _Launched())
    return launched


class BatchStream:
    """`with stream:` launches what is inside on the batch's own stream; several threads may be inside at once."""

    def __init__(self, streams: DeviceStreams) -> None:
        self.streams, self.stream = streams, streams.stream()

    def __enter__(self) -> None:
        launched = _launched()
        launched.outside.append(self.streams.current())
        launched.stream = self
        self.streams.use(self.stream)

    def __exit__(self, *exc: object) -> None:
        self.streams.use(_launched().outside.pop())


def bound_run_ahead(streams: DeviceStreams) -> None:
    """Blocks, when a worker turns to its next batch, until the device is at most AHEAD batches behind it."""
    launched = _launched()
    with launched.stream or NO_CONTEXT:
        last = streams.event()
    launched.unfinished.append((last, streams.event()))
    if len(launched.unfinished) > AHEAD:
        for event in launched.unfinished.popleft():
            event.synchronize()


# ---- the order of reads and writes


class Order:
    """Orders kernels on several streams: reads run after the last write, a write after all reads and writes before it.

    Reads are not ordered among each other. The mutex is held during launches, else a writer could come between a
    reader's wait and its event.
    """

    def __init__(self, streams: DeviceStreams, mutex: AbstractContextManager[object]) -> None:
        self.streams, self.mutex = streams, mutex
        self.written: Event | None = None  # the last write's event
        self.reads: dict[object, Event] = {}  # by stream, the event of its last read since

    def reading(self) -> Access:
        return Access(self, writes=False)

    def writing(self) -> Access:
        return Access(self, writes=True)


class Access:
    """`with access:` around launches that read (or write) the tensors of an order."""

    def __init__(self, order: Order, *, writes: bool) -> None:
        self.order, self.writes = order, writes

    def __enter__(self) -> None:
        order = self.order
        order.mutex.__enter__()
        try:
            if order.written is not None:
                order.streams.wait(order.written)
            if self.writes:
                for event in order.reads.values():
                    order.streams.wait(event)
        except BaseException as error:
            order.mutex.__exit__(type(error), error, error.__traceback__)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        order = self.order
        try:
            event = order.streams.event()
            if self.writes:
                order.written, order.reads = event, {}
            else:
                order.reads[order.streams.current()] = event
        finally:
            order.mutex.__exit__(kind, error, trace)
