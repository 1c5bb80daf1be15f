"""The table of docs/reliability.md, from what `--faults-report` has written: `python -m tests.faults.table FILE...`.

Several reports add up, of other seeds or other machines.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.faults.rows import ROWS, Row

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- made by python -m tests.faults.table -->\n", "<!-- end -->\n"
HEAD = "| fault | promise | attempts | failures | worst | ID |\n|---|---|---|---|---|---|\n"


def main(reports: Iterable[Path]) -> None:
    """Write the table of these reports into the page."""
    entries = [json.loads(line) for report in reports for line in report.read_text(encoding="utf-8").splitlines()]
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    PAGE.write_text(before + BEGIN + table(entries) + END + rest.split(END)[1], encoding="utf-8")


def table(entries: list[Mapping[str, Any]]) -> str:
    """In Markdown: a line for each row that there is, with a dash where nothing has been reported of it."""
    lines = "".join(_line(row, [entry for entry in entries if entry["fault"] == row.id]) for row in ROWS.values())
    return HEAD + lines + "".join(f"\n{line}" for line in _machines(entries)) + "\n"


def _line(row: Row, entries: list[Mapping[str, Any]]) -> str:
    attempts, failures = (sum(entry[name] for entry in entries) for name in ("attempts", "failures"))
    worst = max((entry["worst_seconds"] for entry in entries), default=0.0)
    cells = (f"{attempts:,}", str(failures), f"{worst:.2f} s" if worst else "") if entries else ("-", "-", "")
    return f"| {row.fault} | {row.promise} | {' | '.join(cells)} | `{row.id}` |\n"


def _machines(entries: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    dates: dict[str, set[str]] = {}
    for entry in entries:
        dates.setdefault(entry["machine"], set()).add(entry["date"])
    for machine, on in sorted(dates.items()):
        yield f"Measured on {machine}, {', '.join(sorted(on))}."


if __name__ == "__main__":
    main(map(Path, sys.argv[1:]))
