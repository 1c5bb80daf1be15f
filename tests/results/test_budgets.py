"""Rows at equal samples, seconds and bytes, and bytes to a target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from results.measures import MEASURES, Context, named
from results.records import Record
from results.records.spec import ACCURACY, Judge
from results.statistics.budgets import smallest
from tests.results.samples import write
from tests.sure import sure

LOSS = Judge(metric="loss", title="loss", unit="nats", better="less")


def run(
    out: Path,
    row: str,
    accuracies: Sequence[float],
    sent: Sequence[float] | None,
    *,
    seconds: float = 2.0,
    status: str = "finished",
) -> Record:
    """Makes a run of 20 batches of 64 an epoch. sent: bytes at each evaluation; None: not counted."""
    record = write(out, accuracies, row=row, method=row, status=status)
    points = []
    for number, point in enumerate(record.evaluations):
        metrics = {**point.metrics, "virtual_seconds": seconds * (number + 1)}
        metrics |= {} if sent is None else {"sent_bytes": sent[number]}
        points.append(replace(point, metrics=metrics))
    return replace(record, evaluations=tuple(points))


@pytest.fixture
def rows(tmp_path: Path) -> Mapping[str, Record]:
    """Makes three rows: BP sends nothing, DDP sends most and is slow, L-SGD stops after three epochs."""
    return {
        "bp": run(tmp_path, "bp", [10, 20, 30, 40], [0, 0, 0, 0], seconds=3.0),
        "ddp": run(tmp_path, "ddp", [15, 25, 35, 45], [4e6, 8e6, 12e6, 16e6], seconds=4.0),
        "lsgd": run(tmp_path, "lsgd", [12, 22, 32], [2e6, 4e6, 6e6], seconds=2.0),
    }


def at_equal(budget: str, rows: Mapping[str, Record]) -> dict[str, float | None]:
    context = Context(budgets={name: size for name, (size, _) in smallest(rows.values()).items()})
    return {row: MEASURES[f"at_equal_{budget}"].of(record, context) for row, record in rows.items()}


def test_a_budget_is_the_least_that_any_row_has_used_up(rows: Mapping[str, Record]) -> None:
    """A row that sends nothing does not set the bytes, and has its last value there."""
    assert smallest(rows.values()) == {
        "samples": (3 * 20 * 64.0, "lsgd"),
        "seconds": (6.0, "lsgd"),
        "bytes": (6e6, "lsgd"),
    }
    assert at_equal("samples", rows) == {"bp": 30, "ddp": 35, "lsgd": 32}
    assert at_equal("seconds", rows) == {"bp": 20, "ddp": 15, "lsgd": 32}
    assert at_equal("bytes", rows) == {"bp": 40, "ddp": 15, "lsgd": 32}


def test_a_diverged_run_sets_no_budget(rows: Mapping[str, Record], tmp_path: Path) -> None:
    diverged = run(tmp_path, "lapsgd", [11], [1e6], status="diverged")
    assert smallest([*rows.values(), diverged]) == smallest(rows.values())


def test_none_where_it_is_not_known(rows: Mapping[str, Record], tmp_path: Path) -> None:
    """Earlier versions did not count bytes; and a run may have no evaluation that early."""
    old = run(tmp_path, "lapsgd", [11, 12], None)
    late = run(tmp_path, "plsgd", [50], [9e6])
    accuracies = at_equal("bytes", {**rows, "old": old, "late": late})
    assert (accuracies["old"], accuracies["late"]) == (None, None)
    assert MEASURES["sent_megabytes"].of(old) is None
    summary, why = MEASURES["sent_megabytes"].value([old], Context())
    assert (sure(summary).mean, bool(why)) == (None, True)
    for budget in ("samples", "seconds", "bytes"):
        value, why = MEASURES[f"at_equal_{budget}"].value([old], Context())
        assert value is None
        assert why


def test_bytes_in_all_and_to_a_target(rows: Mapping[str, Record]) -> None:
    measure = MEASURES["megabytes_to_target"]
    context = Context(target=25.0)
    assert [MEASURES["sent_megabytes"].of(record) for record in rows.values()] == [0, 16, 6]
    assert [measure.of(record, context) for record in rows.values()] == [0, 8, 6]
    assert measure.resolutions([rows["ddp"]], context) == [4]
    summary, _ = measure.value([rows["lsgd"]], Context(target=50.0))
    assert sure(summary).at_least == 6


def test_a_named_measure_has_the_judges_title_and_direction() -> None:
    assert named(MEASURES["at_equal_bytes"], LOSS).heading == "Loss at equal bytes (nats)"
    assert named(MEASURES["at_equal_bytes"], LOSS).better == "less"
    assert named(MEASURES["at_equal_seconds"], ACCURACY).bare_heading == "Accuracy at equal seconds"
