"""The records of an hour as one Markdown page, for docs/measurements."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tools.gpu.plan import STEPS, StepRecord

SHOWN = ("name", "driver", "cuda", "cudnn", "cpu", "cores", "python")
"""Of the GPU, and of the machine."""


def summary(records: Mapping[str, StepRecord]) -> str:
    """Where it ran, a line for each step, then every step's own table; steps that were not reached are named."""
    lines = ["# An hour on a GPU", ""]
    for said in dict.fromkeys(map(_machine, records.values())):
        lines += [said, ""]
    lines += _table([_line(record) for record in records.values()])
    missing = [step.name for step in STEPS if step.name not in records]
    if missing:
        lines += ["", f"Not reached: {', '.join(missing)}."]
    for record in records.values():
        lines += _section(record)
    return "\n".join(lines) + "\n"


def _machine(record: StepRecord) -> str:
    torch = {"torch": record.machine.get("packages", {}).get("torch")}
    said = {**record.machine, **record.machine.get("gpu", {}), **torch}
    known = [f"{key} {said[key]}".removeprefix("name ") for key in (*SHOWN, "torch") if said.get(key)]
    small = "; **small settings: no number here counts**" if record.settings.get("small") else ""
    return f"{', '.join(known)}; device {record.settings['device']}; commit {record.commit or 'unknown'}{small}."


def _line(record: StepRecord) -> dict[str, Any]:
    return {"step": record.step, "outcome": record.status, "seconds": round(record.seconds), "why": record.reason}


def _section(record: StepRecord) -> Iterator[str]:
    outcome = record.outcome
    if not (outcome.rows or outcome.notes or outcome.failures):
        return
    yield from ("", f"## {record.step}", "", f"`{' '.join(record.command)}`", "")
    yield from _table(outcome.rows)
    yield from ("", *(f"- {note}" for note in outcome.notes), *(f"- **{failure}**" for failure in outcome.failures))


def _table(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not rows:
        return
    heads = list(dict.fromkeys(key for row in rows for key in row))
    yield f"| {' | '.join(heads)} |"
    yield "|" + "---|" * len(heads)
    for row in rows:
        yield f"| {' | '.join(_cell(row.get(head, '')) for head in heads)} |"


def _cell(value: Any) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")
