"""`claims`: each claim of the papers with its verdict under each condition that has runs, on the screen, in files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid
from rich.text import Text

from benchmarks.commands.claims_files import JudgedAt, counts, scale_words, to_csv, to_json, to_markdown
from benchmarks.commands.screen import note, say
from benchmarks.papers.claims.catalogue import CLAIMS, judged
from benchmarks.papers.claims.needed import SEEDS
from benchmarks.papers.claims.rules import RULE, Evidence
from benchmarks.papers.claims.verdicts import Claim, Judged, Verdict
from benchmarks.runner.choices import Choices
from benchmarks.views import conditions, journals
from benchmarks.views.evidence import SheetEvidence
from benchmarks.views.sheets import at_conditions, made_elsewhere, other_data, whole
from reports.tables.texts import printable
from results.files import own_folder, replace
from results.tables import Conditions

STYLES = {"holds": "bold green", "does not hold": "bold red"}


def claims(chosen: Choices, out: Path, console: Console, *, every: Set[str] = frozenset()) -> int:
    """Judge all claims on the runs of a folder -> the exit status 0: a claim that does not hold is no error.

    every: what was left open (views.sheets.EVERYTHING). Raises ResultsError where nothing can be written.
    """
    found = journals.read(out)
    there = at_conditions(whole(chosen), found, every=every, out=out)
    evidence = [SheetEvidence(one, out, sheets) for one, sheets in there]
    given = [conditions.found(one.sheets, conditions.of_choices(one.chosen)) for one in evidence]
    judge(list(zip(given, evidence, strict=True)), console, out)
    sheets = [sheet for one in evidence for sheet in one.sheets]
    note(console, (*found.remarks, made_elsewhere(sheets), other_data(sheets)))
    return 0


def judge(
    evidence: Sequence[tuple[Conditions, Evidence]], console: Console, out: Path, chosen: Iterable[Claim] = CLAIMS
) -> None:
    """Judge the claims under each condition, print them, write OUT/claims/<condition>.csv, .md and .json.

    Raises ResultsError where nothing can be written.
    """
    chosen = tuple(chosen)
    found = [JudgedAt(given, judged(one, chosen)) for given, one in evidence]
    console.print(_grid(found[0].judged) if len(found) == 1 else _matrix(found))
    for one in found:
        said = f"{one.given.label}: {counts(one.judged)}. {scale_words(one.given.scale)}"
        console.print(said, highlight=False, markup=False)
    console.print(f"{RULE} {SEEDS}", highlight=False, markup=False)
    if len(found) > 1:
        last = found[-1].given
        words = f"--scale {last.scale}" + (f" --executor {last.executor}" if last.executor else "")
        console.print(f"Why, under one condition: python -m benchmarks claims {words}", highlight=False, markup=False)
    folder = own_folder(out, out / "claims")
    for one in found:
        for kind, text in {"csv": to_csv, "md": to_markdown, "json": to_json}.items():
            path = folder / f"{one.given.slug}.{kind}"
            replace(path, text(one).encode())
            say(console, f"written: {path}")


def _grid(judged: Judged) -> Grid:
    """Two columns, so that neither is too narrow to read: what is claimed where, and what became of it."""
    grid = Grid("Claim, source", "Verdict, measured, why", show_lines=True)
    grid.columns[0].ratio, grid.columns[1].ratio, grid.expand = 1, 2, True
    for claim, verdict in judged:
        lines = (("measured", verdict.measured), ("why", verdict.why), ("to decide it", verdict.need.words))
        texts = (f"\n{word}: {printable(text)}" for word, text in lines if text)
        grid.add_row(_claimed(claim), Text.assemble(_status(verdict, verdict.label), *texts))
    return grid


def _matrix(found: Sequence[JudgedAt]) -> Grid:
    """A column per condition: the verdict, the effect with its interval, and what would decide it where it is open."""
    grid = Grid("Claim, source", *(escape(printable(one.given.label)) for one in found), show_lines=True, expand=True)
    for column in grid.columns:
        column.ratio = 1
    for pairs in zip(*(one.judged for one in found), strict=True):
        grid.add_row(_claimed(pairs[0][0]), *(_cell(verdict) for _, verdict in pairs))
    return grid


def _claimed(claim: Claim) -> Text:
    return Text.assemble((claim.id, "bold"), "\n", f"“{claim.text}”", "\n", (claim.source, "dim"))


def _cell(verdict: Verdict) -> Text:
    effect = f"\n{printable(verdict.effect.said)}" if verdict.effect is not None else ""
    needed = f"\nto decide it: {verdict.need.words}" if verdict.need.words else ""
    return Text.assemble(_status(verdict, verdict.status), effect, (needed, "dim"))


def _status(verdict: Verdict, words: str) -> tuple[str, str]:
    return words, STYLES.get(verdict.status, "bold yellow")
