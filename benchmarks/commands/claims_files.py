"""What `claims` writes: the verdicts of all scales as CSV, Markdown and JSON."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from benchmarks.papers.claims.needed import SEEDS
from benchmarks.papers.claims.rules import RULE
from benchmarks.papers.claims.verdicts import DECISIONS, Judged, Verdict
from reports.tables.texts import markdown
from results.records.lines import strict

COLUMNS = (
    "claim", "text", "source", "needs", "measured", "verdict", "scale", "why",
    "effect", "unit", "interval_low", "interval_high", "n", "would_decide", "seeds",
)  # fmt: skip
SCHEMA = 1
"""The version of the fields of claims.json: another meaning or name makes a new number."""

Found = Mapping[str, Judged]
"""By scale: the same claims at each."""


def counts(judged: Judged) -> str:
    """'43 claims: 3 hold, ...'."""
    found = Counter(verdict.status for _, verdict in judged)
    said = ", ".join(f"{found[status]} {words}" for status, words in DECISIONS.items())
    return f"{len(judged)} claims: {said}"


def scale_words(scale: str) -> str:
    """What a verdict at a scale is worth."""
    if scale == "paper":
        return "Scale paper."
    return f"Scale {scale}: other data or less of it and narrower networks, not the papers' experiments."


def to_csv(found: Found) -> str:
    """One line per claim and scale."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for judged in found.values():
        for claim, verdict in judged:
            head = [claim.id, claim.text, claim.source, " ".join(claim.needs)]
            said = [verdict.measured, verdict.status, verdict.scale, verdict.why]
            writer.writerow([*head, *said, *_effect(verdict), verdict.need.words, verdict.need.seeds])
    return text.getvalue()


def _effect(verdict: Verdict) -> Iterator[Any]:
    for name in ("value", "unit", "low", "high", "n"):
        yield getattr(verdict.effect, name, None)


def to_json(found: Found) -> str:
    """Strict JSON: per claim its verdict at each scale; what is infinite, as in journals."""
    claims = [
        {
            "id": pairs[0][0].id,
            "text": pairs[0][0].text,
            "source": pairs[0][0].source,
            "needs": pairs[0][0].needs,
            "verdicts": [_verdict(verdict) for _, verdict in pairs],
        }
        for pairs in zip(*found.values(), strict=True)
    ]
    content = {"schema": SCHEMA, "rule": RULE, "seeds": SEEDS, "scales": list(found), "claims": claims}
    return json.dumps(strict(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "scale": verdict.scale,
        "verdict": verdict.status,
        "measured": verdict.measured,
        "why": verdict.why,
        "effect": asdict(verdict.effect) if verdict.effect is not None else None,
        "would_decide": verdict.need.words,
        "seeds": verdict.need.seeds,
    }


def to_markdown(found: Found) -> str:
    """A table per scale, with the rule of decision above it."""
    parts = ["# The papers' claims", RULE, SEEDS]
    for scale, judged in found.items():
        lines = [
            "| Claim | Source | Measured | Verdict | Why | What would decide it |",
            "|---|---|---|---|---|---|",
        ]
        for claim, verdict in judged:
            cells = (claim.source, verdict.measured, verdict.label, verdict.why, verdict.need.words)
            lines.append(f"| `{claim.id}`: “{markdown(claim.text)}” | " + " | ".join(map(markdown, cells)) + " |")
        parts += [f"## Scale {scale}", f"{counts(judged)}. {scale_words(scale)}", "\n".join(lines)]
    return "\n\n".join(parts) + "\n"
