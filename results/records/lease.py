"""Leases: of all commands that write into one folder of results, on one machine or several, one at a time has a run.

A lease is a file beside the run's journal, made with O_EXCL, that says who holds it; a thread of its owner touches it
every BEAT_SECONDS. It needs no locks of the file system, no network, and no clock that two machines would share.
docs/decisions/0010-leases.md has the protocol and why it is safe.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import platform
import sys
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
"""Without a beat an owner counts as dead after so long, unless that it has ended is known sooner."""

_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ESTALE)
_TAKEN_AGAIN = 100  # attempts, each against a lease that came or went meanwhile


@dataclass(frozen=True, slots=True)
class Owner:
    """A process that holds a lease; what its machine does not tell is "". started: in the machine's own ticks."""

    host: str
    machine: str
    boot: str
    pid_namespace: str
    pid: int
    started: str

    @classmethod
    def here(cls) -> Owner:
        """This process."""
        pid = os.getpid()
        namespace = ""
        with contextlib.suppress(OSError):
            namespace = os.readlink("/proc/self/ns/pid")
        boot = _text_of("/proc/sys/kernel/random/boot_id")
        return cls(platform.node(), _text_of("/etc/machine-id"), boot, namespace, pid, _started(pid) or "")

    @classmethod
    def read(cls, content: bytes) -> Owner | None:
        """Reads an owner from its JSON object with a nonce; None where the content is something else."""
        try:
            fields = json.loads(content)
            del fields["nonce"]
            known = isinstance(fields["pid"], int) and 0 < fields["pid"] < 2**31
            return cls(**fields) if known else None
        except (ValueError, TypeError, KeyError, RecursionError):
            return None

    def written(self) -> str:
        """JSON object of the owner, with a nonce: no two are equal."""
        return json.dumps(asdict(self) | {"nonce": uuid.uuid4().hex})

    def __str__(self) -> str:
        return f"pid {self.pid} on host {self.host}"

    def gone(self) -> bool:
        """Whether it is known that the owner has ended: its process here, or its machine by a restart."""
        here = Owner.here()
        if (self.host, self.machine) != (here.host, here.machine):
            return False
        if self.boot != here.boot:  # by its name alone a machine is not known to be this one
            return bool(self.machine and self.boot and here.boot)
        if self.pid_namespace != here.pid_namespace:  # another container's
            return False
        found = _started(self.pid)
        return found is None or bool(found and self.started and found != self.started)


@dataclass(frozen=True, slots=True)
class _Found:
    """A lease as it lies there. owner: None where it is not (yet) readable. mark: this lease's and no other's."""

    content: bytes
    beat_ns: int

    @property
    def mark(self) -> str:
        return sha256(self.content).hexdigest()[:16]

    @property
    def owner(self) -> Owner | None:
        return Owner.read(self.content)

    @property
    def who(self) -> str:
        return str(self.owner or "not known yet")

    def gone(self) -> bool:
        return self.owner is not None and self.owner.gone()


class Lease:
    """A run's lease, held by this process from `take` to `release`."""

    def __init__(self, path: Path, content: bytes) -> None:
        self.path = path
        self._content = content
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)
        self._thread.start()

    @classmethod
    def take(cls, folder: Path, silent: Collection[str] = ()) -> Lease:
        """Take the lease of the run in this folder, or take it over from an owner that has ended.

        silent: the marks of leases and claims whose owners count as dead, by a `LeaseWatcher`.

        Raises:
            LeaseHeld: another process has it, or may have it.
            OSError: the folder cannot be written.
        """
        own = Owner.here().written().encode()
        _take(folder / LEASE, own, silent)
        return cls(folder / LEASE, own)

    def check(self) -> None:
        """See that it is still this process's: before each line of a journal, and before whatever else is the owner's.

        Raises:
            JournalLost: it is not; whatever else there was to write is another's to write now.
            OSError: the file system does not say.
        """
        try:
            content = _content(self.path)
        except OSError as error:
            if error.errno not in _GONE:
                raise
            text = f"{self.path.parent} is not where it was when the run began; leave --out alone while runs train"
            raise JournalLost(f"{text}, and run again.") from error
        if content != self._content:
            who = _Found(content, 0).who
            text = f"{self.path.parent} was taken over by another command ({who}), since this one had not been heard of"
            raise JournalLost(f"{text} for {SILENT_SECONDS:.0f} s; the run goes on there.")

    def release(self) -> None:
        """Give it back, if it is still this process's; once is enough."""
        self._over.set()
        with contextlib.suppress(OSError):
            if _content(self.path) == self._content:
                self.path.unlink()
        self._thread.join()

    def _beat(self) -> None:
        while not self._over.wait(BEAT_SECONDS):
            with contextlib.suppress(OSError, JournalLost):  # `check` says so where it matters
                self.check()
                os.utime(self.path)


