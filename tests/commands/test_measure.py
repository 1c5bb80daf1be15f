"""A measure is one entry of `MEASURES`: a table that names it shows it, and everything else knows it by itself."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from benchmarks.tables import registry, table1
from results.measures import MEASURES, Context, Measure
from results.records import Record
from tests.commands.commands import TINY, Cli, written
from tests.results.samples import records

KEY, HEADING = "gradients_per_second", "Gradients per second"


def gradients_per_second(record: Record, context: Context) -> float | None:
    evaluation = record.evaluations[-1]
    return evaluation.step / evaluation.metrics[record.clock]


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The one entry, and a table that names it."""
    monkeypatch.setitem(MEASURES, KEY, Measure(KEY, HEADING, "1/s", "more", digits=2, of_run=gradients_per_second))
    extended = dataclasses.replace(table1.TABLE, measures=(*table1.TABLE.measures, KEY))
    monkeypatch.setattr(table1, "TABLE", extended)
    registry.table.cache_clear()
    yield
    registry.table.cache_clear()


@pytest.mark.usefixtures("known")
def test_a_measure_is_added_in_one_place(
    cli: Cli, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = Path(shutil.copytree(trained, tmp_path / "out"))
    options = ("--method=async_lu,bp", f"--out={out}", *TINY)
    table_path = partial(written, out)
    (run,) = [record for record in records(out) if record.method == "async_lu"]
    value = gradients_per_second(run, Context())

    output = cli.ok("run", "table1", *options, "--no-tracking")
    assert HEADING in output.out

    table = json.loads(table_path("table1.json").read_text(encoding="utf-8"))
    assert [measure["unit"] for measure in table["measures"]] == ["s", "epochs", "1/s"]
    assert table["rows"][0]["cells"][2]["measured"]["mean"] == value
    lines = csv.DictReader(table_path("table1.csv").read_text(encoding="utf-8").splitlines())
    assert [float(line["measured_mean"]) for line in lines if (line["row"], line["measure"]) == ("async_lu", KEY)] == [
        value
    ]
    assert f"{HEADING}, measured" in table_path("table1.md").read_text(encoding="utf-8")

    cli.ok("export", f"--out={out}")
    (exported,) = out.rglob("runs.csv")
    rows = csv.DictReader(exported.read_text(encoding="utf-8").splitlines())
    assert [float(row[KEY]) for row in rows if row["method"] == "async_lu"] == [value]

    cli.ok("report", "table1", f"--out={out}", *TINY)
    (page,) = out.glob("report/smoke-*/table1")
    assert HEADING in (page / "index.html").read_text(encoding="utf-8")
    assert HEADING in (page / "table.tex").read_text(encoding="utf-8")
