"""Which tables of analyses claims are judged by."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.runner.choices import Choices
from benchmarks.views.evidence import SheetEvidence
from results.measures import MEASURES
from results.statistics import Summary
from results.tables import Conditions, ResultCell, ResultRow, ResultTable, files


@pytest.mark.parametrize(("id", "counts"), [("table9", False), ("stationary", True), ("table3", False)])
def test_only_an_analysis_of_this_scale_or_without_scales_counts(tmp_path: Path, id: str, counts: bool) -> None:
    row = ResultRow("resnet18", "ResNet-18", "bp", "BP", (ResultCell(None, Summary(1.0, None, 1)),))
    table = ResultTable(id, "title", "source", (MEASURES["forward_seconds"],), (row,), conditions=Conditions("smoke"))
    files.write(table, tmp_path / "tables")
    found = {scale: SheetEvidence(Choices(scale=scale), tmp_path, ()).tables(id) for scale in ("smoke", "small")}
    assert bool(found["small"]) == counts
    assert bool(found["smoke"]) == (id != "table3")
