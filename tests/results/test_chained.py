"""Chained checksums of a journal's lines, and journals of earlier versions without them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.views import journals
from results.errors import ResultsError
from results.records import JOURNAL, read, unpacked
from results.records.lines import chained, render
from results.reproductions import FOLDER, keep
from tests.results.samples import lines_of, records, write

Lines = list[bytes]


@pytest.mark.parametrize("part", ["spec", "environment", "labels", "started", "id"])
def test_the_first_line_is_covered_whole_by_each_that_follows(tmp_path: Path, part: str) -> None:
    """Even a changed first line with a correct checksum of its own is detected."""
    run = write(tmp_path, [10.0, 20.0])
    lines = lines_of(run.path)
    lines[0][part] = {"spec": {"seed": 7}, "environment": {"cores": 9}, "labels": {"row": "x"}}.get(part, "x")
    head, _ = chained(lines[:1])
    run.path.write_bytes(head + b"".join(run.path.read_bytes().splitlines(keepends=True)[1:]))
    with pytest.raises(ResultsError, match="line 2: "):
        read(run.path)


def old(path: Path, to_bytes: Callable[[Any], bytes]) -> None:
    """Rewrites the journal as an earlier version would have written it."""
    head, *rest = lines_of(path)
    head.pop("format", None)
    path.write_bytes(b"".join(to_bytes(line) + b"\n" for line in [head, *rest]))


def bare(line: Any) -> bytes:
    return json.dumps(line).encode()


@pytest.mark.parametrize("line", [render, bare])
def test_journals_of_earlier_versions_are_read_and_known_by_that(tmp_path: Path, line: Callable[[Any], bytes]) -> None:
    record = write(tmp_path, [10.0, 20.5])
    assert record.chained
    old(record.path, line)
    assert read(record.path) == record
    assert not read(record.path).chained


def dropped(lines: Lines) -> Lines:
    return [line.replace(b'"format":2,', b"") for line in lines]


def renamed(lines: Lines) -> Lines:
    return [line.replace(b'"chain"', b'"crc32"') for line in lines]


def taken_off(lines: Lines) -> Lines:
    return [line[: line.rfind(b',"chain"')] + b"}\n" for line in lines]


def own(lines: Lines) -> Lines:
    """Rewrites lines with the checksums of an earlier version, one per line."""
    return [render({k: v for k, v in json.loads(line).items() if k != "chain"}) + b"\n" for line in lines]


def last_old(lines: Lines) -> Lines:
    return [*lines[:-1], *own(lines[-1:])]


def head_old(lines: Lines) -> Lines:
    return [*own(dropped(lines[:1])), *lines[1:]]


def body_old(lines: Lines) -> Lines:
    return [*lines[:1], *own(lines[1:])]


@pytest.mark.parametrize("change", [dropped, renamed, taken_off, own, last_old, head_old, body_old])
def test_no_field_makes_it_a_journal_of_an_earlier_version(tmp_path: Path, change: Callable[[Lines], Lines]) -> None:
    path = write(tmp_path, [10.0, 20.5]).path
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))
    with pytest.raises(ResultsError, match=r"journal.jsonl, line \d: "):
        read(path)


@pytest.mark.parametrize("version", [1, 3, "2", None])
def test_a_format_that_is_not_known_is_said(tmp_path: Path, version: object) -> None:
    path = write(tmp_path, [10.0, 20.5]).path
    path.write_bytes(path.read_bytes().replace(b'"format":2', f'"format":{json.dumps(version)}'.encode()))
    with pytest.raises(ResultsError, match=r"line 1: .*format"):
        read(path)


def test_what_is_kept_of_an_earlier_version_is_chained_and_says_the_same(tmp_path: Path) -> None:
    record = write(tmp_path / "out", [10.0, 20.5])
    old(record.path, render)
    old_head, *old_lines = lines_of(record.path)
    contents = []
    for source, target in (("out", "kept"), ("kept", "again")):
        (path,) = keep(records(tmp_path / source), tmp_path / target)
        (kept,) = records(tmp_path / target)
        assert (kept.chained, kept.id, kept.evaluations, kept.end) == (True, record.id, record.evaluations, record.end)
        head, *lines = lines_of(path)
        assert lines == old_lines
        assert {**head, "environment": {}} == {**old_head, "environment": {}, "format": 2}
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]


def test_every_kept_run_is_chained_and_plausible() -> None:
    for name in ("small", "paper", "portable"):
        kept_journals = journals.read(FOLDER / name)
        assert kept_journals.remarks == ()
        assert len(kept_journals.records) >= {"small": 577, "paper": 6, "portable": 56}[name]


def test_packed_journals_are_read_one_by_one(tmp_path: Path) -> None:
    """A damaged one is skipped; a journal in a file of its own replaces a packed one."""
    runs = [write(tmp_path / "out", [10.0, 20.0 + seed], seed=seed) for seed in range(3)]
    keep(runs[:2], tmp_path / "kept")
    (pack,) = keep([runs[2], runs[0]], tmp_path / "kept")
    assert list(unpacked(pack)) == [run.id for run in runs]
    separate = write(tmp_path / "kept", [30.0, 40.0], seed=0)
    pack.write_bytes(pack.read_bytes().replace(b'"accuracy_percent":21.0', b'"accuracy_percent":91.0'))
    kept_journals = journals.read(tmp_path / "kept")
    assert {run.id for run in kept_journals.records} == {separate.id, runs[2].id}
    assert separate in kept_journals.records
    (left_out,) = kept_journals.left_out
    assert left_out.startswith(f"{pack / runs[1].id / JOURNAL}, line 3: ")
