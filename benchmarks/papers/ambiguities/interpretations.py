"""States which interpretation a run uses where the papers are silent or contradict each other or their code.

Ambiguities are data (paper_a.py, paper_b.py, paper_others.py). `interpretations` reads a run's interpretation from its
spec, and adds the option that chooses the other one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import methods
from benchmarks.papers.ambiguities import paper_a, paper_b, paper_others
from benchmarks.papers.ambiguities.ambiguity import Ambiguity
from benchmarks.runner.plan import Run
from benchmarks.tables.registry import table
from benchmarks.workloads.own import NONE, Own
from benchmarks.workloads.workload import workload
from results.records.spec import flat

AMBIGUITIES: tuple[Ambiguity, ...] = (
    *paper_a.PAPER_A,
    *paper_b.PAPER_A3,
    *paper_b.PAPER_B,
    *paper_others.PAPER_OTHERS,
)


def interpretations(table_id: str, runs: Sequence[Run] = ()) -> list[str]:
    """Returns a line per ambiguity of a table or analysis: both statements, the runs' choice, how to choose the other.

    Ambiguities that concern none of the runs' methods or networks are left out. Without runs, as for an analysis, the
    line states the default interpretation.
    """
    lines = []
    for ambiguity in AMBIGUITIES:
        if table_id in ambiguity.tables:
            concerned = [run for run in runs if _concerns(ambiguity, run)]
            if concerned or not (runs or ambiguity.of_runs):
                statements = f"{ambiguity.item}: {ambiguity.statement}; {ambiguity.alternative}"
                lines.append(f"{statements}. Taken: {_taken(ambiguity, concerned, table_id)}")
    return lines


def _concerns(ambiguity: Ambiguity, run: Run) -> bool:
    if ambiguity.networks and run.spec.workload.network not in ambiguity.networks:
        return False
    return not ambiguity.methods or run.method.name in ambiguity.methods


def _taken(ambiguity: Ambiguity, runs: Sequence[Run], table_id: str) -> str:
    """Describes the interpretations that the runs use, grouped by reason, and how to choose the other."""
    if not ambiguity.key:
        return f"{ambiguity.default}."
    if not ambiguity.of_runs:
        return f"{ambiguity.default}, unless set. The other: --set {ambiguity.other}."
    groups: dict[tuple[str, str, str], dict[str, None]] = {}
    for run in runs:
        name = run.method.name if ambiguity.methods else run.spec.workload.network
        groups.setdefault(_choice(ambiguity, run, table_id), {})[name] = None
    texts = []
    for (value, why, other), names in groups.items():
        owners = names if ambiguity.methods else ["workload"]
        settings = " ".join(f"--set {owner}.{ambiguity.field}={other}" for owner in owners)
        texts.append(f"{value} for {', '.join(names)} ({why}): else {settings}.")
    return " ".join(texts)


def _choice(ambiguity: Ambiguity, run: Run, table_id: str) -> tuple[str, str, str]:
    """Returns the value that a run uses, the reason, and the value for the other interpretation."""
    work, of_workload = run.spec.workload, ambiguity.owner == "workload"
    names = (work.family, work.network) if of_workload else (run.method.name,)
    value = _field(work.document() if of_workload else run.method.options, ambiguity)
    default = accepted(ambiguity, names, "", table_id, run.parts)
    if value == default:
        return _text(value), ambiguity.default, ambiguity.value or "VALUE"
    if ambiguity.value and value == accepted(ambiguity, names, ambiguity.value, table_id, run.parts):
        return _text(value), f"the other reading; ours: {ambiguity.default}", _text(default)
    why = f"of scale {work.scale}, of the row, or set; ours for the paper: {_text(default)}"
    return _text(value), why, ambiguity.value or "VALUE"


def accepted(ambiguity: Ambiguity, names: tuple[str, ...], value: str, table_id: str, own: Own = NONE) -> Any:
    """Returns the field's value in a table at the paper's scale after `value` is set; without one, the table's default.

    names: (family, network) for a field of the workload, (method,) for an option. Raises UserError or MethodError if
    the setting is not accepted.
    """
    settings = {ambiguity.field: value} if value else {}
    if ambiguity.owner == "workload":
        work = workload(names[0], names[1], "paper", settings, own=own)
        return _field(work.model_dump(mode="json"), ambiguity)
    method = methods.create(names[0], {**table(table_id).options.get(names[0], {}), **settings})
    return _field(method.describe(), ambiguity)


def _field(values: Mapping[str, Any], ambiguity: Ambiguity) -> Any:
    value: Any = flat(values)[ambiguity.field]
    return list(value) if isinstance(value, tuple) else value


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
