"""Files of schedules: read back as written, or refused in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from results.errors import ResultsError
from results.records import schedule
from results.records.schedule import SCHEDULE, Part, WorkerSchedule


def part(ticket: int) -> Part:
    return {"w": WorkerSchedule(["N", "F"], [ticket, 0, -1]), "v": WorkerSchedule()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Folder of a run with a schedule of three epochs."""
    for epoch in (1, 2, 3):
        schedule.append(tmp_path, epoch, [part(epoch)])
    return tmp_path


def test_what_was_written_is_read(folder: Path) -> None:
    assert schedule.load(folder) == [[part(1)], [part(2)], [part(3)]]


def test_a_run_goes_on_after_the_epochs_that_it_keeps(folder: Path) -> None:
    """A line written after the last checkpoint belongs to an epoch that is trained again."""
    schedule.begin(folder, after=2)
    schedule.append(folder, 3, [part(9)])
    assert schedule.load(folder) == [[part(1)], [part(2)], [part(9)]]
    with pytest.raises(ResultsError, match=r"has 3 of the 4 epochs before; run again with --fresh\.$"):
        schedule.begin(folder, after=4)


def test_a_run_that_begins_anew_sets_the_schedule_before_aside(folder: Path) -> None:
    schedule.begin(folder)
    schedule.append(folder, 1, [part(9)])
    assert schedule.load(folder) == [[part(9)]]
    assert (folder / "schedule.replaced-1.jsonl").read_bytes().count(b"\n") == 3


def test_every_cut_but_between_lines_is_refused(folder: Path) -> None:
    content = (folder / SCHEDULE).read_bytes()
    for size in range(1, len(content)):
        (folder / SCHEDULE).write_bytes(content[:size])
        if content[size - 1] == ord("\n"):
            assert len(schedule.load(folder)) == content[:size].count(b"\n")
        else:
            with pytest.raises(ResultsError, match=r"was cut within line \d: it can be replayed no more\.$"):
                schedule.load(folder)


def test_every_flipped_bit_is_refused(folder: Path) -> None:
    content = (folder / SCHEDULE).read_bytes()
    for position in range(len(content)):
        (folder / SCHEDULE).write_bytes(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])
        with pytest.raises(ResultsError, match=SCHEDULE):
            schedule.load(folder)


@pytest.mark.parametrize("lines", [(1, 3), (2, 3), (1, 1, 2), (2, 1)])
def test_epochs_that_are_missing_or_doubled_are_refused(folder: Path, lines: tuple[int, ...]) -> None:
    all_lines = (folder / SCHEDULE).read_bytes().splitlines(keepends=True)
    (folder / SCHEDULE).write_bytes(b"".join(all_lines[epoch - 1] for epoch in lines))
    with pytest.raises(ResultsError, match=r"line \d: not the schedule of epoch \d"):
        schedule.load(folder)


def test_another_runs_schedule_is_refused(folder: Path) -> None:
    other_folder = folder / "other"
    other_folder.mkdir()
    (folder / SCHEDULE).rename(other_folder / SCHEDULE)
    with pytest.raises(ResultsError, match=f"line 1: not the schedule of epoch 1 .* of run {folder.name}"):
        schedule.load(other_folder)


def test_where_nothing_was_recorded_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match=r"was the run started with --record\?$"):
        schedule.load(tmp_path)
