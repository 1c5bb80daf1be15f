"""A sweep from the command line to the pages: trained once, shown by value, repeated by its command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.commands.commands import TINY, Cli, written

SWEEP = ("--method=async_lu", "--set=async_lu.queue=0,2", "--set=workload.schedule.lr=0.02,0.04")


def rows() -> dict[str, Any]:
    content = json.loads(written(Path("out"), "table7.json").read_text(encoding="utf-8"))
    return {row["row"]: row for row in content["rows"]}


@pytest.mark.usefixtures("here")
def test_a_sweep_is_trained_and_shown_row_by_row(cli: Cli) -> None:
    output = cli.ok("run", "table7", "--no-tracking", *SWEEP, *TINY)
    assert "6 runs, 0 of them done before" in output.out  # four points, and BP's at both rates
    points = ["workload.schedule.lr=0.02", "workload.schedule.lr=0.04"]
    points += [f"queue=2,{point}" for point in points]
    assert list(rows()) == [*(f"async_lu@{point}" for point in points), *(f"bp@{point}" for point in points[:2])]
    for row in rows().values():  # a speed-up over BP at the same rate, which all have
        assert row["cells"][0]["measured"]["mean"] > 0
    content = json.loads(written(Path("out"), "table7.json").read_text(encoding="utf-8"))
    assert content["conditions"]["settings"]["async_lu.queue"] == "0,2"
    assert "Swept: async_lu.queue over 0, 2." in content["caveats"]
    assert not any("schedule.lr 0.05" in note for note in (*content["caveats"], *content["notes"])), (
        "no row has the scale's rate"
    )
    rerun = cli("run", "table7", "--no-tracking", "--set=async_lu.queue=2", "--set=workload.schedule.lr=0.02", *TINY)
    assert "2 runs, 1 of them done before" not in rerun.out
    assert ", 2 of them done before" in rerun.out, "a run is the same, swept or not"


@pytest.mark.usefixtures("here")
def test_a_sweep_is_reported_and_can_be_repeated(cli: Cli) -> None:
    tiny = [word for word in TINY if "samples" not in word]
    cli.ok("run", "table7", "--no-tracking", "--method=bp", "--set=workload.batch=64,128", *tiny)
    cli.ok("report", "table7", "--method=bp", "--set=workload.batch=64,128", *tiny)
    page = written(Path("out"), "table7/index.html", "report").read_text(encoding="utf-8")
    assert "--set workload.epochs=2 --set workload.batch=64,128" in page
    assert "batch 128" in page
