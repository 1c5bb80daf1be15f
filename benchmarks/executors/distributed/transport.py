"""Tensors between the ranks of one run, by torch's process groups: gloo (host memory) or NCCL (GPU memory).

A process group takes one call at a time, and workers call from several threads: so calls are made under a lock, and
waited for outside it. gloo's own timeouts are long: the watch (watch.py) notices a dead rank, and ends all waits by
`abort`.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from importlib import import_module
from typing import Protocol
from zlib import crc32

import torch
from torch import Tensor

from benchmarks.executors.distributed.place import LOOPBACK, RankPlace

dist = import_module("torch.distributed")  # untyped: it does not say what it exports
ABORT, STATE, HEADER, PAYLOAD = range(4)
"""Tags of messages from one rank to another."""
MESSAGES = "messages"
"""The process group of messages from one rank to another."""
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
    """A collective, send or receive under way, as torch.distributed returns it."""

    def wait(self, limit: timedelta = ...) -> object: ...


class ProcessGroup(Protocol):
    """The methods used of torch's process groups."""

    def allreduce(self, tensors: list[Tensor], options: object) -> Work: ...
    def send(self, tensors: list[Tensor], peer: int, tag: int) -> Work: ...
    def recv(self, tensors: list[Tensor], peer: int, tag: int) -> Work: ...
    def abort(self) -> None: ...


class LinkLost(Exception):
    """A message to or from a rank will never come: that rank's process has ended, or this one was told to stop.

    peer: the rank; -1 where any of them may be the cause.
    """

    def __init__(self, peer: int, cause: BaseException) -> None:
        super().__init__(f"the connection with rank {peer} is lost")
        self.peer = peer
        self.__cause__ = cause


@contextlib.contextmanager
def link_to(peer: int = -1) -> Iterator[None]:
    """Raises LinkLost instead of torch's RuntimeError within the block."""
    try:
        yield
    except RuntimeError as error:
        raise LinkLost(peer, error) from error


def gpu_uuid(device: torch.device) -> str:
    """Returns the UUID of a CUDA device; "" for any other device."""
    return str(torch.cuda.get_device_properties(device).uuid) if device.type == "cuda" else ""


def channel_number(name: str) -> int:
    """Returns the number that stands for a channel in messages, a hash of its name."""
    return crc32(name.encode())


class Transport:
    """Sends and receives tensors between this rank and all others.

        transport.connect(MESSAGES)                     # on all ranks; returns when all are connected
        transport.send(1, (HEADER, torch.ones(3)))      # on rank 0
        transport.receive(0, (HEADER, torch.empty(3)))  # on rank 1

        transport.connect("gradients")
        transport.all_reduce("gradients", vector).wait()  # vector (n,) now holds the sum over the ranks

    store: this run's, to exchange addresses. timeout_seconds: for the ranks to connect. host: address to listen at.
    """

    def __init__(self, store: Store, rank: int, ranks: int, *, timeout_seconds: float, host: str = LOOPBACK) -> None:
        self.store, self.rank, self.ranks, self.timeout_seconds, self.host = store, rank, ranks, timeout_seconds, host
        self.others = [peer for peer in range(ranks) if peer != rank]
        self._groups: dict[str, ProcessGroup] = {}
        self._lock, self._aborted = threading.Lock(), False

    def connect(self, name: str, *, nccl: bool = False) -> None:
        """Makes a process group; returns once all ranks have called this. Raises RuntimeError where one does not."""
        store = dist.PrefixStore(name, self.store)
        if nccl:
            group = dist.ProcessGroupNCCL(store, self.rank, self.ranks)
        else:
            options = dist.ProcessGroupGloo._Options()
            options._devices = [dist.ProcessGroupGloo.create_device(hostname=self.host)]
            options._timeout = timedelta(seconds=self.timeout_seconds)
            group = dist.ProcessGroupGloo(store, self.rank, self.ranks, options)
        with self._lock:
            self._groups[name] = group
            if self._aborted:
                raise RuntimeError("aborted")

    def connected(self, name: str) -> bool:
        """Returns whether `connect` has made the process group."""
        return name in self._groups

    def all_reduce(self, group: str, tensor: Tensor, operation: str = "SUM") -> Work:
        """Begins to replace the tensor by its sum over the ranks (`operation="MIN"`: its minimum). Raises LinkLost.

        All ranks call it with tensors of one size, in one order within a group.
        """
        options = dist.AllreduceOptions()
        options.reduceOp, options.timeout = getattr(dist.ReduceOp, operation), NO_LIMIT
        with self._lock, link_to():
            return self._groups[group].allreduce([tensor], options)

    def wait(self, *works: Work) -> None:
        """Waits until collectives have ended (by NCCL: makes the current stream wait). Raises LinkLost."""
        with link_to(self.others[0] if len(self.others) == 1 else -1):
            for work in works:
                work.wait()

    def send(self, peer: int, *messages: tuple[int, Tensor]) -> None:
        """Sends (tag, tensor) messages to one rank, in this order. Raises LinkLost."""
        self._carry(peer, lambda group: [group.send([tensor], peer, tag) for tag, tensor in messages if tensor.numel()])

    def receive(self, peer: int, *messages: tuple[int, Tensor]) -> None:
        """Receives (tag, tensor) messages from one rank into these tensors, and waits for them. Raises LinkLost."""
        self._carry(peer, lambda group: [group.recv([tensor], peer, tag) for tag, tensor in messages if tensor.numel()])

    def _carry(self, peer: int, begin: Callable[[ProcessGroup], list[Work]]) -> None:
        with link_to(peer):
            with self._lock:
                works = begin(self._groups[MESSAGES])
            for work in works:
                work.wait(NO_LIMIT)

    def abort(self) -> None:
        """Ends all waits on this rank, and those of other ranks for it."""
        with self._lock:
            self._aborted = True
            for group in self._groups.values():
                if isinstance(group, dist.ProcessGroupGloo):
                    for peer in self.others:  # gloo closes a connection on which a receive has timed out
                        with contextlib.suppress(RuntimeError):
                            group.recv([torch.empty(1)], peer, ABORT).wait(timedelta(milliseconds=1))
                else:
                    group.abort()


def address_towards(place: RankPlace) -> str:
    """Returns this machine's address as seen from where the ranks meet; loopback where all are on this machine."""
    if place.local:
        return LOOPBACK
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:  # sends nothing
        probe.connect((place.address, place.port))
        return str(probe.getsockname()[0])
