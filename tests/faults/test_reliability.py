"""The page of what is promised is that of the rows, and every row is injected by a test that there is."""

from __future__ import annotations

import re
from pathlib import Path

from tests.faults.rows import ROWS
from tests.faults.table import BEGIN, END, HEAD, PAGE, table


def cells(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def test_the_page_has_every_row_and_no_other() -> None:
    page_table = PAGE.read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0]
    assert page_table.startswith(HEAD)
    assert [(fault, promise, id) for fault, promise, *_, id in cells(page_table)] == [
        (row.fault, row.promise, f"`{row.id}`") for row in ROWS.values()
    ]


def test_reports_add_up_and_the_worst_seconds_stand() -> None:
    row = next(iter(ROWS.values()))
    common = {"fault": row.id, "machine": "a machine", "date": "a day"}
    reports = [
        {**common, "attempts": 1000, "failures": 1, "worst_seconds": 0.25},
        {**common, "attempts": 500, "failures": 0, "worst_seconds": 0.125},
    ]
    text = table([*reports])
    assert cells(text)[0][2:5] == ["1,500", "1", "0.25 s"]
    assert all(of_row[2:4] == ["-", "-"] for of_row in cells(text)[1:])
    assert text.endswith("\nMeasured on a machine, a day.\n")


def test_every_row_has_a_test(checkout: Path) -> None:
    marked = {
        id
        for path in (checkout / "tests/faults").glob("test_*.py")
        for id in re.findall(r'mark\.fault\("([\w-]+)"\)', path.read_text(encoding="utf-8"))
    }
    assert marked == {id for id, row in ROWS.items() if not row.also or id in marked}
    for file, _, name in (also.partition("::") for row in ROWS.values() for also in row.also):
        assert f"\ndef {name}(" in (checkout / file).read_text(encoding="utf-8")
