"""Files that are not ours: links that lead out of --out, and files that reading does not come to an end of."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.commands.compare_sides import side
from benchmarks.errors import UserError
from benchmarks.runner.checkpoints import file as checkpoints
from benchmarks.runner.engines import options, shards
from reports import site
from reports.figures.queue import FigureQueue
from reports.site import kept
from reports.site.pages import Page, Paper, Picture, Site
from results import published, reading, reproductions
from results.errors import ResultsError
from results.records.lease import LEASE
from results.tables import Conditions, files
from tests.commands.commands import TINY, Cli, Said
from tests.endless import NO_END
from tests.faults.counting import Attempt

CARD = """name = "leaves"
kind = "images"
folder = "leaves"
shape = [3, 8, 8]
source = "{source}"
licence = "{licence}"
"""
TABLE = """[table]
id = "own"
title = "Own"
family = "cifar10"
networks = ["resnet18"]
measures = ["best_accuracy_percent"]
{more}
[[rows]]
method = "bp"
"""
TRAIN = ("run", "table1", "--method=bp", "--no-tracking", "--jobs=1", *TINY)
NAMES = ("index.html", "report.md", "table.tex", "page.json", "photo.png", "paper.pdf", ".hidden", "this-machine.toml")
MAKERS = {make.__name__: make for make, _ in NO_END}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def somebodys(folder: Path) -> dict[str, bytes]:
    """A folder of files that are named as ours are."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        (folder / name).write_text(f"somebody's {name}", encoding="utf-8")
    return contents(folder)


def link(place: Path, elsewhere: Path) -> None:
    """A link in the place of a folder, whose files are elsewhere now, if there was one."""
    if place.is_dir():
        shutil.copytree(place, elsewhere, dirs_exist_ok=True)
        shutil.rmtree(place)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(elsewhere)


def check_sentence(outcome: Said, *words: str) -> None:
    assert (outcome.code, outcome.err.count("\n")) == (2, 1), outcome.err
    assert "Traceback" not in outcome.err
    assert any(word in outcome.err for word in words), outcome.err


# ---- links


