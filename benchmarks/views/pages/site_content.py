"""The whole report as plain data: its pages, its facts, its claims, made now or by an earlier report."""

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
from benchmarks.views.every_condition import AtCondition
from benchmarks.views.journals import Journals
from benchmarks.views.pages.freshness import made_of, runs
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
    ordered = sorted(pages, key=lambda page: _order(page.condition))
    shown = sorted(columns, key=lambda one: _order(one.condition))
    return Site(
        title="Asynchronous SGD, reproduced table by table",
        facts=tuple(_facts(ordered)),
        papers=tuple(_papers(asked, ordered)),
        claims=_claims(shown, ordered) if ordered and shown else None,
        warnings=(*filter(None, warnings), *_stale(ordered, shown), *([] if ordered else [NOTHING])),
        commands=tuple(_again(ordered)),
        rules=verdicts.RULES,
        asked=tuple(asked),
        columns=tuple(shown),
    )


def _stale(pages: Sequence[Page], columns: Sequence[ClaimColumn]) -> Iterator[str]:
    """A sentence for every reason why some are not up to date."""
    by_reason: dict[str, list[str]] = {}
    for page in pages:
        by_reason.setdefault(page.stale, []).append(f"{page.id} ({page.condition.label})")
    for one in columns:
        by_reason.setdefault(one.stale, []).append(f"the claims ({one.condition.label})")
    for reason, names in by_reason.items():
        more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
        if reason:
            yield f"Not up to date: {', '.join(names[:FEW])}{more}: {reason}"


def _order(given: RunCondition) -> tuple[int, bool, int, str]:
    """Scales from the smallest, simulated seconds first, the plainest selection first."""
    scale = SCALES.index(given.scale) if given.scale in SCALES else -1
    return scale, not _simulated(given), len(given.selection), given.slug


def _simulated(given: RunCondition) -> bool:
    return given.executor in executors.names() and executors.executor(given.executor).simulated


def _papers(asked: Collection[str], pages: Sequence[Page]) -> Iterator[Paper]:
    for title, members in PAPERS.items():
        wanted = [id for id in members if id in asked]
        there = tuple(page for id in members for page in pages if page.id == id)
        absent = tuple(
            Absent(id, experiments.experiment(id).title, "not run here", command([id]).text())
            for id in wanted
            if id not in {page.id for page in there}
        )
        if wanted or there:
            yield Paper(title, there, absent)
    others = [page for page in pages if all(page.id not in members for members in PAPERS.values())]
    tuned = tuple(page for page in others if page.id.startswith(name_of("")))
    if own := tuple(page for page in others if page not in tuned):
        yield Paper("Tables of your own", own, ())
    if tuned:
        yield Paper("Tuned tables: as published, and each row at its own best rate", tuned)


def _facts(pages: Sequence[Page]) -> Iterator[tuple[str, str]]:
    """Facts on the site: what was run under each condition, then all machines."""
    of_tables = [page for page in pages if page.made_of]
    for slug in dict.fromkeys(page.condition.slug for page in of_tables):
        yield _of_condition([page for page in of_tables if page.condition.slug == slug])
    yield from dict.fromkeys(fact for page in of_tables for fact in page.facts)


def _of_condition(pages: Sequence[Page]) -> tuple[str, str]:
    given = pages[0].condition
    mine = {id: status for page in pages for id, status in runs(page.made_of).items()}
    statuses = ", ".join(f"{count} {status}" for status, count in Counter(mine.values()).items())
    seeds = sorted({seed for page in pages for seed in page.condition.seeds})
    said = [
        "all seconds are simulated, the numerics are real" if _simulated(given) else "real seconds",
        f"seeds {', '.join(map(str, seeds))}" + ("; n ≤ 3 is weak evidence" if len(seeds) <= 3 else ""),
        f"{len(mine)} runs in {len(pages)} {'table' if len(pages) == 1 else 'tables and figures'} ({statuses})",
    ]
    said += ["no number here is the papers'"] if given.scale != "paper" else []
    return given.label, "; ".join(said)


# ---- claims


def column(one: AtCondition, judged: Judged, found: Journals) -> ClaimColumn:
    """The claims under a condition, judged on all rows."""
    given = conditions.of_runs(one.full, one.condition)
    lines = tuple(ClaimLine(claim.id, claim.text, claim.source, (_cell(verdict, given),)) for claim, verdict in judged)
    return ClaimColumn(given, lines, made_of(one.full, found), checkout())


def _cell(verdict: Verdict, given: RunCondition) -> ClaimCell:
    return ClaimCell(
        condition=given.label,
        status=verdict.status,
        label=verdict.label,
        effect=verdict.effect.words if verdict.effect is not None else "",
        needed=verdict.need.words,
        measured=verdict.measured,
        why=verdict.why,
    )


def _claims(columns: Sequence[ClaimColumn], pages: Sequence[Page]) -> Claims:
    """The columns side by side: the claims of this version, open where an older column does not know one."""
    statuses = tuple(DECISIONS)
    cells = [{line.id: line.cells[0] for line in one.lines} for one in columns]
    lines = tuple(
        ClaimLine(
            claim.id,
            claim.text,
            claim.source,
            tuple(
                replace(of.get(claim.id, _unknown(one.condition)), evidence=_evidence(claim, one.condition, pages))
                for one, of in zip(columns, cells, strict=True)
            ),
        )
        for claim in CLAIMS
    )
    counts = [Counter(line.cells[index].status for line in lines) for index in range(len(columns))]
    given = tuple(one.condition for one in columns)
    lead = max(range(len(given)), key=lambda index: _weight(columns[index]))
    return Claims(statuses, given, tuple(tuple(of[s] for s in statuses) for of in counts), (RULE, SEEDS), lines, lead)


def _weight(one: ClaimColumn) -> tuple[bool, bool, int]:
    """Sort key of columns: up to date, then as the table has it, then the largest scale, then simulated."""
    scale, real, words, _ = _order(one.condition)
    return not one.stale, not words, 2 * scale + (not real)


def _unknown(given: RunCondition) -> ClaimCell:
    return ClaimCell(given.label, "not decided", "not decided", "", "", "-", "judged before there was this claim")


def _evidence(claim: Claim, given: RunCondition, pages: Sequence[Page]) -> tuple[PageLink, ...]:
    """The pages of its tables under the condition, of as much of its selection as they know; of its analyses, plain."""
    there = [[page for page in pages if page.id == id and _bears(page, given)] for id in claim.needs]
    best = [max(found, key=lambda page: len(page.condition.selection)) for found in there if found]
    return tuple(PageLink(page.id, f"{page.place}/index.html") for page in best)


def _bears(page: Page, given: RunCondition) -> bool:
    its = page.condition
    if not page.made_of:
        return its.scale in ("", given.scale) and not its.selection
    same = (its.scale, its.executor) == (given.scale, given.executor) and given.hardware in ("", its.hardware)
    return same and set(its.selection) <= set(given.selection)


# ---- commands


def _again(pages: Sequence[Page]) -> Iterator[str]:
    """The commands that make the runs of the pages, those of one selection in one."""
    start, by_rest = ["python", "-m", "benchmarks", "run"], dict[tuple[str, ...], list[str]]()
    for page in pages:
        words = shlex.split(page.command)
        if words[:4] == start and len(words) > 4:
            by_rest.setdefault(tuple(words[5:]), []).append(words[4])  # a table of one's own is named by its file
    for rest, names in by_rest.items():
        members = set(experiments.members("all"))
        named = ["all", *(name for name in names if name not in members)] if set(names) >= members else names
        yield shlex.join([*start, *dict.fromkeys(named), *rest])
