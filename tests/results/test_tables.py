"""A table's JSON is read back as written; anything else is refused in one sentence."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from results.errors import ResultsError
from results.measures import MEASURES, Measure
from results.published import Published
from results.statistics import Summary
from results.statistics.seeds import Seeds
from results.tables import Conditions, ResultCell, ResultRow, ResultTable, files
from tests.sure import sure

RUNS = Seeds((1.0, None, 0.1), (9.0, 9.0, 9.0), (False, True, False), (0.5, None, 0.25), (0, 1, 4))


def table(name: str = "table3", mean: float = 0.1 + 0.2) -> ResultTable:
    bound = Summary(None, None, 3, 1, 12.5, resolution=0.5)
    cells = (
        ResultCell(Published(226.4, 10.0, 3, "Table 3", "a note"), Summary(mean, 1e-17, 3), runs=RUNS),
        ResultCell(None, bound, "1 of 3 runs diverged: \N{GREEK SMALL LETTER BETA} | <b>\n"),
        ResultCell(reason="not run"),
    )
    return ResultTable(
        name=name,
        title="Title",
        source="arXiv",
        measures=(MEASURES["time_to_target_seconds"], MEASURES["epochs_to_target"], Measure("own", "Own", exact=True)),
        rows=(ResultRow("resnet18", "ResNet-18", "async_lu", "Async LU", cells),),
        captions=("caption",),
        notes=("note",),
        audit=("audit",),
        published_audit=("of the paper",),
        pictures=("figures/table3.png",),
        conditions=Conditions(
            scale="smoke",
            executor="virtual",
            hardware="paper-a",
            device="cpu",
            seeds=(0, 1, 2),
            runs=9,
            targets={"resnet18": 60.0},
            settings={"workload.stem": "cifar"},
            torch=("2.15.0",),
            commits=("0f" * 20,),
        ),
        reference="law",
        value="ours",
        group="Setting",
        item="Row",
    )


def test_a_table_comes_back_as_it_was(tmp_path: Path) -> None:
    assert files.read(files.write(table(), tmp_path)) == table()


def test_floats_come_back_to_the_last_bit(tmp_path: Path) -> None:
    draw = random.Random(0)
    values = [draw.uniform(-1, 1) * 10 ** draw.randint(-300, 300) for _ in range(200)]
    for mean in (5e-324, 1.7976931348623157e308, *values):
        cell = files.read(files.write(table(mean=mean), tmp_path)).rows[0].cells[0]
        assert cell.measured is not None
        assert cell.measured.mean == mean


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_values_that_are_not_finite_survive_strict_json(value: float, tmp_path: Path) -> None:
    """A user's own analysis may measure anything; runs' values that are not finite are censored before."""
    path = files.write(table(mean=value), tmp_path)
    json.loads(path.read_text(encoding="utf-8"), parse_constant=pytest.fail)
    summary = sure(files.read(path).rows[0].cells[0].measured)
    assert repr(summary.mean) == repr(value)


def test_the_tables_of_an_experiment(tmp_path: Path) -> None:
    for name in ("speedup-networks", "speedup", "speedups", "table1", "table10"):
        files.write(table(name), tmp_path)
    for id, names in (("speedup", ["speedup", "speedup-networks"]), ("table1", ["table1"])):
        assert [
            [result_table.name for result_table in tables] for tables in files.by_condition(tmp_path, id).values()
        ] == [names]
    assert files.by_condition(tmp_path, "table2") == {}
    assert len(list(files.every(tmp_path))) == 5


def _changed(**values: Any) -> Callable[[dict[str, Any]], str]:
    return lambda content: json.dumps({**content, **values})


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda content: "", "Expecting value"),
        (lambda content: json.dumps(content)[:-40], "Expecting|delimiter|Unterminated"),
        (lambda content: "[" * 100_000, "nested too deep"),
        (lambda content: "[1, 2]", "it has no schema"),
        (lambda content: '{"kernels": []}', "it has no schema"),
        (_changed(schema=99), "its schema is 99, of another version, and 2 is read"),
        (_changed(rows=3), r"rows: Input should be a valid tuple"),
        (_changed(title=None), r"title: Input should be a valid string"),
        (lambda content: json.dumps({key: content[key] for key in content if key != "measures"}), "measures: "),
    ],
)
def test_a_foreign_file_is_one_sentence(spoil: Callable[[dict[str, Any]], str], why: str, tmp_path: Path) -> None:
    path = files.write(table(), tmp_path)
    path.write_text(spoil(json.loads(path.read_text(encoding="utf-8"))), encoding="utf-8")
    with pytest.raises(ResultsError, match=why) as caught:
        files.read(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
