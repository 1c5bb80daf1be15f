"""Leases: of all commands that share a folder of results, on any machine, only one trains a run at a time.

A lease is a file beside the run's journal that names its owner. It is created with O_EXCL, and a thread of the owner
touches it every BEAT_SECONDS. This needs no file locks, no network and no common clock. docs/decisions/0010-leases.md
describes the protocol and why it is safe.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import platform
import threading
import time
import uuid
from collections.abc import Collection
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from results import reading
from results.errors import JournalLost, LeaseHeld

LEASE = "lease"
LEASE_BYTES = 10_000
BEAT_SECONDS = 5.0
SILENT_SECONDS = 60.0
"""Seconds after which an owner that has not touched its lease counts as dead."""

_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ESTALE)
_ATTEMPTS = 100  # each fails only where the lease came or went meanwhile


@dataclass(frozen=True, slots=True)
class Owner:
    """A process that holds a lease. Unknown fields are "". started: start time of the process, in ticks."""

    host: str
    machine: str
    boot: str
    pid_namespace: str
    pid: int
    started: str

    @classmethod
    def here(cls) -> Owner:
        """Returns this process."""
        pid, namespace = os.getpid(), ""
        with contextlib.suppress(OSError):
            namespace = os.readlink("/proc/self/ns/pid")
        boot = _text_of("/proc/sys/kernel/random/boot_id")
        return cls(platform.node(), _text_of("/etc/machine-id"), boot, namespace, pid, _started(pid) or "")

    @classmethod
    def read(cls, content: bytes) -> Owner | None:
        """Parses an owner from the bytes of a lease; None if they are anything else."""
        try:
            fields = json.loads(content)
            del fields["nonce"]
            is_pid = isinstance(fields["pid"], int) and 0 < fields["pid"] < 2**31
            return cls(**fields) if is_pid else None
        except (ValueError, TypeError, KeyError, RecursionError):
            return None

    def written(self) -> str:
        """Returns JSON for a lease, with a nonce so that no two leases are equal."""
        return json.dumps(asdict(self) | {"nonce": uuid.uuid4().hex})

    def __str__(self) -> str:
        return f"pid {self.pid} on host {self.host}"

    def gone(self) -> bool:
        """Whether the owner has certainly ended: its process on this machine has, or the machine has restarted."""
        here = Owner.here()
        if (self.host, self.machine) != (here.host, here.machine):
            return False
        if self.boot != here.boot:  # without a machine id, it may be another machine of this name
            return bool(self.machine and self.boot and here.boot)
        if self.pid_namespace != here.pid_namespace:  # another container's
            return False
        started = _started(self.pid)
        return started is None or bool(started and self.started and started != self.started)


@dataclass(frozen=True, slots=True)
class _LeaseFile:
    """A lease as read. beat_ns: when its owner last touched it, by the file system's clock."""

    content: bytes
    beat_ns: int = 0

    @property
    def mark(self) -> str:
        """Short digest that identifies this lease."""
        return sha256(self.content).hexdigest()[:16]

    @property
    def owner(self) -> Owner | None:
        """The owner; None if the file is not, or not yet, a whole lease."""
        return Owner.read(self.content)

    @property
    def who(self) -> str:
        return str(self.owner or "not known yet")

    def gone(self) -> bool:
        return self.owner is not None and self.owner.gone()


class Lease:
    """A run's lease, which this process holds from `take` to `release`."""

    def __init__(self, path: Path, content: bytes) -> None:
        self.path = path
        self._content = content
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)
        self._thread.start()

    @classmethod
    def take(cls, folder: Path, silent: Collection[str] = ()) -> Lease:
        """Takes the lease of the run in this folder, or takes it over from a dead owner.

        silent: marks of leases and claims whose owners a `LeaseWatcher` counts as dead.

        Raises:
            LeaseHeld: another process holds it, or may hold it.
            OSError: the folder cannot be written.
        """
        own = Owner.here().written().encode()
        _take(folder / LEASE, own, silent)
        return cls(folder / LEASE, own)

    def check(self) -> None:
        """Checks that this process still holds the lease; called before each write to a file of the run.

        Raises:
            JournalLost: another process writes the run's files now.
            OSError: the file cannot be read.
        """
        try:
            content = reading.content(self.path, LEASE_BYTES)
        except OSError as error:
            if error.errno not in _GONE:
                raise
            text = f"{self.path.parent} is not where it was when the run began; leave --out alone while runs train"
            raise JournalLost(f"{text}, and run again.") from error
        if content != self._content:
            who = _LeaseFile(content).who
            text = f"{self.path.parent} was taken over by another command ({who}), since this one had not been heard of"
            raise JournalLost(f"{text} for {SILENT_SECONDS:.0f} s; the run goes on there.")

    def release(self) -> None:
        """Releases the lease if this process still holds it; may be called twice."""
        self._over.set()
        with contextlib.suppress(OSError, JournalLost):
            self.check()
            self.path.unlink()
        self._thread.join()

    def _beat(self) -> None:
        while not self._over.wait(BEAT_SECONDS):
            with contextlib.suppress(OSError, JournalLost):  # the next line of the journal raises it
                self.check()
                os.utime(self.path)


