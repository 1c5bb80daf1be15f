"""`claims`: each claim of the papers with its verdict under each condition that has runs, on the screen, in files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid
from rich.text import Text

from benchmarks.commands.claims_files import JudgedAt, counts, scale_words, to_csv, to_json, to_markdown
from benchmarks.commands.screen import note, say
from benchmarks.papers.claims.catalogue import CLAIMS, judged
from benchmarks.papers.claims.needed import SEEDS
from benchmarks.papers.claims.rules import RULE, Evidence
from benchmarks.papers.claims.verdicts import Claim, Verdict
from benchmarks.runner.choices import Choices
from benchmarks.views import conditions, journals
from benchmarks.views.every_condition import at_conditions
from benchmarks.views.evidence import RunsEvidence
from benchmarks.views.table_runs import made_elsewhere, other_data
from reports.tables.texts import printable
from results.files import own_folder, replace
from results.tables import Conditions

STYLES = {"holds": "bold green", "does not hold": "bold red"}


def claims(chosen: Choices, out: Path, console: Console, *, every: Set[str] = frozenset(), why: bool = False) -> int:
    """Judge all claims on the runs of a folder -> the exit status 0: a claim that does not hold is no error.

    every: what was left open (views.every_condition.EVERYTHING); why: say all of each, not the verdicts of the decided
    alone. Raises ResultsError where nothing can be written.
    """
    found = journals.read(out)
    there = at_conditions(chosen.whole, found, every=every, out=out)
    evidence = [RunsEvidence(one.condition, out, one.full) for one in there]
    given = [conditions.found(one.full, one.condition) for one in there]
    judge(list(zip(given, evidence, strict=True)), console, out, why=why)
    shown = [table_runs for one in evidence for table_runs in one.shown]
    note(console, (*found.remarks, made_elsewhere(shown), other_data(shown)))
    return 0


def judge(
    evidence: Sequence[tuple[Conditions, Evidence]],
    console: Console,
    out: Path,
    chosen: Iterable[Claim] = CLAIMS,
    *,
    why: bool = False,
) -> None:
    """Judge the claims under each condition, print them, write OUT/claims/<condition>.csv, .md and .json.

    why: print all that is said of each. Raises ResultsError where nothing can be written.
    """
    chosen = tuple(chosen)
    found = [JudgedAt(given, judged(one, chosen)) for given, one in evidence]
    for one in found:
        said = f"{one.given.label}: {counts(one.judged)}. {scale_words(one.given.scale)}"
        console.print(said, highlight=False, markup=False)
    if why:
        console.print(_reasons(found))
        console.print(f"{RULE} {SEEDS}", highlight=False, markup=False)
    else:
        if (grid := _decided(found)).row_count:
            console.print(grid)
        for words, ids in _open(found).items():
            console.print(f"{words[0].upper()}{words[1:]}: {', '.join(ids)}", highlight=False, markup=False)
    folder = own_folder(out, out / "claims")
    files = {"md": to_markdown, "csv": to_csv, "json": to_json}
    for one in found:
        for kind, text in files.items():
            replace(folder / f"{one.given.slug}.{kind}", text(one).encode())
    names = ", ".join(f"{one.given.slug}.md" for one in found)
    more = "" if why else "Why, and what would decide the others: claims --why. "
    say(console, f"{more}Written: {folder}/{names}, each with .csv and .json", style="dim")


def _decided(found: Sequence[JudgedAt]) -> Grid:
    """A line for each claim that is decided under any condition: the verdict and the effect under each."""
    grid = Grid(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1), expand=True)
    grid.add_column("Claim", no_wrap=True)
    for one in found:
        grid.add_column(escape(printable(one.given.label)), no_wrap=True)
    grid.add_column("As the paper has it", no_wrap=True, overflow="ellipsis", ratio=1)
    for pairs in zip(*(one.judged for one in found), strict=True):
        if any(_is_decided(verdict) for _, verdict in pairs):
            claim = pairs[0][0]
            grid.add_row(claim.id, *(_line(verdict) for _, verdict in pairs), f"“{claim.text}”")
    return grid


def _line(verdict: Verdict) -> Text:
    effect = verdict.effect.said.partition(", claimed")[0] if verdict.effect and _is_decided(verdict) else ""
    return Text.assemble(_status(verdict, verdict.status), f" {printable(effect)}" if effect else "")


def _is_decided(verdict: Verdict) -> bool:
    return verdict.status in STYLES


def _open(found: Sequence[JudgedAt]) -> dict[str, list[str]]:
    """The claims that are decided nowhere, by their status under the last condition."""
    names: dict[str, list[str]] = {}
    for pairs in zip(*(one.judged for one in found), strict=True):
        if not any(_is_decided(verdict) for _, verdict in pairs):
            names.setdefault(pairs[-1][1].status, []).append(pairs[0][0].id)
    return names


def _reasons(found: Sequence[JudgedAt]) -> Grid:
    """A line for each claim, a column for each condition: the verdict, what was measured, why, what would decide it."""
    grid = Grid("Claim, source", *(escape(printable(one.given.label)) for one in found), show_lines=True, expand=True)
    for number, column in enumerate(grid.columns):
        column.ratio = 2 if number else 1
    for pairs in zip(*(one.judged for one in found), strict=True):
        claim = pairs[0][0]
        claimed = Text.assemble((claim.id, "bold"), "\n", f"“{claim.text}”", "\n", (claim.source, "dim"))
        grid.add_row(claimed, *(_reason(verdict) for _, verdict in pairs))
    return grid


def _reason(verdict: Verdict) -> Text:
    lines = {"measured": verdict.measured, "why": verdict.why, "to decide it": verdict.need.words}
    texts = (f"\n{word}: {printable(text)}" for word, text in lines.items() if text)
    return Text.assemble(_status(verdict, verdict.label), *texts)


def _status(verdict: Verdict, words: str) -> tuple[str, str]:
    return words, STYLES.get(verdict.status, "bold yellow")
