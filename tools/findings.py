"""Makes docs/findings-tables.md, and the marked tables of docs/findings.md and README.md, from kept runs.

    python tools/findings.py                  # of results/reproductions; pictures into docs/pictures
    python tools/findings.py --runs out       # of your own folders of results
    python tools/findings.py --check          # write nothing; exit 1 where the pages say otherwise

In docs/findings.md and README.md only the text between `<!-- NAME -->` and `<!-- end -->` is replaced.
Differences are taken seed by seed, with Student's t interval over the seeds that both rows have (docs/statistics.md).
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for tools.findings_list

from benchmarks.analyses import ladder
from benchmarks.checkout import CHECKOUT
from benchmarks.runner.choices import Choices
from benchmarks.runner.grid import Grid
from benchmarks.runner.resolve import resolve
from benchmarks.runner.tuning.search import VALIDATION, Factors, best_by_test, edges
from benchmarks.runner.tuning.trials import at
from benchmarks.tables.registry import table
from benchmarks.views import journals, pictures
from benchmarks.views.journals import Journals
from benchmarks.views.notes import processors
from benchmarks.views.table import assemble
from benchmarks.views.table_runs import TableRuns, find_runs
from benchmarks.views.tuning.order import RowPair, pairs
from benchmarks.views.tuning.picture import draw
from benchmarks.views.tuning.tuned import SIDES, Search, Side, TunedTable, tuned_table
from benchmarks.views.tuning.tuned import search as search_of
from reports.figures import canvas
from reports.figures.canvas import Medium, Sizes
from reports.figures.curves import curves
from reports.figures.looks import looks
from reports.site.verdicts import light
from results import files, reproductions
from results.measures import MEASURES, Context, Measure, best_measure, named
from results.records import Record
from results.statistics import judge_of
from results.statistics.budgets import BUDGETS, smallest
from results.statistics.intervals import mean_interval
from tools.findings_list import (
    CHOSEN,
    FINDINGS,
    REPRODUCED,
    RUNGS,
    SECOND_CPU,
    TUNED,
    Finding,
    Reproduced,
    Rungs,
    Tuned,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAGES = (CHECKOUT / "docs" / "findings.md", CHECKOUT / "README.md")
APPENDIX = CHECKOUT / "docs" / "findings-tables.md"
PICTURES = CHECKOUT / "docs" / "pictures"
KEPT = [reproductions.FOLDER / name for name in ("small", "paper", "gpu")]
AGAIN = reproductions.FOLDER / "small-again"
"""Kept runs that were trained a second time, on another kind of CPU."""
APPENDIX_HEAD = """# Tables of the findings

