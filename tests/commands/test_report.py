"""`report` as a user meets it: what is there is shown, what is amiss is said."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.papers.claims.catalogue import CLAIMS
from benchmarks.runner import gpus
from benchmarks.runner.choices import Choices
from benchmarks.runner.gpus import Gpus, Node
from benchmarks.runner.rerun import command
from benchmarks.runner.resolve import resolve
from benchmarks.tables.registry import table
from benchmarks.views.pages import analysis_page, links
from results.measures import Measure
from results.published import Published
from results.statistics import Summary
from results.tables import ResultCell, ResultRow, ResultTable, files
from tests.commands.commands import TINY, Cli, index
from tests.results.samples import finish, lines_of, rewrite


def journal(out: Path, method: str = "async_lu") -> Path:
    """One of a method's journals."""
    for path in sorted(out.glob("runs/*/journal.jsonl")):
        if json.loads(path.read_text().splitlines()[0])["spec"]["method"]["name"] == method:
            return path
    raise AssertionError(f"no journal of {method}")


def folder(out: Path, id: str = "table1", condition: str = "smoke-virtual-paper-a*") -> Path:
    """The one page of a table under conditions of such names."""
    (page,) = out.glob(f"report/{condition}/{id}/")
    return page


def html(out: Path, id: str = "table1", condition: str = "smoke-virtual-paper-a*") -> str:
    return (folder(out, id, condition) / "index.html").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.usefixtures("drawn")
def test_a_report_of_all_that_was_run(cli: Cli, out: Path) -> None:
    output = cli.ok("report", f"--out={out}", *TINY)
    assert "report/index.html" in output.out.replace("\n", "")
    text = html(out)
    for words in ("target 50", "scale smoke", "Learning curves", "Staleness", "Environment"):
        assert words in text, words
    assert "python -m benchmarks run table1 --scale smoke --seeds 1 --network resnet18" in text
    assert (folder(out, "table7") / "table.tex").is_file()
    assert (folder(out) / "report.md").is_file()
    assert "Not run here" in index(out)
    for kind in ("png", "svg", "pdf"):
        assert (folder(out) / f"curves.{kind}").stat().st_size > 1000


def test_runs_of_other_settings_are_counted(cli: Cli, out: Path) -> None:
    output = cli.ok("report", f"--out={out}")
    assert "belong to no table as chosen" in output.out
    assert "Nothing was run here yet" in index(out)


@pytest.mark.usefixtures("drawn")
def test_runs_of_a_gpu_are_shown_where_there_is_none(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus, "usable", lambda: False)
    chosen = Choices(seeds=(0,), methods=("bp",), networks=("resnet18",), device="cuda")
    (run,) = resolve(table("table1"), replace(chosen, node=Node("EPYC", 96, Gpus("H200", 1)))).runs
    options = (f"--out={tmp_path}", "--device=cuda", "--seeds=1", "--network=resnet18", "--method=bp")
    assert "no CUDA device is usable here" in cli.refused("report", "table1", *options).err
    finish(tmp_path, run)
    cli.ok("report", "table1", *options)
    assert "H200" in html(tmp_path, condition="smoke-virtual-paper-a-cuda*")
    cli.ok("claims", *options)


def test_no_folder_is_a_mistake(cli: Cli) -> None:
    output = cli.refused("report", "--out=nowhere")
    assert "no folder nowhere" in output.err
    assert not Path("nowhere").exists()


def test_texts_are_not_markup_and_numbers_that_are_not_finite_are_named(cli: Cli, out: Path) -> None:
    path, bp_path = journal(out), journal(out, "bp")
    lines = lines_of(path)
    lines[0]["labels"]["method_title"] = lines[0]["environment"]["cpu"] = "<script>alert(1)</script>"
    lines[-2]["metrics"] |= {"accuracy_percent": "NaN", "train_loss": "NaN"}
    lines[-1] |= {"status": "diverged", "reason": "<img src=x onerror=alert(1)>"}
    rewrite(path, lines)
    lines = lines_of(bp_path)
    lines[1]["metrics"] |= {"virtual_seconds": "Infinity"}
    rewrite(bp_path, lines)
    cli.ok("report", "table1", f"--out={out}", *TINY)
    for text in (html(out), index(out)):
        assert "<script" not in text
        assert "<img src=x" not in text
        assert "&lt;script&gt;" in text
    assert "&lt;img src=x onerror=alert(1)&gt;" in html(out)
    assert "accuracy_percent, train_loss" in html(out)
    assert "virtual_seconds" in index(out)
    assert "not run" in html(out)


def test_journals_that_were_cut(cli: Cli, out: Path) -> None:
    """One before its first evaluation, and one whose beginning is lost."""
    path, bp_path = journal(out), journal(out, "bp")
    path.write_text(path.read_text().splitlines()[0] + "\n")
    bp_path.write_bytes(b"garbage\n" + bp_path.read_bytes())
    output = cli.ok("report", f"--out={out}", *TINY)
    assert "not a journal line" in output.out
    assert "not a journal line" in index(out)
    for words in ("no evaluation was recorded", "the journal has no end", "not run"):
        assert words in html(out)


