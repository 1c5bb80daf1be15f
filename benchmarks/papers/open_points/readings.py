"""Where the papers contradict themselves, their code or each other, or are silent: which reading a run takes.

Every reading is data (paper_a.py, laws.py, paper_b.py, paper_others.py); `readings` says of a run, from its
spec, what was taken and how to choose the other. What no option can express is said in words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import methods
from benchmarks.errors import UserError
from benchmarks.papers.open_points import laws, paper_a, paper_b, paper_others
from benchmarks.papers.open_points.reading import Reading
from benchmarks.runner.plan import Run
from benchmarks.tables.registry import table
from benchmarks.workloads.workload import workload

READINGS: tuple[Reading, ...] = (
    *paper_a.PAPER_A,
    *laws.LAWS,
    *paper_b.PAPER_A3,
    *paper_b.PAPER_B,
    *paper_others.PAPER_OTHERS,
)


def readings(table_id: str, run: Run | None = None) -> list[str]:
    """One line per open point of a table or analysis: what is said where, what this run takes, how to choose the other.

    Points of other methods or networks than the run's are left out. None: an analysis, whose options no run records;
    its default is said.
    """
    return readings_of(table_id, [] if run is None else [run])


def readings_of(table_id: str, runs: Sequence[Run]) -> list[str]:
    """Those of all rows and networks of a table: one line per point, runs that take the same together."""
    lines = []
    for reading in READINGS:
        if table_id not in reading.tables:
            continue
        concerned = [run for run in runs if _concerns(reading, run)]
        if concerned or not (runs or reading.methods or reading.owner == "workload"):
            said = f"{reading.item}: {reading.said}; {reading.elsewhere}. Taken: {_taken(reading, concerned, table_id)}"
            lines.append(said)
    return lines


def _concerns(reading: Reading, run: Run) -> bool:
    if reading.networks and run.spec.workload.network not in reading.networks:
        return False
    return not reading.methods or run.method.name in reading.methods


def _taken(reading: Reading, runs: Sequence[Run], table_id: str) -> str:
    if not reading.key:
        return f"{reading.ours}."
    if not (reading.methods or reading.owner == "workload"):
        return f"{reading.ours}, unless set. The other: --set {reading.other}."
    groups: dict[_Choice, list[str]] = {}
    for run in runs:
        who = groups.setdefault(_choice(reading, run, table_id), [])
        name = run.method.name if reading.methods else run.spec.workload.network
        if name not in who:
            who.append(name)
    return " ".join(choice.text(reading, who) for choice, who in groups.items())


@dataclass(frozen=True)
class _Choice:
    """What a run takes, why, and what to set instead."""

    value: str
    why: str
    instead: str

    def text(self, reading: Reading, who: Iterable[str]) -> str:
        owners = who if reading.methods else ["workload"]
        settings = " ".join(f"--set {owner}.{reading.field}={self.instead}" for owner in owners)
        return f"{self.value} for {', '.join(who)} ({self.why}): else {settings}."


def _choice(reading: Reading, run: Run, table_id: str) -> _Choice:
    names = _names(reading, run)
    value, default = _value(reading, run), _plain(accepted(reading, names, "", table_id))
    if value == default:
        return _Choice(_text(value), reading.ours, reading.value or "VALUE")
    if reading.value and value == _plain(accepted(reading, names, reading.value, table_id)):
        return _Choice(_text(value), f"the other reading; ours: {reading.ours}", _text(default))
    own = f"of scale {run.spec.workload.scale}, of the row, or set; ours for the paper: {_text(default)}"
    return _Choice(_text(value), own, reading.value or "VALUE")


# ---- values: of the run, of the paper's scale, of the other reading


def _value(reading: Reading, run: Run) -> Any:
    return _plain(_inside(_values(reading, run), reading.field))


def _values(reading: Reading, run: Run) -> Mapping[str, Any]:
    return run.spec.workload.document() if reading.owner == "workload" else run.method.options


def _names(reading: Reading, run: Run) -> tuple[str, ...]:
    work = run.spec.workload
    return (work.family, work.network) if reading.owner == "workload" else (run.method.name,)


def accepted(reading: Reading, names: tuple[str, ...], value: str, table_id: str) -> Any:
    """The field's value in a table at the paper's scale once `value` is set; without one, the table's default.

    names: (family, network) for a field of the workload, (method,) for an option. Raises UserError or MethodError where
    the setting is not accepted.
    """
    settings = {reading.field: value} if value else {}
    if reading.owner == "workload":
        family, network = names
        return _inside(workload(family, network, "paper", settings).model_dump(mode="json"), reading.field)
    made = methods.create(names[0], {**table(table_id).options.get(names[0], {}), **settings})
    return _inside(made.describe(), reading.field)


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
