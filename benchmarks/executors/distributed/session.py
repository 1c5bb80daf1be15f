"""The runs that a command's ranks carry out together: rank 0 announces each, the others join.

Ranks exchange short values as JSON through one key-value store (torch's TCPStore), and tensors by the transport.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import TypeVar

from pydantic import TypeAdapter
from pydantic_core import to_json

import methods
from benchmarks.errors import UserError
from benchmarks.executors.distributed import place as places
from benchmarks.executors.distributed.place import Message, RankPlace
from benchmarks.executors.distributed.transport import Store, Transport, address_towards, dist
from benchmarks.executors.team import Team
from methods import Method, Worker
from results.records.spec import RunSpec

Workers = Callable[[Team], Iterable[Worker]]
T = TypeVar("T")

FIRST_NAP, LONGEST_NAP = 0.001, 0.02
"""Seconds between two looks at the store; torch's own waits write to stderr."""


def poll_store() -> Iterator[None]:
    """Yields whenever the store should be read again: at once, then after longer and longer sleeps, without end."""
    nap = FIRST_NAP
    while True:
        yield
        time.sleep(nap)
        nap = min(nap * 1.5, LONGEST_NAP)


def serve(address: str, port: int = 0) -> Store:
    """Serves the store from this process; on loopback only this machine can reach it. Raises UserError."""
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
    """Connects to rank 0's store. Raises UserError where it is not served in time."""
    try:
        store: Store = dist.TCPStore(
            place.address, place.port, None, False, timedelta(seconds=timeout_seconds), wait_for_workers=False
        )
        return store
    except dist.DistError:
        raise UserError(
            f"Rank {place.rank} could not connect to rank 0 at {place.address}:{place.port} within "
            f"{timeout_seconds:g} s: give all ranks the same MASTER_ADDR and MASTER_PORT, of a machine they can reach."
        ) from None


class Ready(Message):
    """Says that a rank can take part in a run; or cannot, `reason` being a sentence that says why ("" if it can)."""

    reason: str
    gpu: str
    host: str
    process: int


class RankSession:
    """One run as seen by one of its ranks: values in the store that all ranks read, and the connection to the others.

        session.publish("ready 2", ready)           # on rank 2
        session.wait_for("ready 2", Ready)          # on rank 0 -> ready

    root: the store of the whole command; self.store: this run's keys in it. number: of the run, from 1. rank: this
    process's, of `ranks`. workers: makes the method's workers for a team. timeout_seconds: how long to wait for a
    silent rank. host: the address that this rank listens at.
    """

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
        self.transport = Transport(self.store, rank, ranks, timeout_seconds=timeout_seconds, host=host)
        self.gpu, self.closed = "", False

    def connect(self, group: str, check: Callable[[], None] | None = None, *, nccl: bool = False) -> None:
        """Connects a process group with all ranks; returns once all ranks have connected it.

        check: raises to end the wait for them; None: it ends after timeout_seconds. Raises RuntimeError (torch's)
        where they do not connect; UserError where another rank's process has ended.
        """
        self._meet(f"connecting {group}", check)  # else torch waits, and nothing could end that
        self.transport.connect(group, nccl=nccl)
        self._meet(f"connected {group}", check)

    def _meet(self, key: str, check: Callable[[], None] | None) -> None:
        self.publish(f"{key} {self.rank}", True)
        list(self._wait_for_others(key, bool, check))

    # ---- values in the store

    def publish(self, key: str, document: object) -> None:
        """Writes a value, as JSON, under a key of this run that all ranks can read."""
        self.store.set(key, to_json(document).decode())

    def read(self, key: str, kind: type[T]) -> T | None:
        """Returns the value under a key, validated as `kind`; None where nobody has published it yet."""
        return TypeAdapter(kind).validate_json(self.store.get(key)) if self.store.check([key]) else None

    def wait_for(self, key: str, kind: type[T], check: Callable[[], None] = lambda: None) -> T:
        """Waits until a key is published -> its value. check: is called in between, and may raise to end the wait."""
        for _ in poll_store():
            if self.store.check([key]):
                break
            check()
        return TypeAdapter(kind).validate_json(self.store.get(key))

    def next_part(self, part: int, kind: type[T]) -> T | None:
        """Waits for rank 0's order of a part; None where the run is over, or rank 0 died and began another."""
        for _ in poll_store():
            if (order := self.read(f"part {part}", kind)) is not None:
                return order
            if self.store.check(["over"]) or self.root.check(["over"]) or self.root.add("runs", 0) > self.number:
                break
        return None

    def publish_ready(self, reason: str = "") -> None:
        """Tells rank 0 that this rank can take part; or cannot, for a reason that the user can act on."""
        ready = Ready(reason=reason, gpu=self.gpu, host=socket.gethostname(), process=os.getpid())
        self.publish(f"ready {self.rank}", ready)

    def process_loss(self) -> str:
        """Returns a sentence about a rank's process that has ended, from whoever started it; "" where none has."""
        return str(self.root.get("lost").decode()) if self.root.check(["lost"]) else ""

    def await_ready(self) -> None:
        """Waits until every other rank is ready. Raises UserError where one cannot take part, or is silent."""
        for rank, ready in self._wait_for_others("ready", Ready):
            if ready.reason:
                raise UserError(f"Rank {rank} cannot take part: {ready.reason}")

    def _wait_for_others(
        self, key: str, kind: type[T], check: Callable[[], None] | None = None
    ) -> Iterator[tuple[int, T]]:
        """Waits for "KEY RANK" of every other rank in turn -> yields (rank, value), such as (2, Ready(...)).

        Raises UserError where a rank's process has ended, or it has not published within timeout_seconds; with `check`
        what that raises, and there is no limit.
        """
        deadline = time.monotonic() + self.timeout_seconds

        def look() -> None:
            if message := self.process_loss():
                raise UserError(message)
            if check is not None:
                check()
            elif time.monotonic() > deadline:
                raise UserError(
                    f"Rank {rank} of {self.ranks} was not there within {self.timeout_seconds:g} s: see its own "
                    f"output, or set {places.TIMEOUT} to more seconds."
                )

        for rank in self.transport.others:
            yield rank, self.wait_for(f"{key} {rank}", kind, look)

    def choose_backend(self, groups: int) -> None:
        """Publishes, on rank 0, which backend carries gradients. groups: that reduce them. Raises UserError."""
        gpus = [self.gpu, *(self.wait_for(f"ready {rank}", Ready).gpu for rank in self.transport.others)]
        chosen = places.backend(places.requested_backend(), gpus, groups, available=dist.is_nccl_available())
        self.publish("backend", chosen)

    def close(self) -> None:
        self.closed = True
        self.transport.abort()


