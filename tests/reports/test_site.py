"""The site on disk: whole, self-contained, accessible in its structure, and deaf to what comes from runs."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from statistics import mean

import pytest

from reports import site
from reports.figures import diagnostics
from reports.figures import queue as figure_queue
from reports.figures.canvas import ENDINGS
from reports.figures.diagnostics import Ageing
from reports.figures.queue import FigureQueue
from reports.site import verdicts
from reports.site.pages import (
    Absent,
    Block,
    ClaimCell,
    ClaimLine,
    Claims,
    Grid,
    Line,
    Page,
    PageLink,
    Paper,
    Picture,
    ShownCell,
    Site,
    Status,
    VerdictBadge,
)
from reports.speedups import TimedRuns, split
from results.measures import MEASURES
from results.published import Published
from results.statistics import Summary
from results.statistics.intervals import ratio_interval
from results.statistics.seeds import Seeds
from results.tables import Conditions, ResultCell, RunCondition

SCRIPT = "<script>alert(1)</script>"
HOSTILE = f"{SCRIPT}\"' | `x` [l](javascript:1) *b* \x1b[31m\n# h"
VOID = {"meta", "link", "img", "br", "hr", "input"}


class Reader(HTMLParser):
    """Collects tags with their attributes; fails where one is not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def read(path: Path) -> Reader:
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    assert reader.open == []
    return reader


