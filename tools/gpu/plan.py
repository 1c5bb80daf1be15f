"""The steps of the hour in their order, what each one's record holds, and which comes next. Imports no torch."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from results.files import replace

Status = Literal["finished", "failed", "left out"]
SEEDS = (0, 1, 2)
TABLES = ("table3", "table1")
PRECISIONS = ("float32", "tf32", "bf16")
SMALL_SECONDS = 20.0
"""What a step is estimated to take with small settings."""


@dataclass(frozen=True)
class Step:
    """One thing to do, in a process of its own. job: a function of `tools.gpu`; settings: what it is given.

    seconds: an estimate for one GPU; 0: what the step `size` found.
    """

    name: str
    job: str
    seconds: float = 0.0
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What a job hands back. rows: a table to be shown; values: what later steps read; failures: what did not hold."""

    rows: Sequence[Mapping[str, Any]] = ()
    notes: Sequence[str] = ()
    failures: Sequence[str] = ()
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StepRecord:
    """A step as it ended. reason: why it failed or was left out, "" where it finished."""

    step: str
    status: Status
    reason: str
    seconds: float
    settings: Mapping[str, Any]
    command: Sequence[str]
    commit: str | None
    machine: Mapping[str, Any]
    outcome: Outcome


STEPS = (
    Step("tests", "correctness:tests", 150),
    Step("bits", "correctness:bits", 60),
    Step("methods", "correctness:every_method", 150),
    *(Step(f"speed-{name}", "speed:speed", 90, {"precision": name}) for name in PRECISIONS),
    Step("graphs", "graphs:graphs", 90),
    Step("async-lu", "speed:async_lu", 120),
    Step("card", "paper_runs:card", 120),
    Step("size", "paper_runs:size", 180),
    *(
        Step(f"{table}-seed{seed}", "paper_runs:train", settings={"table": table, "seed": seed})
        for seed in SEEDS
        for table in TABLES
    ),
)


def chosen(names: Sequence[str]) -> tuple[Step, ...]:
    """The steps whose name is among `names`, or begins with one of them and a hyphen; all where there are none.

    Raises ValueError, with the names that there are, where one fits no step.
    """
    for name in names:
        if not any(_fits(step, name) for step in STEPS):
            raise ValueError(f"there is no step '{name}'; steps are {', '.join(step.name for step in STEPS)}")
    return tuple(step for step in STEPS if not names or any(_fits(step, name) for name in names))


def _fits(step: Step, name: str) -> bool:
    return step.name == name or step.name.startswith(f"{name}-")


def estimate(step: Step, records: Mapping[str, StepRecord], *, small: bool) -> float:
    """Seconds that the step is thought to take."""
    if small:
        return SMALL_SECONDS
    sized = records.get("size")
    return step.seconds or (float(sized.outcome.values.get("seconds", 0.0)) if sized is not None else 0.0)


def pending(steps: Sequence[Step], records: Mapping[str, StepRecord], *, retry: bool = False) -> Iterator[Step]:
    """What is still to be done, in order: not what finished, nor what failed unless that is to be repeated."""
    settled = ("finished",) if retry else ("finished", "failed")
    return (step for step in steps if step.name not in records or records[step.name].status not in settled)


def carry_out(
    steps: Sequence[Step],
    *,
    seconds_of: Callable[[Step], float],
    seconds_left: Callable[[], float],
    run: Callable[[Step, float], None],
) -> str:
    """Run the steps one after the other while there is time -> why it ended. run: is told the step and its limit (s).

    A step may take twice its estimate, and never longer than what is left of the call.
    """
    for step in steps:
        need, left = seconds_of(step), seconds_left()
        if need > left:
            return f"{step.name} takes about {need:.0f} s, {max(left, 0):.0f} s are left: the same call goes on there"
        run(step, min(left, max(2 * need, 60.0)))
    return "nothing is left to be done"


# ---- the folder of records


def file_of(folder: Path, step: str) -> Path:
    """NN-STEP.json, numbered in the order of the steps."""
    number = next(i for i, known in enumerate(STEPS, 1) if known.name == step)
    return folder / f"{number:02d}-{step}.json"


def write(folder: Path, record: StepRecord) -> None:
    """Whole or not at all. Raises ResultsError where the folder cannot be written."""
    replace(file_of(folder, record.step), (json.dumps(asdict(record), indent=2) + "\n").encode())


def read(folder: Path) -> dict[str, StepRecord]:
    """The records that the folder holds, by step, in the order of the steps. Raises ValueError on one that is none."""
    found = {}
    for step in STEPS:
        path = file_of(folder, step.name)
        if path.is_file():
            try:
                values = json.loads(path.read_text(encoding="utf-8"))
                found[step.name] = StepRecord(**{**values, "outcome": Outcome(**values["outcome"])})
            except (ValueError, TypeError, KeyError) as error:
                raise ValueError(f"{path} is no record of a step ({error}): delete it to repeat the step") from error
    return found
