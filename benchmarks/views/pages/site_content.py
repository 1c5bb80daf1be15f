"""The whole report as plain data: its pages, its facts, its claims."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from benchmarks import experiments
from benchmarks.analyses import registry as analyses
from benchmarks.papers.claims.rules import RULE
from benchmarks.papers.claims.verdicts import DECISIONS, Judged
from benchmarks.runner.choices import Choices
from benchmarks.tables import registry as tables
from benchmarks.views import rerun
from benchmarks.views.journals import Journals
from benchmarks.views.notes import clock
from benchmarks.views.sheets import Sheet, not_shown
from benchmarks.views.tuning.names import name_of
from reports.site import verdicts
from reports.site.pages import Absent, Claims, Grid, Page, Paper, Site
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
Pages = Mapping[str, Page]


def content(
    ids: Sequence[str],
    chosen: Choices,
    found: Journals,
    sheets: Sheets,
    pages: Pages,
    judged: Judged,
    others: str,
    tuned: Collection[str] = (),
) -> Site:
    """The site of a folder of results, from its journals, the sheets made of them, and what was made of these.

    ids: of the pages that were asked for, empty for all. others: which runs were made by other sources, in words.
    tuned: ids of the runs that pages of tuned tables show.
    """
    nothing = "" if pages else NOTHING
    return Site(
        title="Asynchronous SGD, reproduced table by table",
        facts=tuple(_facts(chosen, list(sheets.values()))),
        papers=tuple(_papers(ids, chosen, pages)),
        claims=_claims(judged) if sheets or pages else None,
        warnings=(*found.left_out, *not_shown(found, sheets.values(), tuned), *filter(None, (others, nothing))),
        command=_again(ids, chosen, sheets),
        rules=verdicts.RULES,
    )


def _papers(ids: Sequence[str], chosen: Choices, made: Pages) -> Iterator[Paper]:
    for title, members in PAPERS.items():
        wanted = [id for id in members if not ids or id in ids]
        absent = tuple(
            Absent(id, experiments.experiment(id).title, "not run here", rerun.command([id], chosen))
            for id in wanted
            if id not in made
        )
        if wanted:
            yield Paper(title, tuple(made[id] for id in wanted if id in made), absent)
    if tuned := tuple(page for id, page in made.items() if id in map(name_of, tables.IDS)):
        yield Paper("Tuned tables: as published, and each row at its own best rate", tuned)


def _facts(chosen: Choices, found: Sequence[Sheet]) -> Iterator[tuple[str, str]]:
    mine = {record.id: record for sheet in found for record in sheet.used}
    yield "Scale", chosen.scale + ("" if chosen.scale == "paper" else ": no number here is the papers'")
    for words in dict.fromkeys(clock(sheet.choices, sheet.card) for sheet in found):
        yield "Executor", words
    seeds = sorted({sheet.choices.seeds for sheet in found})
    if seeds:
        counts = ", ".join(map(str, seeds))
        yield "Seeds", f"{counts} per method and network" + ("; n ≤ 3 is weak evidence" if min(seeds) <= 3 else "")
    statuses = Counter(record.status for record in mine.values())
    said = ", ".join(f"{count} {status}" for status, count in statuses.items())
    yield "Runs", f"{len(mine)} in {len(found)} tables and figures" + (f" ({said})" if said else "")
    yield from _machines(list(mine.values()))


def _machines(runs: Sequence[Record]) -> Iterator[tuple[str, str]]:
    yield from dict.fromkeys(("Machine", _machine(run)) for run in runs)
    for commit, modified in dict.fromkeys(
        (run.environment.get("commit"), run.environment.get("modified")) for run in runs
    ):
        yield "Commit", f"{commit}{' with uncommitted changes' if modified else ''}"
    versions = dict.fromkeys(str((run.environment.get("packages") or {}).get("torch")) for run in runs)
    if versions:
        yield "PyTorch", ", ".join(versions)


def _machine(run: Record) -> str:
    said = run.environment
    cpu = f"{said.get('cpu')}, {said.get('cores')} cores, {said.get('system')}"
    return f"{run.spec.gpu}, driver {said.get('gpu', {}).get('driver')}; {cpu}" if run.spec.gpu else cpu


def _claims(judged: Judged) -> Claims:
    lines = tuple(
        (f"{claim.id}: “{claim.text}”", claim.source, verdict.label, verdict.measured, verdict.why)
        for claim, verdict in judged
    )
    counts = Counter(verdict.status for _, verdict in judged)
    headers = ("Claim", "Source", "Verdict", "Measured", "Why")
    grid = Grid("The papers' claims, and what the runs at hand say of them", headers, lines, (RULE,), numbers=False)
    return Claims(tuple((status, counts[status]) for status in DECISIONS), RULE, grid)


def _again(ids: Sequence[str], chosen: Choices, sheets: Sheets) -> str:
    seeds = max((sheet.choices.seeds for sheet in sheets.values()), default=chosen.seeds)
    names = ["all"] if not ids or set(ids) == set(experiments.IDS) else ids
    return rerun.command(names, replace(chosen, seeds=seeds))
