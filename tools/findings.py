"""The numbers and the pictures of docs/findings.md, made of the runs that a reproduction keeps.

    python tools/findings.py                  # of results/reproductions, into docs/findings.md and docs/pictures
    python tools/findings.py --runs out       # of folders of results of one's own
    python tools/findings.py --check          # write nothing; exit 1 where the pages say otherwise

What stands in a page between `<!-- NAME -->` and `<!-- end -->` is made here, and nothing else of the page is touched.
Differences are taken seed by seed, with Student's t interval over the seeds that both rows have (docs/statistics.md).
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for what the tools share

from benchmarks.checkout import CHECKOUT
from benchmarks.runner.choices import Choices
from benchmarks.runner.grid import resolve
from benchmarks.tables.registry import table
from benchmarks.views import journals
from benchmarks.views.journals import Journals
from benchmarks.views.sheets import sheet_of
from reports.figures import canvas
from reports.figures.canvas import Medium, Sizes
from reports.figures.looks import looks
from results import reproductions
from results.files import replace
from results.measures import MEASURES
from results.records import Record
from results.statistics.inference import Interval, mean_interval
from tools.findings_list import BEST, FINDINGS, REPRODUCED, TUNED, Finding
from tools.findings_others import ReproducedTable, TunedRows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAGES = (CHECKOUT / "docs" / "findings.md", CHECKOUT / "README.md")
PICTURES = CHECKOUT / "docs" / "pictures"
KEPT = [reproductions.FOLDER / name for name in ("small", "paper")]
FEWEST = 3
"""Seeds of two rows from which on a finding has its place in a page."""
MARKED = re.compile(r"(<!-- ([a-z0-9-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
CHOSEN = Choices(scale="small", seeds=tuple(range(10)))


class Runs:
    """A finding's runs, by row and seed."""

    def __init__(self, of_rows: Mapping[str, Iterable[Record]]) -> None:
        self._found = {row: {record.seed: record for record in records} for row, records in of_rows.items()}

    @classmethod
    def read(cls, one: Finding, found: Journals) -> Runs:
        """As its tables show them: of the settings that they have at this scale, diverged ones included."""
        sheets = [sheet_of(resolve(of, CHOSEN), found) for of in map(table, one.tables)]
        rows = {key: of for sheet in sheets for (network, key), of in sheet.records.items() if network == one.network}
        return cls({key: [record for record in records if record.complete] for key, records in rows.items()})

    def values(self, row: str, measure: str) -> dict[int, float]:
        """Seed -> value, of the runs that have one."""
        known = {seed: MEASURES[measure].of(run) for seed, run in sorted(self._found.get(row, {}).items())}
        return {seed: value for seed, value in known.items() if value is not None}


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def cell(values: Sequence[float], sign: str = "") -> str:
    """'60.2 [58.9, 61.5]': the mean and its interval, in brackets."""
    if not values:
        return "not run"
    text, found = f"{mean(values):{sign}.2f}", mean_interval(values)
    return (
        text if found is None or found.low == found.high else f"{text} [{found.low:{sign}.2f}, {found.high:{sign}.2f}]"
    )


def verdict(found: Interval | None) -> str:
    if found is None:
        return "one seed"
    return "undecided" if found.low <= 0 <= found.high else "less" if found.high < 0 else "more"


def block(runs: Runs, one: Finding) -> Iterator[str]:
    """The Markdown of a finding: its rows, then its comparisons."""
    headings = [MEASURES[measure].heading for measure in one.measures]
    yield from (f"**{one.title}**", "", f"| | {' | '.join(headings)} | n |", "|---" * (len(headings) + 2) + "|")
    for row, words in one.rows.items():
        columns = [list(runs.values(row, measure).values()) for measure in one.measures]
        yield f"| {words} | {' | '.join(cell(values) for values in columns)} | {len(columns[0])} |"
    yield from ("", f"| {headings[0]} | difference, 95 % interval | n | |", "|---|---|---|---|")
    for a, b in one.against:
        yield compared(f"{one.rows[a]} less {one.rows[b]}", list(paired(runs, a, b, one.measures[0]).values()))
    for (a, b), (c, d) in one.interactions:
        words = f"({one.rows[a]} less {one.rows[b]}) less ({one.rows[c]} less {one.rows[d]})"
        first, second = paired(runs, a, b, one.measures[0]), paired(runs, c, d, one.measures[0])
        yield compared(words, [first[seed] - second[seed] for seed in first if seed in second])


def compared(words: str, differences: Sequence[float]) -> str:
    """A line of Markdown: differences seed by seed, their mean, its interval and what it decides."""
    said = verdict(mean_interval(differences)) if differences else ""
    return f"| {words} | {cell(differences, '+')} | {len(differences)} | {said} |"


