"""Notes of published values name the row's batch."""

from __future__ import annotations

import re

import pytest

from benchmarks.runner.resolve import row_method, row_workload
from benchmarks.tables.registry import IDS, table
from results import published

BATCH = re.compile(r"\b(\d+) is (?:taken|assumed)|\bB = (\d+)|\bbatch size (\d+)|\b(global) batch (\d+)")


def named(note: str) -> list[tuple[bool, int]]:
    """Returns (whether of all devices together, samples) for each batch in a note."""
    return [
        (bool(match[4]), int(next(filter(str.isdecimal, filter(None, match.groups())))))
        for match in BATCH.finditer(note)
    ]


@pytest.mark.parametrize("id", IDS)
def test_a_note_names_the_batch_of_its_row(id: str) -> None:
    definition = table(id)
    rows = {row.key: row for row in definition.rows}
    for (network, key, _), value in published.load(id).items():
        for together, samples in named(value.note):
            work, method = (
                row_workload(definition, network, rows[key], "paper", {}),
                row_method(definition, rows[key], {}),
            )
            assert samples == work.batch * (method.replicas if together else 1), (key, value.note)
