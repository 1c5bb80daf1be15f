"""Leases: one process at a time holds a run; dead owners are replaced at once, silent ones later."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from results.errors import JournalLost, LeaseHeld, ResultsError
from results.records import folder_of, lease, read
from results.records.identity import run_id
from results.records.journal import Journal
from results.records.lease import BEAT_SECONDS, LEASE, SILENT_SECONDS, Lease, LeaseWatcher, Owner
from results.records.spec import Labels
from tests.commands.commands import until
from tests.results.samples import spec_of
from tests.sure import sure

HERE = Owner.here()
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def left_by(folder: Path, owner: Owner, nonce: str = "n") -> Path:
    """Writes a lease that nobody touches."""
    fields = {name: getattr(owner, name) for name in Owner.__slots__}
    (folder / LEASE).write_text(json.dumps(fields | {"nonce": nonce}))
    return folder / LEASE


def ended() -> int:
    """Returns the pid of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_lease_is_one_processs_and_is_given_back(tmp_path: Path) -> None:
    held = Lease.take(tmp_path)
    with pytest.raises(LeaseHeld, match=f"another command's .pid {os.getpid()} on host "):
        Lease.take(tmp_path)
    held.check()
    held.release()
    assert names(tmp_path) == []
    with pytest.raises(JournalLost, match="not where it was"):
        held.check()
    Lease.take(tmp_path).release()


