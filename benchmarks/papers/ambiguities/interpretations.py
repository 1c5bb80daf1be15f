"""Sentences on the interpretation that a run takes, where the papers are silent or contradict each other or their code.

Every ambiguity is data (paper_a.py, laws.py, paper_b.py, paper_others.py). `interpretations` reads from a run's spec
which interpretation it takes, and adds the option that chooses the other, if there is one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import methods
from benchmarks.errors import UserError
from benchmarks.papers.ambiguities import laws, paper_a, paper_b, paper_others
from benchmarks.papers.ambiguities.ambiguity import Ambiguity
from benchmarks.runner.plan import Run
from benchmarks.tables.registry import table
from benchmarks.workloads.own import NONE, Own
from benchmarks.workloads.workload import workload

AMBIGUITIES: tuple[Ambiguity, ...] = (
    *paper_a.PAPER_A,
    *laws.LAWS,
    *paper_b.PAPER_A3,
    *paper_b.PAPER_B,
    *paper_others.PAPER_OTHERS,
)


def interpretations(table_id: str, runs: Sequence[Run] = ()) -> list[str]:
    """Returns a line per ambiguity of a table or analysis: both statements, what the runs take, how to set the other.

    Ambiguities of other methods or networks than the runs' are left out. Without runs, as for an analysis, the line
    has the default interpretation.
    """
    lines = []
    for ambiguity in AMBIGUITIES:
        if table_id not in ambiguity.tables:
            continue
        concerned = [run for run in runs if _concerns(ambiguity, run)]
        if concerned or not (runs or ambiguity.methods or ambiguity.owner == "workload"):
            said = f"{ambiguity.item}: {ambiguity.said}; {ambiguity.elsewhere}"
            lines.append(f"{said}. Taken: {_taken(ambiguity, concerned, table_id)}")
    return lines


def _concerns(ambiguity: Ambiguity, run: Run) -> bool:
    if ambiguity.networks and run.spec.workload.network not in ambiguity.networks:
        return False
    return not ambiguity.methods or run.method.name in ambiguity.methods


def _taken(ambiguity: Ambiguity, runs: Sequence[Run], table_id: str) -> str:
    if not ambiguity.key:
        return f"{ambiguity.ours}."
    if not (ambiguity.methods or ambiguity.owner == "workload"):
        return f"{ambiguity.ours}, unless set. The other: --set {ambiguity.other}."
    groups: dict[_Choice, list[str]] = {}
    for run in runs:
        who = groups.setdefault(_choice(ambiguity, run, table_id), [])
        name = run.method.name if ambiguity.methods else run.spec.workload.network
        if name not in who:
            who.append(name)
    return " ".join(choice.text(ambiguity, who) for choice, who in groups.items())


@dataclass(frozen=True)
class _Choice:
    """The value that a run takes, the reason, and the setting that chooses the other."""

    value: str
    why: str
    instead: str

    def text(self, ambiguity: Ambiguity, who: Iterable[str]) -> str:
        owners = who if ambiguity.methods else ["workload"]
        settings = " ".join(f"--set {owner}.{ambiguity.field}={self.instead}" for owner in owners)
        return f"{self.value} for {', '.join(who)} ({self.why}): else {settings}."


def _choice(ambiguity: Ambiguity, run: Run, table_id: str) -> _Choice:
    work, of_workload = run.spec.workload, ambiguity.owner == "workload"
    names = (work.family, work.network) if of_workload else (run.method.name,)
    value = _plain(_inside(work.document() if of_workload else run.method.options, ambiguity.field))
    default = _plain(accepted(ambiguity, names, "", table_id, run.parts))
    if value == default:
        return _Choice(_text(value), ambiguity.ours, ambiguity.value or "VALUE")
    if ambiguity.value and value == _plain(accepted(ambiguity, names, ambiguity.value, table_id, run.parts)):
        return _Choice(_text(value), f"the other reading; ours: {ambiguity.ours}", _text(default))
    own = f"of scale {work.scale}, of the row, or set; ours for the paper: {_text(default)}"
    return _Choice(_text(value), own, ambiguity.value or "VALUE")


def accepted(ambiguity: Ambiguity, names: tuple[str, ...], value: str, table_id: str, own: Own = NONE) -> Any:
    """The field's value in a table at the paper's scale once `value` is set; without one, the table's default.

    names: (family, network) for a field of the workload, (method,) for an option. Raises UserError or MethodError where
    the setting is not accepted.
    """
    settings = {ambiguity.field: value} if value else {}
    if ambiguity.owner == "workload":
        family, network = names
        work = workload(family, network, "paper", settings, own=own)
        return _inside(work.model_dump(mode="json"), ambiguity.field)
    made = methods.create(names[0], {**table(table_id).options.get(names[0], {}), **settings})
    return _inside(made.describe(), ambiguity.field)


def _inside(values: Mapping[str, Any], path: str) -> Any:
    found: Any = values
    for part in path.split("."):
        if not isinstance(found, Mapping) or part not in found:
            raise UserError(f"There is no {path} in the run's spec; repeat the run with --fresh.")
        found = found[part]
    return found


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
