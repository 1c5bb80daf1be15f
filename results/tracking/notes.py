"""Writes notes on tracked runs in Markdown, which MLflow shows at the top of a run's page."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

from results.groups import SeedGroup
from results.published import Key, Published
from results.records import Record
from results.statistics import Summary


def of_group(seed_group: SeedGroup, values: Mapping[str, Summary], published: Mapping[Key, Published]) -> str:
    """Returns a table with the published and the measured value of each measure."""
    first = seed_group.first
    title = plain(first.labels.method_title or first.method)
    lines = [
        f"### {title} on {plain(first.labels.network_label or first.network)}",
        "",
        f"Scale {first.scale}, executor {first.spec.executor}; times on the clock `{first.clock}`.",
        "",
        "| measure | published | measured |",
        "|---|---|---|",
    ]
    for name, value in values.items():
        paper = published.get((first.network, first.row, name))
        papers_value = f"{paper.mean:g}{_plus_minus(paper.std)}" if paper else ""
        lines.append(f"| `{name}` | {papers_value} | {_measured(value)} |")
    return "\n".join(lines)


def of_run(record: Record, dropped: Sequence[str]) -> str:
    """Describes the run's end in words, and names what MLflow does not have."""
    title = plain(record.labels.method_title or record.method)
    reason = plain((record.end or {}).get("reason", ""))
    lines = [
        f"{title}, seed {record.seed}: **{record.status}**.",
        f"Reason: {reason}" if reason else "",
        "" if record.evaluations else "No epoch was evaluated, so that there is no curve.",
        f"Not finite, so only in the journal: {', '.join(dropped)}." if dropped else "",
        f"Journal: `{record.path.name}` among the artifacts. Run id `{record.id}`.",
    ]
    return "\n\n".join(filter(None, lines))


def of_paper(values: Mapping[str, Published]) -> str:
    """Lists the published values of a row, with their sources and remarks."""
    sources = dict.fromkeys(value.source for value in values.values())
    lines = [f"- `{name}`: {value.mean:g}" + _plus_minus(value.std) for name, value in values.items()]
    remarks = dict.fromkeys(value.note for value in values.values() if value.note)
    return "\n".join([f"**Published**: {'; '.join(sources)}", "", *lines, "", *remarks])


def plain(text: object) -> str:
    """Escapes a user's text for one line of Markdown: no markup, no further column."""
    return html.escape(" ".join(str(text).split()), quote=False).replace("|", "&#124;")


def _measured(value: Summary) -> str:
    if value.mean is not None:
        earlier = f" −{value.resolution:.2g}" if value.resolution else ""
        return f"{value.mean:.4g}{_plus_minus(value.std)}{earlier} ({value.n})"
    bound = f"at least {value.at_least:.4g}, " if value.at_least is not None else ""
    return f"{bound}{value.n - value.censored} of {value.n} runs have a value"


def _plus_minus(std: float | None) -> str:
    return "" if std is None else f" ± {std:.2g}"