Every finding of [findings.md](findings.md): the command that trains its runs, its table, and a picture where
three seeds share two rows. `python tools/findings.py` makes this page of the runs in
[results/reproductions](../results/reproductions); `--check` says whether it is what they say. *All seconds are
simulated*, but for what a run cost: wall clock of one core or GPU, at times beside other work, of the machine that
trained it. Differences are taken seed by seed; intervals are Student's t at 95 %, of each pair by itself."""
FEWEST = 3
"""Seeds that two rows must share before a finding gets a picture."""
MARKED = re.compile(r"(<!-- ([a-z0-9-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
SEEDS = CHOSEN.seeds
Runs = Mapping[str, Sequence[Record]]
"""Row -> its complete runs."""


def runs_of(finding: Finding, existing: Journals) -> Runs:
    """Returns a finding's runs, diverged ones included, with the settings of its tables at this scale."""
    shown_tables = [find_runs(resolve(table(id), finding.choices), existing) for id in finding.tables]
    return {
        row: table_runs.complete(finding.network, row) for table_runs in shown_tables for _, row in table_runs.records
    }


def measures_of(finding: Finding, runs: Runs) -> tuple[Measure, ...]:
    """Returns the measures that a finding shows, named by what its runs are judged by."""
    judge = judge_of(record for records in runs.values() for record in records)
    keys = finding.measures or (best_measure(judge).key, "seconds_per_epoch")
    return tuple(named(MEASURES[key], judge) for key in keys)


def values(runs: Runs, row: str, measure: Measure) -> dict[int, float]:
    """Maps seed -> value, for the runs that have a value."""
    context = Context()
    if measure.needs in BUDGETS:
        least = smallest(record for records in runs.values() for record in records)
        context = Context(budgets={what: most for what, (most, _) in least.items()})
    by_seed = {run.seed: measure.of(run, context) for run in sorted(runs.get(row, ()), key=lambda run: run.seed)}
    return {seed: value for seed, value in by_seed.items() if value is not None}


def paired(runs: Runs, a: str, b: str, measure: Measure) -> dict[int, float]:
    """Maps seed -> row a's value minus row b's, for the seeds that both have."""
    first_values, second_values = (values(runs, row, measure) for row in (a, b))
    return {seed: first_values[seed] - second_values[seed] for seed in first_values if seed in second_values}


def mean(numbers: Collection[float]) -> float:
    return sum(numbers) / len(numbers)


def cell(of_seeds: Mapping[int, float], measure: Measure, sign: str = "") -> str:
    """Returns the mean and its interval: "60.20 [58.90, 61.50]"."""
    if not of_seeds:
        return "not run"
    form = f"{sign}.{digits(measure)}f"
    text, interval = f"{mean(of_seeds.values()):{form}}", mean_interval(list(of_seeds.values()))
    if interval is None or interval.low == interval.high:
        return text
    interval = interval if sign else measure.possible(interval)
    return f"{text} [{interval.low:{form}}, {interval.high:{form}}]"


def digits(measure: Measure) -> int:
    """Returns the decimals of a value: two, and as many as its measure has, but for percent."""
    return 2 if measure.unit == "%" else max(2, measure.digits)


def verdict(of_seeds: Mapping[int, float]) -> str:
    """Returns the verdict on differences by their interval: "less", "more" or "undecided"."""
    interval = mean_interval(list(of_seeds.values())) if of_seeds else None
    if interval is None:
        return "one seed" if of_seeds else ""
    return "undecided" if not interval.leaves_out(0) else "less" if interval.high < 0 else "more"


def block(runs: Runs, finding: Finding) -> Iterator[str]:
    """Yields the Markdown of a finding: its rows, then its comparisons."""
    measures = measures_of(finding, runs)
    headings = [measure.heading for measure in measures]
    yield from (f"**{finding.title}**", "", f"| | {' | '.join(headings)} | n |", "|---" * (len(headings) + 2) + "|")
    for row, words in finding.rows.items():
        columns = [values(runs, row, measure) for measure in measures]
        yield f"| {words} | {' | '.join(map(cell, columns, measures))} | {len(columns[0])} |"
    yield from ("", f"| {headings[0]} | difference, 95 % interval | n | |", "|---|---|---|---|")
    compared = {
        f"{finding.rows[a]} minus {finding.rows[b]}": paired(runs, a, b, measures[0]) for a, b in finding.against
    }
    for (a, b), (c, d) in finding.interactions:
        first, second = paired(runs, a, b, measures[0]), paired(runs, c, d, measures[0])
        words = f"({finding.rows[a]} minus {finding.rows[b]}) minus ({finding.rows[c]} minus {finding.rows[d]})"
        compared[words] = {seed: first[seed] - second[seed] for seed in first if seed in second}
    for words, differences in compared.items():
        yield f"| {words} | {cell(differences, measures[0], '+')} | {len(differences)} | {verdict(differences)} |"
    labelled = ((words, record) for row, words in finding.rows.items() for record in runs.get(row, ()))
    for note in processors(labelled):
        yield from ("", note)


def headline(runs: Runs, finding: Finding) -> Iterator[str]:
    """Yields the README's table: every method beside BP."""
    quality, seconds = measures_of(finding, runs)
    heading = quality.heading.replace(quality.bare_heading, quality.name)
    yield f"| {finding.title} | {heading} | minus BP, seed by seed | simulated s an epoch | n |"
    yield "|---|---|---|---|---|"
    for row, words in finding.rows.items():
        best = values(runs, row, quality)
        beside = "" if row == "bp" else cell(paired(runs, row, "bp", quality), quality, "+")
        cells = cell(best, quality), beside, cell(values(runs, row, seconds), seconds)
        yield f"| {words} | {' | '.join(cells)} | {len(best)} |"


def has_enough_seeds(runs: Runs, finding: Finding) -> bool:
    """Returns whether a comparison of the finding has enough seeds for a picture."""
    measure = measures_of(finding, runs)[0]
    return any(len(paired(runs, a, b, measure)) >= FEWEST for a, b in finding.against)


def picture(runs: Runs, finding: Finding, stem: Path) -> tuple[Path, ...]:
    """Draws the first measure of every row: a dot per seed, and above the dots their mean and its interval."""
    look_of, measure = looks(finding.rows), measures_of(finding, runs)[0]
    sizes = Sizes((6.4, 0.32 * len(finding.rows) + 0.9), (canvas.COLUMN, 0.2 * len(finding.rows) + 0.6))

    def paint(figure: Figure, medium: Medium) -> None:
        axes = figure.subplots()
        for place, row in enumerate(finding.rows):
            of_row, look = list(values(runs, row, measure).values()), look_of[row]
            if not of_row:
                continue
            axes.plot(of_row, [place] * len(of_row), "o", ms=3, alpha=0.5, color=look.colour, mew=0)
            if (interval := mean_interval(of_row)) is not None:
                interval = measure.possible(interval)
                axes.plot([interval.low, interval.high], [place - 0.22] * 2, color=look.colour, lw=1.5)
            axes.plot([mean(of_row)], [place - 0.22], look.marker, ms=4, color=look.colour)
        axes.set_xlabel(f"{measure.heading}: seeds; mean and 95 % interval")
        axes.set_yticks(range(len(finding.rows)), finding.rows.values())
        axes.invert_yaxis()

    return canvas.picture(paint, stem, sizes, finding.title)


# ---- a table beside its published values


def chosen_for(reproduction: Reproduced) -> Choices:
    return Choices(scale="paper", seeds=SEEDS, settings={"workload": reproduction.settings})


def reproduced(reproduction: Reproduced, existing: Journals) -> TableRuns | None:
    """Returns the runs of a reproduced table; None where a row has none."""
    table_runs = find_runs(resolve(table(reproduction.table), chosen_for(reproduction)), existing)
    return table_runs if all(table_runs.complete(reproduction.network, row) for row in reproduction.rows) else None


def reproduced_block(reproduction: Reproduced, table_runs: TableRuns) -> Iterator[str]:
    measures = [named(MEASURES[key], table_runs.judge) for key in reproduction.measures]
    headings = [f"{measure.heading}: published | {'simulated' if measure.clock else 'here'}" for measure in measures]
    yield from (f"**{reproduction.title}**", "", f"| | {' | '.join(headings)} | n |")
    yield "|---" * (2 * len(measures) + 2) + "|"
    result = assemble(table_runs)
    keys = [measure.key for measure in result.measures]
    cells_of = {row.row: dict(zip(keys, row.cells, strict=True)) for row in result.rows}
    for row, words in reproduction.rows.items():
        texts = []
        for measure in measures:
            result_cell = cells_of[row][measure.key]
            published, measured = result_cell.published, result_cell.measured
            here = result_cell.reason
            if measured is not None and measured.mean is not None:
                here = spread(measured.mean, measured.std)
            if published is not None and measured is not None and measured.n > 1:
                here += f" ({light(result_cell, measure, 'paper').status})"
            texts += ["-" if published is None else spread(published.mean, published.std), here]
        yield f"| {words} | {' | '.join(texts)} | {len(table_runs.complete(reproduction.network, row))} |"


def spread(mean: float, std: float | None) -> str:
    return f"{mean:.2f}" if std is None else f"{mean:.2f} ± {std:.2f}"


# ---- rows at the table's rate, and each at its own best


def tuned(choice: Tuned, existing: Journals) -> TunedTable | None:
    """Returns the tuned rows for the seeds that every row has run, at published and at best settings.

    None where fewer than two rows were tuned.
    """
    budget = choice.search
    chosen = replace(CHOSEN, methods=tuple(choice.methods), networks=(choice.network,), budget=choice.samples)
    searches = [search_of(cell, budget, existing.of) for cell in resolve(table(choice.table), chosen).cells]
    shown = replace(chosen, budget=choice.shown or choice.samples)
    grid = resolve(table(choice.table), shown)
    cells = {cell.row.key: cell for cell in grid.cells}
    over = [replace(search, cell=cells[search.row.key]) for search in searches if search.over]
    every = tuned_table(grid, budget, over, existing)
    rows = [every.records(side, choice.network, search.row) for search in over for side in SIDES]
    common = set(SEEDS).intersection(*({record.seed for record in records} for records in rows))
    shared = replace(shown, seeds=tuple(sorted(common)) or SEEDS)
    return tuned_table(resolve(table(choice.table), shared), budget, over, existing) if len(over) > 1 else None


def options(choice: Tuned) -> str:
    """Returns the options of `tune` for the search, and for its samples."""
    search = choice.search
    several = {"--tuning-seeds": search.seeds, "--budget": choice.samples}
    further = {"--widen": search.widen, **{name: count for name, count in several.items() if count > 1}}
    words = [f"--grid {search.grid} --span {search.span:g} --select {search.select}"]
    return " ".join([*words, *(f"{name} {value}" for name, value in further.items() if value)])


def tuned_block(choice: Tuned, tuned_table: TunedTable) -> Iterator[str]:
    yield from (f"**{choice.title}**", "")
    best = tuned_table.judged.heading.replace(tuned_table.judged.bare_heading, tuned_table.judged.name)
    on_search = f" on {choice.samples} x" if choice.elsewhere else ""
    headings = ["rate", best, f"its best rate{on_search}", f"{best} there", "n"]
    if choice.search.select == VALIDATION:
        headings.append("the test set's choice of these trials")
    yield from (f"| | {' | '.join(headings)} |", "|---" * (len(headings) + 1) + "|")
    for search in tuned_table.searches:
        cells = [text for side in SIDES for text in at_rate(choice, tuned_table, search, side)]
        cells.append(str(len(tuned_table.records("best", choice.network, search.row))))
        if choice.search.select == VALIDATION:
            own_rate = tuned_table.cell("published", search).work.schedule.lr
            cells.append(f"{own_rate * best_by_test(search.trials).factors.rate:g}")
        yield f"| {search.row.label} | {' | '.join(cells)} |"
    compared = [pair for pair in pairs(tuned_table) if pair.measure.key == tuned_table.judged.key]
    held_out = f"of {len(compared)} pairs, held to {100 * compared[0].best.level:.3g} %" if compared else ""
    yield from (
        "",
        f"| {tuned_table.judged.heading}, 95 % interval | as published | each at its best{on_search} | {held_out} |",
    )
    yield "|---|---|---|---|"
    for pair in compared:
        sides = f"{contrast(pair, 'published')} | {contrast(pair, 'best')}"
        yield f"| {pair.first.label} minus {pair.second.label} | {sides} | {pair.kind} |"
    counted = [
        (search.row.label, record)
        for search, record in tuned_table.every_record()
        if not (choice.elsewhere and record in search.records)
    ]
    for note in processors(counted):
        yield from ("", note)


def at_rate(choice: Tuned, tuned_table: TunedTable, search: Search, side: Side) -> tuple[str, str]:
    """Returns a row's learning rate in words, and its best value there."""
    summary, _ = tuned_table.sides[side].value(choice.network, search.row.key, tuned_table.judged)
    interval, form = tuned_table.interval(side, choice.network, search.row), f".{digits(tuned_table.judged)}f"
    best = "not run"
    if summary is not None and summary.mean is not None:
        ends = f" [{interval.low:{form}}, {interval.high:{form}}]" if interval is not None else ""
        best = f"{summary.mean:{form}}{ends}"
    run = next(run for run in tuned_table.sides[side].grid.runs if run.labels.row == search.row.key)
    edge = " and ".join(edges(search.trials)) if side == "best" else ""
    return f"{run.work.schedule.lr:g}{f', the {edge} tried' if edge else ''}", best


def contrast(pair: RowPair, side: Side) -> str:
    contrasted = pair.published if side == "published" else pair.best
    low, high = contrasted.ends
    form = f"+.{digits(pair.measure)}f"
    return f"{contrasted.quantity.value:{form}} [{low:{form}}, {high:{form}}]"


# ---- pairs of rows over budgets


def grids(rungs: Rungs) -> list[Grid]:
    """Returns the rows of a finding's pairs at each budget, at their rates."""
    rows = tuple(dict.fromkeys(row for pair in rungs.pairs for row in pair))
    chosen = replace(CHOSEN, methods=rows, networks=(rungs.network,))
    of_budgets = []
    for budget in rungs.budgets:
        grid = resolve(table(rungs.table), replace(chosen, budget=budget))
        cells = [
            at(cell, Factors(rungs.rates[cell.row.key]), grid.seeds) if cell.row.key in rungs.rates else cell
            for cell in grid.cells
            if cell.row.key in rows
        ]
        of_budgets.append(replace(grid, cells=tuple(cells)))
    return of_budgets


# ---- two kinds of CPU


def on_two_cpus(first: Journals, again: Journals) -> Mapping[str, Sequence[tuple[Record, Record]]]:
    """Maps family and network -> runs of the same identity, as trained first and again."""
    pairs_found: dict[str, list[tuple[Record, Record]]] = {}
    of_id = {record.id: record for record in first.records}
    for second in again.records:
        if second.id in of_id:
            pairs_found.setdefault(f"{second.family}, {second.network}", []).append((of_id[second.id], second))
    return dict(sorted(pairs_found.items()))


def two_cpus_block(title: str, runs: Mapping[str, Sequence[tuple[Record, Record]]]) -> Iterator[str]:
    """Yields the Markdown of the differences, the second training minus the first, run by run."""
    yield from (f"**{title}**", "", "| | measured | second minus first | n | |", "|---|---|---|---|---|")
    of_cifar_10 = [pair for of_pairs in runs.values() for pair in of_pairs if pair[0].family == "cifar10"]
    for words, of_pairs in {**runs, "all of CIFAR-10": of_cifar_10}.items():
        measure = best_measure(judge_of(first for first, _ in of_pairs))
        both = [(measure.of(first, Context()), measure.of(second, Context())) for first, second in of_pairs]
        differences = {place: b - a for place, (a, b) in enumerate(both) if a is not None and b is not None}
        text = f"{cell(differences, measure, '+')} | {len(differences)} | {verdict(differences)}"
        yield f"| {words} | {measure.heading} | {text} |"


# ---- the pages


@dataclass(frozen=True)
class Section:
    """A finding of the appendix: its table in Markdown, what trains its runs, these runs, and its picture.

    commands: of `python -m benchmarks`. draw: draws the picture at a path without its ending; None where too few seeds
    share two rows, or where another finding has the same picture.
    """

    name: str
    commands: Sequence[str]
    runs: Sequence[Record]
    table: str
    draw: Callable[[Path], Sequence[Path]] | None = None

    def markdown(self) -> str:
        """Returns the section: heading, command with its cost, picture and table."""
        seconds = sorted(run.end["wall_seconds"] for run in self.runs if run.end and run.end.get("wall_seconds"))
        on = "a shared GPU" if any(run.spec.gpu for run in self.runs) else "a core"
        cost = f", {median(seconds):.0f} s of {on} each (median)" if seconds else ""
        parts = [
            f"## {self.name}",
            "\n".join(f"    python -m benchmarks {command}" for command in self.commands),
            f"{len(self.runs)} runs are kept{cost}.",
        ]
        if self.draw is not None:
            parts.append(f"![{self.name}](pictures/finding-{self.name}.png)")
        return "\n\n".join((*parts, self.table))


def sections(existing: Journals, again: Journals) -> Iterator[Section]:
    """Yields every finding that has runs, in the order of the lists. again: runs as trained on the second CPU."""
    trained_again = {record.id for record in again.records}
    first = (record for record in existing.records if record.id not in trained_again)
    on_second_cpu = Journals((*first, *again.records))
    for finding in FINDINGS:
        runs = runs_of(finding, on_second_cpu if finding.second_cpu else existing)
        drawn = partial(picture, runs, finding) if has_enough_seeds(runs, finding) else None
        records = unique(run for row in finding.rows for run in runs.get(row, ()))
        command = train(" ".join(finding.tables), finding.network, records, finding.choices)
        yield Section(finding.name, (command,), records, "\n".join(block(runs, finding)), drawn)
    for beside in REPRODUCED:
        if (table_runs := reproduced(beside, existing)) is not None:
            records = unique(run for row in beside.rows for run in table_runs.complete(beside.network, row))
            command = train(beside.table, beside.network, records, chosen_for(beside))
            text = "\n".join(reproduced_block(beside, table_runs))
            y_label = f"Test {table_runs.judge.heading}"
            draw_it = partial(curves, list(pictures.curves(table_runs)), title=beside.title, y_label=y_label)
            yield Section(beside.name, (command,), records, text, draw_it)
    for rows in TUNED:
        if (rows_tuned := tuned(rows, existing)) is not None:
            records = unique(run for _, run in rows_tuned.every_record())
            n = max(len(rows_tuned.records("best", rows.network, search.row)) for search in rows_tuned.searches)
            of_rows = f"--network {rows.network} --seeds {n} --method {','.join(rows.methods)}"
            commands = [f"tune {rows.table} --scale small {of_rows} {options(rows)}"]
            if rows.elsewhere:
                commands += train_elsewhere(rows, rows_tuned)
            text = "\n".join(tuned_block(rows, rows_tuned))
            yield Section(rows.name, commands, records, text, None if rows.elsewhere else partial(draw, rows_tuned))
    for rungs in RUNGS:
        of_budgets = grids(rungs)
        if made := list(ladder.ladders(of_budgets, existing.of, rungs.pairs)):
            lines, commands, records = [f"**{rungs.title}**", "", *ladder.lines(made)], list[str](), list[Record]()
            for budget, grid in zip(rungs.budgets, of_budgets, strict=True):
                done = [run for run in map(existing.of, grid.runs) if run is not None and run.complete]
                for note in processors((run.labels.method_title, run) for run in done):
                    lines += ["", f"At {budget} x: {note}"]
                commands += train_at(rungs, budget, grid, done)
                records += done
            drawn = partial(ladder.draw, made, title=rungs.title)
            yield Section(rungs.name, commands, unique(records), "\n".join(lines), drawn)
    if pairs_found := on_two_cpus(existing, again):
        name, title = SECOND_CPU
        records = unique(second for of_pairs in pairs_found.values() for _, second in of_pairs)
        command = f"compare {' '.join(str(path.relative_to(CHECKOUT)) for path in (KEPT[0], AGAIN))}"
        yield Section(name, (command,), records, "\n".join(two_cpus_block(title, pairs_found)))


def train(tables: str, network: str, records: Sequence[Record], chosen: Choices = CHOSEN) -> str:
    """Returns the command that trains the runs."""
    seeds = 1 + max((run.seed for run in records), default=0)
    device = f" --device {chosen.device}" if chosen.device != "cpu" else ""
    settings = "".join(
        f" --set {owner}.{key}={value}"
        for owner, of_owner in chosen.settings.items()
        for key, value in of_owner.items()
    )
    return f"run {tables} --scale {chosen.scale}{device} --network {network} --seeds {seeds} --data ~/data{settings}"


def train_at(rungs: Rungs, budget: int, grid: Grid, done: Sequence[Record]) -> Iterator[str]:
    """Yields the commands that train a finding's rows at a budget: one for each learning rate that has runs."""
    factors = {cell.row.key: rungs.rates.get(cell.row.key, 1.0) for cell in grid.cells}
    for factor in dict.fromkeys(factors.values()):
        cells = [cell for cell in grid.cells if factors[cell.row.key] == factor]
        trained = {run.id for cell in cells for run in cell.runs} & {run.id for run in done}
        schedule = cells[0].work.schedule
        rates = {"lr": schedule.lr, "warm_up_lr": schedule.warm_up_lr} if factor != 1 else {}
        words = (
            train(rungs.table, rungs.network, [run for run in done if run.id in trained]),
            f"--method {','.join(cell.row.key for cell in cells)}",
            *([f"--budget {budget}"] if budget != 1 else []),
            *(f"--set workload.schedule.{name}={rate:g}" for name, rate in rates.items()),
        )
        if trained:
            yield " ".join(words)


def train_elsewhere(choice: Tuned, tuned_table: TunedTable) -> Iterator[str]:
    """Yields the commands that train rows on another budget than their best rates were found on."""
    published, best = (tuned_table.sides[side] for side in SIDES)
    best_rates = {search.row.key: search.best.factors.rate for search in tuned_table.searches}
    others = replace(best.grid, cells=tuple(cell for cell in best.grid.cells if best_rates[cell.row.key] != 1))
    for runs, grid, rates in ((published, published.grid, {}), (best, others, best_rates)):
        rungs = Rungs(choice.name, choice.title, choice.table, (), (choice.shown,), choice.network, rates)
        done = [run for cell in grid.cells for run in runs.complete(cell.network, cell.row.key)]
        yield from train_at(rungs, choice.shown, grid, done)


def unique(records: Iterable[Record]) -> Sequence[Record]:
    return list({record.id: record for record in records}.values())


def appendix(made: Sequence[Section]) -> str:
    """Returns docs/findings-tables.md."""
    return "\n\n".join((APPENDIX_HEAD, *(section.markdown() for section in made))) + "\n"


def fill_page(page: str, blocks_made: Mapping[str, str]) -> str:
    """Returns the page with its marked places replaced. Raises KeyError for a mark that names no finding."""
    return MARKED.sub(lambda mark: f"{mark[1]}{blocks_made[mark[2]]}\n{mark[3]}", page)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, nargs="+", default=KEPT)
    parser.add_argument("--again", type=Path, default=AGAIN)
    parser.add_argument("--check", action="store_true")
    chosen = parser.parse_args(arguments)
    records = [record for folder in chosen.runs for record in journals.some(folder).records]
    records.sort(key=lambda record: (record.started, record.id))
    existing = Journals(tuple(records), ())
    made = list(sections(existing, journals.some(chosen.again)))
    texts = {section.name: section.table for section in made}
    texts["headline"] = "\n".join(headline(runs_of(FINDINGS[0], existing), FINDINGS[0]))
    pages = {path: fill_page(path.read_text(encoding="utf-8"), texts) for path in PAGES} | {APPENDIX: appendix(made)}
    if chosen.check:
        return int(any(not path.is_file() or path.read_text(encoding="utf-8") != now for path, now in pages.items()))
    for path, now in pages.items():
        files.replace(path, now.encode())
    for section in made:
        if section.draw is not None:
            for path in section.draw(PICTURES / f"finding-{section.name}")[1:]:  # the pages show the PNG alone
                path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
