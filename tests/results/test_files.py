"""Files are written atomically."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from results.errors import ResultsError
from results.files import atomic_file, replace, set_aside


def test_a_file_is_there_once_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.txt"
    with atomic_file(path) as file:
        file.write(b"some")
        assert not path.exists()
    assert path.read_bytes() == b"some"
    assert [entry.name for entry in path.parent.iterdir()] == ["file.txt"]


def half(path: Path, error: Exception) -> None:
    with atomic_file(path) as file:
        file.write(b"half")
        raise error


def test_what_was_there_stays_where_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    replace(path, b"before")
    for error, expected in ((KeyError(), KeyError), (OSError(errno.ENOSPC, "no room"), ResultsError)):
        with pytest.raises(expected, match=r"^$|file.txt cannot be written \(no room\); make room"):
            half(path, error)
    assert path.read_bytes() == b"before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.txt"]


def test_what_is_set_aside_takes_a_free_name(tmp_path: Path) -> None:
    for content in (b"first", b"second"):
        replace(tmp_path / "journal.jsonl", content)
        set_aside(tmp_path / "journal.jsonl", "interrupted")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "journal.interrupted-1.jsonl": b"first",
        "journal.interrupted-2.jsonl": b"second",
    }
