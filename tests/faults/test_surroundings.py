"""Surroundings that lack something: it runs, or one sentence says what is missing."""

from __future__ import annotations

import csv
import os
import resource
import subprocess
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest

from tests.faults.counting import Attempt
from tests.faults.faults import Command, Outcome, training

SHORT = training(epochs=2)
FULL_SHM = ("unshare", "-m", "sh", "-c", 'mount -t tmpfs -o size=4k none /dev/shm && exec "$@"', "sh")


def check(outcome: Outcome) -> None:
    """Done, or one sentence."""
    assert outcome.survivors == ()
    if outcome.code == 0:
        assert outcome.statuses == {0: "finished"}
    else:
        assert outcome.code in (1, 2)
        assert 0 < outcome.sentence.count("\n") + outcome.said.count("Failed: ") <= 2


@pytest.mark.faults
@pytest.mark.fault("surroundings")
@pytest.mark.parametrize(
    ("changed", "limit"),
    [
        pytest.param({}, (resource.RLIMIT_NOFILE, 64), id="64 files"),
        *(pytest.param({}, (resource.RLIMIT_AS, mib << 20), id=f"{mib} MiB") for mib in (700, 1500, 3000, 6000)),
        pytest.param({"HOME": None, "XDG_CACHE_HOME": None}, None, id="no HOME"),
        pytest.param({"HOME": "/nowhere/at/all"}, None, id="a HOME that is not there"),
        pytest.param({"TMPDIR": "/nowhere/at/all"}, None, id="no TMPDIR"),
        pytest.param({"LANG": "C", "LC_ALL": "C", "PYTHONIOENCODING": "ascii"}, None, id="ASCII"),
        pytest.param({"PATH": None}, None, id="no PATH"),
    ],
)
def test_it_runs_or_says_why(
    attempt: Attempt, tmp_path: Path, changed: Mapping[str, str | None], limit: tuple[int, int] | None
) -> None:
    before = partial(resource.setrlimit, limit[0], (limit[1], limit[1])) if limit else lambda: None
    with Command(tmp_path, *SHORT, environment=changed, before=before) as command:
        check(command.wait())


@pytest.mark.faults
@pytest.mark.fault("surroundings")
def test_with_no_room_in_dev_shm(attempt: Attempt, tmp_path: Path) -> None:
    if os.geteuid() or subprocess.run([*FULL_SHM, "true"], check=False).returncode:
        pytest.skip("no file system can be mounted here")
    with Command(tmp_path, *SHORT, wrapped_in=FULL_SHM) as command:
        check(command.wait())


SET_BACK = """
from datetime import timedelta
import time
from results.records import journal

now, wall = journal.datetime, time.time

class Back(now):
    @classmethod
    def now(cls, zone=None):
        return super().now(zone) - timedelta(hours=next(hours))

hours = iter(range(1000))
journal.datetime = Back
time.time = lambda: wall() - 3600 * next(hours)
"""


@pytest.mark.faults
@pytest.mark.fault("clock-set-back")
def test_a_clock_that_is_set_back_changes_no_figure(attempt: Attempt, tmp_path: Path) -> None:
    """By an hour each time that a training process looks at it."""
    outcomes = []
    for name, inject in (("as it is", ""), ("set back", SET_BACK)):
        (tmp_path / name).mkdir()
        with Command(tmp_path / name, *SHORT, inject=inject) as command:
            outcomes.append(command.wait())
    as_it_is, set_back = outcomes
    assert (set_back.code, set_back.statuses) == (0, {0: "finished"})
    assert figures(set_back) == figures(as_it_is)


def figures(outcome: Outcome) -> list[dict[str, str]]:
    """The rows of its tables, but for what names the plug-in that injects."""
    rows = (row for text in outcome.tables.values() for row in csv.DictReader(text.splitlines()))
    return [{key: value for key, value in row.items() if key not in {"condition", "selection"}} for row in rows]
