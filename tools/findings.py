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
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for what the tools share

from benchmarks.checkout import CHECKOUT
from benchmarks.runner.choices import Choices
from benchmarks.runner.grid import resolve
from benchmarks.runner.tuning.search import TuningBudget, edges
from benchmarks.tables.registry import table
from benchmarks.views import journals, pictures
from benchmarks.views.journals import Journals
from benchmarks.views.table import assemble
from benchmarks.views.table_runs import TableRuns, find_runs
from benchmarks.views.tuning.order import RowPair, pairs
from benchmarks.views.tuning.picture import draw
from benchmarks.views.tuning.search import search as search_of
from benchmarks.views.tuning.search import tuned_table
from benchmarks.views.tuning.tuned import ACCURACY, SIDES, Search, Side, TunedTable
from reports.figures import canvas
from reports.figures.canvas import Medium, Sizes
from reports.figures.curves import curves
from reports.figures.looks import looks
from reports.site.verdicts import light
from results import files, reproductions
from results.measures import MEASURES
from results.records import Record
from results.statistics.inference import mean_interval
from tools.findings_list import BEST, FINDINGS, REPRODUCED, TUNED, Finding, Reproduced, Tuned

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAGES = (CHECKOUT / "docs" / "findings.md", CHECKOUT / "README.md")
PICTURES = CHECKOUT / "docs" / "pictures"
KEPT = [reproductions.FOLDER / name for name in ("small", "paper")]
SEEDS = tuple(range(10))
FEWEST = 3
"""Seeds of two rows from which on a finding has its place in a page."""
BUDGET = TuningBudget(grid=9, span=256, trials=9)
MARKED = re.compile(r"(<!-- ([a-z0-9-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
CHOSEN = Choices(scale="small", seeds=SEEDS)
Runs = Mapping[str, Sequence[Record]]
"""A finding's complete runs by row."""


def runs_of(one: Finding, found: Journals) -> Runs:
    """As its tables show them: of the settings that they have at this scale, diverged ones included."""
    shown_tables = [find_runs(resolve(of, CHOSEN), found) for of in map(table, one.tables)]
    return {row: table_runs.complete(one.network, row) for table_runs in shown_tables for _, row in table_runs.records}


def values(runs: Runs, row: str, measure: str) -> dict[int, float]:
    """Seed -> value, of the runs that have one."""
    known = {run.seed: MEASURES[measure].of(run) for run in sorted(runs.get(row, ()), key=lambda run: run.seed)}
    return {seed: value for seed, value in known.items() if value is not None}


def paired(runs: Runs, a: str, b: str, measure: str = BEST) -> dict[int, float]:
    """Seed -> what a has of a measure less what b has, of the seeds that both have."""
    ours, theirs = (values(runs, row, measure) for row in (a, b))
    return {seed: ours[seed] - theirs[seed] for seed in ours if seed in theirs}


def mean(numbers: Collection[float]) -> float:
    return sum(numbers) / len(numbers)


def cell(of_seeds: Mapping[int, float], sign: str = "") -> str:
    """'60.2 [58.9, 61.5]': the mean and its interval, in brackets."""
    if not of_seeds:
        return "not run"
    text, found = f"{mean(of_seeds.values()):{sign}.2f}", mean_interval(list(of_seeds.values()))
    if found is None or found.low == found.high:
        return text
    return f"{text} [{found.low:{sign}.2f}, {found.high:{sign}.2f}]"


def verdict(of_seeds: Mapping[int, float]) -> str:
    """Of differences: what their interval decides."""
    found = mean_interval(list(of_seeds.values())) if of_seeds else None
    if found is None:
        return "one seed" if of_seeds else ""
    return "undecided" if found.low <= 0 <= found.high else "less" if found.high < 0 else "more"


def block(runs: Runs, one: Finding) -> Iterator[str]:
    """The Markdown of a finding: its rows, then its comparisons."""
    headings = [MEASURES[measure].heading for measure in one.measures]
    yield from (f"**{one.title}**", "", f"| | {' | '.join(headings)} | n |", "|---" * (len(headings) + 2) + "|")
    for row, words in one.rows.items():
        columns = [values(runs, row, measure) for measure in one.measures]
        yield f"| {words} | {' | '.join(map(cell, columns))} | {len(columns[0])} |"
    yield from ("", f"| {headings[0]} | difference, 95 % interval | n | |", "|---|---|---|---|")
    compared = {f"{one.rows[a]} less {one.rows[b]}": paired(runs, a, b, one.measures[0]) for a, b in one.against}
    for (a, b), (c, d) in one.interactions:
        first, second = paired(runs, a, b, one.measures[0]), paired(runs, c, d, one.measures[0])
        words = f"({one.rows[a]} less {one.rows[b]}) less ({one.rows[c]} less {one.rows[d]})"
        compared[words] = {seed: first[seed] - second[seed] for seed in first if seed in second}
    for words, differences in compared.items():
        yield f"| {words} | {cell(differences, '+')} | {len(differences)} | {verdict(differences)} |"


def headline(runs: Runs, one: Finding) -> Iterator[str]:
    """The README's table: every method beside BP."""
    yield f"| {one.title} | best accuracy (%) | less BP's, seed by seed | simulated s an epoch | n |"
    yield "|---|---|---|---|---|"
    for row, words in one.rows.items():
        best, seconds = (values(runs, row, measure) for measure in one.measures)
        beside = "" if row == "bp" else cell(paired(runs, row, "bp"), "+")
        yield f"| {words} | {cell(best)} | {beside} | {cell(seconds)} | {len(best)} |"


def there(runs: Runs, one: Finding) -> bool:
    """Whether one of its comparisons has enough seeds to be shown."""
    return any(len(paired(runs, a, b, one.measures[0])) >= FEWEST for a, b in one.against)


def picture(runs: Runs, one: Finding, stem: Path) -> tuple[Path, ...]:
    """The first measure of every row, a dot a seed, the mean and its interval above them."""
    known = looks(one.rows)
    sizes = Sizes((6.4, 0.32 * len(one.rows) + 0.9), (canvas.COLUMN, 0.2 * len(one.rows) + 0.6))

    def paint(figure: Figure, medium: Medium) -> None:
        axes = figure.subplots()
        for place, row in enumerate(one.rows):
            of_row, look = list(values(runs, row, one.measures[0]).values()), known[row]
            if not of_row:
                continue
            axes.plot(of_row, [place] * len(of_row), "o", ms=3, alpha=0.5, color=look.colour, mew=0)
            if (found := mean_interval(of_row)) is not None:
                axes.plot([found.low, found.high], [place - 0.22] * 2, color=look.colour, lw=1.5)
            axes.plot([mean(of_row)], [place - 0.22], look.marker, ms=4, color=look.colour)
        axes.set_xlabel(f"{MEASURES[one.measures[0]].heading}: seeds; mean and 95 % interval")
        axes.set_yticks(range(len(one.rows)), one.rows.values())
        axes.invert_yaxis()

    return canvas.picture(paint, stem, sizes, one.title)


# ---- a table beside its published values


def reproduced(one: Reproduced, found: Journals) -> TableRuns | None:
    """Its runs; None where a row has none."""
    chosen = Choices(scale="paper", seeds=SEEDS, settings={"workload": one.settings})
    table_runs = find_runs(resolve(table(one.table), chosen), found)
    return table_runs if all(table_runs.complete(one.network, row) for row in one.rows) else None


def reproduced_block(one: Reproduced, table_runs: TableRuns) -> Iterator[str]:
    known = [MEASURES[key] for key in one.measures]
    headings = [f"{of.heading}: published | {'simulated' if of.clock else 'here'}" for of in known]
    yield from (f"**{one.title}**", "", f"| | {' | '.join(headings)} | n |")
    yield "|---" * (2 * len(known) + 2) + "|"
    made = assemble(table_runs)
    rows = {row.row: dict(zip((of.key for of in made.measures), row.cells, strict=True)) for row in made.rows}
    for row, words in one.rows.items():
        texts = []
        for of in known:
            both, ours = rows[row][of.key], rows[row][of.key].measured
            texts.append(spread(both.published.mean, both.published.std) if both.published is not None else "-")
            said = both.reason if ours is None or ours.mean is None else spread(ours.mean, ours.std)
            decided = ours is not None and ours.n > 1 and both.published is not None
            texts.append(f"{said} ({light(both, of, 'paper').status})" if decided else said)
        yield f"| {words} | {' | '.join(texts)} | {len(table_runs.complete(one.network, row))} |"


def spread(mean: float, std: float | None) -> str:
    return f"{mean:.2f}" if std is None else f"{mean:.2f} ± {std:.2f}"


# ---- rows at the table's rate, and each at its own best


def tuned(one: Tuned, found: Journals) -> TunedTable | None:
    """As `tune` with its plain budget has them, with the seeds that all rows have; None for fewer than two rows."""
    chosen = replace(CHOSEN, methods=tuple(one.methods), networks=(one.network,))
    searches = [search_of(cell, BUDGET, found.of) for cell in resolve(table(one.table), chosen).cells]
    over = [search for search in searches if search.over]
    every = tuned_table(resolve(table(one.table), chosen), BUDGET, over, found)
    rows = [every.records(side, one.network, search.row) for search in over for side in SIDES]
    common = set(SEEDS).intersection(*({record.seed for record in records} for records in rows))
    shared = replace(chosen, seeds=tuple(sorted(common)) or SEEDS)
    return tuned_table(resolve(table(one.table), shared), BUDGET, over, found) if len(over) > 1 else None


def tuned_block(one: Tuned, made: TunedTable) -> Iterator[str]:
    yield from (f"**{one.title}**", "")
    yield "| | rate | best accuracy (%) | its best rate | best accuracy (%) there | n |"
    yield "|---|---|---|---|---|---|"
    for search in made.searches:
        cells = [text for side in SIDES for text in at_rate(one, made, search, side)]
        n = len(made.records("best", one.network, search.row))
        yield f"| {search.row.label} | {' | '.join(cells)} | {n} |"
    found = [pair for pair in pairs(made) if pair.measure is ACCURACY]
    held = f"of {len(found)} pairs, held to {100 * found[0].best.level:.3g} %" if found else ""
    yield from ("", f"| Best accuracy (%), 95 % interval | as published | each at its best | {held} |")
    yield "|---|---|---|---|"
    for pair in found:
        sides = f"{contrast(pair, 'published')} | {contrast(pair, 'best')}"
        yield f"| {pair.first.label} less {pair.second.label} | {sides} | {pair.kind} |"


def at_rate(one: Tuned, made: TunedTable, search: Search, side: Side) -> tuple[str, str]:
    """The rate, and the accuracy there."""
    summary, _ = made.sides[side].value(one.network, search.row.key, ACCURACY)
    known, found = "not run", made.interval(side, one.network, search.row)
    if summary is not None and summary.mean is not None:
        known = f"{summary.mean:.2f}" + (f" [{found.low:.2f}, {found.high:.2f}]" if found is not None else "")
    run = next(run for run in made.sides[side].grid.runs if run.labels.row == search.row.key)
    ends = " and ".join(edges(search.trials)) if side == "best" else ""
    return f"{run.work.schedule.lr:g}{f', the {ends} tried' if ends else ''}", known


def contrast(pair: RowPair, side: Side) -> str:
    found = pair.published if side == "published" else pair.best
    low, high = found.ends
    return f"{found.quantity.value:+.2f} [{low:+.2f}, {high:+.2f}]"


# ---- the pages


def blocks(found: Journals) -> tuple[dict[str, str], dict[str, Callable[[Path], Sequence[Path]]]]:
    """By name: Markdown of every finding, and who draws the picture of those that have enough runs."""
    texts: dict[str, Iterator[str]] = {}
    drawn: dict[str, Callable[[Path], Sequence[Path]]] = {}
    for one in FINDINGS:
        runs = runs_of(one, found)
        texts[one.name] = block(runs, one)
        if one is FINDINGS[0]:
            texts["headline"] = headline(runs, one)
        if there(runs, one):
            drawn[one.name] = partial(picture, runs, one)
    for beside in REPRODUCED:
        if (table_runs := reproduced(beside, found)) is not None:
            texts[beside.name] = reproduced_block(beside, table_runs)
            lines = list(pictures.curves(table_runs))
            drawn[beside.name] = partial(curves, lines, title=beside.title, y_label="Test accuracy (%)")
    for rows in TUNED:
        if (made := tuned(rows, found)) is not None:
            texts[rows.name] = tuned_block(rows, made)
            drawn[rows.name] = partial(draw, made)
    return {name: "\n".join(lines) for name, lines in texts.items()}, drawn


def filled(page: str, made: Mapping[str, str]) -> str:
    """The page with its marked places made anew. Raises KeyError where a mark is none of the findings'."""
    return MARKED.sub(lambda found: f"{found[1]}{made[found[2]]}\n{found[3]}", page)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, nargs="+", default=KEPT)
    parser.add_argument("--check", action="store_true")
    chosen = parser.parse_args(arguments)
    records = [record for folder in chosen.runs for record in journals.some(folder).records]
    records.sort(key=lambda record: (record.started, record.id))
    texts, drawn = blocks(Journals(tuple(records), ()))
    pages = {path: filled(path.read_text(encoding="utf-8"), texts) for path in PAGES}
    if chosen.check:
        return int(any(path.read_text(encoding="utf-8") != now for path, now in pages.items()))
    for path, now in pages.items():
        files.replace(path, now.encode())
    for name, draw_it in drawn.items():
        for path in draw_it(PICTURES / f"finding-{name}")[1:]:  # the pages show the PNG alone
            path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