class LeaseWatcher:
    """Watches leases that others hold, until they are free: to be asked about once a second.

    An owner's beats are held against this process's clock alone: what counts is that none came, never what time it
    was. Time in which this process was itself stopped does not count.
    """

    def __init__(self) -> None:
        self._seen: dict[Path, tuple[tuple[_Found, ...], float, float]] = {}  # what lies there, silent for, asked at

    def free(self, folder: Path) -> bool:
        """Whether the lease of the run in this folder can be taken; one whose owner was silent too long is removed."""
        path = folder / LEASE
        try:
            found = _chain(path)
        except OSError:  # whoever takes it says so
            return True
        if all(one.gone() for one in found):
            self._seen.pop(path, None)
            return True
        now = time.monotonic()
        before, silent, last = self._seen.get(path, ((), 0.0, now))
        silent = silent + min(now - last, BEAT_SECONDS) if before == found else 0.0
        self._seen[path] = found, silent, now
        if silent < SILENT_SECONDS:
            return False
        with contextlib.suppress(OSError):
            try:
                Lease.take(folder, [one.mark for one in found]).release()
            except LeaseHeld:
                return False
        return True


def _take(path: Path, own: bytes, silent: Collection[str]) -> None:
    """Have a lease, or a claim on one, at this path: this process's content, where none or a dead process's was.

    Only who has the claim on a dead process's file may put its own in that place. A claim whose maker died is itself
    such a file, and is taken in the same way, by a claim on the claim: to remove it would be to risk removing the claim
    that a living process has made meanwhile.
    """
    for _ in range(_TAKEN_AGAIN):
        if _created(path, own):
            return
        found = _find(path)
        if found is None:  # released meanwhile
            continue
        if found.content == own:  # put there by one who was silent so long that it lost its claim to this process
            return
        if not (found.gone() or found.mark in silent):
            raise LeaseHeld(path.parent, found.who)
        claim = _claim(path, found)
        _take(claim, own, silent)
        now = _find(path)
        if now is None or now.content != found.content:
            claim.unlink(missing_ok=True)
            continue
        with contextlib.suppress(FileNotFoundError):
            os.replace(claim, path)
    raise LeaseHeld(path.parent, "others, who come and go")


def _chain(path: Path) -> tuple[_Found, ...]:
    """The lease as it lies there, the claim on it, the claim on that: mostly one, or none."""
    found = _find(path)
    return () if found is None else (found, *_chain(_claim(path, found)))


def _claim(path: Path, dead: _Found) -> Path:
    """Path to claim a dead lease by renaming it: named after that lease alone, so that no content is at two places."""
    return path.with_name(f"{LEASE}.{dead.mark}")


def _created(path: Path, content: bytes) -> bool:
    """Make the file with this content -> False where there is one already."""
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


def _find(path: Path) -> _Found | None:
    """Read the lease that lies there; opening a file makes NFS ask its server, where looking at it alone would not."""
    try:
        with reading.opened(path, reading.MOST_BYTES) as file:
            return _Found(file.read(LEASE_BYTES), os.fstat(file.fileno()).st_mtime_ns)
    except OSError as error:
        if error.errno in _GONE:
            return None
        raise


def _content(path: Path) -> bytes:
    return reading.content(path, LEASE_BYTES)


def _text_of(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


def _started(pid: int) -> str | None:
    """Start of a process of this machine; "" where that is not told, None where there is none, or a zombie."""
    if sys.platform == "win32":  # asking by a signal would end it there
        return ""
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
