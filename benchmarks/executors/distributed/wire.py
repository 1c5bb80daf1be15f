"""Messages between the ranks of one run, over gloo: from host to host memory, whatever the devices are.

Every call that sends or receives is made by one communication thread, in turn; who asked waits by itself. A message is
found by its tag, so that ranks need not ask in one order. gloo's own waits last long: whether a rank is still there is
found out by the watch, which ends all waits by `abort`.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from zlib import crc32

import torch
import torch.distributed
from torch import Tensor

from benchmarks.executors.distributed.place import LOOPBACK, RankPlace
from benchmarks.executors.numerics.streams import DeviceStreams

dist: Any = torch.distributed  # which does not say what it exports
Store = Any
"""torch leaves its stores untyped."""
ABORT, STATE, HEADER, PAYLOAD = range(4)
"""Tags; a group's are its name's, from RESERVED on."""
RESERVED = 16
FOR_EVER = timedelta(days=30)


Works = list[tuple[int, Any]]
"""By peer, what can be waited for."""
Task = Future[Works]


class LinkLost(Exception):
    """A message to or from a rank will not come any more: its process has ended, or this one was told to stop."""

    def __init__(self, peer: int, cause: BaseException) -> None:
        super().__init__(f"the connection with rank {peer} is lost")
        self.peer = peer
        self.__cause__ = cause


def gpu_of(device: torch.device) -> str:
    """By a name that no other GPU has; "" of what is none."""
    if device.type != "cuda":
        return ""
    properties: Any = torch.cuda.get_device_properties(device)
    return str(properties.uuid)


def tag_of(name: str) -> int:
    """Of a group, by its name."""
    return RESERVED + crc32(name.encode()) % (2**31 - RESERVED)


class Wire:
    """One rank's end. store: the run's own; timeout_seconds: for the ranks to find each other. host: to listen at."""

    def __init__(self, store: Store, rank: int, ranks: int, *, timeout_seconds: float, host: str = LOOPBACK) -> None:
        self.rank, self.ranks = rank, ranks
        self.others = [other for other in range(ranks) if other != rank]
        backend: Any = dist.ProcessGroupGloo  # untyped
        options = backend._Options()
        options._devices = [backend.create_device(hostname=host)]
        options._timeout = timedelta(seconds=timeout_seconds)
        self._group = backend(dist.PrefixStore("gloo", store), rank, ranks, options)
        self.device, self.event = torch.device("cpu"), no_event
        self._only = self.others[0] if len(self.others) == 1 else -1
        self.line = ThreadPoolExecutor(1, thread_name_prefix="communication")
        self.ends: list[Callable[[], None]] = []  # of what else the communication thread carries
        self._threads = [self.line]

    def thread(self, name: str) -> ThreadPoolExecutor:
        """One that waits for messages, and computes of them as its caller would: with as many threads of torch's."""
        made = ThreadPoolExecutor(1, name, initializer=_as_workers_do, initargs=(torch.get_num_threads(),))
        self._threads.append(made)
        return made

    def swap(self, tag: int, rows: Tensor) -> None:
        """All members' rows (ranks, n) of any kind; this rank's own is there before, the others' are after.

        Raises LinkLost.
        """
        finish([self.expect(tag, rows), self.give(tag, rows)])

    def expect(self, tag: int, rows: Tensor) -> Task:
        """Begin to receive the others' rows (ranks, n): best before they are sent, which spares them a wait."""
        return self.expect_each(tag, rows.unbind(0))

    def give(self, tag: int, rows: Tensor, filled: Sequence[Any] = ()) -> Task:
        """Begin to send this rank's row, of the others' (ranks, n), to all of them. filled: no events of this host."""
        return self.give_each(tag, [rows[self.rank]] * self.ranks)

    def expect_each(self, tag: int, pieces: Sequence[Tensor]) -> Task:
        """Begin to receive from every other rank its piece, of one a rank; nothing is sent where that is empty."""
        return self.line.submit(self._receive_each, tag, pieces)

    def give_each(self, tag: int, pieces: Sequence[Tensor]) -> Task:
        """Begin to send every other rank its piece."""
        return self.line.submit(self._send_each, tag, pieces)

    def _receive_each(self, tag: int, pieces: Sequence[Tensor]) -> Works:
        with _link(self._only):
            return [(peer, self._group.recv([pieces[peer]], peer, tag)) for peer in self.others if pieces[peer].numel()]

    def _send_each(self, tag: int, pieces: Sequence[Tensor]) -> Works:
        with _link(self._only):
            return [(peer, self._group.send([pieces[peer]], peer, tag)) for peer in self.others if pieces[peer].numel()]

    def send(self, peer: int, *messages: tuple[int, Tensor]) -> None:
        """Tags and tensors, in this order; returns once they are taken, or under way and kept. Raises LinkLost."""
        for _, work in self.line.submit(self._send, peer, messages).result():
            _wait(peer, work)

    def _send(self, peer: int, messages: Sequence[tuple[int, Tensor]]) -> list[tuple[int, Any]]:
        with _link(peer):
            return [(peer, self._group.send([tensor], peer, tag)) for tag, tensor in messages if tensor.numel()]

    def receive(self, peer: int, tag: int, into: Tensor) -> None:
        """Raises LinkLost."""
        if into.numel():
            _wait(peer, self.line.submit(self._receive, peer, tag, into).result())

    def _receive(self, peer: int, tag: int, into: Tensor) -> Any:
        with _link(peer):
            return self._group.recv([into], peer, tag)

    def abort(self) -> None:
        """End all waits, here and at those who wait for this rank: gloo gives a connection up that has timed out."""
        for end in self.ends:
            end()
        for peer in self.others:
            with contextlib.suppress(RuntimeError):
                self._group.recv([torch.empty(1)], peer, ABORT).wait(timedelta(milliseconds=1))

    def close(self) -> None:
        for thread in self._threads:
            thread.shutdown(wait=False, cancel_futures=True)


