"""`claims`: each claim of the papers with its verdict, on the screen and in out/tables/claims.csv and claims.md."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from benchmarks.commands.screen import note, say
from benchmarks.papers.claims.catalogue import CLAIMS, judged
from benchmarks.papers.claims.rules import RULE, Evidence
from benchmarks.papers.claims.verdicts import DECISIONS, Claim, Judged
from benchmarks.runner.choices import Choices
from benchmarks.views import journals
from benchmarks.views.evidence import SheetEvidence
from benchmarks.views.sheets import every_sheet, made_elsewhere, whole
from reports.tables.texts import markdown, printable
from results.files import replace

COLUMNS = ("claim", "text", "source", "needs", "measured", "verdict", "scale", "why")
STYLES = {"holds": "bold green", "does not hold": "bold red"}


def claims(chosen: Choices, out: Path, console: Console) -> int:
    """Judge all claims on the runs of a folder -> the exit status 0: a claim that does not hold is no error.

    Raises ResultsError where nothing can be written.
    """
    found = journals.read(out)
    sheets = tuple(every_sheet(whole(chosen), found))
    judge(SheetEvidence(chosen, out, sheets), console, out)
    note(console, (*found.left_out, made_elsewhere(sheets)))
    return 0


def judge(evidence: Evidence, console: Console, out: Path, chosen: Iterable[Claim] = CLAIMS) -> None:
    """Judge the claims, print them, write them. Raises ResultsError where nothing can be written."""
    found = judged(evidence, chosen)
    console.print(_grid(found))
    console.print(f"{_counts(found)}. {_scale(evidence)} {RULE}", highlight=False, markup=False)
    for name, text in (("claims.csv", to_csv(found)), ("claims.md", to_markdown(found, evidence))):
        replace(out / "tables" / name, text.encode())
        say(console, f"written: {out / 'tables' / name}")


def _grid(judged: Judged) -> Grid:
    """Two columns, so that neither is too narrow to read: what is claimed where, and what became of it."""
    grid = Grid("Claim, source", "Verdict, measured, why", show_lines=True)
    grid.columns[0].ratio, grid.columns[1].ratio, grid.expand = 1, 2, True
    for claim, verdict in judged:
        said = Text.assemble((claim.id, "bold"), "\n", f"“{claim.text}”", "\n", (claim.source, "dim"))
        found = Text.assemble(
            (verdict.label, STYLES.get(verdict.status, "bold yellow")),
            *(f"\n{word}: {printable(text)}" for word, text in (("measured", verdict.measured), ("why", verdict.why))),
        )
        grid.add_row(said, found)
    return grid


def _counts(judged: Judged) -> str:
    """'41 claims: 3 hold, ...'."""
    counts = Counter(verdict.status for _, verdict in judged)
    said = ", ".join(f"{counts[status]} {words}" for status, words in DECISIONS.items())
    return f"{len(judged)} claims: {said}"


def _scale(evidence: Evidence) -> str:
    if evidence.scale == "paper":
        return "Scale paper."
    return f"Scale {evidence.scale}: other data or less of it and narrower networks, not the papers' experiments."


def to_csv(judged: Judged) -> str:
    """One line per claim."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for claim, verdict in judged:
        head = [claim.id, claim.text, claim.source, " ".join(claim.needs)]
        writer.writerow([*head, verdict.measured, verdict.status, verdict.scale, verdict.why])
    return text.getvalue()


def to_markdown(judged: Judged, evidence: Evidence) -> str:
    """A table, with the rule of decision above it."""
    lines = ["| Claim | Source | Measured | Verdict | Why |", "|---|---|---|---|---|"]
    for claim, verdict in judged:
        cells = (f"“{claim.text}”", claim.source, verdict.measured, verdict.label, verdict.why)
        lines.append("| " + " | ".join([f"`{claim.id}`: {markdown(cells[0])}", *map(markdown, cells[1:])]) + " |")
    return (
        "\n\n".join(["# The papers' claims", f"{_counts(judged)}. {_scale(evidence)}", RULE, "\n".join(lines)]) + "\n"
    )
