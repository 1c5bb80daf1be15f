"""The runs that ranks have in common: rank 0 says which comes next, and the others take part in it.

All that is said goes through one store, as JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import TypeVar

from pydantic import TypeAdapter
from pydantic_core import to_json

import methods
from benchmarks import numerics
from benchmarks.errors import UserError
from benchmarks.executors.distributed import place as places
from benchmarks.executors.distributed.place import Message, RankPlace
from benchmarks.executors.distributed.transport import Store, Transport, dist, host_towards
from benchmarks.executors.team import Team
from methods import Method, Worker
from results.records.spec import RunSpec

Workers = Callable[[Team], Iterable[Worker]]
T = TypeVar("T")

FIRST_NAP, LONGEST_NAP = 0.001, 0.02
"""Seconds between two looks at the store: torch's own waits speak on stderr."""


def looks() -> Iterator[None]:
    """Yields whenever it is time to look at the store: at once, then after longer and longer naps, for ever."""
    nap = FIRST_NAP
    while True:
        yield
        time.sleep(nap)
        nap = min(nap * 1.5, LONGEST_NAP)


def serve(address: str, port: int = 0) -> Store:
    """Serves the store in this process; on loopback it can be reached from this machine alone. Raises UserError."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise UserError(
            f"Rank 0 cannot listen at {address}:{port} ({error.strerror}): set MASTER_ADDR to an address of its "
            "machine, and MASTER_PORT to a free port."
        ) from None
    real = listener.getsockname()[1]
    store: Store = dist.TCPStore(
        address, real, None, True, timedelta(seconds=30), wait_for_workers=False, master_listen_fd=listener.detach()
    )
    return store


def connect(place: RankPlace, timeout_seconds: float) -> Store:
    """Connects to the store of rank 0. Raises UserError where rank 0 does not serve it in time."""
    try:
        store: Store = dist.TCPStore(
            place.address, place.port, None, False, timedelta(seconds=timeout_seconds), wait_for_workers=False
        )
        return store
    except dist.DistError:
        raise UserError(
            f"Rank {place.rank} found nobody at {place.address}:{place.port} within {timeout_seconds:g} s: rank 0 "
            "serves there; MASTER_ADDR and MASTER_PORT are to be the same for all ranks, and its machine reachable."
        ) from None


class Ready(Message):
    """A rank that can take part, or cannot: then `excuse` is a sentence that says why."""

    excuse: str
    gpu: str
    host: str
    process: int


class RankSession:
    """One run, as its ranks carry it out. store: its own; root: of all runs. workers: makes them for a team."""

    def __init__(
        self,
        root: Store,
        number: int,
        rank: int,
        ranks: int,
        workers: Workers,
        *,
        timeout_seconds: float,
        host: str = places.LOOPBACK,
    ) -> None:
        self.root, self.number, self.rank, self.ranks, self.workers = root, number, rank, ranks, workers
        self.timeout_seconds = timeout_seconds
        self.store: Store = dist.PrefixStore(f"run {number}", root)
        self.host, self.gpu, self.closed = host, "", False
        self._transport: Transport | None = None
        self._connecting = threading.Lock()

    @property
    def transport(self) -> Transport:
        """Connected when it is asked for first, which all ranks do; nobody goes on, and fails, before all are.

        Raises RuntimeError, gloo's, where they do not come together; UserError where another's process has ended.
        """
        with self._connecting:
            if self._transport is None:
                seconds = self.timeout_seconds
                self._transport = Transport(self.store, self.rank, self.ranks, timeout_seconds=seconds, host=self.host)
                self.say(f"connected {self.rank}", True)
                list(self._await_all("connected", bool))
            return self._transport

    def abort(self) -> None:
        """End all waits for messages, where ranks are connected."""
        if self._transport is not None:
            self._transport.abort()

    # ---- what is said

    def say(self, what: str, document: object) -> None:
        self.store.set(what, to_json(document).decode())

    def heard(self, what: str, kind: type[T]) -> T | None:
        """Returns what was said, which is of this kind; None where nobody has said it yet."""
        return TypeAdapter(kind).validate_json(self.store.get(what)) if self.store.check([what]) else None

    def wait_for(self, what: str, kind: type[T], look: Callable[[], None] = lambda: None) -> T:
        """Returns what is said, once it is. look: is called now and then, and ends the wait by raising."""
        for _ in looks():
            if self.store.check([what]):
                break
            look()
        return TypeAdapter(kind).validate_json(self.store.get(what))

    def next_part(self, part: int, kind: type[T]) -> T | None:
        """Returns what rank 0 says of it; None where the run is over, or another has begun after its leader died."""
        for _ in looks():
            if (order := self.heard(f"part {part}", kind)) is not None:
                return order
            if self.store.check(["over"]) or self.root.check(["over"]) or self.root.add("runs", 0) > self.number:
                return None
        return None

    def ready(self, excuse: str = "") -> None:
        """Says that this rank can take part; or cannot, in a sentence that the user can act on."""
        here = Ready(excuse=excuse, gpu=self.gpu, host=socket.gethostname(), process=os.getpid())
        self.say(f"ready {self.rank}", here)

    def lost(self) -> str:
        """A sentence where a process of the ranks has ended, as whoever started it found; else ""."""
        return str(self.root.get("lost").decode()) if self.root.check(["lost"]) else ""

    def await_ready(self) -> None:
        """Raises UserError where a rank cannot take part, or is not heard of in time."""
        for rank, ready in self._await_all("ready", Ready):
            if ready.excuse:
                raise UserError(f"Rank {rank} cannot take part: {ready.excuse}")

    def _await_all(self, what: str, kind: type[T]) -> Iterator[tuple[int, T]]:
        """Gives the other ranks in turn, and what each says of this, once it has. Raises UserError."""
        deadline = time.monotonic() + self.timeout_seconds

        def look() -> None:
            if lost := self.lost():
                raise UserError(lost)
            if time.monotonic() > deadline:
                raise UserError(
                    f"Rank {rank} of {self.ranks} was not there within {self.timeout_seconds:g} s: see what it said, "
                    f"or set {places.TIMEOUT} to more seconds."
                )

        for rank in range(self.ranks):
            if rank != self.rank:
                yield rank, self.wait_for(f"{what} {rank}", kind, look)

    def choose_backend(self, groups: int) -> None:
        """Rank 0, once all are ready: what carries gradients. groups: that reduce them. Raises UserError."""
        others = [rank for rank in range(self.ranks) if rank != self.rank]
        gpus = [self.gpu, *(self.wait_for(f"ready {rank}", Ready).gpu for rank in others)]
        chosen = places.backend(places.asked_backend(), gpus, groups, available=dist.is_nccl_available())
        self.say("backend", chosen)

    def close(self) -> None:
        self.closed = True
        self.abort()
        if self._transport is not None:
            self._transport.close()


class RankCommand:
    """A rank's part in the runs of a command."""

    def __init__(self, place: RankPlace, timeout_seconds: float) -> None:
        self.place, self.timeout_seconds = place, timeout_seconds
        self.store = dist.PrefixStore("benchmarks", connect(place, timeout_seconds))
        self.numbered = 0

    def session_of(self, number: int, method: Method) -> RankSession:
        rank, host = self.place.rank, host_towards(self.place)
        ranks, seconds = method.devices, self.timeout_seconds
        return RankSession(self.store, number, rank, ranks, method.workers, timeout_seconds=seconds, host=host)

    def begin(self, spec: RunSpec) -> RankSession:
        """Rank 0: the run that comes next. Raises UserError where there are too few ranks for its devices."""
        method = methods.recorded(spec.method.name, spec.method.options)
        enough(self.place, method)
        number = self.store.add("runs", 1)
        self.store.set("sources", numerics.digest())
        self.store.set(f"run {number}", json.dumps(spec.document()))
        return self.session_of(number, method)

    def excuse(self, number: int, sentence: str) -> None:
        """This rank cannot take part in the run of this number."""
        session = RankSession(
            self.store, number, self.place.rank, 0, lambda team: (), timeout_seconds=self.timeout_seconds
        )
        session.ready(sentence)

    def next(self) -> tuple[int, RunSpec] | None:
        """Other ranks: the next run, by its number; None when there are no more."""
        self.numbered += 1
        for _ in looks():
            if self.store.check([f"run {self.numbered}"]):
                break
            if self.store.check(["over"]):
                return None
        return self.numbered, RunSpec.model_validate(json.loads(self.store.get(f"run {self.numbered}")))


