"""Disks that are full, read-only or fail, folders that are taken away: a sentence, and what was kept stays whole."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands.commands import TINY, Cli, written
from tests.faults.counting import Attempt
from tests.faults.faults import Command, Outcome, training

BP = ("run", "table1", "--method=bp,async_lu", "--no-tracking", "--jobs=1", "--checkpoint-every=0", *TINY)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """tmp_path/out, a file system of its own; of four pages at first."""
    out = tmp_path / "out"
    out.mkdir()
    if (
        os.geteuid()
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "faults", out], check=False).returncode
    ):
        pytest.skip("no file system can be mounted here")
    yield out
    subprocess.run(["umount", "-l", out], check=True)


def remount(disk: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", disk], check=True)


def check_sentence(outcome: Outcome, *words: str) -> None:
    """One line that says why, and no process left."""
    assert (outcome.code, outcome.survivors) == (2, ())
    assert any(word in outcome.sentence for word in words)
    assert outcome.sentence.count("\n") == 1


@pytest.mark.faults
@pytest.mark.fault("disk-full")
def test_a_full_disk_is_a_sentence_and_room_lets_the_command_finish(
    attempt: Attempt, tmp_path: Path, disk: Path
) -> None:
    remount(disk, f"size={4 * attempt.random.randrange(1, 12)}k")
    with Command(tmp_path, *training(epochs=60)) as command:
        check_sentence(command.wait(), "No space left on device")
    remount(disk, "size=4m")
    with Command(tmp_path, *training(epochs=60)) as command:
        rerun = command.wait()
    assert (rerun.code, rerun.statuses) == (0, {0: "finished"})


@pytest.mark.faults
@pytest.mark.fault("disk-read-only")
def test_a_read_only_disk_is_a_sentence(attempt: Attempt, tmp_path: Path, disk: Path) -> None:
    """Whether it was so from the beginning or turned so between two commands."""
    for finished in (0, 1):
        remount(disk, "ro")
        with Command(tmp_path, *training(epochs=2, seeds=1 + finished)) as command:
            check_sentence(command.wait(), "Read-only file system", "cannot be written")
        remount(disk, "rw,size=4m")
        with Command(tmp_path, *training(epochs=2, seeds=1 + finished)) as command:
            assert command.wait().code == 0
        attempt.cases += 1


@pytest.mark.faults
@pytest.mark.fault("folder-deleted")
@pytest.mark.parametrize("taken", ["out", "out/runs", "journal"])
def test_a_folder_that_is_deleted_meanwhile_fails_the_run(attempt: Attempt, tmp_path: Path, taken: str) -> None:
    def take() -> None:
        (path,) = (tmp_path / "out").glob("runs/*/journal.jsonl")
        shutil.rmtree(tmp_path / taken) if taken != "journal" else path.unlink()

    with Command(tmp_path, *training(epochs=40)) as command:
        outcome = command.at(epoch=3).do(take).wait()
    assert (outcome.code, outcome.survivors) == (1, ())
    assert "Failed: " in outcome.said
    assert "is not where it was when the run began" in outcome.said


@pytest.mark.slow
@pytest.mark.fault("write-fails")
@pytest.mark.usefixtures("here")
def test_each_write_that_fails_is_a_sentence_and_a_rerun_ends_with_the_same_table(
    attempt: Attempt, cli: Cli, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the main thread alone: a training of a second or more also writes checkpoints, which may fail without harm."""
    for failing in itertools.count():
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        writes = list[int]()

        def fail(descriptor: int, failing: int = failing, writes: list[int] = writes) -> None:
            if threading.current_thread() is threading.main_thread():
                writes.append(descriptor)
                if len(writes) == failing + 1:
                    raise OSError(5, "Input/output error")

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fail)
            outcome = cli(*BP)
        if len(writes) <= failing:
            break
        attempt.cases += 1
        assert (outcome.code, outcome.err.count("\n")) == (2, 1)
        assert "cannot be written (Input/output error)" in outcome.err
        cli.ok(*BP)
        assert_same(tmp_path / "out", trained)
    assert (outcome.code, attempt.cases >= 8) == (0, True)


def assert_same(out: Path, trained: Path) -> None:
    table, expected = (written(folder, "table1.csv") for folder in (out, trained))
    assert table.read_bytes() == expected.read_bytes()
