"""Messages between the ranks of one run, over gloo (host memory to host memory) or NCCL (GPU to GPU).

One communication thread per process makes every call that sends or receives; who needs the result waits for its Future.
A message is matched by its tag, so ranks need not ask in the same order. gloo's own timeouts are long: the watch
(watch.py) notices a dead rank, and ends all waits by `abort`.
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
    """The methods used of torch's key-value store."""

    @property
    def port(self) -> int: ...
    def set(self, key: str, value: str) -> object: ...
    def get(self, key: str) -> bytes: ...
    def check(self, keys: list[str]) -> bool: ...
    def add(self, key: str, amount: int) -> int: ...
    def compare_set(self, key: str, expected: str, desired: str) -> object: ...


class Work(Protocol):
    """A send or receive under way, as torch.distributed returns it."""

    def wait(self, limit: timedelta) -> object: ...


Works = list[tuple[int, Work]]
"""Sends and receives under way, by peer."""
Task = Future[Works]


class LinkLost(Exception):
    """A message to or from a rank will never come: that rank's process has ended, or this one was told to stop."""

    def __init__(self, peer: int, cause: BaseException) -> None:
        super().__init__(f"the connection with rank {peer} is lost")
        self.peer = peer
        self.__cause__ = cause


def gpu_uuid(device: torch.device) -> str:
    """Returns the UUID of a CUDA device; "" for any other device."""
    return str(torch.cuda.get_device_properties(device).uuid) if device.type == "cuda" else ""


def tag_of(name: str) -> int:
    """Returns the message tag of a group or channel, a hash of its name."""
    return RESERVED + crc32(name.encode()) % (2**31 - RESERVED)


class Transport:
    """Sends and receives tensors between this rank and all others, by gloo, in host memory.

    It exists because gloo may be called by one thread at a time, while many workers send and receive: they hand their
    calls to the communication thread and get a Task (a Future of works), which `wait_all` waits for.

        task = transport.receive_rows(tag, rows)          # rows (ranks, bytes); row r comes from rank r
        wait_all([task, transport.send_rows(tag, rows)])  # sends this rank's own row to all others

    store: this run's, to exchange addresses. timeout_seconds: for the ranks to find each other. host: address to listen
    at. Raises RuntimeError (gloo's) where they do not.
    """

    def __init__(self, store: Store, rank: int, ranks: int, *, timeout_seconds: float, host: str = LOOPBACK) -> None:
        self.rank, self.ranks = rank, ranks
        self.others = [peer for peer in range(ranks) if peer != rank]
        backend = dist.ProcessGroupGloo
        options = backend._Options()
        options._devices = [backend.create_device(hostname=host)]
        options._timeout = timedelta(seconds=timeout_seconds)
        self._group = backend(dist.PrefixStore("gloo", store), rank, ranks, options)
        self.device = torch.device("cpu")
        self.event: Callable[[], Event | None] = _no_event
        self._only = self.others[0] if len(self.others) == 1 else -1
        self.communication = ThreadPoolExecutor(1, thread_name_prefix="communication")
        self.abort_hooks: list[Callable[[], None]] = []  # of what else the communication thread carries
        self._threads = [self.communication]

    def thread(self, name: str) -> ThreadPoolExecutor:
        """Makes a thread that may wait for messages and compute, with the caller's number of torch threads."""
        pool = ThreadPoolExecutor(1, name, initializer=_set_torch_threads, initargs=(torch.get_num_threads(),))
        self._threads.append(pool)
        return pool

    def receive_rows(self, tag: int, rows: Tensor) -> Task:
        """Begins to receive every other rank's row of rows (ranks, n); earliest before it is sent."""
        return self.receive_pieces(tag, rows.unbind(0))

    def send_rows(self, tag: int, rows: Tensor, filled: Sequence[Event | None] = ()) -> Task:
        """Begins to send this rank's row of rows (ranks, n) to all others.

        filled: ignored here, since rows are host memory.
        """
        return self.send_pieces(tag, [rows[self.rank]] * self.ranks)

    def receive_pieces(self, tag: int, pieces: Sequence[Tensor]) -> Task:
        """Begins to receive pieces[r] from every other rank r; an empty piece is neither sent nor received."""
        return self.communication.submit(self._post_receives, tag, pieces)

    def send_pieces(self, tag: int, pieces: Sequence[Tensor]) -> Task:
        """Begins to send pieces[r] to every other rank r."""
        return self.communication.submit(self._post_sends, tag, pieces)

    def _post_receives(self, tag: int, pieces: Sequence[Tensor]) -> Works:
        with _Link(self._only):
            return [(peer, self._group.recv([pieces[peer]], peer, tag)) for peer in self.others if pieces[peer].numel()]

    def _post_sends(self, tag: int, pieces: Sequence[Tensor]) -> Works:
        with _Link(self._only):
            return [(peer, self._group.send([pieces[peer]], peer, tag)) for peer in self.others if pieces[peer].numel()]

    def send(self, peer: int, *messages: tuple[int, Tensor]) -> None:
        """Sends (tag, tensor) messages to one rank in this order; returns once they are taken or under way.

        Raises LinkLost.
        """
        wait_all([self.communication.submit(self._send, peer, messages)])

    def _send(self, peer: int, messages: Sequence[tuple[int, Tensor]]) -> Works:
        with _Link(peer):
            return [(peer, self._group.send([tensor], peer, tag)) for tag, tensor in messages if tensor.numel()]

    def receive(self, peer: int, tag: int, into: Tensor) -> None:
        """Receives one tensor into `into`, and waits for it. Raises LinkLost."""
        if into.numel():
            with _Link(peer):  # the line may be shut down already
                wait_all([self.communication.submit(self._receive, peer, tag, into)])

    def _receive(self, peer: int, tag: int, into: Tensor) -> Works:
        with _Link(peer):
            return [(peer, self._group.recv([into], peer, tag))]

    def abort(self) -> None:
        """Ends all waits on this rank, and those of other ranks for it.

        gloo closes a connection on which a receive has timed out.
        """
        for end in self.abort_hooks:
            end()
        for peer in self.others:
            with contextlib.suppress(RuntimeError):
                self._group.recv([torch.empty(1)], peer, ABORT).wait(timedelta(milliseconds=1))

    def close(self) -> None:
        for thread in self._threads:
            thread.shutdown(wait=False, cancel_futures=True)