def enough(place: RankPlace, method: Method) -> None:
    """Raises UserError where there are fewer ranks than devices."""
    if method.devices > place.ranks:
        raise UserError(
            f"{method.name} has {method.devices} devices, a rank each, and there are {place.ranks} ranks: start "
            f"{method.devices}, or say --set {method.name}.devices={place.ranks}."
        )


# ---- this process's

_command: RankCommand | None = None
_current: RankSession | None = None


def rank_command() -> RankCommand:
    """Returns this process's. Raises UserError where it is no rank, or finds nobody to meet."""
    global _command
    if _command is None:
        place = places.found()
        if place is None:
            raise UserError("Nobody has started ranks for --executor distributed: `run` and `train` start them.")
        _command = RankCommand(place, places.timeout_seconds())
    return _command


def current_session() -> RankSession | None:
    """Returns the run that this process is at."""
    return _current


@contextlib.contextmanager
def at(session: RankSession) -> Iterator[RankSession]:
    """The run that this process is at, while it lasts."""
    global _current
    _current = session
    try:
        yield session
    finally:
        _current = None
        session.close()


@contextlib.contextmanager
def leading(spec: RunSpec) -> Iterator[None]:
    """Rank 0 carries the run out; the others hear of it, and when it is over."""
    with at(rank_command().begin(spec)) as session:
        try:
            yield
        finally:
            session.say("over", True)
