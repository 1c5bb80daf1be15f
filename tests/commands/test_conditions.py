"""Two conditions of one table in one folder of results: both stay whole, and a report shows both."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path

import pytest

from benchmarks.runner.processes import pool
from reports.site import kept
from results.tables.files import SCHEMA
from tests.commands.commands import TINY, Cli, index, train_here, written
from tests.results.samples import lines_of, rewrite

ROWS = "--method=async_lu,bp"
SAYS = ("scale", "executor", "hardware", "device", "selection", "seeds", "settings", "torch", "data", "data_sha256")


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def files(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.glob("tables/*/*"))}


def test_other_conditions_touch_nothing_of_a_table(cli: Cli, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer rows, another target, another executor: each has files of its own, which say what they are."""
    monkeypatch.setattr(pool, "train_all", train_here)
    before = files(out)
    both_rows = written(out, "table1.csv")
    for options in (("--method=bp",), (ROWS, "--target=30"), (ROWS, "--executor=threads")):
        cli.ok("run", "table1", "--no-tracking", "--jobs=1", *options, *TINY)
    after = files(out)
    assert {name: after[name] for name in before} == before
    assert len(after) == len(before) + 3 * 4
    bp_only, other_target, on_threads = (
        path for path in sorted(out.glob("tables/*/table1.csv"), key=_made) if path != both_rows
    )
    assert {line["row"] for line in rows(both_rows)} == {"async_lu", "bp"}
    assert {line["row"] for line in rows(bp_only)} == {"bp"}
    assert {line["target"] for line in rows(other_target)} == {"30.0"}
    assert "target-30" in rows(other_target)[0]["selection"]
    assert [line["executor"] for line in (rows(both_rows)[0], rows(on_threads)[0])] == ["virtual", "threads"]
    for path in (both_rows, bp_only, other_target, on_threads):
        for line in rows(path):
            assert all(line[name] for name in SAYS), path
            assert line["condition"] == path.parent.name
        content = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        assert (content["schema"], content["condition"]) == (SCHEMA, path.parent.name)
        assert content["conditions"]["settings"]["workload.epochs"] == "2"
        assert content["conditions"]["data"]


def _made(path: Path) -> int:
    return path.stat().st_mtime_ns


# ---- reports


def named(out: Path) -> set[str]:
    """The pages that the index names."""
    return {link for link in re.findall(r'href="([^"#]+/index\.html)"', index(out)) if not link.startswith("claims/")}


def there(out: Path) -> set[str]:
    """The pages that lie in the report's folder."""
    pages = {path.relative_to(out / "report") for path in (out / "report").rglob("index.html")}
    return {path.as_posix() for path in pages if len(path.parts) > 1 and path.parts[0] != "claims"}


def test_a_report_of_one_table_keeps_the_index_of_all(cli: Cli, out: Path) -> None:
    """Every page that lies there is named; one that an earlier report has written elsewhere is removed."""
    stray = out / "report" / "smoke" / "table9"
    stray.mkdir(parents=True)
    names = ("index.html", "report.md", "table.tex", "curves.png")
    for name in names:
        (stray / name).write_text("of an earlier version", encoding="utf-8")
    index_json = {"schema": kept.SCHEMA, "files": [f"smoke/table9/{name}" for name in names]}
    (out / "report" / kept.INDEX).write_text(json.dumps(index_json), encoding="utf-8")
    notes_file = stray / "notes.txt"
    notes_file.write_text("somebody's own", encoding="utf-8")
    output = cli("report", "table1", "table7", "table9", f"--out={out}", *TINY)
    assert "Removed 1 pages of earlier reports" in output.out
    assert [path.name for path in stray.iterdir()] == ["notes.txt"]
    links = named(out)
    assert {link.split("/")[1] for link in links} == {"table1", "table7"}
    assert named(out) == there(out)
    cli.ok("report", "table7", f"--out={out}", "--method=bp", *TINY)
    assert named(out) == there(out)
    assert links < named(out)
    (side_by_side,) = {link for link in named(out) if link.startswith("side-by-side/")}
    assert side_by_side == "side-by-side/table7/index.html"
    text = (out / "report" / side_by_side).read_text(encoding="utf-8")
    labels = re.findall(r'<th scope="col" class="number">([^<]+): measured', text)
    assert [("bp" in label) for label in labels[:2]] == [False, True]
    (row,) = re.findall(r'<th scope="row">Async LU</th>(.*?)</tr>', text, re.DOTALL)[:1]
    both_rows_value, _, bp_only_value, _ = re.findall(r'<td class="number">([^<]*)</td>', row)[1:]
    assert (both_rows_value == "–", bp_only_value) == (False, "–")
    assert not re.search(r"not up to date", index(out), re.IGNORECASE)
    assert "table9" in index(out), "what was not run is still listed"


def test_what_is_not_up_to_date_says_so_and_what_is_gone_goes(cli: Cli, out: Path) -> None:
    cli.ok("report", "table1", "table7", f"--out={out}", *TINY)
    (page,) = out.glob("report/*/table1/index.html")
    path = next(iter(sorted(out.glob("runs/*/journal.jsonl"))))
    lines = lines_of(path)
    rewrite(path, lines[:-1])
    cli.ok("report", "table7", f"--out={out}", *TINY)
    text = page.read_text(encoding="utf-8")
    assert "Not up to date: 1 of its runs have changed, or are gone." in text
    assert "python -m benchmarks report table1 --scale smoke" in text
    assert "Not up to date: table1 (smoke, virtual, paper-a" in index(out)
    assert "Not up to date" not in next(out.glob("report/*/table7/index.html")).read_text(encoding="utf-8")
    cli.ok("report", "table1", "table7", f"--out={out}", *TINY)
    assert "Not up to date" not in page.read_text(encoding="utf-8")
    shutil.rmtree(out / "runs")
    cli.ok("report", "table1", "table7", f"--out={out}", *TINY)
    assert not page.exists()
    assert named(out) == there(out) == set()
