"""Keeping runs: complete ones are added once, and none of sources that no commit has."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.results.samples import lines_of, records, rewrite, write
from tools import keep_runs


def test_complete_runs_are_added_once(tmp_path: Path) -> None:
    kept, out = tmp_path / "small", tmp_path / "out"
    write(out, [10.0, 20.0], seed=0)
    write(out, [10.0], seed=1, status=None)
    assert keep_runs.keep(kept, [out]) == 1
    files = {path: path.read_bytes() for path in (kept.with_suffix(".json"), *kept.rglob("*.jsonl"))}
    assert keep_runs.keep(kept, [out]) == 0
    assert files == {path: path.read_bytes() for path in files}
    assert json.loads(kept.with_suffix(".json").read_text(encoding="utf-8"))["runs"] == 1
    write(out, [30.0, 20.0], seed=2)
    assert keep_runs.keep(kept, [out]) == 1
    assert [record.spec.seed for record in records(kept)] == [0, 2]


def test_runs_of_modified_sources_are_refused(tmp_path: Path) -> None:
    run = write(tmp_path / "out", [10.0, 20.0])
    head, *rest = lines_of(run.path)
    rewrite(run.path, [head | {"environment": {"commit": "0f" * 20, "modified": True}}, *rest])
    with pytest.raises(SystemExit):
        keep_runs.keep(tmp_path / "small", [tmp_path / "out"])
    assert not (tmp_path / "small").exists()
