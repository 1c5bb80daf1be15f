"""Writes the verdicts of each condition as CSV, Markdown and JSON."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.papers.claims.needed import SEEDS
from benchmarks.papers.claims.rules import RULE
from benchmarks.papers.claims.verdicts import DECISIONS, Judged, Verdict
from reports.tables.texts import markdown
from results.records.lines import strict
from results.spreadsheets import cell
from results.tables import Conditions, condition

COLUMNS = (
    "claim", "text", "source", "needs", "measured", "verdict", "scale", "why",
    "effect", "unit", "interval_low", "interval_high", "n", "would_decide", "seeds_needed",
)  # fmt: skip
CONDITION = tuple(name for name in condition.COLUMNS if name not in COLUMNS)
SCHEMA = 2
"""Version of the JSON's fields; raise it when a field changes its name or meaning."""


@dataclass(frozen=True)
class JudgedAt:
    """The verdicts of all claims under one condition."""

    given: Conditions
    judged: Judged


def counts(judged: Judged) -> str:
    """Returns '43 claims: 3 hold, ...'."""
    by_status = Counter(verdict.status for _, verdict in judged)
    summary = ", ".join(f"{by_status[status]} {words}" for status, words in DECISIONS.items())
    return f"{len(judged)} claims: {summary}"


def scale_words(scale: str) -> str:
    """Returns a sentence on what a verdict at a scale is worth."""
    if scale == "paper":
        return "Scale paper."
    return f"Scale {scale}: other data or less of it and narrower networks, not the papers' experiments."


def to_csv(result: JudgedAt) -> str:
    """Returns one line per claim, each with the condition."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, *CONDITION])
    condition = [result.given.columns[name] for name in CONDITION]
    for claim, verdict in result.judged:
        head = [claim.id, claim.text, claim.source, " ".join(claim.needs)]
        cells = [verdict.measured, verdict.status, verdict.scale, verdict.why]
        effect = [getattr(verdict.effect, name, None) for name in ("value", "unit", "low", "high", "n")]
        needed = [verdict.need.description, verdict.need.seeds]
        writer.writerow(map(cell, [*head, *cells, *effect, *needed, *condition]))
    return text.getvalue()


def to_json(result: JudgedAt) -> str:
    """Returns JSON of the condition and each claim's verdict; infinite numbers are written as in journals."""
    claims = [
        {"id": claim.id, "text": claim.text, "source": claim.source, "needs": claim.needs, **_verdict(verdict)}
        for claim, verdict in result.judged
    ]
    head = {"schema": SCHEMA, "condition": result.given.slug, "conditions": asdict(result.given)}
    content = {**head, "rule": RULE, "rule_of_seeds": SEEDS, "claims": claims}
    return json.dumps(strict(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "verdict": verdict.status,
        "measured": verdict.measured,
        "why": verdict.why,
        "effect": asdict(verdict.effect) if verdict.effect is not None else None,
        "would_decide": verdict.need.description,
        "seeds_needed": verdict.need.seeds,
    }


def to_markdown(result: JudgedAt) -> str:
    """Returns a table of the verdicts, with the condition and the rule of decision above it."""
    lines = ["| Claim | Source | Measured | Verdict | Why | What would decide it |", "|---|---|---|---|---|---|"]
    for claim, verdict in result.judged:
        cells = (claim.source, verdict.measured, verdict.label, verdict.why, verdict.need.description)
        lines.append(f"| `{claim.id}`: “{markdown(claim.text)}” | " + " | ".join(map(markdown, cells)) + " |")
    summary = f"{counts(result.judged)}. {scale_words(result.given.scale)}"
    condition = "\n".join(f"- {name}: {markdown(text)}" for name, text in result.given.columns.items() if text)
    parts = [f"# The papers' claims: {markdown(result.given.label)}", summary, condition, RULE, SEEDS, "\n".join(lines)]
    return "\n\n".join(parts) + "\n"
