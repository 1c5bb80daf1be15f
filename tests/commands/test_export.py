"""`export`: what is written, that it comes back as it was, and what a reproduction may not hold."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from benchmarks.commands import export
from benchmarks.commands.compare_sides import side
from benchmarks.errors import UserError
from benchmarks.views import journals
from reports.tables.files import write as write_table
from results import frames, reproductions
from results.errors import ResultsError
from results.measures import MEASURES
from results.published import Published
from results.statistics import Summary
from results.tables import Conditions, ResultCell, ResultRow, ResultTable
from tests.results.samples import records, write


def table() -> ResultTable:
    """One value, one that was not run, one of which a run has none."""
    cells = (
        ("bp", "BP", ResultCell(Published(61.0, 0.17, 3, ""), Summary(60.5, 0.5, 3, resolution=1.5))),
        ("ddp", "DDP", ResultCell(Published(62.0, None, 3, ""), reason="not run")),
        ("lapsgd", "LAP-SGD", ResultCell(None, Summary(None, None, 3, 1, 7.5))),
    )
    return ResultTable(
        name="table1",
        title="Table",
        source="",
        measures=(MEASURES["time_to_target_seconds"],),
        rows=tuple(ResultRow("resnet18", "ResNet", key, label, (cell,)) for key, label, cell in cells),
        captions=("scale paper; threads executor: words are for readers",),
        conditions=Conditions(scale="smoke", executor="virtual", hardware="paper-a"),
    )


def said(out: Path, to: Path) -> str:
    console = Console(file=io.StringIO(), width=200)
    assert export.export(out, to, console) == 0
    return str(console.file.getvalue())  # type: ignore[attr-defined]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Two runs, one of them diverged, and one table."""
    out = tmp_path / "out"
    write(out, [10.0, 12.0, math.nan], status="diverged")
    write(out, [10.0, 20.0], seed=1)
    write_table(table(), out / "tables")
    (out / "tables" / "claims.csv").write_text("claim,text\nx,y\n", encoding="utf-8")
    return out


def test_csv_comes_back_as_it_was(out: Path, tmp_path: Path) -> None:
    said(out, tmp_path / "export")
    for name, build in export.FRAMES.items():
        frame = build(records(out))
        text_types = {column: "string" for column in frame.columns if str(frame[column].dtype) == "string"}
        read_back = pd.read_csv(
            tmp_path / "export" / f"{name}.csv", dtype=text_types, keep_default_na=False, na_values=["NaN"]
        )
        pd.testing.assert_frame_equal(read_back, frame, check_dtype=False)


def test_parquet_keeps_types_and_what_is_not_finite(out: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    assert "evaluations.parquet" in said(out, tmp_path / "export")
    column = parquet.read_table(tmp_path / "export" / "evaluations.parquet")["accuracy_percent"]
    assert column.null_count == 0
    assert sum(math.isnan(value.as_py()) for value in column) == 1
    read_back = pd.read_parquet(tmp_path / "export" / "runs.parquet")
    pd.testing.assert_frame_equal(read_back, frames.runs(records(out)), check_dtype=False)
    assert read_back["seed"].dtype == "int64"


def test_without_pyarrow_the_csv_is_there(out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "find_spec", lambda name: None)
    assert "it needs pyarrow, the extra `parquet`" in said(out, tmp_path / "export")
    assert sorted(path.name for path in (tmp_path / "export").iterdir()) == [
        "evaluations.csv",
        "runs.csv",
        "staleness.csv",
    ]


def test_a_reproduction_holds_values_and_where_they_were_made(out: Path, tmp_path: Path) -> None:
    export.keep(out, "smoke", Console(file=io.StringIO()), tmp_path / "kept")
    values = reproductions.read(tmp_path / "kept" / "smoke.csv")
    assert values == reproductions.of_tables(out / "tables")
    first, censored = values
    assert (first.key, first.mean, first.n) == (("table1", "resnet18", "bp", "time_to_target_seconds"), 60.5, 3)
    assert (first.published, first.scale, first.executor, first.hardware) == (61.0, "smoke", "virtual", "paper-a")
    assert (censored.mean, censored.censored, censored.at_least) == (None, 1, 7.5)
    environment = json.loads((tmp_path / "kept" / "smoke.json").read_text(encoding="utf-8"))
    assert (environment["runs"], environment["seeds"], environment["commit"]) == (2, [0, 1], ["0f" * 20])


def test_an_environment_names_neither_folders_nor_hosts(tmp_path: Path) -> None:
    command = [
        "python",
        "-m",
        "benchmarks",
        "run",
        "all",
        "--out",
        "/home/me/out",
        "--jobs=2",
        "--plugin",
        "/home/me/x.py",
    ]
    record = write(tmp_path, [1.0])
    record.environment.update({"command": command, "system": "Linux 6.1-maker x86_64"})  # type: ignore[attr-defined]
    environment = reproductions.environment([record])
    assert environment["command"] == ["python -m benchmarks run all --plugin x.py"]
    assert environment["system"] == ["Linux x86_64"]


def test_a_reproduction_may_keep_its_runs(out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal in all but places, to be read like any folder of results, and what `compare` takes for its name."""
    export.keep(out, "small", Console(file=io.StringIO()), tmp_path / "kept", with_runs=True)
    originals = {record.id: record for record in journals.read(out).records if record.complete}
    kept_journals = journals.read(tmp_path / "kept" / "small")
    assert kept_journals.left_out == ()
    assert {record.id for record in kept_journals.records} == originals.keys()
    for record in kept_journals.records:
        original = originals[record.id]
        assert (record.spec, record.labels, record.end) == (original.spec, original.labels, original.end)
        assert repr(record.evaluations) == repr(original.evaluations)  # NaN among them
        assert record.environment == reproductions.without_places(original.environment)
    monkeypatch.setattr(reproductions, "FOLDER", tmp_path / "kept")
    assert len(side(Path("small")).records) == len(originals)


def test_a_reproduction_needs_tables_and_a_name(out: Path, tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="There are no tables in"):
        export.reproduction(tmp_path, {}, tmp_path / "x.csv")
    with pytest.raises(UserError, match=r"--reproduction '\.\./x'"):
        export.keep(out, "../x", Console(file=io.StringIO()), tmp_path / "kept")


def test_the_committed_reproductions_can_be_read() -> None:
    for name in reproductions.names():
        path = reproductions.FOLDER / f"{name}.csv"
        assert reproductions.read(path)
        assert json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["torch"]
        assert path.stat().st_size < 400_000