def page(folder: Path, text: str = HOSTILE) -> Page:
    entry = ShownCell("1", text, "[1, 2]", "1", "n = 3 is weak", VerdictBadge("not measured", text))
    grid = Grid(text, ("Method", text), ((text, text),), (text,))
    ageing = [Ageing(f"_$x {text}", "ResNet-18", ["stem", "head"], [1.0, 0.0], [0.1, 0.0], "bp")]
    diagnostics.staleness(ageing, folder / "smoke" / "table3" / "staleness", title="t", seconds="s")
    picture = Picture(folder / "smoke" / "table3" / "staleness", text, text)
    return Page(
        "table3", text, text, (text,), (text,), (Block(text, (Line(text, (entry,)),)),), (grid,), (text,), (text,),
        (text,), (text,), (picture,), (grid,), (grid,), (), (grid,), (picture,), grid, (text,), (grid,), (grid,), text,
        (PageLink(text, "http://127.0.0.1:5000/#/experiments/1/runs/2"),), text, Conditions("smoke"), glances=(grid,),
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "report"
    papers = (Paper(HOSTILE, (page(place),)), Paper("Paper B", (), (Absent("table1", HOSTILE, HOSTILE, HOSTILE),)))
    site.write(Site("Report", ((HOSTILE, HOSTILE),), papers, claims(), (HOSTILE,), (HOSTILE,), (HOSTILE,)), place)
    return place


def claims() -> Claims:
    """One that holds at smoke and is open at small, and one that fails at both."""

    def cell(scale: str, status: str, needed: str = "") -> ClaimCell:
        link = PageLink("table3", "smoke/table3/index.html")
        return ClaimCell(scale, status, f"{status} at {scale}", HOSTILE, needed, HOSTILE, HOSTILE, (link,))

    lines = (
        ClaimLine(
            "one", HOSTILE, HOSTILE, (cell("smoke", "holds"), cell("small", "not decided", f"12 seeds {HOSTILE}"))
        ),
        ClaimLine("two", HOSTILE, HOSTILE, tuple(cell(scale, "does not hold") for scale in ("smoke", "small"))),
    )
    statuses = ("holds", "does not hold", "not decided")
    return Claims(statuses, (RunCondition("smoke"), RunCondition("small")), ((1, 1, 0), (0, 1, 1)), (HOSTILE,), lines)


def pages(folder: Path) -> list[Path]:
    paths = sorted(folder.rglob("*.html"))
    assert len(paths) == 3
    return paths


def test_nothing_that_comes_from_runs_is_markup(folder: Path) -> None:
    for path in pages(folder):
        reader = read(path)
        assert not reader.all("script")
        assert SCRIPT not in path.read_text(encoding="utf-8")
        assert "&lt;script&gt;" in path.read_text(encoding="utf-8")
        assert not [name for _, attributes in reader.tags for name in attributes if name.startswith("on")]
        assert "\x1b" not in path.read_text(encoding="utf-8")
    for path in folder.rglob("*.md"):
        for line in path.read_text(encoding="utf-8").splitlines():
            assert SCRIPT not in line or line.startswith("    "), line  # an indented block shows it literally
            assert not line.startswith("# h")


def test_it_needs_no_network_and_its_links_lead_somewhere(folder: Path) -> None:
    for path in pages(folder):
        reader = read(path)
        ids = {attributes["id"] for _, attributes in reader.tags if "id" in attributes}
        loaded = [a.get("src") or a.get("href") or "" for tag in ("img", "link") for a in reader.all(tag)]
        assert not [address for address in loaded if "//" in address]
        for address in [*loaded, *(a["href"] or "" for a in reader.all("a"))]:
            if address.startswith(("http://127.0.0.1", "data:")):
                continue
            target, _, anchor = address.partition("#")
            assert (path.parent / target).is_file() if target else anchor in ids, address


def test_a_screen_reader_finds_its_way(folder: Path) -> None:
    for path in pages(folder):
        reader = read(path)
        assert [a["lang"] for a in reader.all("html")] == ["en"]
        for tag in ("header", "main", "footer", "h1", "title"):
            assert len(reader.all(tag)) == 1, tag
        assert all(a.get("alt") for a in reader.all("img"))
        assert all(a.get("scope") in ("col", "row") for a in reader.all("th"))
        assert len(reader.all("table")) == len(reader.all("caption"))
        ids = [attributes["id"] for _, attributes in reader.tags if "id" in attributes]
        assert len(ids) == len(set(ids))
        levels = [int(tag[1]) for tag, _ in reader.tags if re.fullmatch(r"h[1-6]", tag)]
        assert all(after - before <= 1 for before, after in pairwise(levels))


def test_the_claims_page_leads_with_a_matrix_of_scales(folder: Path) -> None:
    """A row per claim, a cell per scale, each of which leads to its evidence; and that to the scale's table."""
    text = (folder / "claims" / "index.html").read_text(encoding="utf-8")
    matrix = text[text.index('class="result matrix"') : text.index("</table>", text.index('class="result matrix"'))]
    assert re.findall(r'href="#([\w-]+)"', matrix) == ["smoke-one", "small-one", "smoke-two", "small-two"]
    assert re.findall(r'<th scope="col">(\w+)</th>', matrix) == ["Claim", "smoke", "small"]
    assert "To decide it: 12 seeds" in matrix
    assert text.index('class="result matrix"') < text.index('id="small-one"')
    assert 'href="../smoke/table3/index.html"' in text


def test_a_command_that_would_train_more_runs_says_how_many(tmp_path: Path) -> None:
    """Happens where not every row has every seed."""
    plain = page(tmp_path, "text")
    for states, heading in (
        ((), "To repeat it:"),
        (("a finished 6 2026",), "To repeat it:"),
        (("a finished 6 2026", "", ""), "2 more"),
    ):
        changed = replace(plain, made_of={f"run{number}": state for number, state in enumerate(states)})
        site.write(Site("Report", (), (Paper("A", (changed,)),), commands=("python -m benchmarks run",)), tmp_path)
        for place in (tmp_path, tmp_path / "smoke" / "table3"):
            for name in ("index.html", "report.md"):
                assert heading in (place / name).read_text(encoding="utf-8")


def test_many_pictures_are_drawn_by_several_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Byte for byte as by one; an error is told."""
    monkeypatch.setattr(figure_queue, "FEW", 2)
    _, speedup_split = split({"a": TimedRuns(1.0, 2.0), "b": TimedRuns(3.0, 3.0)})
    for count in (1, 2):
        queue = FigureQueue(tmp_path)
        for number in range(count):
            queue.draw(diagnostics.splits, {"net": speedup_split}, tmp_path / f"{count}-{number}", title="t")
        queue.finish()
    assert len(list(tmp_path.glob("*.png"))) == 3
    assert len({path.read_bytes() for path in tmp_path.glob("*.png")}) == 1
    queue.draw(diagnostics.splits, {}, tmp_path / "none", title="t")
    with pytest.raises(ValueError, match="max"):
        queue.finish()


def scribble(data: int, stem: Path, *, title: str) -> None:
    """A picture that is drawn in no time."""
    for ending in ENDINGS:
        stem.with_name(f"{stem.name}.{ending}").write_text(f"{data} {title}", encoding="utf-8")


def test_only_pictures_whose_data_changed_are_drawn_again(tmp_path: Path) -> None:
    """A file that is gone, or is not as it was drawn, makes a change as well; a folder that was moved does not."""

    def drawn(place: Path, *titles: str) -> list[str]:
        queue = FigureQueue(place)
        for number, title in enumerate(titles):
            queue.draw(scribble, 1, place / str(number), title=title)
        waiting = [job.stem.name for job in queue.waiting]
        queue.finish()
        return waiting

    folder = tmp_path / "report"
    folder.mkdir()
    assert drawn(folder, "a", "b", "c", "d") == ["0", "1", "2", "3"]
    before = {path: path.read_bytes() for path in folder.glob("*.*")}
    (folder / "2.pdf").unlink()
    (folder / "3.svg").write_text("other", encoding="utf-8")
    assert drawn(folder, "a", "B", "c", "d") == ["1", "2", "3"]
    assert [path.stem for path in before if path.suffix == ".png" and path.read_bytes() != before[path]] == ["1"]
    assert before[folder / "3.svg"] == (folder / "3.svg").read_bytes()
    moved = folder.rename(tmp_path / "moved")
    assert drawn(moved, "a", "B", "c", "d") == []
    (moved / "pictures.json").write_text("[1", encoding="utf-8")
    assert drawn(moved, "a", "B", "c", "d") == ["0", "1", "2", "3"]


# ---- verdicts


SECONDS = MEASURES["time_to_target_seconds"]
PAPER = Published(100.0, 5.0, 3, "Table 1")


@pytest.mark.parametrize(
    ("scale", "mean", "paper", "status"),
    [
        ("paper", 101.0, PAPER, "agrees"),
        ("paper", 200.0, PAPER, "differs"),
        ("paper", 101.0, None, "no reference"),
        ("smoke", 101.0, PAPER, "not comparable"),
        ("small", 200.0, PAPER, "not comparable"),
    ],
)
def test_verdicts(scale: str, mean: float, paper: Published | None, status: Status) -> None:
    values = [mean - 0.5 + number / 10 for number in range(11)]
    cell = ResultCell(paper, Summary(mean, 0.33, 11), runs=Seeds(values))
    assert verdicts.light(cell, SECONDS, scale).status == status


def test_what_cannot_be_judged_says_why() -> None:
    seeds = Seeds([40.0, None, None], [None, 60.0, 60.0])
    entry = verdicts.entry(ResultCell(PAPER, Summary(None, None, 3, 2, 50.0), runs=seeds), SECONDS, "paper")
    assert entry.light == VerdictBadge("not reached", "2 of 3 runs")
    assert entry.interval.startswith("restricted mean 53.3")
    assert entry.n == "n = 3 is weak"
    badge = verdicts.light(ResultCell(PAPER, None, "no data"), SECONDS, "paper")
    assert badge == VerdictBadge("not measured", "no data")
    single = verdicts.entry(ResultCell(PAPER, Summary(100.0, None, 1), runs=Seeds([100.0])), SECONDS, "paper")
    assert single.light.status == "undecided"
    assert "single run" in single.light.why
    assert single.interval == "–"


def test_an_interval_reaches_down_by_what_evaluations_leave_open() -> None:
    """Equal values have no spread, and are no more precise than that; no time is below 0."""
    assert verdicts.interval_text(Seeds([1.16] * 5), SECONDS) == "[1.16, 1.16]"
    assert verdicts.interval_text(Seeds([1.16] * 5, widths=[0.58] * 5), SECONDS) == "[0.372, 1.37]"
    assert verdicts.interval_text(Seeds([1.16] * 3, widths=[1.16] * 3), SECONDS).startswith("[0, ")
    plain = Seeds([40.0, 41.0, 42.0, 43.0, None], [60.0] * 5, [False] * 4 + [True])
    coarse = replace(plain, widths=(10.0, 10.0, 10.0, 10.0, None))
    plain_text, coarse_text = (verdicts.interval_text(seeds, SECONDS) for seeds in (plain, coarse))
    assert plain_text != coarse_text


# ---- splits


def test_the_factors_of_a_speedup_multiply_and_their_shares_add_up() -> None:
    reference, (lu, slow) = split({"Async LU": TimedRuns(226.4, 69), "LPP-SGD": TimedRuns(672.9, 100)})
    assert reference == "LPP-SGD"
    assert lu.speedup == pytest.approx(2.97, abs=0.005)  # the paper's own quotient
    assert lu.by_epochs * lu.by_seconds == pytest.approx(lu.speedup)
    assert lu.share_of_epochs == pytest.approx(34.1, abs=0.1)
    assert slow.share_of_epochs is None


def test_the_intervals_of_a_speedup_are_those_of_the_ratios_of_means() -> None:
    slow, fast = ((30.0, 10), (33.0, 11), (36.0, 12)), ((10.0, 10), (11.0, 11), (10.5, 10.5))
    runs = [TimedRuns(mean([t for t, _ in of]), mean([e for _, e in of]), of) for of in (slow, fast)]
    _, (_, speedup_split) = split(dict(zip(("slow", "fast"), runs, strict=True)))
    for part, factor in enumerate((speedup_split.factor("speedup"), speedup_split.factor("by_epochs"))):
        want = ratio_interval([run[part] for run in slow], [run[part] for run in fast])
        interval = factor.interval
        assert want is not None
        assert interval is not None
        assert (interval.low, interval.high) == pytest.approx((want.low, want.high))
    by_seconds = speedup_split.intervals["by_seconds"]  # every run has 3, or 1, seconds an epoch
    assert (by_seconds.low, by_seconds.high) == pytest.approx((3, 3))
