"""Each fault is a row: its tests are counted, attempt by attempt, whichever folder they lie in.

`--faults-attempts N` makes each attempt N times, `all` as often as its row asks for; without it only the quick ones
are made, once. `--fault ID` chooses rows. `--faults-report FILE` adds a line of JSON for each test
that was tried and leaves out those that are in it, so that many attempts may be made little by little;
`python -m tests.faults.table FILE...` makes the table of docs/reliability.md of it.
"""

from __future__ import annotations

import json
import os
import platform
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from tests.faults.rows import ROWS, Row


@dataclass
class Attempt:
    """One attempt at a fault. cases: how many faults it made; worst_seconds: what the promise limits, if it does."""

    row: Row
    number: int
    random: random.Random
    cases: int = 0
    worst_seconds: float = 0.0

    def took(self, seconds: float) -> None:
        """Note how long it took what the row's promise limits; fails beyond it."""
        self.worst_seconds = max(self.worst_seconds, seconds)
        assert seconds <= self.row.within_seconds, f"{seconds:.2f} s"


@dataclass(frozen=True, eq=False)
class Report:
    """A file with a line of JSON for each test of a row: what was tried is kept at once, and not tried again."""

    path: Path
    seed: int
    writes: bool

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        noted: dict[str, Any] = dict(report.user_properties)
        if self.writes and "fault" in noted and not report.skipped and (report.when == "call" or report.failed):
            line = {
                "fault": noted["fault"],
                "attempts": max(1, noted.get("cases", 0)),
                "failures": int(report.failed),  # one, however many cases it had
                "worst_seconds": noted.get("worst_seconds", 0.0),
                "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
                "date": time.strftime("%Y-%m-%d"),
                "test": report.nodeid,
                "seed": self.seed,
            }
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")

    @cached_property
    def tried(self) -> set[str]:
        """The tests that are in the file, with this seed."""
        text = self.path.read_text(encoding="utf-8") if self.path.exists() else ""
        lines = map(json.loads, text.splitlines())
        return {line["test"] for line in lines if line["seed"] == self.seed}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("faults")
    group.addoption("--fault", action="append", default=[], metavar="ID", help="only this row of the faults suite")
    group.addoption("--faults-attempts", metavar="N", help="attempts at each fault; all: as many as its row asks for")
    group.addoption("--faults-seed", type=int, default=0, metavar="SEED", help="of what is drawn at random")
    group.addoption(
        "--faults-report", type=Path, metavar="FILE", help="add a line of JSON for each test, and leave out those in it"
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("faults_report"):
        of_a_worker = hasattr(config, "workerinput")  # of xdist's: they collect, and another one hears what came of it
        report = Report(config.getoption("faults_report"), config.getoption("faults_seed"), not of_a_worker)
        config.pluginmanager.register(report, "faults-report")


def _row_of(node: str, marker: pytest.Mark | None) -> Row | None:
    if marker is not None:
        return ROWS[marker.args[0]]
    name = node.partition("[")[0]
    return next((row for row in ROWS.values() if name in row.also), None)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes an `attempt` is made as often as it was asked for."""
    if "attempt" in metafunc.fixturenames:
        row = _row_of(metafunc.definition.nodeid, metafunc.definition.get_closest_marker("fault"))
        if row is None:  # an argument of its own
            return
        attempts = metafunc.config.getoption("faults_attempts") or "1"
        count = row.attempts if attempts == "all" else min(int(attempts), row.attempts)
        metafunc.parametrize("attempt", range(count), indirect=True)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes long unless it was asked for, and whatever is not of the rows that were."""
    fault_ids, attempts = config.getoption("fault"), config.getoption("faults_attempts")
    slow_too = bool(fault_ids or attempts or "faults" in config.getoption("markexpr"))
    report: Report | None = config.pluginmanager.get_plugin("faults-report")
    tried = report.tried if report is not None else set()
    out = []
    for item in items:
        row = _row_of(item.nodeid, item.get_closest_marker("fault"))
        if row is not None:
            item.user_properties.append(("fault", row.id))
            if (fault_ids or attempts) and not item.get_closest_marker("faults"):
                item.add_marker("faults")
        slow = item.get_closest_marker("faults") is not None and not slow_too
        if slow or item.nodeid in tried or (fault_ids and (row is None or row.id not in fault_ids)):
            out.append(item)
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if item not in out]


@pytest.fixture
def attempt(request: pytest.FixtureRequest) -> Attempt:
    """Which attempt this is, with random numbers of its own."""
    row = _row_of(request.node.nodeid, request.node.get_closest_marker("fault"))
    assert row is not None
    seed = request.config.getoption("faults_seed")
    return Attempt(row, request.param, random.Random(f"{seed} {request.node.nodeid}"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Let the report know what the attempt has noted."""
    try:
        return (yield)
    finally:
        noted = getattr(item, "funcargs", {}).get("attempt")
        if isinstance(noted, Attempt):
            item.user_properties += [("cases", noted.cases), ("worst_seconds", noted.worst_seconds)]
