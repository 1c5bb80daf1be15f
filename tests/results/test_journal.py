from __future__ import annotations

import json
import math
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from results.errors import JournalLost, ResultsError
from results.records import JOURNAL, folder_of, journal, read
from results.records.journal import Journal
from results.records.spec import Labels
from tests.results.samples import lines_of, rewrite, spec_of, write


def start(folder: Path) -> Journal:
    return Journal.create(folder, id="a1", spec=spec_of(), environment={"cores": 2}, labels=Labels(row="async_lu"))


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    record = write(tmp_path, [10.0, 20.5])

    assert record.spec == spec_of()
    assert [point.epoch for point in record.evaluations] == [1, 2]
    assert record.evaluations[1].step == 40
    assert record.evaluations[1].metrics["accuracy_percent"] == 20.5
    assert record.end is not None
    assert (record.end["epochs"], record.end["early_stopped"], record.end["reason"]) == (2, True, "")
    assert record.end["staleness"][0]["layer"] == "stem"
    assert (record.status, record.complete, record.clock) == ("finished", True, "virtual_seconds")
    assert (record.method, record.network, record.row, record.seed) == ("async_lu", "resnet18", "async_lu", 0)
    assert record.path == folder_of(tmp_path, record.id) / JOURNAL


def test_no_other_thread_writes_into_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal, lock_was_free, fsync = start(tmp_path), list[bool](), os.fsync

    def synced(descriptor: int) -> None:
        with ThreadPoolExecutor(1) as other_thread:
            lock_was_free.append(other_thread.submit(journal.lock.acquire, blocking=False).result())
        fsync(descriptor)

    monkeypatch.setattr("results.records.journal.os.fsync", synced)
    journal.evaluation(1, 20, {"loss": 1.0})
    journal.end("finished")
    assert lock_was_free == [False, False]


def test_floats_that_are_not_finite_make_strict_json_and_come_back(tmp_path: Path) -> None:
    with start(tmp_path) as journal:
        journal.evaluation(1, 20, {"loss": math.nan, "a": math.inf, "b": -math.inf})
        journal.end("diverged", reason="NaN", worst=math.inf)

    def refuse(constant: str) -> float:
        raise AssertionError(constant)

    lines = [json.loads(line, parse_constant=refuse) for line in journal.path.read_text().splitlines()]
    assert lines[1]["metrics"] == {"loss": "NaN", "a": "Infinity", "b": "-Infinity"}
    record = read(journal.path)
    metrics = record.evaluations[0].metrics
    assert math.isnan(metrics["loss"])
    assert (metrics["a"], metrics["b"]) == (math.inf, -math.inf)
    assert record.end is not None
    assert (record.end["reason"], record.end["worst"]) == ("NaN", math.inf)
    assert record.complete


@pytest.mark.parametrize("keep", range(1, 40, 7))
def test_a_cut_last_line_is_ignored(tmp_path: Path, keep: int) -> None:
    path = write(tmp_path, [10.0, 20.0]).path
    *head, last = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(head) + last[:keep])

    record = read(path)

    assert len(record.evaluations) == 2
    assert (record.end, record.status, record.complete) == (None, "interrupted", False)


def test_a_journal_cut_in_its_first_line_is_no_record_and_is_repeated(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "a1")
    folder.mkdir(parents=True)
    (folder / JOURNAL).write_text('{"type": "ru')

    with pytest.raises(ResultsError, match="run it again"):
        read(folder / JOURNAL)
    start(folder).close()
    assert (folder / "journal.interrupted-1.jsonl").read_text() == '{"type": "ru'


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"garbage", "Expecting value"),
        (b"[1]", "no JSON object"),
        ({"type": "evaluation", "epoch": 1}, "step"),
        (b'{"type": "evaluation", "epoch": 1, "step": 1, "metrics": {"loss": NaN}}', "not strict JSON"),
        ({"type": "end", "status": "fine"}, "status"),
        (b"\xff\xfe", "codec"),
    ],
)
def test_garbage_is_named_by_file_and_line(tmp_path: Path, line: bytes | dict[str, Any], why: str) -> None:
    path = write(tmp_path, [10.0], status=None).path
    if isinstance(line, bytes):
        path.write_bytes(path.read_bytes() + line + b"\n")
    else:
        rewrite(path, [*lines_of(path), line])
    with pytest.raises(ResultsError, match=f"journal.jsonl, line 3: .*{why}"):
        read(path)


def test_the_first_line_must_be_a_whole_run_and_nothing_follows_the_end(tmp_path: Path) -> None:
    path = write(tmp_path, [10.0]).path
    lines = path.read_bytes().splitlines(keepends=True)
    rewrite(path, [*lines_of(path), lines_of(path)[1]])
    with pytest.raises(ResultsError, match=r"line 4: .*nothing may follow"):
        read(path)
    path.write_bytes(b"".join(lines[1:]))
    with pytest.raises(ResultsError, match=r"line 1: .*must be the run"):
        read(path)
    path.write_bytes(b'{"type": "run", "id": "a"}\n')
    with pytest.raises(ResultsError, match="spec"):
        read(path)