class LeaseWatcher:
    """Watches leases of other processes until they are free; call `free` about once a second.

    It counts time without a touch on this process's clock, and leaves out the time in which this process was stopped.
    """

    def __init__(self) -> None:
        self._seen: dict[Path, tuple[tuple[_LeaseFile, ...], float, float]] = {}  # files, silent for, asked at

    def free(self, folder: Path) -> bool:
        """Whether the run's lease can be taken; removes a lease whose owner was silent for too long."""
        path = folder / LEASE
        try:
            files = _chain(path)
            if all(file.gone() for file in files):
                self._seen.pop(path, None)
                return True
            now = time.monotonic()
            before, silent, last = self._seen.get(path, ((), 0.0, now))
            silent = silent + min(now - last, BEAT_SECONDS) if before == files else 0.0
            self._seen[path] = files, silent, now
            if silent < SILENT_SECONDS:
                return False
            Lease.take(folder, [file.mark for file in files]).release()
        except LeaseHeld:
            return False
        except OSError:  # `Lease.take` raises it for the caller
            return True
        return True


def _take(path: Path, own: bytes, silent: Collection[str]) -> None:
    """Writes this process's content to a lease or claim, if there is none or its owner is dead.

    Only the process that holds the claim on a dead lease may replace it. If the owner of a claim dies, the claim is
    taken over in the same way, by a claim on the claim: deleting it could delete the claim that a living process has
    just made.
    """
    for _ in range(_ATTEMPTS):
        if _create(path, own):
            return
        dead = _read(path)
        if dead is None:  # released meanwhile
            continue
        if dead.content == own:  # renamed by a process that was silent so long that this one took over its claim
            return
        if not (dead.gone() or dead.mark in silent):
            raise LeaseHeld(path.parent, dead.who)
        claim = _claim(path, dead)
        _take(claim, own, silent)
        now = _read(path)
        if now is None or now.content != dead.content:
            claim.unlink(missing_ok=True)
            continue
        with contextlib.suppress(FileNotFoundError):
            os.replace(claim, path)
    raise LeaseHeld(path.parent, "others, who come and go")


def _chain(path: Path) -> tuple[_LeaseFile, ...]:
    """Returns the lease, the claim on it, the claim on that claim, and so on; usually one file or none."""
    file = _read(path)
    return () if file is None else (file, *_chain(_claim(path, file)))


def _claim(path: Path, dead: _LeaseFile) -> Path:
    """Path of the claim on a dead lease; its name contains the lease's mark, so each lease has its own claim."""
    return path.with_name(f"{LEASE}.{dead.mark}")


def _create(path: Path, content: bytes) -> bool:
    """Creates the file with this content -> False if there is one already."""
    try:
        file = path.open("xb", buffering=0)
    except FileExistsError:
        return False
    try:
        with file:
            if file.write(content) < len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except BaseException:
        with contextlib.suppress(OSError):
            path.unlink()
        raise
    return True


def _read(path: Path) -> _LeaseFile | None:
    """Returns the lease at the path, or None. Opening the file makes NFS ask its server; `stat` would not."""
    try:
        with reading.opened(path, reading.MOST_BYTES) as file:
            return _LeaseFile(file.read(LEASE_BYTES), os.fstat(file.fileno()).st_mtime_ns)
    except OSError as error:
        if error.errno in _GONE:
            return None
        raise


def _text_of(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


def _started(pid: int) -> str | None:
    """Start of a process on this machine, in ticks; "" if unknown, None if it has ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:  # another user's
        pass
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return None if fields[0] in ("Z", "X") else fields[19]
