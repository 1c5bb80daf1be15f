"""The numbers and the pictures of docs/findings.md, made of the runs that a reproduction keeps.

    python tools/findings.py                  # of results/reproductions/small, into docs/findings.md and docs/pictures
    python tools/findings.py --runs out       # of a folder of results of one's own
    python tools/findings.py --check          # write nothing; exit 1 where the pages say otherwise

What stands in a page between `<!-- NAME -->` and `<!-- end -->` is made here, and nothing else of the page is touched.
Differences are taken seed by seed, with Student's t interval over the seeds that both rows have (docs/statistics.md).
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.checkout import CHECKOUT
from benchmarks.runner import plan
from benchmarks.runner.choices import Choices
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

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAGES = (CHECKOUT / "docs" / "findings.md", CHECKOUT / "README.md")
PICTURES = CHECKOUT / "docs" / "pictures"
FEWEST = 3
"""Seeds of two rows from which on a finding has its place in a page."""
MARKED = re.compile(r"(<!-- ([a-z0-9-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
BEST = "best_accuracy_percent"


@dataclass(frozen=True)
class Finding:
    """Rows of tables that share data, network and card: those that are shown, and pairs (a, b) held against each other.

    rows: key of a table's row -> its words here. against: pairs of keys; what is shown is the first less the second, in
    the first of the measures, in which the picture is, too.
    """

    name: str
    title: str
    tables: Sequence[str]
    rows: Mapping[str, str]
    against: Sequence[tuple[str, str]]
    measures: Sequence[str] = (BEST, "seconds_per_epoch")
    network: str = "resnet18"


CHOSEN = Choices(scale="small", seeds=tuple(range(10)))
CIFAR_10, CIFAR_100 = (f"{data}, ResNet-18 at scale small" for data in ("CIFAR-10", "CIFAR-100"))
ALL = {
    "bp": "BP, one device",
    "async_lu": "Async LU",
    "async_bu": "Async BU",
    "ddp": "DDP",
    "lapsgd": "LAP-SGD (= LPP-SGD)",
    "lapsgd@updaters=2": "LAP-SGD, 2 updaters",
    "lppsgd@updaters=2": "LPP-SGD, 2 updaters",
}
LAP = {
    "bp": "BP, one device",
    "async_lu": "Async LU",
    "ddp": "DDP",
    "ddp@learning_rate=linear": "DDP, rate x 3",
    "lapsgd": "LAP-SGD",
    "lapsgd@learning_rate=linear": "LAP-SGD, rate x 3",
    "lapsgd@updaters=4": "LAP-SGD, 4 updaters",
    "lapsgd@updaters=4,learning_rate=linear": "LAP-SGD, 4 updaters, rate x 3",
    "lapsgd@stem=imagenet": "LAP-SGD, 7x7 stem",
    "lapsgd@learning_rate=linear,stem=imagenet": "LAP-SGD, rate x 3, 7x7 stem",
    "lapsgd@updaters=4,stem=imagenet": "LAP-SGD, 4 updaters, 7x7 stem",
    "lapsgd@updaters=4,learning_rate=linear,stem=imagenet": "LAP-SGD, 4 updaters, rate x 3, 7x7 stem",
}
RIVALS = (
    ("async_lu", "bp"),
    ("async_bu", "bp"),
    ("async_lu", "async_bu"),
    ("async_lu", "ddp"),
    ("async_lu", "lapsgd"),
    ("lapsgd@updaters=2", "lapsgd"),
    ("lppsgd@updaters=2", "lapsgd@updaters=2"),
)
STALENESS = {
    "bp": "BP, one device",
    "async_lu": "Async LU: rendezvous, 2 backward workers",
    "async_lu@queue=1": "Async LU, queue 1",
    "async_lu@queue=4": "Async LU, queue 4",
    "async_lu@queue=16": "Async LU, queue 16",
    "async_lu@backward_workers=1": "Async LU, 1 backward worker",
    "async_lu@backward_workers=3": "Async LU, 3 backward workers",
    "async_lu@backward_workers=4": "Async LU, 4 backward workers",
    "async_lu@weights=forward": "Async LU, weights of the forward pass",
    "async_lu@updates=overwrite": "Async LU, overwriting",
    "async_lu@queue=4,updates=overwrite": "Async LU, queue 4, overwriting",
    "async_bu": "Async BU",
}
ACTIVATIONS = {
    "bp": "BP, one device",
    "async_lu": "Async LU",
    "async_lu@activations=charged": "Async LU, activations charged",
    "async_bu": "Async BU",
    "async_bu@activations=charged": "Async BU, activations charged",
    "async_lu@queue=4": "Async LU, queue 4",
    "async_lu@queue=4,activations=charged": "Async LU, queue 4, activations charged",
    "async_lu@queue=16,activations=charged": "Async LU, queue 16, activations charged",
}
SLOWED = {"": "", "@delay=constant": ", constant", "@delay=heavy_tailed": ", heavy-tailed", "@delay=bursts": ", bursts"}
STRAGGLERS = {
    **{f"ddp{key}": f"DDP{words}" for key, words in SLOWED.items()},
    **{f"lapsgd{key}": f"LAP-SGD{words}" for key, words in SLOWED.items()},
    **{f"pdasgd{key}": f"PD-ASGD{words}" for key, words in SLOWED.items()},
}
LARGE_BATCHES = {
    "mbsgd@batch=128": "MB-SGD, batch 128",
    "mbsgd@batch=1024": "MB-SGD, batch 1024",
    "plsgd@batch=128": "PL-SGD, batch 128",
    "plsgd@batch=1024": "PL-SGD, batch 1024",
    "lapsgd@updaters=4,batch=128": "LAP-SGD, 4 updaters, batch 128",
    "lapsgd@updaters=6,batch=128": "LAP-SGD, 6 updaters, batch 128",
    "lapsgd@updaters=4,batch=256": "LAP-SGD, 4 updaters, batch 256",
    "lppsgd@updaters=4,batch=128": "LPP-SGD, 4 updaters, batch 128",
    "lppsgd@updaters=6,batch=128": "LPP-SGD, 6 updaters, batch 128",
    "lppsgd@updaters=4,batch=256": "LPP-SGD, 4 updaters, batch 256",
}
TEST = ("test_accuracy_percent", "train_accuracy_percent", "train_time_seconds")
FINDINGS = (
    Finding("methods", CIFAR_10, ("table1", "table7"), ALL, RIVALS),
    Finding("cifar100", CIFAR_100, ("table3", "table8"), ALL, RIVALS),
    Finding(
        "imdb",
        "IMDb, LSTM at scale small",
        ("table6",),
        {row: ALL[row] for row in ("bp", "async_lu", "async_bu")},
        (("async_lu", "bp"), ("async_bu", "bp"), ("async_lu", "async_bu")),
        (BEST, "epochs_to_best", "seconds_per_epoch"),
        "lstm",
    ),
    Finding(
        "staleness",
        CIFAR_10,
        ("audit-staleness",),
        STALENESS,
        tuple((row, "async_lu") for row in STALENESS if row not in ("bp", "async_lu", "async_bu")),
        (BEST, "staleness_updates", "lost_updates_percent", "seconds_per_epoch"),
    ),
    Finding(
        "activations",
        CIFAR_10,
        ("audit-activations",),
        ACTIVATIONS,
        tuple((f"{row}@activations=charged", row) for row in ("async_lu", "async_bu")),
        (BEST, "staleness_updates", "seconds_per_epoch"),
    ),
    Finding(
        "stragglers",
        CIFAR_100,
        ("v3-stragglers",),
        STRAGGLERS,
        tuple((row, row.partition("@")[0]) for row in STRAGGLERS if "@" in row),
        ("seconds_per_epoch", BEST),
    ),
    Finding(
        "large-batches",
        "CIFAR-10, ResNet-20 at scale small",
        ("lap-table1", "lap-table2", "lap-table3"),
        LARGE_BATCHES,
        (
            ("mbsgd@batch=1024", "mbsgd@batch=128"),
            ("plsgd@batch=1024", "plsgd@batch=128"),
            ("plsgd@batch=128", "mbsgd@batch=128"),
            ("lapsgd@updaters=6,batch=128", "mbsgd@batch=128"),
            ("lppsgd@updaters=6,batch=128", "mbsgd@batch=128"),
            ("lapsgd@updaters=4,batch=256", "mbsgd@batch=1024"),
        ),
        TEST,
        "resnet20",
    ),
    Finding(
        "lap",
        CIFAR_10,
        ("audit-lap",),
        LAP,
        (
            ("lapsgd", "bp"),
            ("ddp", "bp"),
            ("lapsgd", "ddp"),
            ("ddp@learning_rate=linear", "ddp"),
            ("lapsgd@learning_rate=linear", "lapsgd"),
            ("lapsgd@learning_rate=linear", "bp"),
            ("lapsgd@learning_rate=linear", "async_lu"),
            ("lapsgd@learning_rate=linear", "ddp@learning_rate=linear"),
            ("lapsgd@stem=imagenet", "lapsgd"),
            ("lapsgd@updaters=4", "lapsgd"),
        ),
    ),
)


class Runs:
    """A finding's runs, by row and seed."""

    def __init__(self, of_rows: Mapping[str, Iterable[Record]]) -> None:
        self._found = {row: {record.seed: record for record in records} for row, records in of_rows.items()}

    @classmethod
    def read(cls, one: Finding, found: Journals) -> Runs:
        """As its tables show them: of the settings that they have at this scale, diverged ones included."""
        sheets = [sheet_of(of, CHOSEN, plan.runs(of, CHOSEN), found) for of in map(table, one.tables)]
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
        found = paired(runs, a, b, one.measures[0])
        said = verdict(mean_interval(found)) if found else ""
        yield f"| {one.rows[a]} less {one.rows[b]} | {cell(found, '+')} | {len(found)} | {said} |"