@pytest.mark.fault("links-lead-out")
@pytest.mark.parametrize("place", ["report", "report/mine", "report/claims"])
def test_a_report_changes_nothing_behind_a_link(attempt: Attempt, cli: Cli, tmp_path: Path, place: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    before = somebodys(elsewhere)
    link(tmp_path / "out" / place, elsewhere)
    for _ in range(2):
        outcome = cli("report", "table1")
        assert contents(elsewhere) == before
        assert outcome.code == (2 if place == "report" else 0), outcome.err
        attempt.cases += 1
    if outcome.code:
        check_sentence(outcome, "is a link")


def a_page(folder: Path, id: str) -> Page:
    """With a picture beside it."""
    page = Page(id, "title", "source", condition=Conditions("smoke"))
    stem = folder / page.place / "curves"
    stem.parent.mkdir(parents=True, exist_ok=True)
    for ending in ("png", "svg", "pdf"):
        stem.with_suffix(f".{ending}").write_bytes(b"picture")
    return Page(id, "title", "source", condition=Conditions("smoke"), curves=(Picture(stem, "caption", "alt"),))


def write(folder: Path, *pages: Page) -> list[Path]:
    return site.write(Site("Report", (), (Paper("A", pages),)), folder, kept.read(folder).files)[1]


@pytest.mark.fault("links-lead-out")
@pytest.mark.parametrize("place", ["smoke", "smoke/one", "smoke/one/curves.png"])
def test_a_page_that_is_gone_takes_no_file_behind_a_link_along(attempt: Attempt, tmp_path: Path, place: str) -> None:
    folder, elsewhere = tmp_path / "report", tmp_path / "elsewhere"
    assert write(folder, a_page(folder, "one"), a_page(folder, "two")) == []
    somebodys(elsewhere)
    if place.endswith("png"):
        (folder / place).unlink()
        (folder / place).symlink_to(elsewhere / "photo.png")
    else:
        link(folder / place, elsewhere)
    before = contents(elsewhere)
    write(folder)
    assert contents(elsewhere) == before
    assert (folder / place).is_symlink()


@pytest.mark.fault("links-lead-out")
def test_only_what_was_noted_as_written_is_removed(attempt: Attempt, tmp_path: Path) -> None:
    folder = tmp_path / "report"
    write(folder, a_page(folder, "one"), a_page(folder, "two"))
    (folder / "smoke/two/own.png").write_bytes(b"own")
    before = somebodys(folder / "smoke/three")
    gone = write(folder, a_page(folder, "one"))
    assert gone == [folder / "smoke/two"]
    assert [path.name for path in (folder / "smoke/two").iterdir()] == ["own.png"]
    assert contents(folder / "smoke/three") == before
    assert write(folder) == [folder / "smoke/one"]
    assert not (folder / "smoke/one").exists()


@pytest.mark.fault("links-lead-out")
def test_a_note_of_what_was_written_that_leads_out_removes_nothing(attempt: Attempt, tmp_path: Path) -> None:
    folder = tmp_path / "out" / "report"
    write(folder)
    before = somebodys(tmp_path / "elsewhere")
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    names = (
        "../../elsewhere/photo.png",
        f"{tmp_path}/elsewhere/photo.png",
        "link/photo.png",
        "smoke/../link/photo.png",
    )
    for name in (*names, "link", "", ".", "..", "a\0b", "x" * 10_000):
        index = json.loads((folder / kept.INDEX).read_text(encoding="utf-8"))
        (folder / kept.INDEX).write_text(json.dumps({**index, "files": [name]}), encoding="utf-8")
        assert write(folder) == []
        assert contents(tmp_path / "elsewhere") == before
        attempt.cases += 1
    assert (folder / "link").is_symlink()


@pytest.mark.fault("links-lead-out")
def test_a_page_whose_place_leads_out_is_left_out(attempt: Attempt, tmp_path: Path) -> None:
    folder = tmp_path / "out" / "report"
    write(folder, a_page(folder, "one"))
    page = folder / "smoke/one/page.json"
    for id in ("../../../elsewhere", "/etc", "."):
        document = json.loads(page.read_text(encoding="utf-8"))
        page.write_text(json.dumps({**document, "id": id}), encoding="utf-8")
        kept_pages = kept.read(folder)
        assert (kept_pages.pages, len(kept_pages.unreadable)) == ((), 1)
        attempt.cases += 1


@pytest.mark.fault("links-lead-out")
@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("place", ["tables", "tables/CONDITION", "runs", "runs/ID", "runs/ID/checkpoints"])
def test_a_run_changes_nothing_behind_a_link(
    attempt: Attempt, cli: Cli, trained: Path, tmp_path: Path, place: str
) -> None:
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    shutil.copytree(trained, out)
    condition, id = next(out.glob("tables/*")).name, next(out.glob("runs/*")).name
    somebodys(elsewhere)
    place = place.replace("CONDITION", condition).replace("ID", id)
    link(out / place, elsewhere)
    staged = (".epoch-1.batch-0." + "0" * 32 + ".safetensors.x1", "epoch-1.batch-0." + "0" * 32 + ".safetensors")
    for name in staged:
        (elsewhere / name).write_text("somebody's", encoding="utf-8")
    before = contents(elsewhere)
    options = ("--method=bp,async_lu", "--fresh") if place.startswith("runs") else ("--method=bp,async_lu",)
    outcome = cli("run", "table1", "--no-tracking", "--jobs=1", *options, *TINY)
    assert contents(elsewhere) == before
    if not place.endswith("checkpoints"):
        check_sentence(outcome, "is a link")


@pytest.mark.fault("links-lead-out")
def test_only_checkpoints_are_removed_as_such(attempt: Attempt, tmp_path: Path) -> None:
    folder = checkpoints.folder(tmp_path, "0" * 64)
    before = somebodys(folder)
    stem = f"epoch-1.batch-0.{'0' * 32}"
    for name in (f"{stem}.safetensors", f".{stem}.safetensors.71.x1_y2", f"{stem}.damaged-1.safetensors"):
        (folder / name).write_bytes(b"")
    checkpoints.remove(tmp_path, "0" * 64)
    assert contents(folder) == before


# ---- no end


@pytest.mark.fault("no-end")
@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("name", ["smoke/one/page.json", "smoke/one/curves.png", "index.json", "pictures.json"])
def test_a_report_comes_to_an_end(attempt: Attempt, tmp_path: Path, make: str, name: str) -> None:
    folder = tmp_path / "report"
    page = a_page(folder, "one")
    write(folder, page)
    (folder / name).unlink(missing_ok=True)
    MAKERS[make](folder / name)
    write(folder, page)
    queue = FigureQueue(folder)
    queue.draw(print, (), page.curves[0].stem)
    assert len(queue.waiting) == 1


@pytest.mark.fault("no-end")
@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("make", [*MAKERS, "folder"])
@pytest.mark.parametrize("name", [LEASE, "journal.jsonl"])
def test_a_run_comes_to_an_end(attempt: Attempt, cli: Cli, trained: Path, tmp_path: Path, make: str, name: str) -> None:
    """A lease is in the way; a journal is set aside."""
    shutil.copytree(trained, tmp_path / "out")
    makers: dict[str, Callable[[Path], object]] = {**MAKERS, "folder": Path.mkdir}
    for folder in (tmp_path / "out" / "runs").iterdir():
        (folder / "journal.jsonl").unlink()
        makers[make](folder / name)
    outcome = cli(*TRAIN)
    if name == LEASE:
        check_sentence(outcome, "no regular file", "more than")
        assert "make room" not in outcome.err
        assert "move away" in outcome.err
    else:
        assert outcome.code == 0, outcome.err


READERS: dict[str, Callable[[Path], object]] = {
    "a table's JSON": files.read,
    "a reproduction": lambda path: list(reproductions.read(path)),
    "a reproduction's environment": lambda path: side(beside(path)),
    "published values": lambda path: list(published.read(path)),
    "an engine file": lambda path: options.read(path),
    "a shard": shards.Shard.read,
    "a job array": lambda path: refused(shards.Array.read(path)),
    "a job's notes": lambda path: refused(notes(path)),
    "JSON": reading.parsed_json,
}


def beside(path: Path) -> Path:
    """A reproduction's CSV of which the path is the environment."""
    path.rename(path.with_suffix(".json"))
    kept_file = next(iter(reproductions.FOLDER.glob("*.csv")))
    return Path(shutil.copy(kept_file, path.with_suffix(".csv")))


def notes(path: Path) -> list[shards.Note]:
    path.rename(path.with_suffix(".notes.jsonl"))
    return shards.notes(path.with_suffix(".json"))


def refused(parsed: object) -> None:
    if not parsed:
        raise ResultsError("nothing")


@pytest.mark.fault("no-end")
@pytest.mark.parametrize("make", [*MAKERS, "folder"])
@pytest.mark.parametrize("reader", READERS)
def test_every_reader_comes_to_an_end(attempt: Attempt, tmp_path: Path, reader: str, make: str) -> None:
    makers: dict[str, Callable[[Path], object]] = {**MAKERS, "folder": Path.mkdir}
    path = tmp_path / "file"
    makers[make](path)
    with pytest.raises((ResultsError, UserError, OSError)):
        READERS[reader](path)


# ---- no bottom

DEEP = "[" * 200_000


@pytest.mark.fault("no-bottom")
@pytest.mark.parametrize(
    ("option", "deep"),
    [
        *((option, f"deep = {DEEP}") for option in ("--data-card", "table", "--hardware")),
        ("--hardware", "deep = " + "{a = " * 100_000),
        ("--hardware", "a" + ".a" * 200_000 + " = 1"),
        ("--hardware", "[" + '" ".' * 200_000 + "a]"),
    ],
    ids=["card", "table", "hardware", "tables", "dotted", "quoted"],
)
def test_toml_without_a_bottom_is_a_sentence(
    attempt: Attempt, cli: Cli, tmp_path: Path, option: str, deep: str
) -> None:
    path = tmp_path / "file.toml"
    path.write_text(f"{deep}\n[table]\n" if option == "table" else deep, encoding="utf-8")
    outcome = cli("show", str(path)) if option == "table" else cli("show", "table1", f"{option}={path}")
    check_sentence(outcome, path.name)
    with pytest.raises(UserError, match=r"nested|parts"):
        options.read(path)


@pytest.mark.fault("no-bottom")
def test_a_setting_without_a_bottom_is_a_sentence(attempt: Attempt, cli: Cli) -> None:
    for setting in ("workload.epochs", "workload.schedule", "async_lu.updaters", "workload.drop_at", "delays"):
        for value in (DEEP, '{"a":' * 100_000):
            outcome = cli("show", "table3", f"--set={setting}={value}")
            check_sentence(outcome, setting.partition(".")[0])
            attempt.cases += 1


@pytest.mark.fault("no-bottom")
@pytest.mark.parametrize("reader", READERS)
def test_json_without_a_bottom_is_a_sentence(attempt: Attempt, tmp_path: Path, reader: str) -> None:
    """Also where a library has raised the process's limit of a CSV's fields, as SciPy does."""
    path = tmp_path / "file"
    path.write_text(DEEP, encoding="utf-8")
    limit = csv.field_size_limit(2**30)
    try:
        with pytest.raises((ResultsError, UserError, ValueError)):
            READERS[reader](path)
    finally:
        csv.field_size_limit(limit)


@pytest.mark.fault("no-bottom")
def test_a_report_leaves_out_what_has_no_bottom(attempt: Attempt, tmp_path: Path) -> None:
    folder = tmp_path / "report"
    write(folder, a_page(folder, "one"))
    for name in ("smoke/one/page.json", "index.json", "pictures.json"):
        (folder / name).write_text(DEEP, encoding="utf-8")
    assert len(kept.read(folder).unreadable) == 2
    FigureQueue(folder)