@LINUX
@pytest.mark.parametrize(
    "owner",
    [
        replace(HERE, pid=ended()),
        replace(HERE, started="1"),  # the process that has its id now is another
        replace(HERE, machine="m", boot="another", pid=1),
    ],
)
def test_the_lease_of_one_that_has_ended_is_taken_over_at_once(
    tmp_path: Path, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Owner, "here", lambda: replace(HERE, machine=owner.machine))
    left_by(tmp_path, owner)
    held = Lease.take(tmp_path)
    held.check()
    held.release()
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "owner",
    [
        replace(HERE, host="elsewhere", pid=ended()),
        replace(HERE, machine="another of this name", pid=ended()),
        replace(HERE, machine="", boot="another"),  # nor is it known that this is the machine of that name
        replace(HERE, pid_namespace="another container's", pid=ended()),
        HERE,
    ],
)
def test_an_owner_on_another_machine_counts_as_dead_after_silence(
    tmp_path: Path, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, now, watcher = left_by(tmp_path, owner), 0.0, LeaseWatcher()
    monkeypatch.setattr(lease, "time", SimpleNamespace(monotonic=lambda: now))
    with pytest.raises(LeaseHeld):
        Lease.take(tmp_path)
    for beat in range(100):
        os.utime(path, (beat, beat))  # any other time is a beat: no two clocks are compared
        assert not watcher.free(tmp_path)
        now += SILENT_SECONDS / 2
    for _ in range(int(SILENT_SECONDS - BEAT_SECONDS)):
        assert not watcher.free(tmp_path)
        now += 1.0
    assert watcher.free(tmp_path)
    assert names(tmp_path) == []


def test_while_a_process_is_stopped_it_hears_no_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left_by(tmp_path, replace(HERE, host="elsewhere"))
    now, watcher = 0.0, LeaseWatcher()
    monkeypatch.setattr(lease, "time", SimpleNamespace(monotonic=lambda: now))
    for _ in range(int(SILENT_SECONDS / BEAT_SECONDS)):
        assert not watcher.free(tmp_path)
        now += 1e6


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"nonce": 1}', b"\xff", b'{"pid": "x", "nonce": ""}', b"[" * 9999]
)
def test_an_unreadable_lease_is_held_until_it_is_silent(
    tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its owner may be writing it at this moment."""
    (tmp_path / LEASE).write_bytes(content)
    with pytest.raises(LeaseHeld, match="not known yet"):
        Lease.take(tmp_path)
    monkeypatch.setattr(lease, "SILENT_SECONDS", 0.0)
    assert LeaseWatcher().free(tmp_path)


def at_once(count: int, action: Callable[[], object]) -> list[object]:
    """Runs the action in threads that start together -> each one's result, or the owner of the lease."""
    barrier, results = threading.Barrier(count), list[object]()

    def one() -> None:
        barrier.wait()
        try:
            results.append(action())
        except LeaseHeld as held:
            results.append(held)

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.fixture
def switching() -> Iterator[None]:
    """Makes threads switch after almost every step, to expose races."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@LINUX
@pytest.mark.usefixtures("switching")
@pytest.mark.parametrize("left", ["nothing", "a lease", "a lease and a claim"])
def test_only_one_of_several_threads_gets_a_lease(tmp_path: Path, left: str) -> None:
    dead_owner = replace(HERE, pid=ended())
    for attempt in range(100 if left == "a lease and a claim" else 30):  # where two had it, it was 1 of 100 attempts
        folder = tmp_path / str(attempt)
        folder.mkdir()
        if left != "nothing":
            path = left_by(folder, dead_owner)
        if left == "a lease and a claim":
            dead_lease = sure(lease._read(path))
            lease._claim(path, dead_lease).write_bytes(path.read_bytes().replace(b'"n"', b'"m"'))
        results = at_once(8, lambda folder=folder: Lease.take(folder))  # type: ignore[misc]
        (held,) = (result for result in results if isinstance(result, Lease))
        held.check()
        held.release()
        assert names(folder) == []


@LINUX
def test_only_one_process_at_a_time_holds_a_lease(tmp_path: Path) -> None:
    """Each process increments a number in a file while it holds the lease, and ends without releasing its last one."""
    program = (
        "import os, sys, time; from pathlib import Path; from results.records.lease import Lease;"
        "from results.errors import LeaseHeld\n"
        "folder = Path(sys.argv[1]); number = folder / 'number'\n"
        "for turn in range(10):\n"
        "    while True:\n"
        "        try: held = Lease.take(folder); break\n"
        "        except LeaseHeld: time.sleep(0.001)\n"
        "    count = int(number.read_text()); time.sleep(0.001); number.write_text(str(count + 1)); held.check()\n"
        "    if turn < 9: held.release()\n"
        "os._exit(0)\n"
    )
    (tmp_path / "number").write_text("0")
    processes = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path)]) for _ in range(4)]
    assert [process.wait() for process in processes] == [0] * 4
    assert (tmp_path / "number").read_text() == "40"


def test_a_process_that_lost_its_lease_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulates a process that was stopped for minutes: another one trains the run, and its journal is not touched."""
    id = run_id(spec_of())

    def start() -> Journal:
        return Journal.create(folder_of(tmp_path, id), id=id, spec=spec_of(), environment={}, labels=Labels())

    stopped_journal = start()
    monkeypatch.setattr(lease, "SILENT_SECONDS", 0.0)
    assert LeaseWatcher().free(stopped_journal.path.parent)
    with start() as journal:
        content = journal.path.read_bytes()
        with pytest.raises(JournalLost, match=f"taken over by another command .pid {os.getpid()} on host"):
            stopped_journal.evaluation(1, 20, {"loss": 1.0})
        with pytest.raises(ResultsError):
            stopped_journal.end("finished")
        stopped_journal.close()
        assert journal.path.read_bytes() == content
        journal.end("finished")
    assert read(journal.path).status == "finished"


def test_an_owner_beats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "BEAT_SECONDS", 0.001)
    held = Lease.take(tmp_path)
    for _ in range(2):
        os.utime(held.path, (0, 0))
        until(lambda: held.path.stat().st_mtime > 0)
    held.release()
    assert not held._thread.is_alive()


def test_a_failed_write_leaves_no_lease(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The write fails within the file, as on a full disk."""
    monkeypatch.setattr(Owner, "written", lambda owner: SimpleNamespace(encode=lambda: "no bytes"))
    with pytest.raises(TypeError):
        Lease.take(tmp_path)
    assert names(tmp_path) == []
