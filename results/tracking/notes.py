"""Notes on tracked runs: Markdown notes, as MLflow shows them at the head of a run's page."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

from results.groups import SeedGroup
from results.published import Key, Published
from results.records import Record
from results.statistics import Summary


def of_group(seed_group: SeedGroup, values: Mapping[str, Summary], published: Mapping[Key, Published]) -> str:
    """Published beside measured, measure by measure."""
    first = seed_group.first
    title = plain(first.labels.method_title or first.method)
    lines = [f"### {title} on {plain(first.labels.network_label or first.network)}", ""]
    clock = f"Scale {first.scale}, executor {first.spec.executor}; times on the clock `{first.clock}`."
    lines += [clock, "", "| measure | published | measured |", "|---|---|---|"]
    for name, value in values.items():
        paper = published.get((first.network, first.row, name))
        theirs = f"{paper.mean:g}{_plus_minus(paper.std)}" if paper else ""
        lines.append(f"| `{name}` | {theirs} | {_words(value)} |")
    return "\n".join(lines)


def of_run(record: Record, dropped: Sequence[str]) -> str:
    """Note in Markdown: how the run ended, and where the rest of it is."""
    title = plain(record.labels.method_title or record.method)
    reason = plain((record.end or {}).get("reason", ""))
    lines = [f"{title}, seed {record.seed}: **{record.status}**."]
    lines += [f"Reason: {reason}"] if reason else []
    lines += [] if record.evaluations else ["No epoch was evaluated, so that there is no curve."]
    lines += [f"Not finite, so only in the journal: {', '.join(dropped)}."] if dropped else []
    return "\n\n".join([*lines, f"Journal: `{record.path.name}` among the artifacts. Run id `{record.id}`."])


def of_paper(values: Mapping[str, Published]) -> str:
    """The published values of a row, with their notes."""
    sources = dict.fromkeys(value.source for value in values.values())
    lines = [f"- `{name}`: {value.mean:g}" + _plus_minus(value.std) for name, value in values.items()]
    remarks = dict.fromkeys(value.note for value in values.values() if value.note)
    return "\n".join([f"**Published**: {'; '.join(sources)}", "", *lines, "", *remarks])


def plain(text: object) -> str:
    """Text from a run as text: no markup, whoever renders the Markdown, and no line or column of its own."""
    return html.escape(" ".join(str(text).split()), quote=False).replace("|", "&#124;")


def _words(value: Summary) -> str:
    if value.mean is not None:
        earlier = f" −{value.resolution:.2g}" if value.resolution else ""
        return f"{value.mean:.4g}{_plus_minus(value.std)}{earlier} ({value.n})"
    bound = f"at least {value.at_least:.4g}, " if value.at_least is not None else ""
    return f"{bound}{value.n - value.censored} of {value.n} runs have a value"


def _plus_minus(std: float | None) -> str:
    return "" if std is None else f" ± {std:.2g}"