def test_an_analysis_is_shown_from_its_json_alone(tmp_path: Path) -> None:
    assert list(analysis_page.pages("speedup", command([], Choices()), tmp_path, tmp_path / "report")) == []
    cells = ResultCell(Published(2.0, None, None, ""), Summary(1.0, None, 1)), ResultCell(reason="not | run")
    analysis = ResultTable(
        name="speedup",
        title="Law <b>",
        source="source",
        measures=(Measure("a", "A", digits=2, exact=True), Measure("b", "B")),
        rows=(ResultRow("k", "K = 1", "r", "b_1", cells),),
        captions=("caption",),
        notes=("note_1",),
        pictures=("figures/speedup.png", "figures/speedup.svg", "figures/lost.png"),
        reference="law",
    )
    files.write(analysis, tmp_path / "tables")
    (tmp_path / "figures").mkdir()
    for kind in ("png", "svg"):
        (tmp_path / "figures" / f"speedup.{kind}").write_bytes(b"picture")
    (page,) = analysis_page.pages("speedup", command([], Choices()), tmp_path, tmp_path / "report")
    (grid,) = page.grids
    assert (grid.caption, grid.headers[2:]) == ("Law <b>", ("A, law", "A, measured", "A, ratio", "B, measured"))
    assert grid.rows == (("K = 1", "b_1", "2.00", "1.00", "0.5", "– [a]"),)
    assert grid.notes == ("caption", "[a] not | run", "note_1")
    assert [picture.stem for picture in page.curves] == [tmp_path / "report" / "speedup" / "speedup"]
    assert (tmp_path / "report" / "speedup" / "speedup.svg").read_bytes() == b"picture"


def test_a_report_takes_no_picture_from_elsewhere(tmp_path: Path) -> None:
    for kind in ("png", "svg"):
        (tmp_path / f"secret.{kind}").write_bytes(b"secret")
    analysis = ResultTable("speedup", "Law", "", (), (), pictures=("../secret.png",))
    files.write(analysis, tmp_path / "out" / "tables")
    (page,) = analysis_page.pages("speedup", command([], Choices()), tmp_path / "out", tmp_path / "report")
    assert page.curves == ()


def test_runs_in_a_local_store_are_linked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import sqlite3
    from contextlib import closing

    path = tmp_path / "m.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{path}")
    assert links.tracking().places == {}
    path.write_bytes(b"no database at all, but long enough to be one")
    assert links.tracking().places == {}
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "CREATE TABLE tags (key TEXT, value TEXT, run_uuid TEXT);"
            "CREATE TABLE runs (run_uuid TEXT, experiment_id INTEGER, lifecycle_stage TEXT);"
            "INSERT INTO runs VALUES ('r1', 7, 'active'), ('r2', 7, 'deleted');"
            "INSERT INTO tags VALUES ('benchmarks.key', 'run:ours', 'r1'), ('benchmarks.key', 'run:gone', 'r2');"
        )
    assert links.tracking().places == {"run:ours": ("7", "r1")}
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://user:secret@example.org")
    assert "secret" not in links.tracking().hint([])


def test_lost_updates_and_torn_reads_stand_beside_staleness(cli: Cli, out: Path) -> None:
    """A run of an earlier version, which knows none, has no line; nor has one without any."""
    path = journal(out)
    lines = lines_of(path)
    first, second = lines[-1]["staleness"][:2]
    first |= {"reads": 8, "lost_updates": 0.5, "overlapping_updates": 2}
    second |= {"weight_reads": 3, "torn_reads": 1, "overlapping_reads": 2}
    rewrite(path, lines)
    earlier = journal(out, "bp")
    lines = lines_of(earlier)
    lines[-1]["staleness"] = [{"layer": "stem", "updates": 0.0, "seconds": 0.1, "wait_seconds": 0.1, "reads": 8}]
    rewrite(earlier, lines)
    cli.ok("report", "table1", f"--out={out}", *TINY)
    markdown = (folder(out) / "report.md").read_text(encoding="utf-8")
    for caption, row in (
        ("updates lost", "6.25 (≤ 25) | 0"),
        ("reads that saw half of an update", "0 | 33.3 (≤ 66.7)"),
    ):
        _, section = markdown.split(f"ResNet-18: {caption} (%), and at most")
        assert [line for line in section.splitlines() if line.startswith("| ")][2].startswith(f"| Async LU | {row} |")


def test_all_scales_are_in_one_report_and_each_can_be_had_alone(cli: Cli, out: Path) -> None:
    """By default every scale that has runs, the smallest first, each with pages and a column of its own."""
    options = [setting for setting in TINY if "workload" not in setting]
    for scale in ("smoke", "small"):
        run = resolve(table("table1"), Choices(scale=scale, seeds=(0,))).runs[0]
        finish(out, run)
    cli.ok("report", f"--out={out}", *options)
    text = index(out)
    assert re.findall(r'href="(\w+)-virtual-paper-a[^"]*/table1/index.html"', text) == ["smoke", "small"]
    assert "--scale smoke" in text
    assert "--scale small" in text
    claims = (out / "report" / "claims" / "index.html").read_text(encoding="utf-8")
    assert [name.partition(",")[0] for name in re.findall(r'<th scope="col">(s\w+, virtual[^<]*)</th>', claims)] == [
        "smoke",
        "small",
    ]
    output = cli("claims", f"--out={out}", *options)
    assert f"{len(CLAIMS)} claims" in output.out
    assert re.search(f"^small, virtual.*: {len(CLAIMS)} claims", output.out, re.MULTILINE)
    shutil.rmtree(out / "report")
    cli.ok("report", f"--out={out}", "--scale=small", *options)
    assert 'href="smoke' not in index(out)
    assert 'href="small-virtual-paper-a' in index(out)
