"""Messages between the ranks of one run, over gloo: from host to host memory, whatever the devices are.

Every call that sends or receives is made by one communication thread, in turn; who asked waits by itself. A message is
found by its tag, so that ranks need not ask in one order. gloo's own waits last long: whether a rank is still there is
found out by the watch, which ends all waits by `abort`.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from datetime import timedelta
from importlib import import_module
from typing import Protocol
from zlib import crc32

import torch
from torch import Tensor

from benchmarks.executors.distributed.place import LOOPBACK, RankPlace
from benchmarks.executors.numerics.streams import DeviceStreams, Event

dist = import_module("torch.distributed")  # untyped: it does not say what it exports
ABORT, STATE, HEADER, PAYLOAD = range(4)
"""Tags; a group's are its name's, from RESERVED on."""
RESERVED = 16
NO_LIMIT = timedelta(days=30)


class Store(Protocol):
    """The store that ranks meet at, as torch has it: texts by key."""

    @property
    def port(self) -> int: ...
    def set(self, key: str, value: str) -> object: ...
    def get(self, key: str) -> bytes: ...
    def check(self, keys: list[str]) -> bool: ...
    def add(self, key: str, amount: int) -> int: ...
    def compare_set(self, key: str, expected: str, desired: str) -> object: ...


class Work(Protocol):
    """Something under way that can be waited for."""

    def wait(self, limit: timedelta) -> object: ...


Works = list[tuple[int, Work]]
"""Sends and receives under way, by peer."""
Task = Future[Works]


class LinkLost(Exception):
    """A message to or from a rank will not come any more: its process has ended, or this one was told to stop."""

    def __init__(self, peer: int, cause: BaseException) -> None:
        super().__init__(f"the connection with rank {peer} is lost")
        self.peer = peer
        self.__cause__ = cause


def gpu_of(device: torch.device) -> str:
    """Returns a name that no other GPU has; "" for another device."""
    return str(torch.cuda.get_device_properties(device).uuid) if device.type == "cuda" else ""


def tag_of(name: str) -> int:
    """Returns the message tag of a group."""
    return RESERVED + crc32(name.encode()) % (2**31 - RESERVED)


class Transport:
    """One rank's end. store: the run's own; timeout_seconds: for the ranks to find each other. host: to listen at."""

    def __init__(self, store: Store, rank: int, ranks: int, *, timeout_seconds: float, host: str = LOOPBACK) -> None:
        self.rank, self.ranks = rank, ranks
        self.others = [other for other in range(ranks) if other != rank]
        backend = dist.ProcessGroupGloo
        options = backend._Options()
        options._devices = [backend.create_device(hostname=host)]
        options._timeout = timedelta(seconds=timeout_seconds)
        self._group = backend(dist.PrefixStore("gloo", store), rank, ranks, options)
        self.device = torch.device("cpu")
        self.event: Callable[[], Event | None] = no_event
        self._only = self.others[0] if len(self.others) == 1 else -1
        self.line = ThreadPoolExecutor(1, thread_name_prefix="communication")
        self.ends: list[Callable[[], None]] = []  # of what else the communication thread carries
        self._threads = [self.line]

    def thread(self, name: str) -> ThreadPoolExecutor:
        """Makes a thread that waits for messages and computes of them, with as many threads of torch as its caller."""
        made = ThreadPoolExecutor(1, name, initializer=_as_workers_do, initargs=(torch.get_num_threads(),))
        self._threads.append(made)
        return made

    def expect(self, tag: int, rows: Tensor) -> Task:
        """Begins to receive the others' rows (ranks, n): best before they are sent, which spares them a wait."""
        return self.expect_each(tag, rows.unbind(0))

    def give(self, tag: int, rows: Tensor, filled: Sequence[Event | None] = ()) -> Task:
        """Begins to send this rank's row, of the others' (ranks, n), to all of them. filled: no events of this host."""
        return self.give_each(tag, [rows[self.rank]] * self.ranks)

    def expect_each(self, tag: int, pieces: Sequence[Tensor]) -> Task:
        """Begins to receive from every other rank its piece, of one a rank; nothing is sent where that is empty."""
        return self.line.submit(self._receive_each, tag, pieces)

    def give_each(self, tag: int, pieces: Sequence[Tensor]) -> Task:
        """Begins to send every other rank its piece."""
        return self.line.submit(self._send_each, tag, pieces)

    def _receive_each(self, tag: int, pieces: Sequence[Tensor]) -> Works:
        with _Link(self._only):
            return [(peer, self._group.recv([pieces[peer]], peer, tag)) for peer in self.others if pieces[peer].numel()]

    def _send_each(self, tag: int, pieces: Sequence[Tensor]) -> Works:
        with _Link(self._only):
            return [(peer, self._group.send([pieces[peer]], peer, tag)) for peer in self.others if pieces[peer].numel()]

    def send(self, peer: int, *messages: tuple[int, Tensor]) -> None:
        """Sends tags and tensors, in this order; returns once they are taken or under way. Raises LinkLost."""
        finish([self.line.submit(self._send, peer, messages)])

    def _send(self, peer: int, messages: Sequence[tuple[int, Tensor]]) -> Works:
        with _Link(peer):
            return [(peer, self._group.send([tensor], peer, tag)) for tag, tensor in messages if tensor.numel()]

    def receive(self, peer: int, tag: int, into: Tensor) -> None:
        """Raises LinkLost."""
        if into.numel():
            with _Link(peer):  # the line may be shut down already
                finish([self.line.submit(self._receive, peer, tag, into)])

    def _receive(self, peer: int, tag: int, into: Tensor) -> Works:
        with _Link(peer):
            return [(peer, self._group.recv([into], peer, tag))]

    def abort(self) -> None:
        """Ends all waits, here and at those who wait for this rank: gloo gives a connection up that has timed out."""
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