def no_event() -> None:
    """The host's memory is written when the call returns."""


class NcclWire:
    """Rows from GPU to GPU by NCCL, all ranks' at once, on a stream of its own; called by the communication thread.

    NCCL takes calls in one order on all ranks, so this carries one group's. The host waits wherever a stream would do:
    it has never been executed, for want of a machine with two GPUs. streams: of the device.
    """

    def __init__(
        self, store: Store, wire: Wire, device: torch.device, streams: DeviceStreams, group: Any = None
    ) -> None:
        self.rank, self.ranks, self.device, self.event = wire.rank, wire.ranks, device, streams.event
        self.streams, self._line, self._stream = streams, wire.line, streams.stream()
        self._group = dist.ProcessGroupNCCL(dist.PrefixStore("nccl", store), wire.rank, wire.ranks)
        self._aborted = False
        wire.ends.append(self.abort)

    def expect(self, tag: int, rows: Tensor) -> Task:
        """NCCL receives when it sends."""
        task: Task = Future()
        task.set_result([])
        return task

    def give(self, tag: int, rows: Tensor, filled: Sequence[Any] = ()) -> Task:
        """Begin to gather the rows (ranks, n). filled: events, after which this rank's own is there."""
        return self._line.submit(self._gather, rows, list(filled))

    def _gather(self, rows: Tensor, filled: Sequence[Any]) -> Works:
        for event in filled:
            event.synchronize()
        before = self.streams.current()
        self.streams.use(self._stream)
        try:
            with _link(-1):
                work = self._group.allgather([list(rows.unbind(0))], [rows[self.rank].clone()])
                work.wait()  # the stream does, for NCCL's own
            return [(-1, _Came(self, self.event()))]
        finally:
            self.streams.use(before)

    def abort(self) -> None:
        """End all waits here; the watch does so at the other ranks."""
        self._aborted = True
        with contextlib.suppress(RuntimeError):
            self._group.abort()

    def check(self) -> None:
        """Raises RuntimeError once it was aborted: rows may hold anything."""
        if self._aborted:
            raise RuntimeError("aborted")


class _Came:
    """As gloo's works are waited for."""

    def __init__(self, wire: NcclWire, event: Any) -> None:
        self.wire, self.event = wire, event

    def wait(self, limit: timedelta) -> None:
        self.event.synchronize()
        self.wire.check()


def _as_workers_do(threads: int) -> None:
    """A thread inherits neither from the one that has made it."""
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)


def finish(tasks: Sequence[Task]) -> None:
    """Wait until all that they began has ended. Raises LinkLost."""
    for task in tasks:
        for peer, work in task.result():
            _wait(peer, work)


def _wait(peer: int, work: Any) -> None:
    with _link(peer):
        work.wait(FOR_EVER)


class _Link(contextlib.AbstractContextManager[None]):
    __slots__ = ("peer",)

    def __init__(self, peer: int) -> None:
        self.peer = peer

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, RuntimeError):
            raise LinkLost(self.peer, error)


_link = _Link


def host_towards(place: RankPlace) -> str:
    """This machine's address on the way to where the ranks meet; loopback where they are all here."""
    if place.local:
        return LOOPBACK
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:  # sends nothing
        probe.connect((place.address, place.port))
        return str(probe.getsockname()[0])