def test_an_earlier_journal_is_renamed_and_never_deleted(tmp_path: Path) -> None:
    for _ in range(3):
        start(tmp_path).close()
    with start(tmp_path) as journal:
        journal.end("finished")
    start(tmp_path).close()
    names = {path.name for path in tmp_path.iterdir()}
    interrupted = {f"journal.interrupted-{number}.jsonl" for number in (1, 2, 3)}
    assert names == {JOURNAL, "journal.replaced-1.jsonl", *interrupted}


def test_a_run_that_is_being_written_is_left_alone(tmp_path: Path) -> None:
    with start(tmp_path) as journal:
        with pytest.raises(ResultsError, match="another command"):
            start(tmp_path)
        journal.end("finished")
    assert [path.name for path in tmp_path.iterdir()] == [JOURNAL]


@pytest.mark.parametrize(("error", "status"), [(RuntimeError("boom"), "failed"), (KeyboardInterrupt(), "interrupted")])
def test_an_exception_ends_the_journal(tmp_path: Path, error: BaseException, status: str) -> None:
    with pytest.raises(type(error)), start(tmp_path):
        raise error
    record = read(tmp_path / JOURNAL)
    assert (record.status, record.complete) == (status, False)
    assert record.end is not None
    assert type(error).__name__ in record.end["reason"]


def test_a_disk_that_fills_up_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = start(tmp_path)
    journal.evaluation(1, 20, {"loss": 1.0})

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(ResultsError, match="make room or choose another --out"):
            journal.evaluation(2, 40, {"loss": 0.5})
    journal.end("failed", reason="the disk was full")

    record = read(journal.path)
    assert [point.epoch for point in record.evaluations] == [1]
    assert record.status == "failed"


@pytest.mark.parametrize("step", ["write", "fsync"])
def test_a_line_cut_by_a_signal_is_removed_before_the_next(
    tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Holds whether the line was written in part or in full."""

    def ended(*arguments: Any) -> None:
        if step == "write":
            arguments[0].write(arguments[1][:10])
        raise KeyboardInterrupt

    def train() -> None:
        with start(tmp_path) as run_journal:
            run_journal.evaluation(1, 20, {"loss": 1.0})
            with monkeypatch.context() as patch:
                patch.setattr(*((journal, "_write_all") if step == "write" else (os, "fsync")), ended)
                run_journal.evaluation(2, 40, {"loss": 0.5})

    with pytest.raises(KeyboardInterrupt):
        train()
    record = read(tmp_path / JOURNAL)
    assert (len(record.evaluations), record.status) == (1, "interrupted")
    assert record.end is not None


@pytest.mark.parametrize("step", ["write", "fsync"])
@pytest.mark.parametrize("nth", range(1, 6))
def test_a_failed_write_keeps_all_earlier_lines(
    tmp_path: Path, nth: int, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run fails with a sentence, half a line is dropped, the lease is released, and the run can be repeated."""
    calls = iter(range(1, 100))

    def fail(*arguments: Any) -> None:
        if next(calls) != nth:
            original(*arguments)
            return
        if step == "write":
            arguments[0].write(arguments[1][:10])
        raise OSError(28, "No space left on device")

    def train() -> None:
        with start(tmp_path) as run_journal:
            for epoch in (1, 2, 3):
                run_journal.evaluation(epoch, 20 * epoch, {"loss": 1.0 / epoch})
            run_journal.end("finished")

    module, name = (journal, "_write_all") if step == "write" else (os, "fsync")
    original = getattr(module, name)
    with monkeypatch.context() as patch:
        patch.setattr(module, name, fail)
        with pytest.raises(ResultsError, match=r"journal.jsonl cannot be written \(No space left"):
            train()
    if nth == 1:
        with pytest.raises(ResultsError, match="holds no run yet"):
            read(tmp_path / JOURNAL)
    else:
        record = read(tmp_path / JOURNAL)
        assert [point.epoch for point in record.evaluations] == list(range(1, nth - 1))
        assert record.status == "failed"
    train()
    assert read(tmp_path / JOURNAL).status == "finished"
    assert {path.name for path in tmp_path.iterdir()} == {JOURNAL, "journal.interrupted-1.jsonl"}


@pytest.mark.parametrize("what", ["another file", "gone"])
def test_a_folder_that_changes_meanwhile_is_a_sentence(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "out" / "run"
    run_journal = start(folder)
    if what == "gone":
        shutil.rmtree(tmp_path / "out")
    else:
        folder.rename(tmp_path / "moved")
        folder.write_text("a file")
    with pytest.raises(JournalLost, match="is not where it was"):
        run_journal.evaluation(1, 20, {"loss": 1.0})