class NcclTransport:
    """Rows from GPU to GPU by NCCL, all ranks' at once, on a stream of its own; called by the communication thread.

    NCCL takes calls in one order on all ranks, so this carries one group's. The host waits wherever a stream would do:
    it has never been executed, for want of a machine with two GPUs. streams: of the device.
    """

    def __init__(self, store: Store, transport: Transport, device: torch.device, streams: DeviceStreams) -> None:
        self.rank, self.ranks, self.device = transport.rank, transport.ranks, device
        self.event: Callable[[], Event | None] = streams.event
        self.streams, self._line, self._stream = streams, transport.line, streams.stream()
        self._group = dist.ProcessGroupNCCL(dist.PrefixStore("nccl", store), transport.rank, transport.ranks)
        self._aborted = False
        transport.ends.append(self.abort)

    def expect(self, tag: int, rows: Tensor) -> Task:
        """NCCL receives when it sends."""
        task: Task = Future()
        task.set_result([])
        return task

    def give(self, tag: int, rows: Tensor, filled: Sequence[Event | None] = ()) -> Task:
        """Begins to gather the rows (ranks, n). filled: events, after which this rank's own is there."""
        return self._line.submit(self._gather, rows, list(filled))

    def _gather(self, rows: Tensor, filled: Sequence[Event | None]) -> Works:
        for event in filled:
            if event is not None:
                event.synchronize()
        before = self.streams.current()
        self.streams.use(self._stream)
        try:
            with _Link(-1):
                work = self._group.allgather([list(rows.unbind(0))], [rows[self.rank].clone()])
                work.wait()  # the stream does, for NCCL's own
            return [(-1, _Came(self, self.streams.event()))]
        finally:
            self.streams.use(before)

    def abort(self) -> None:
        """Ends all waits here; the watch does so at the other ranks."""
        self._aborted = True
        with contextlib.suppress(RuntimeError):
            self._group.abort()

    def check(self) -> None:
        """Raises RuntimeError once it was aborted: rows may hold anything."""
        if self._aborted:
            raise RuntimeError("aborted")


class _Came:
    """A gather by NCCL, which is waited for like a work of gloo's."""

    def __init__(self, transport: NcclTransport, event: Event) -> None:
        self.transport, self.event = transport, event

    def wait(self, limit: timedelta) -> None:
        self.event.synchronize()
        self.transport.check()


def _as_workers_do(threads: int) -> None:
    """A thread inherits neither from the one that has made it."""
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)


def finish(tasks: Sequence[Task]) -> None:
    """Waits until all that they began has ended. Raises LinkLost."""
    for task in tasks:
        for peer, work in task.result():
            with _Link(peer):
                work.wait(NO_LIMIT)


class _Link:
    """`with _Link(peer):` turns what torch raises into LinkLost."""

    __slots__ = ("peer",)

    def __init__(self, peer: int) -> None:
        self.peer = peer

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, RuntimeError | CancelledError):
            raise LinkLost(self.peer, error)


def host_towards(place: RankPlace) -> str:
    """Returns this machine's address on the way to where the ranks meet; loopback where they are all here."""
    if place.local:
        return LOOPBACK
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:  # sends nothing
        probe.connect((place.address, place.port))
        return str(probe.getsockname()[0])
