"""`claims`: judges each claim of the papers under each condition that has runs, on the screen and in files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid
from rich.text import Text

from benchmarks.commands.claims_files import JudgedAt, counts, scale_words, to_csv, to_json, to_markdown
from benchmarks.commands.every_condition import at_conditions
from benchmarks.commands.screen import note, say
from benchmarks.papers.claims.catalogue import CLAIMS, judged
from benchmarks.papers.claims.needed import SEEDS
from benchmarks.papers.claims.rules import RULE, Evidence
from benchmarks.papers.claims.verdicts import Claim, Verdict
from benchmarks.runner.choices import Choices
from benchmarks.views import conditions, journals
from benchmarks.views.evidence import RunsEvidence
from benchmarks.views.table_runs import made_elsewhere, other_data
from reports.tables.texts import printable
from results.files import own_folder, replace
from results.tables import Conditions

STYLES = {"holds": "bold green", "does not hold": "bold red"}


def claims(chosen: Choices, out: Path, console: Console, *, every: Set[str] = frozenset(), why: bool = False) -> int:
    """Judges all claims on the runs of a folder -> the exit code 0, also where a claim does not hold.

    every: which of "scale", "executor" and "seeds" the user left open, so that each with runs is judged. why: print the
    reasons, not only the verdicts of decided claims. Raises ResultsError where nothing can be written.
    """
    runs = journals.read(out)
    at_each = at_conditions(chosen.whole, runs, every=every, out=out)
    evidence = [RunsEvidence(at_condition.condition, out, at_condition.full) for at_condition in at_each]
    found_conditions = [conditions.of_runs(at_condition.full, at_condition.condition) for at_condition in at_each]
    judge(list(zip(found_conditions, evidence, strict=True)), console, out, why=why)
    shown = [table_runs for at_condition in evidence for table_runs in at_condition.shown]
    note(console, (*runs.remarks, made_elsewhere(shown), other_data(shown)))
    return 0


def judge(
    evidence: Sequence[tuple[Conditions, Evidence]],
    console: Console,
    out: Path,
    chosen: Iterable[Claim] = CLAIMS,
    *,
    why: bool = False,
) -> None:
    """Judges the claims under each condition, prints them, and writes OUT/claims/<condition>.csv, .md and .json.

    why: print the reasons as well. Raises ResultsError where nothing can be written.
    """
    chosen = tuple(chosen)
    results = [JudgedAt(condition, judged(result, chosen)) for condition, result in evidence]
    for result in results:
        line = f"{result.given.label}: {counts(result.judged)}. {scale_words(result.given.scale)}"
        console.print(line, highlight=False, markup=False)
    if why:
        console.print(_reasons(results))
        console.print(f"{RULE} {SEEDS}", highlight=False, markup=False)
    else:
        if (grid := _decided(results)).row_count:
            console.print(grid)
        for words, ids in _open(results).items():
            console.print(f"{words[0].upper()}{words[1:]}: {', '.join(ids)}", highlight=False, markup=False)
    folder = own_folder(out, out / "claims")
    files = {"md": to_markdown, "csv": to_csv, "json": to_json}
    for result in results:
        for kind, text in files.items():
            replace(folder / f"{result.given.slug}.{kind}", text(result).encode())
    names = ", ".join(f"{result.given.slug}.md" for result in results)
    more = "" if why else "Why, and what would decide the others: claims --why. "
    say(console, f"{more}Written: {folder}/{names}, each with .csv and .json", style="dim")


def _decided(results: Sequence[JudgedAt]) -> Grid:
    """Returns a line for each claim that is decided under any condition: verdict and effect under each."""
    grid = Grid(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1), expand=True)
    grid.add_column("Claim", no_wrap=True)
    for result in results:
        grid.add_column(escape(printable(result.given.label)), no_wrap=True)
    grid.add_column("As the paper has it", no_wrap=True, overflow="ellipsis", ratio=1)
    for pairs in zip(*(result.judged for result in results), strict=True):
        if any(_is_decided(verdict) for _, verdict in pairs):
            claim = pairs[0][0]
            grid.add_row(claim.id, *(_line(verdict) for _, verdict in pairs), f"“{claim.text}”")
    return grid


def _line(verdict: Verdict) -> Text:
    effect = verdict.effect.description.partition(", claimed")[0] if verdict.effect and _is_decided(verdict) else ""
    return Text.assemble(_status(verdict, verdict.status), f" {printable(effect)}" if effect else "")


def _is_decided(verdict: Verdict) -> bool:
    return verdict.status in STYLES


def _open(results: Sequence[JudgedAt]) -> dict[str, list[str]]:
    """Returns the claims that are decided nowhere, by their status under the last condition."""
    names: dict[str, list[str]] = {}
    for pairs in zip(*(result.judged for result in results), strict=True):
        if not any(_is_decided(verdict) for _, verdict in pairs):
            names.setdefault(pairs[-1][1].status, []).append(pairs[0][0].id)
    return names


def _reasons(results: Sequence[JudgedAt]) -> Grid:
    """Returns a line per claim and a column per condition: verdict, measurement, reason, and what would decide it."""
    grid = Grid(
        "Claim, source", *(escape(printable(result.given.label)) for result in results), show_lines=True, expand=True
    )
    for number, column in enumerate(grid.columns):
        column.ratio = 2 if number else 1
    for pairs in zip(*(result.judged for result in results), strict=True):
        claim = pairs[0][0]
        claimed = Text.assemble((claim.id, "bold"), "\n", f"“{claim.text}”", "\n", (claim.source, "dim"))
        grid.add_row(claimed, *(_reason(verdict) for _, verdict in pairs))
    return grid


def _reason(verdict: Verdict) -> Text:
    lines = {"measured": verdict.measured, "why": verdict.why, "to decide it": verdict.need.description}
    texts = (f"\n{word}: {printable(text)}" for word, text in lines.items() if text)
    return Text.assemble(_status(verdict, verdict.label), *texts)


def _status(verdict: Verdict, words: str) -> tuple[str, str]:
    return words, STYLES.get(verdict.status, "bold yellow")