def headline(runs: Runs, one: Finding) -> Iterator[str]:
    """The README's table: every method beside BP."""
    yield f"| {one.title} | best accuracy (%) | less BP's, seed by seed | simulated s an epoch | n |"
    yield "|---|---|---|---|---|"
    for row, words in one.rows.items():
        best, seconds = (list(runs.values(row, measure).values()) for measure in one.measures)
        beside = "" if row == "bp" else cell(list(paired(runs, row, "bp").values()), "+")
        yield f"| {words} | {cell(best)} | {beside} | {cell(seconds)} | {len(best)} |"


def paired(runs: Runs, a: str, b: str, measure: str = BEST) -> dict[int, float]:
    """Seed -> what a has of a measure less what b has, of the seeds that both have."""
    ours, theirs = (runs.values(row, measure) for row in (a, b))
    return {seed: ours[seed] - theirs[seed] for seed in ours if seed in theirs}


def there(runs: Runs, one: Finding) -> bool:
    """Whether one of its comparisons has enough seeds to be shown."""
    return any(len(paired(runs, a, b, one.measures[0])) >= FEWEST for a, b in one.against)


def picture(runs: Runs, one: Finding, stem: Path) -> None:
    """The first measure of every row, a dot a seed, the mean and its interval above them."""
    known = looks(one.rows)
    sizes = Sizes((6.4, 0.32 * len(one.rows) + 0.9), (canvas.COLUMN, 0.2 * len(one.rows) + 0.6))

    def paint(figure: Figure, medium: Medium) -> None:
        axes = figure.subplots()
        for place, row in enumerate(one.rows):
            values, look = list(runs.values(row, one.measures[0]).values()), known[row]
            if not values:
                continue
            axes.plot(values, [place] * len(values), "o", ms=3, alpha=0.5, color=look.colour, mew=0)
            if (found := mean_interval(values)) is not None:
                axes.plot([found.low, found.high], [place - 0.22] * 2, color=look.colour, lw=1.5)
            axes.plot([mean(values)], [place - 0.22], look.marker, ms=4, color=look.colour)
        axes.set_xlabel(f"{MEASURES[one.measures[0]].heading}: seeds; mean and 95 % interval")
        axes.set_yticks(range(len(one.rows)), one.rows.values())
        axes.invert_yaxis()

    as_png(canvas.picture(paint, stem, sizes, one.title))


def as_png(files: Sequence[Path]) -> None:
    """Of a picture's files, the one that the pages show."""
    for path in files[1:]:
        path.unlink()


def others(found: Journals) -> list[ReproducedTable | TunedRows]:
    """The findings of other kinds for which there are runs."""
    beside = [ReproducedTable(one, found) for one in REPRODUCED]
    tuned = [TunedRows(one, found) for one in TUNED]
    every: list[ReproducedTable | TunedRows] = [*beside, *tuned]
    return [one for one in every if one.there]


def together(folders: Iterable[Path]) -> Journals:
    """All their runs. Raises UserError where a folder has none."""
    found = list(map(journals.some, folders))
    records = sorted(
        (record for one in found for record in one.records), key=lambda record: (record.started, record.id)
    )
    return Journals(tuple(records), tuple(said for one in found for said in one.left_out))


def filled(page: str, blocks: Mapping[str, str]) -> str:
    """The page with its marked places made anew. Raises KeyError where a mark is none of the findings'."""
    return MARKED.sub(lambda found: f"{found[1]}{blocks[found[2]]}\n{found[3]}", page)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, nargs="+", default=KEPT)
    parser.add_argument("--check", action="store_true")
    chosen = parser.parse_args(arguments)
    found = together(chosen.runs)
    runs = {one.name: Runs.read(one, found) for one in FINDINGS}
    texts = {one.name: block(runs[one.name], one) for one in FINDINGS}
    texts["headline"] = headline(runs["methods"], FINDINGS[0])
    more = others(found)
    texts |= {one.one.name: one.block() for one in more}
    blocks = {name: "\n".join(lines) for name, lines in texts.items()}
    wrong = 0
    for path in PAGES:
        was = path.read_text(encoding="utf-8")
        now = filled(was, blocks)
        if chosen.check:
            wrong += now != was
        elif now != was:
            replace(path, now.encode())
    if not chosen.check:
        for one in FINDINGS:
            if there(runs[one.name], one):
                picture(runs[one.name], one, PICTURES / f"finding-{one.name}")
        for other in more:
            as_png(other.picture(PICTURES / f"finding-{other.one.name}"))
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