def headline(runs: Runs, one: Finding) -> Iterator[str]:
    """The README's table: every method beside BP."""
    yield f"| {one.title} | best accuracy (%) | less BP's, seed by seed | simulated s an epoch | n |"
    yield "|---|---|---|---|---|"
    for row, words in one.rows.items():
        best, seconds = (list(runs.values(row, measure).values()) for measure in one.measures)
        beside = "" if row == "bp" else cell(paired(runs, row, "bp"), "+")
        yield f"| {words} | {cell(best)} | {beside} | {cell(seconds)} | {len(best)} |"


def paired(runs: Runs, a: str, b: str, measure: str = BEST) -> list[float]:
    """What a has of a measure less what b has, seed by seed."""
    ours, theirs = (runs.values(row, measure) for row in (a, b))
    return [ours[seed] - theirs[seed] for seed in ours if seed in theirs]


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

    _, *others = canvas.picture(paint, stem, sizes, one.title)
    for path in others:  # the pages show PNG
        path.unlink()


def filled(page: str, blocks: Mapping[str, str]) -> str:
    """The page with its marked places made anew. Raises KeyError where a mark is none of the findings'."""
    return MARKED.sub(lambda found: f"{found[1]}{blocks[found[2]]}\n{found[3]}", page)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=reproductions.FOLDER / "small")
    parser.add_argument("--check", action="store_true")
    chosen = parser.parse_args(arguments)
    found = journals.some(chosen.runs)
    runs = {one.name: Runs.read(one, found) for one in FINDINGS}
    texts = {one.name: block(runs[one.name], one) for one in FINDINGS}
    texts["headline"] = headline(runs["methods"], FINDINGS[0])
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
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
