"""Damaged journals: every change is detected and reported with file and line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.views import journals
from results.errors import ResultsError
from results.records import read
from results.records.spec import Effects
from results.records.usable import usable
from tests.endless import Make, endless
from tests.results.samples import lines_of, records, rewrite, write

DEEP = "[" * 200 + "]" * 200


@pytest.mark.parametrize("strange", ["1e999", "-1e999", "9" * 400, "9" * 5000, DEEP, "[" * 100_000, "true", '"x"'])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_what_is_no_number_is_named_by_file_and_line(tmp_path: Path, number: int, strange: str) -> None:
    path = write(tmp_path, [10.0]).path
    lines = lines_of(path)
    del lines[0]["format"]  # of an earlier version, without checksums
    container = (lines[0]["spec"], lines[1]["metrics"], lines[2])[number - 1]
    container[("seed", "loss", "wall_seconds")[number - 1]] = "PLACE"
    text = "".join(json.dumps(line) + "\n" for line in lines).replace('"PLACE"', strange)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ResultsError, match=f"journal.jsonl, line {number}: "):
        read(path)


def test_packages_are_an_object(tmp_path: Path) -> None:
    path = write(tmp_path, [10.0]).path
    lines = lines_of(path)
    lines[0]["environment"]["packages"] = ["torch"]
    rewrite(path, lines)
    with pytest.raises(ResultsError, match=r"journal.jsonl, line 1: "):
        read(path)


def test_text_that_no_file_can_hold_is_spelt_out(tmp_path: Path) -> None:
    path = write(tmp_path, [10.0]).path
    lines = lines_of(path)
    lines[0]["environment"]["command"] = lines[2]["reason"] = "a \udcff"
    rewrite(path, lines)
    record = read(path)
    assert record.end is not None
    assert record.environment["command"] == record.end["reason"] == r"a \udcff"


@pytest.mark.parametrize("order", [(1, 1, 2), (2, 1), (1, 3), (2, 3), (1,), ()])
@pytest.mark.parametrize("status", ["finished", "diverged"])
def test_the_epochs_of_an_end_are_all_there_in_their_order(tmp_path: Path, order: tuple[int, ...], status: str) -> None:
    path = write(tmp_path, [10.0, 20.0, 30.0], status=status).path
    head, *points, end = lines_of(path)
    rewrite(path, [head, *(points[epoch - 1] for epoch in order), end])
    with pytest.raises(ResultsError, match=r"journal.jsonl, line \d: .*epoch"):
        read(path)


def test_the_journal_of_another_run_is_left_out_with_a_sentence(tmp_path: Path) -> None:
    own, other, third = (write(tmp_path, [50.0], seed=seed) for seed in range(3))
    own.path.write_bytes(other.path.read_bytes())
    lines = lines_of(third.path)
    lines[0]["spec"]["seed"] = 7
    rewrite(third.path, lines)
    all_journals = journals.read(tmp_path)
    assert [record.id for record in all_journals.records] == [other.id]
    assert [("another run's" in sentence) for sentence in all_journals.left_out] == [True, True]
    assert [record.id for record in records(tmp_path)] == [other.id]
    with pytest.raises(ResultsError, match="another run's"):
        usable(own.path)


@endless
def test_a_journal_without_an_end(make: Make, words: str, tmp_path: Path) -> None:
    make(tmp_path / "journal.jsonl")
    with pytest.raises(ResultsError, match=words):
        read(tmp_path / "journal.jsonl")


@pytest.mark.parametrize(
    "wrong",
    [
        5,
        [],
        {},
        {"gradients": -1},
        {"updates": ["1"]},
        {"updates": 3},
        {"dropped": 0.5},
        {"sent_bytes": {"0 to 1": -1.0}},
    ],
    ids=str,
)
def test_invalid_counts_are_reported(tmp_path: Path, wrong: Any) -> None:
    """Counts must be valid if present; earlier versions wrote none."""
    path = write(tmp_path, [10.0]).path
    *lines, end = lines_of(path)
    counted = dict.fromkeys(Effects.model_fields, 0) | {"updates": [2, 2], "sent_bytes": None}
    rewrite(path, [*lines, end | {"effects": counted}])
    assert read(path).end is not None
    rewrite(path, [*lines, end | {"effects": counted | wrong if wrong and isinstance(wrong, dict) else wrong}])
    with pytest.raises(ResultsError, match=r"line 3: .*effects"):
        read(path)