def _no_event() -> None:
    """Returns None: a copy into host memory is done when its call returns."""


class NcclTransport:
    """Sends rows from GPU to GPU by NCCL's all-gather, on a stream of its own; called by the communication thread.

    NCCL needs the same order of calls on all ranks, so this carries one group's. The host waits where a stream could:
    simpler, and never executed so far, for want of a machine with two GPUs. streams: of the device.
    """

    def __init__(self, store: Store, transport: Transport, device: torch.device, streams: DeviceStreams) -> None:
        self.rank, self.ranks, self.device = transport.rank, transport.ranks, device
        self.event: Callable[[], Event | None] = streams.event
        self.streams, self._communication, self._stream = streams, transport.communication, streams.stream()
        self._group = dist.ProcessGroupNCCL(dist.PrefixStore("nccl", store), transport.rank, transport.ranks)
        self._aborted = False
        transport.abort_hooks.append(self.abort)

    def receive_rows(self, tag: int, rows: Tensor) -> Task:
        """Returns a finished task: the all-gather of `send_rows` receives as well."""
        task: Task = Future()
        task.set_result([])
        return task

    def send_rows(self, tag: int, rows: Tensor, filled: Sequence[Event | None] = ()) -> Task:
        """Begins to all-gather rows (ranks, n).

        filled: events of the device after which this rank's own row is complete.
        """
        return self._communication.submit(self._gather, rows, list(filled))

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
            return [(-1, _GatherWork(self, self.streams.event()))]
        finally:
            self.streams.use(before)

    def abort(self) -> None:
        """Ends all waits on this rank; the watch does so on the others."""
        self._aborted = True
        with contextlib.suppress(RuntimeError):
            self._group.abort()

    def check(self) -> None:
        """Raises RuntimeError after an abort, when rows may hold anything."""
        if self._aborted:
            raise RuntimeError("aborted")


class _GatherWork:
    """An all-gather under way, with the `wait` of a gloo work."""

    def __init__(self, transport: NcclTransport, event: Event) -> None:
        self.transport, self.event = transport, event

    def wait(self, limit: timedelta) -> None:
        self.event.synchronize()
        self.transport.check()


def _set_torch_threads(threads: int) -> None:
    """Sets what a thread does not inherit: torch's number of threads, and flushing of denormals."""
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)


def wait_all(tasks: Sequence[Task]) -> None:
    """Waits until every send and receive of the tasks has ended. Raises LinkLost."""
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


def address_towards(place: RankPlace) -> str:
    """Returns this machine's address as seen from where the ranks meet; loopback where all are on this machine."""
    if place.local:
        return LOOPBACK
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:  # sends nothing
        probe.connect((place.address, place.port))
        return str(probe.getsockname()[0])
