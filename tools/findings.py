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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.checkout import CHECKOUT
from benchmarks.views import journals
from reports.figures import canvas
from results import reproductions
from results.files import replace
from results.measures import MEASURES
from results.records import Record
from results.statistics.inference import Interval, mean_interval

PAGES = (CHECKOUT / "docs" / "findings.md", CHECKOUT / "README.md")
PICTURES = CHECKOUT / "docs" / "pictures"
MARKED = re.compile(r"(<!-- ([a-z0-9-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
BEST = "best_accuracy_percent"


@dataclass(frozen=True)
class Finding:
    """Rows of one workload and card: those that are shown, in which measures, and pairs (a, b) held against each other.

    rows: key of a table's row -> its words here. against: pairs of keys; what is shown is the first less the second.
    """

    name: str
    workloads: Sequence[str]
    rows: Mapping[str, str]
    against: Sequence[tuple[str, str]]
    measures: Sequence[str] = (BEST, "seconds_per_epoch")
    card: str = "paper-a"


WORKLOADS = {"cifar10-resnet18": "CIFAR-10", "cifar100-resnet18": "CIFAR-100"}
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
FINDINGS = (
    Finding(
        "methods",
        ("cifar10-resnet18",),
        ALL,
        (
            ("async_lu", "bp"),
            ("async_bu", "bp"),
            ("async_lu", "async_bu"),
            ("async_lu", "ddp"),
            ("async_lu", "lapsgd"),
            ("lapsgd@updaters=2", "lapsgd"),
            ("lppsgd@updaters=2", "lapsgd@updaters=2"),
        ),
    ),
    Finding(
        "lap",
        ("cifar10-resnet18",),
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
    """The finished runs at scale small, by workload, card and row, each by its seed."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._found: dict[tuple[str, str, str], dict[int, Record]] = {}
        for record in records:
            spec = record.spec
            if record.status == "finished" and record.scale == "small":
                key = spec.workload.name, spec.hardware.name, record.labels.row
                self._found.setdefault(key, {})[record.seed] = record

    def values(self, one: Finding, workload: str, row: str, measure: str) -> dict[int, float]:
        """Seed -> value, of the runs that have one."""
        runs = self._found.get((workload, one.card, row), {})
        found = {seed: MEASURES[measure].of(record) for seed, record in sorted(runs.items())}
        return {seed: value for seed, value in found.items() if value is not None}


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
    """The Markdown of a finding: its rows, then its comparisons, workload by workload."""
    for workload in one.workloads:
        headings = [MEASURES[measure].heading for measure in one.measures]
        yield from (
            f"**{WORKLOADS[workload]}**",
            "",
            f"| | {' | '.join(headings)} | n |",
            "|---" * (len(headings) + 2) + "|",
        )
        for row, words in one.rows.items():
            columns = [list(runs.values(one, workload, row, measure).values()) for measure in one.measures]
            yield f"| {words} | {' | '.join(cell(values) for values in columns)} | {len(columns[0])} |"
        yield from ("", f"| {MEASURES[BEST].heading} | difference, 95 % interval | n | |", "|---|---|---|---|")
        for a, b in one.against:
            found = paired(runs, one, workload, a, b)
            said = verdict(mean_interval(found)) if found else ""
            yield f"| {one.rows[a]} less {one.rows[b]} | {cell(found, '+')} | {len(found)} | {said} |"
        yield ""


def headline(runs: Runs) -> Iterator[str]:
    """The README's table: every method on CIFAR-10, beside BP."""
    one, workload = FINDINGS[0], FINDINGS[0].workloads[0]
    yield from ("| CIFAR-10, ResNet-18 | best accuracy (%) | less BP's, seed by seed | simulated s an epoch | n |",)
    yield "|---|---|---|---|---|"
    for row, words in one.rows.items():
        best, seconds = (list(runs.values(one, workload, row, measure).values()) for measure in one.measures)
        beside = "" if row == "bp" else cell(paired(runs, one, workload, row, "bp"), "+")
        yield f"| {words} | {cell(best)} | {beside} | {cell(seconds)} | {len(best)} |"


def paired(runs: Runs, one: Finding, workload: str, a: str, b: str) -> list[float]:
    """Best accuracy of a less that of b, seed by seed."""
    ours, theirs = (runs.values(one, workload, row, BEST) for row in (a, b))
    return [ours[seed] - theirs[seed] for seed in ours if seed in theirs]


def picture(runs: Runs, one: Finding, stem: Path) -> None:
    """Best accuracy of every row, a dot a seed, the mean and its interval beside them; a panel a workload."""
    rows = list(one.rows)
    with canvas.drawing((5.2 * len(one.workloads) + 1.2, 0.32 * len(rows) + 0.9)) as figure:
        panels = figure.subplots(1, len(one.workloads), sharey=True, squeeze=False)[0]
        for axes, workload in zip(panels, one.workloads, strict=True):
            for place, row in enumerate(rows):
                values = list(runs.values(one, workload, row, BEST).values())
                if not values:
                    continue
                axes.plot(values, [place] * len(values), "o", ms=3, alpha=0.5, color=canvas.colour(place), mew=0)
                if (found := mean_interval(values)) is not None:
                    axes.plot([found.low, found.high], [place - 0.22] * 2, color=canvas.colour(place), lw=1.5)
                axes.plot([mean(values)], [place - 0.22], "D", ms=4, color=canvas.colour(place))
            axes.set_title(f"{WORKLOADS[workload]}, ResNet-18 at scale small")
            axes.set_xlabel("best accuracy (%): seeds; mean and 95 % interval")
        panels[0].set_yticks(range(len(rows)), one.rows.values())
        panels[0].invert_yaxis()
        canvas.save(figure, stem)[1].unlink()  # the pages show PNG


def filled(page: str, blocks: Mapping[str, str]) -> str:
    """The page with its marked places made anew. Raises KeyError where a mark is none of the findings'."""
    return MARKED.sub(lambda found: f"{found[1]}{blocks[found[2]]}\n{found[3]}", page)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=reproductions.FOLDER / "small")
    parser.add_argument("--check", action="store_true")
    chosen = parser.parse_args(arguments)
    runs = Runs(journals.some(chosen.runs).records)
    blocks = {one.name: "\n".join(block(runs, one)) for one in FINDINGS} | {"headline": "\n".join(headline(runs))}
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
            picture(runs, one, PICTURES / f"finding-{one.name}")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
