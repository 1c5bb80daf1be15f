"""Every command takes the same runs: of this checkout's sources first, of others where there are none, and says so."""

from __future__ import annotations

import csv
import html
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.runner.plan import Run
from benchmarks.runner.processes import pool
from tests.commands.commands import TINY, Cli, journals
from tests.results import samples

BROKEN = "not a journal line"
OTHERS = "of 2 runs were made by other sources than this checkout's: commit "


def made_elsewhere(out: Path) -> None:
    """Every journal as other sources and an older torch would have made it."""
    for path in sorted(out.glob("runs/*/journal.jsonl")):
        samples.made_elsewhere(path, sources="0" * 64, torch="1.0")


def break_one(out: Path) -> None:
    next(out.glob("runs/*/journal.jsonl")).write_text("junk\n", encoding="utf-8")


def judged(out: Path) -> list[tuple[str, str, str]]:
    """(claim, measured, verdict), as `claims` wrote them."""
    (path,) = out.glob("claims/*.csv")
    lines = csv.DictReader(path.read_text(encoding="utf-8").splitlines())
    return [(line["claim"], line["measured"], f"{line['verdict']} at {line['scale']}") for line in lines]


def on_the_page(out: Path) -> list[tuple[str, str, str]]:
    """(claim, measured, verdict), as the report's page shows them."""
    text = (out / "report" / "claims" / "index.html").read_text(encoding="utf-8")
    rows = [
        re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in re.findall(r"<tr id=.*?</tr>", text, re.S)
    ]
    texts = [[html.unescape(re.sub(r"<[^>]+>", "", cell)).strip() for cell in row] for row in rows]
    return [(row[0].partition(":")[0], row[3], row[2].lstrip("✓≠? ")) for row in texts]


def test_claims_and_the_reports_page_say_the_same(cli: Cli, out: Path) -> None:
    made_elsewhere(out)
    shutil.rmtree(out / "tables")
    results = [cli(command, f"--out={out}", *TINY) for command in ("claims", "report")]
    assert [result.code for result in results] == [0, 0]
    assert judged(out) == on_the_page(out)
    assert any(measured != "-" for _, measured, _ in judged(out)), "runs of other sources count"
    for result in results:
        assert f"2 {OTHERS}" in result.out.replace("\n", " ")


def test_claims_are_not_judged_on_tables_that_were_written_of_other_runs(cli: Cli, out: Path) -> None:
    cli.ok("run", "table2", "--method=async_lu,bp", "--no-tracking", f"--out={out}", *TINY)
    cli.ok("claims", "--scale=small", f"--out={out}")
    assert {measured for _, measured, _ in judged(out)} == {"-"}, "the table lies there, but of scale smoke"


def test_run_trains_what_only_other_sources_have_made(cli: Cli, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made_elsewhere(out)
    run_counts: list[int] = []

    def ask(runs: Sequence[Run], *arguments: Any, **options: Any) -> dict[str, tuple[str, str]]:
        run_counts.append(len(runs))
        return {}

    monkeypatch.setattr(pool, "train_all", ask)
    output = cli("run", "table1", "--method=async_lu,bp", "--no-tracking", *TINY)
    assert run_counts == [2]
    assert f"2 {OTHERS}" in output.out.replace("\n", " "), "nothing was trained, so that the others' runs are shown"


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    "command",
    [
        ("claims", *TINY),
        ("compare", "out", "other"),
        ("export",),
    ],
    ids=lambda command: command[0],
)
def test_a_journal_that_cannot_be_read_is_said_and_the_others_are_used(
    cli: Cli, out: Path, trained: Path, command: tuple[str, ...]
) -> None:
    break_one(out)
    shutil.copytree(trained, "other")
    output = cli.ok(*command)
    assert BROKEN in output.out.replace("\n", " ")


@pytest.mark.usefixtures("here")
def test_a_broken_journal_is_set_aside_when_its_run_is_repeated(cli: Cli, out: Path) -> None:
    break_one(out)
    output = cli("run", "table1", "--method=async_lu,bp", "--no-tracking", "--jobs=1", *TINY)
    assert "2 runs, 1 of them done before" in output.out
    assert sorted(path.name for path in out.glob("runs/*/*.jsonl")) == [
        "journal.interrupted-1.jsonl",
        "journal.jsonl",
        "journal.jsonl",
    ]
    (set_aside,) = out.glob("runs/*/journal.interrupted-1.jsonl")
    assert set_aside.read_text(encoding="utf-8") == "junk\n"
    set_aside.unlink()
    assert [journal["status"] for journal in journals(out)] == ["finished", "finished"]
