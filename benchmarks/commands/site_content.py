"""The whole report as plain data: pages, facts and claims, made now or by an earlier report."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from benchmarks import experiments
from benchmarks.analyses import registry as analyses
from benchmarks.executors import registry as executors
from benchmarks.papers.claims.catalogue import CLAIMS
from benchmarks.papers.claims.needed import SEEDS
from benchmarks.papers.claims.rules import RULE
from benchmarks.papers.claims.verdicts import DECISIONS, Claim, Judged, Verdict
from benchmarks.runner.environment import checkout
from benchmarks.runner.rerun import command
from benchmarks.tables import registry as tables
from benchmarks.views import conditions
from benchmarks.views.conditions import AtCondition
from benchmarks.views.journals import Journals
from benchmarks.views.pages.freshness import MadeOf, made_of, runs
from benchmarks.views.table_runs import FEW
from benchmarks.views.tuning.tuned import name_of
from benchmarks.workloads.workload import SCALES
from reports.site import verdicts
from reports.site.pages import Absent, ClaimCell, ClaimColumn, ClaimLine, Claims, Page, PageLink, Paper, Site
from results.tables import RunCondition

PAPERS = {
    "Paper A: decoupled backpropagation and layer-wise updates (arXiv:2410.05985v1)": tuple(
        id for id in experiments.members("paper-a") if id not in tables.group("paper-a3")
    ),
    "Paper A, version 3 (arXiv:2410.05985v3)": tables.group("paper-a3"),
    "Paper B: locally asynchronous SGD (arXiv:2203.06638)": experiments.members("paper-b"),
    "Audits: confounds of the published comparison, each by itself": tables.group("audits"),
    "Methods of others": tables.group("others"),
    "The suite's own: a language model, a vision transformer": tables.group("ours"),
    "Analyses of neither paper": tuple(id for id in analyses.IDS if not analyses.analysis(id).paper),
}

NOTHING = "Nothing was run here yet, or nothing that belongs to a table as chosen."


def content(
    asked: Collection[str],
    columns: Iterable[ClaimColumn],
    pages: Iterable[Page],
    warnings: Iterable[str],
) -> Site:
    """The site of a folder of results, from what was made of it now and before.

    asked: ids of the tables and analyses that were ever asked for.
    """
    pages = sorted(pages, key=lambda page: _order(page.condition))
    columns = sorted(columns, key=lambda column: _order(column.condition))
    return Site(
        title="Asynchronous SGD, reproduced table by table",
        facts=tuple(_facts(pages)),
        papers=tuple(_papers(asked, pages)),
        claims=_claims(columns, pages) if pages and columns else None,
        warnings=(*filter(None, warnings), *_stale(pages, columns), *([] if pages else [NOTHING])),
        commands=tuple(_again(pages)),
        rules=verdicts.RULES,
        asked=tuple(asked),
        columns=tuple(columns),
    )


def _stale(pages: Sequence[Page], columns: Sequence[ClaimColumn]) -> Iterator[str]:
    """Yields a sentence for each reason why pages or columns are out of date."""
    by_reason: dict[str, list[str]] = {}
    for page in pages:
        by_reason.setdefault(page.stale, []).append(f"{page.id} ({page.condition.label})")
    for column in columns:
        by_reason.setdefault(column.stale, []).append(f"the claims ({column.condition.label})")
    by_reason.pop("", None)
    for reason, names in by_reason.items():
        more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
        yield f"Not up to date: {', '.join(names[:FEW])}{more}: {reason}"


def _order(condition: RunCondition) -> tuple[int, bool, int, str]:
    """Sort key: the smallest scale, simulated seconds, and the plainest selection first."""
    scale = SCALES.index(condition.scale) if condition.scale in SCALES else -1
    return scale, not _simulated(condition), len(condition.selection), condition.slug


def _simulated(condition: RunCondition) -> bool:
    return condition.executor in executors.names() and executors.executor(condition.executor).simulated


def _papers(asked: Collection[str], pages: Sequence[Page]) -> Iterator[Paper]:
    made = {page.id for page in pages}
    for title, members in PAPERS.items():
        of_paper = tuple(page for id in members for page in pages if page.id == id)
        absent = tuple(
            Absent(id, experiments.experiment(id).title, "not run here", command([id]).text())
            for id in members
            if id in asked and id not in made
        )
        if of_paper or absent:
            yield Paper(title, of_paper, absent)
    others = [page for page in pages if all(page.id not in members for members in PAPERS.values())]
    tuned = tuple(page for page in others if page.id.startswith(name_of("")))
    if own := tuple(page for page in others if page not in tuned):
        yield Paper("Tables of your own", own, ())
    if tuned:
        yield Paper("Tuned tables: as published, and each row at its own best rate", tuned)


def _facts(pages: Sequence[Page]) -> Iterator[tuple[str, str]]:
    """Yields what was run under each condition, then all machines."""
    of_tables = [page for page in pages if page.made_of]
    for slug in dict.fromkeys(page.condition.slug for page in of_tables):
        yield _of_condition([page for page in of_tables if page.condition.slug == slug])
    yield from dict.fromkeys(fact for page in of_tables for fact in page.facts)


def _of_condition(pages: Sequence[Page]) -> tuple[str, str]:
    condition = pages[0].condition
    ends = {id: status for page in pages for id, status in runs(page.made_of).items()}
    statuses = ", ".join(f"{count} {status}" for status, count in Counter(ends.values()).items())
    seeds = sorted({seed for page in pages for seed in page.condition.seeds})
    facts = [
        "all seconds are simulated, the numerics are real" if _simulated(condition) else "real seconds",
        f"seeds {', '.join(map(str, seeds))}" + ("; n ≤ 3 is weak evidence" if len(seeds) <= 3 else ""),
        f"{len(ends)} runs in {len(pages)} {'table' if len(pages) == 1 else 'tables and figures'} ({statuses})",
    ]
    facts += ["no number here is the papers'"] if condition.scale != "paper" else []
    return condition.label, "; ".join(facts)


# ---- claims


def column(at_condition: AtCondition, judged: Judged, journals: Journals) -> ClaimColumn:
    """The claims under a condition, judged on all rows."""
    condition = conditions.of_runs(at_condition.full, at_condition.condition)
    lines = tuple(
        ClaimLine(claim.id, claim.text, claim.source, (_cell(verdict, condition),)) for claim, verdict in judged
    )
    return ClaimColumn(condition, lines, made_of(at_condition.full, journals), checkout())


def _cell(verdict: Verdict, condition: RunCondition) -> ClaimCell:
    return ClaimCell(
        condition=condition.label,
        status=verdict.status,
        label=verdict.label,
        effect=verdict.effect.description if verdict.effect is not None else "",
        needed=verdict.need.description,
        measured=verdict.measured,
        why=verdict.why,
    )


def _claims(columns: Sequence[ClaimColumn], pages: Sequence[Page]) -> Claims:
    """The columns side by side, of the claims of this version; a claim that an older column lacks is open there."""
    cells = [{line.id: line.cells[0] for line in column.lines} for column in columns]
    column_conditions = tuple(column.condition for column in columns)
    lines = []
    for claim in CLAIMS:
        of_claim = [
            by_id.get(claim.id) or _unknown(condition)
            for by_id, condition in zip(cells, column_conditions, strict=True)
        ]
        with_evidence = (
            replace(cell, evidence=_evidence(claim, condition, pages))
            for cell, condition in zip(of_claim, column_conditions, strict=True)
        )
        lines.append(ClaimLine(claim.id, claim.text, claim.source, tuple(with_evidence)))
    statuses = tuple(DECISIONS)
    counts = [Counter(line.cells[index].status for line in lines) for index in range(len(columns))]
    totals = tuple(tuple(count[status] for status in statuses) for count in counts)
    lead = max(range(len(column_conditions)), key=lambda index: _weight(columns[index]))
    return Claims(statuses, column_conditions, totals, (RULE, SEEDS), tuple(lines), lead)


def _weight(column: ClaimColumn) -> tuple[bool, bool, int]:
    """Sort key of columns: up to date, then without a selection, then the largest scale, then simulated."""
    scale, real, words, _ = _order(column.condition)
    return not column.stale, not words, 2 * scale + (not real)


def _unknown(condition: RunCondition) -> ClaimCell:
    return ClaimCell(condition.label, "not decided", "not decided", "", "", "-", "judged before there was this claim")


def _evidence(claim: Claim, condition: RunCondition, pages: Sequence[Page]) -> tuple[PageLink, ...]:
    """Links to the pages that a claim was judged on: of tables with as much of its selection as they know."""
    links = []
    for id in claim.needs:
        bearing = [page for page in pages if page.id == id and _bears(page.condition, condition, page.made_of)]
        if bearing:
            best = max(bearing, key=lambda page: len(page.condition.selection))
            links.append(PageLink(best.id, f"{best.place}/index.html"))
    return tuple(links)


def _bears(of_page: RunCondition, condition: RunCondition, made_of: MadeOf) -> bool:
    if not made_of:  # an analysis
        return of_page.scale in ("", condition.scale) and not of_page.selection
    same = (of_page.scale, of_page.executor) == (condition.scale, condition.executor)
    same_hardware = condition.hardware in ("", of_page.hardware)
    return same and same_hardware and set(of_page.selection) <= set(condition.selection)


# ---- commands


def _again(pages: Sequence[Page]) -> Iterator[str]:
    """Yields the commands that make the runs of the pages, one for each selection."""
    start, by_rest = ["python", "-m", "benchmarks", "run"], dict[tuple[str, ...], list[str]]()
    for page in pages:
        words = shlex.split(page.command)
        if words[:4] == start and len(words) > 4:
            by_rest.setdefault(tuple(words[5:]), []).append(words[4])  # the id, or the file of a table of the user's
    members = set(experiments.members("all"))
    for rest, names in by_rest.items():
        named = ["all", *(name for name in names if name not in members)] if set(names) >= members else names
        yield shlex.join([*start, *dict.fromkeys(named), *rest])