class RankCommand:
    """One rank's view of a whole command: the runs that it takes part in, one after the other."""

    def __init__(self, place: RankPlace, timeout_seconds: float) -> None:
        self.place, self.timeout_seconds = place, timeout_seconds
        self.store = dist.PrefixStore("benchmarks", connect(place, timeout_seconds))
        self.last_run = 0

    def session_of(self, number: int, method: Method) -> RankSession:
        rank, host = self.place.rank, address_towards(self.place)
        ranks, seconds = method.devices, self.timeout_seconds
        return RankSession(self.store, number, rank, ranks, method.workers, timeout_seconds=seconds, host=host)

    def begin(self, spec: RunSpec, code: str) -> RankSession:
        """Announces the next run, on rank 0 -> its session. code: the digest of the numerics' files, for comparison.

        Raises UserError where its devices are more than the ranks.
        """
        method = methods.recorded(spec.method.name, spec.method.options)
        check_rank_count(self.place, method)
        number = self.store.add("runs", 1)
        self.store.set("sources", code)
        self.store.set(f"run {number}", json.dumps(spec.document()))
        return self.session_of(number, method)

    def decline(self, number: int, reason: str) -> None:
        """Tells rank 0 that this rank cannot take part in a run, and why."""
        session = RankSession(
            self.store, number, self.place.rank, 0, lambda team: (), timeout_seconds=self.timeout_seconds
        )
        session.publish_ready(reason)

    def next(self) -> tuple[int, RunSpec] | None:
        """Waits, on a nonzero rank, for the next run -> its number and spec; None when there are no more."""
        self.last_run += 1
        for _ in poll_store():
            if self.store.check([f"run {self.last_run}"]):
                break
            if self.store.check(["over"]):
                return None
        return self.last_run, RunSpec.model_validate(json.loads(self.store.get(f"run {self.last_run}")))


def check_rank_count(place: RankPlace, method: Method) -> None:
    """Raises UserError where the method has more devices than there are ranks."""
    if method.devices > place.ranks:
        raise UserError(
            f"{method.name} has {method.devices} devices, a rank each, and there are {place.ranks} ranks: start "
            f"{method.devices}, or say --set {method.name}.devices={place.ranks}."
        )


# ---- this process's

_command: RankCommand | None = None
_current: RankSession | None = None


def rank_command() -> RankCommand:
    """Returns this process's command, connecting at the first call. Raises UserError where it is no rank."""
    global _command
    if _command is None:
        place = places.rank_from_environment()
        if place is None:
            raise UserError("Nobody has started ranks for --executor distributed: `run` and `train` start them.")
        _command = RankCommand(place, places.timeout_seconds())
    return _command


def current_session() -> RankSession | None:
    """Returns the session of the run that this process is carrying out, if any."""
    return _current


@contextlib.contextmanager
def session_entered(session: RankSession) -> Iterator[RankSession]:
    """Makes the session current within the block, and closes it at the end."""
    global _current
    _current = session
    try:
        yield session
    finally:
        _current = None
        session.close()


@contextlib.contextmanager
def lead_run(spec: RunSpec, code: str) -> Iterator[None]:
    """Announces a run to the other ranks and, at the end of the block, that it is over. On rank 0.

    code: as of `RankCommand.begin`.
    """
    with session_entered(rank_command().begin(spec, code)) as session:
        try:
            yield
        finally:
            session.publish("over", True)
