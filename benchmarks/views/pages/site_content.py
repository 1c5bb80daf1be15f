"""The whole report as plain data: its pages, its facts, its claims."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from benchmarks import experiments
from benchmarks.analyses import registry as analyses
from benchmarks.papers.claims.needed import SEEDS
from benchmarks.papers.claims.rules import RULE
from benchmarks.papers.claims.verdicts import DECISIONS, Claim, Judged, Verdict
from benchmarks.runner.choices import Choices
from benchmarks.tables import registry as tables
from benchmarks.views import rerun
from benchmarks.views.journals import Journals
from benchmarks.views.notes import clock
from benchmarks.views.sheets import Sheet, not_shown
from benchmarks.views.tuning.names import name_of
from reports.site import verdicts
from reports.site.pages import Absent, ClaimCell, ClaimLine, Claims, Page, PageLink, Paper, Site
from results.records import Record

PAPERS = {
    "Paper A: decoupled backpropagation and layer-wise updates (arXiv:2410.05985v1)": tuple(
        id for id in experiments.members("paper-a") if id not in tables.PAPER_A3
    ),
    "Paper A, version 3 (arXiv:2410.05985v3)": tables.PAPER_A3,
    "Paper B: locally asynchronous SGD (arXiv:2203.06638)": experiments.members("paper-b"),
    "Audits: confounds of the published comparison, each by itself": tables.AUDITS,
    "Analyses of neither paper": tuple(id for id in analyses.IDS if not analyses.analysis(id).paper),
}

NOTHING = "Nothing was run here yet, or nothing that belongs to a table as chosen."

Sheets = Mapping[str, Sheet]
"""By the table's id, those of which something was run."""
Pages = Mapping[tuple[str, str], Page]
"""By scale, "" for what has none, and id."""


@dataclass(frozen=True)
class AtScale:
    """What the runs at hand say at one scale. sheets: as chosen; judged: on all rows."""

    chosen: Choices
    sheets: Sheets
    judged: Judged


def content(
    ids: Sequence[str],
    scales: Sequence[AtScale],
    found: Journals,
    pages: Pages,
    others: str,
    tuned: Collection[str] = (),
) -> Site:
    """The site of a folder of results, from its journals, the sheets made of them, and what was made of these.

    ids: of the pages that were asked for, empty for all. scales: the smallest first. others: which runs were made by
    other sources, in words. tuned: ids of the runs that pages of tuned tables show.
    """
    sheets = [sheet for one in scales for sheet in one.sheets.values()]
    nothing = "" if pages else NOTHING
    return Site(
        title="Asynchronous SGD, reproduced table by table",
        facts=tuple(_facts(scales)),
        papers=tuple(_papers(ids, scales, pages)),
        claims=_claims(scales, pages) if pages else None,
        warnings=(*found.left_out, *not_shown(found, sheets, tuned), *filter(None, (others, nothing))),
        commands=tuple(_again(ids, one) for one in scales),
        rules=verdicts.RULES,
    )


def _papers(ids: Sequence[str], scales: Sequence[AtScale], made: Pages) -> Iterator[Paper]:
    own = {table.id: table for table in scales[0].chosen.own_tables}
    for title, members in {**PAPERS, "Tables of your own": tuple(own)}.items():
        wanted = [id for id in members if not ids or id in ids]
        there = [page for id in wanted for (_, name), page in made.items() if name == id]
        absent = tuple(
            Absent(
                id,
                (own.get(id) or experiments.experiment(id)).title,
                "not run here",
                rerun.command([id], scales[0].chosen),
            )
            for id in wanted
            if id not in {page.id for page in there}
        )
        if wanted:
            yield Paper(title, tuple(there), absent)
    if tuned := tuple(page for (_, id), page in made.items() if id in map(name_of, (*tables.IDS, *own))):
        yield Paper("Tuned tables: as published, and each row at its own best rate", tuned)


def _facts(scales: Sequence[AtScale]) -> Iterator[tuple[str, str]]:
    for one in scales:
        yield from _of_scale(one.chosen.scale, list(one.sheets.values()))
    yield from _machines(_used([sheet for one in scales for sheet in one.sheets.values()]))


def _used(sheets: Sequence[Sheet]) -> list[Record]:
    return list({record.id: record for sheet in sheets for record in sheet.used}.values())


def _of_scale(scale: str, found: Sequence[Sheet]) -> Iterator[tuple[str, str]]:
    yield "Scale", scale + ("" if scale == "paper" else ": no number here is the papers'")
    for words in dict.fromkeys(clock(sheet.choices, sheet.card) for sheet in found):
        yield "Executor", words
    seeds = sorted({len(sheet.choices.seeds) for sheet in found})
    if seeds:
        counts = ", ".join(map(str, seeds))
        yield "Seeds", f"{counts} per method and network" + ("; n ≤ 3 is weak evidence" if min(seeds) <= 3 else "")
    mine = _used(found)
    statuses = Counter(record.status for record in mine)
    said = ", ".join(f"{count} {status}" for status, count in statuses.items())
    yield "Runs", f"{len(mine)} in {len(found)} tables and figures" + (f" ({said})" if said else "")


def _machines(runs: Sequence[Record]) -> Iterator[tuple[str, str]]:
    yield from dict.fromkeys(("Machine", _machine(run)) for run in runs)
    for commit, modified in dict.fromkeys(
        (run.environment.get("commit"), run.environment.get("modified")) for run in runs
    ):
        yield "Commit", f"{commit or 'unknown'}{' with uncommitted changes' if modified else ''}"
    versions = dict.fromkeys(str((run.environment.get("packages") or {}).get("torch")) for run in runs)
    if versions:
        yield "PyTorch", ", ".join(versions)


def _machine(run: Record) -> str:
    said = run.environment
    cpu = f"{said.get('cpu')}, {said.get('cores')} cores, {said.get('system')}"
    return f"{run.spec.gpu}, driver {said.get('gpu', {}).get('driver')}; {cpu}" if run.spec.gpu else cpu


def _claims(scales: Sequence[AtScale], pages: Pages) -> Claims:
    statuses = tuple(DECISIONS)
    names = tuple(one.chosen.scale for one in scales)
    counts = [Counter(verdict.status for _, verdict in one.judged) for one in scales]
    lines = tuple(
        ClaimLine(claim.id, claim.text, claim.source, tuple(_cell(claim, pair[1], pages) for pair in pairs))
        for pairs in zip(*(one.judged for one in scales), strict=True)
        for claim in (pairs[0][0],)
    )
    return Claims(statuses, names, tuple(tuple(of[s] for s in statuses) for of in counts), (RULE, SEEDS), lines)


def _cell(claim: Claim, verdict: Verdict, pages: Pages) -> ClaimCell:
    there = [page for id in claim.needs for scale in (verdict.scale, "") if (page := pages.get((scale, id)))]
    return ClaimCell(
        scale=verdict.scale,
        status=verdict.status,
        label=verdict.label,
        effect=verdict.effect.said if verdict.effect is not None else "",
        compared=verdict.effect.text if verdict.effect is not None else "",
        needed=verdict.need.words,
        measured=verdict.measured,
        why=verdict.why,
        evidence=tuple(PageLink(page.id, f"{page.place}/index.html") for page in there),
    )


def _again(ids: Sequence[str], one: AtScale) -> str:
    seeds = tuple(sorted({seed for sheet in one.sheets.values() for seed in sheet.choices.seeds})) or one.chosen.seeds
    names = ["all"] if not ids or set(ids) == set(experiments.IDS) else ids
    return rerun.command(names, replace(one.chosen, seeds=seeds))
