"""If another process writes a run's journal, or moves it away, only that run fails."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from results.errors import AlreadyDone, JournalLost, ResultsError
from results.records import JOURNAL, folder_of, read
from results.records.identity import run_id
from results.records.journal import Journal
from results.records.spec import Labels
from tests.results.samples import spec_of


def start(out: Path, fresh: bool = True) -> Journal:
    id = run_id(spec_of())
    return Journal.create(folder_of(out, id), id=id, spec=spec_of(), environment={}, labels=Labels(), fresh=fresh)


@pytest.mark.parametrize("how", ["deleted", "renamed", "another"])
def test_a_run_whose_journal_was_moved_is_not_finished(tmp_path: Path, how: str) -> None:
    journal = start(tmp_path / "out")
    if how == "deleted":
        shutil.rmtree(tmp_path / "out")
    else:
        (tmp_path / "out").rename(tmp_path / "moved")
    if how == "another":
        shutil.copytree(tmp_path / "moved", tmp_path / "out")
    with pytest.raises(JournalLost, match="is not where it was when the run began"):
        journal.end("finished")


def test_a_journal_written_by_another_process_fails_only_its_run(tmp_path: Path) -> None:
    with start(tmp_path) as journal:
        with pytest.raises(JournalLost, match="another command"):
            start(tmp_path)
        journal.end("finished")


def test_a_journal_that_cannot_be_opened_is_set_aside(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, run_id(spec_of()))
    (folder / JOURNAL).mkdir(parents=True)
    with start(tmp_path) as journal:
        journal.end("finished")
    assert read(folder / JOURNAL).complete
    assert (folder / "journal.interrupted-1.jsonl").is_dir()
    assert issubclass(JournalLost, ResultsError)


def test_a_run_that_was_finished_meanwhile_is_replaced_on_request_alone(tmp_path: Path) -> None:
    with start(tmp_path) as journal:
        journal.end("finished", early_stopped=True)
    with pytest.raises(AlreadyDone) as done:
        start(tmp_path, fresh=False)
    assert done.value.status == "finished"
    assert [path.name for path in journal.path.parent.iterdir()] == [JOURNAL]
    start(tmp_path, fresh=True).close()
    assert (journal.path.parent / "journal.replaced-1.jsonl").is_file()
    start(tmp_path, fresh=False).close()
    assert (journal.path.parent / "journal.interrupted-1.jsonl").is_file()
