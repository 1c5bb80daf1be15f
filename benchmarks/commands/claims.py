"""`claims`: each claim of the papers with its verdict at every scale that has runs, on the screen and in files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from benchmarks.commands.claims_files import counts, scale_words, to_csv, to_json, to_markdown
from benchmarks.commands.screen import note, say
from benchmarks.papers.claims.catalogue import CLAIMS, judged
from benchmarks.papers.claims.needed import SEEDS
from benchmarks.papers.claims.rules import RULE, Evidence
from benchmarks.papers.claims.verdicts import Claim, Judged, Verdict
from benchmarks.runner.choices import Choices
from benchmarks.views import journals
from benchmarks.views.evidence import SheetEvidence
from benchmarks.views.sheets import at_scales, made_elsewhere, other_data, whole
from reports.tables.texts import printable
from results.files import replace

STYLES = {"holds": "bold green", "does not hold": "bold red"}


def claims(chosen: Choices, out: Path, console: Console, *, every: bool = False) -> int:
    """Judge all claims on the runs of a folder -> the exit status 0: a claim that does not hold is no error.

    every: at each scale that has runs, instead of the chosen one. Raises ResultsError where nothing can be written.
    """
    found = journals.read(out)
    evidence = [SheetEvidence(one, out, sheets) for one, sheets in at_scales(whole(chosen), found, every=every)]
    judge(evidence, console, out)
    sheets = [sheet for one in evidence for sheet in one.sheets]
    note(console, (*found.left_out, made_elsewhere(sheets), other_data(sheets)))
    return 0


def judge(scales: Sequence[Evidence], console: Console, out: Path, chosen: Iterable[Claim] = CLAIMS) -> None:
    """Judge the claims at each scale, print them, write them. Raises ResultsError where nothing can be written."""
    chosen = tuple(chosen)
    found = {evidence.scale: judged(evidence, chosen) for evidence in scales}
    if len(found) == 1:
        console.print(_grid(*found.values()))
    else:
        console.print(_matrix(found))
    for scale, its in found.items():
        console.print(f"{counts(its)}. {scale_words(scale)}", highlight=False, markup=False)
    console.print(f"{RULE} {SEEDS}", highlight=False, markup=False)
    if len(found) > 1:
        scale = list(found)[-1]
        console.print(f"Why, at one scale: python -m benchmarks claims --scale {scale}", highlight=False, markup=False)
    files = {"tables/claims.csv": to_csv, "tables/claims.md": to_markdown, "claims.json": to_json}
    for name, text in files.items():
        replace(out / name, text(found).encode())
        say(console, f"written: {out / name}")


def _grid(judged: Judged) -> Grid:
    """Two columns, so that neither is too narrow to read: what is claimed where, and what became of it."""
    grid = Grid("Claim, source", "Verdict, measured, why", show_lines=True)
    grid.columns[0].ratio, grid.columns[1].ratio, grid.expand = 1, 2, True
    for claim, verdict in judged:
        lines = (("measured", verdict.measured), ("why", verdict.why), ("to decide it", verdict.need.words))
        texts = (f"\n{word}: {printable(text)}" for word, text in lines if text)
        grid.add_row(_claimed(claim), Text.assemble(_status(verdict, verdict.label), *texts))
    return grid


def _matrix(found: dict[str, Judged]) -> Grid:
    """A column per scale: the verdict, the effect with its interval, and what would decide it where it is open."""
    grid = Grid("Claim, source", *found, show_lines=True, expand=True)
    for column in grid.columns:
        column.ratio = 1
    for pairs in zip(*found.values(), strict=True):
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
