"""The line of a journal that states where its run was resumed from a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from results.errors import ResultsError
from results.records import Evaluation, Record, folder_of, read
from results.records.identity import run_id
from results.records.journal import Journal
from results.records.spec import Labels
from results.reproductions import keep
from results.tracking.entries import entries
from tests.results.samples import lines_of, rewrite, spec_of

BEFORE = [{"epoch": 1, "batch": 3, "environment": {"commit": "a"}}, {"epoch": 2, "batch": 5, "environment": {}}]


def point(epoch: int) -> Evaluation:
    metrics = {
        "accuracy_percent": 10.0 * epoch,
        "loss": 1.0,
        "virtual_seconds": 2.0 * epoch,
        "wall_seconds": 4.0 * epoch,
    }
    return Evaluation(epoch, 20 * epoch, metrics)


def resumed(out: Path, environments: Sequence[Mapping[str, Any]] = BEFORE) -> Record:
    """A run resumed after two epochs and five batches, and finished after three epochs."""
    spec = spec_of()
    folder, id = folder_of(out, run_id(spec)), run_id(spec)
    with Journal.create(folder, id=id, spec=spec, environment={}, labels=Labels()) as journal:
        journal.resumed([point(1), point(2)], epoch=2, batch=5, wall_seconds=9.0, environments=environments)
        journal.evaluation(3, 60, point(3).metrics)
        journal.end("finished", wall_seconds=12.5)
    return read(journal.path)


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    record = resumed(tmp_path)
    assert record.resumed is not None
    assert (record.resumed.epoch, record.resumed.batch, record.resumed.wall_seconds) == (2, 5, 9.0)
    assert list(record.resumed.environments) == BEFORE
    assert list(record.evaluations) == [point(1), point(2), point(3)]
    assert record.end is not None
    assert record.end["epochs"] == 3


def test_a_resumed_journal_may_be_cut(tmp_path: Path) -> None:
    path = resumed(tmp_path).path
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:3]) + lines[3][:20])
    record = read(path)
    assert record.resumed is not None
    assert (len(record.evaluations), record.status) == (1, "interrupted")


@pytest.mark.parametrize("place", [0, 2, 3, 4])
def test_a_resumed_line_may_only_follow_the_first(tmp_path: Path, place: int) -> None:
    path = resumed(tmp_path).path
    lines = lines_of(path)
    moved = lines.pop(1)
    rewrite(path, [*lines[:place], moved, *lines[place:]])
    with pytest.raises(ResultsError, match=f"line {place + 1}: not a journal line"):
        read(path)


@pytest.mark.parametrize(
    "change",
    [
        {"epoch": -1},
        {"epoch": "2"},
        {"epoch": True},
        {"batch": None},
        {"batch": 1.5},
        {"wall_seconds": "NaN"},
        {"wall_seconds": -1.0},
        {"environments": None},
        {"environments": [1]},
        {"environments": [{}]},
        {"epoch": 4},
    ],
    ids=str,
)
def test_a_wrong_one_is_named_by_file_and_line(tmp_path: Path, change: dict[str, Any]) -> None:
    path = resumed(tmp_path).path
    lines = lines_of(path)
    lines[1] |= change
    rewrite(path, lines)
    with pytest.raises(ResultsError, match=r"journal.jsonl, line 2: not a journal line"):
        read(path)


def test_a_tracked_run_says_where_it_resumed_and_lasted_as_long_as_it_was_trained(tmp_path: Path) -> None:
    """The journal begins 9 s into the training; pauses are left out."""
    record = replace(resumed(tmp_path), started="2026-01-01T00:01:00.000+00:00")
    (entry,) = (entry for entry in entries([record], {}, {}) if entry.key.startswith("run:"))
    assert entry.tags["benchmarks.resumed"] == "after epoch 2 and 5 batches"
    assert entry.end_ms - entry.start_ms == 12500
    assert entry.start_ms % 60000 == 51000


def test_kept_environments_name_no_folder(tmp_path: Path) -> None:
    """Neither the environment at the start nor the one at the resumption."""
    environment = {"command": ["python", "-m", "benchmarks", "run", "table1", "--out", "/home/me/out"], "commit": "a"}
    record = resumed(tmp_path / "out", [{"epoch": 1, "batch": 3, "environment": environment}])
    (path,) = keep([record], tmp_path / "kept")
    kept_record = read(path)  # a packed file of one
    assert kept_record.resumed is not None
    (kept_environment,) = kept_record.resumed.environments
    assert kept_environment["environment"]["command"] == ["python", "-m", "benchmarks", "run", "table1"]
    assert kept_environment["environment"]["commit"] == "a"
    assert kept_record.evaluations == record.evaluations
