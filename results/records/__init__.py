"""Reading journals back: one record per run, under `out/runs/<id>/journal.jsonl`."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from results.errors import ResultsError
from results.records.spec import Labels, RunSpec

JOURNAL = "journal.jsonl"
STATUSES = ("finished", "diverged", "failed", "interrupted")

_NON_FINITE = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
_TEXT = frozenset({"type", "status", "reason", "layer", "ended"})


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One point of a run's curves: after `epoch` epochs and `step` gradients; metrics by name."""

    epoch: int
    step: int
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Record:
    """What the journal of one run says; `end` is None while the run goes on, or once it was killed."""

    id: str
    spec: RunSpec
    environment: Mapping[str, Any]
    labels: Labels
    evaluations: Sequence[Evaluation]
    end: Mapping[str, Any] | None
    path: Path
    started: str = field(default="", compare=False)

    @property
    def status(self) -> str:
        """One of STATUSES; "interrupted" as well if there is no `end` line."""
        return "interrupted" if self.end is None else str(self.end["status"])

    @property
    def complete(self) -> bool:
        """Whether the run need not be repeated: it finished, or diverged, which is a result of its own kind."""
        return self.status in ("finished", "diverged")

    @property
    def clock(self) -> str:
        """The metric that counts seconds: simulated ones where devices were, else those of training."""
        return "virtual_seconds" if self.simulated else "train_seconds"

    @property
    def simulated(self) -> bool:
        """Whether a hardware card priced its seconds, which the spec then names by the card's digest."""
        return bool(self.spec.hardware.sha256)

    @property
    def method(self) -> str:
        """The method's registered name."""
        return self.spec.method.name

    @property
    def network(self) -> str:
        """The network's key, such as "resnet18"."""
        return self.spec.workload.network

    @property
    def family(self) -> str:
        """The workload's family, such as "cifar100"."""
        return self.spec.workload.family

    @property
    def scale(self) -> str:
        """The workload's scale: "smoke", "small" or "paper"."""
        return self.spec.workload.scale

    @property
    def row(self) -> str:
        """The row key: the label `row`, which names variants ("lapsgd@updaters=2"), else the method."""
        return self.labels.row or self.method

    @property
    def seed(self) -> int:
        """The run's seed."""
        return self.spec.seed


def folder_of(out: Path, id: str) -> Path:
    """The folder of the run with this identity."""
    return out / "runs" / id


def read(path: Path) -> Record:
    """Read one journal; a last line that was cut off by a crash is ignored.

    Raises:
        ResultsError: the file is missing, or a line is no line of a journal: the text names file and line.
    """
    lines = _lines(path)
    if not lines:
        raise ResultsError(f"{path} holds no run yet: it was cut before its first line; run it again.")
    head = lines[0]
    if head.get("type") != "run":
        raise _garbage(path, 1, "the first line must be the run")
    evaluations: list[Evaluation] = []
    end: Mapping[str, Any] | None = None
    for number, line in enumerate(lines[1:], start=2):
        if end is not None:
            raise _garbage(path, number, "nothing may follow the end of a run")
        if line.get("type") == "evaluation":
            evaluations.append(_evaluation(path, number, line))
        elif line.get("type") == "end" and line.get("status") in STATUSES:
            end = _thaw(line)
        else:
            raise _garbage(path, number, "neither an evaluation nor an end")
    return _record(path, head, evaluations, end)


def _lines(path: Path) -> list[dict[str, Any]]:
    try:
        *whole, rest = path.read_bytes().split(b"\n")
    except OSError as error:
        raise ResultsError(f"{path} cannot be read ({error.strerror}).") from error
    lines = [_parse(path, number, line) for number, line in enumerate(whole, start=1)]
    if rest:
        with contextlib.suppress(ResultsError):  # the last line was cut: the crash came before its newline
            lines.append(_parse(path, len(lines) + 1, rest))
    return lines


def _parse(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line.decode(), parse_constant=_refuse)
    except ValueError as error:
        raise _garbage(path, number, str(error)) from error
    if not isinstance(value, dict):
        raise _garbage(path, number, "no JSON object")
    return value


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not strict JSON")


def _evaluation(path: Path, number: int, line: Mapping[str, Any]) -> Evaluation:
    try:
        metrics = {name: float(value) for name, value in _thaw(line["metrics"]).items()}
        return Evaluation(int(line["epoch"]), int(line["step"]), metrics)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _garbage(path, number, f"no evaluation: {error}") from error


def _record(
    path: Path, head: Mapping[str, Any], evaluations: Sequence[Evaluation], end: Mapping[str, Any] | None
) -> Record:
    for name, kind in (("id", str), ("spec", dict), ("environment", dict), ("labels", dict)):
        if not isinstance(head.get(name), kind):
            raise _garbage(path, 1, f"the run needs '{name}'")
    try:
        spec, labels = RunSpec.model_validate(head["spec"]), Labels.model_validate(head["labels"])
    except ValidationError as error:
        wrong = error.errors()[0]
        part = "labels" if error.title == Labels.__name__ else "spec"
        raise _garbage(path, 1, f"{'.'.join(map(str, (part, *wrong['loc'])))}: {wrong['msg']}") from error
    return Record(
        id=head["id"],
        spec=spec,
        environment=head["environment"],
        labels=labels,
        evaluations=tuple(evaluations),
        end=end,
        path=path,
        started=str(head.get("started", "")),
    )


def _thaw(value: Any) -> Any:
    """Turn the strings for floats that are not finite back, except where text is expected."""
    if isinstance(value, dict):
        return {key: item if key in _TEXT else _thaw(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_thaw(item) for item in value]
    return _NON_FINITE.get(value, value) if isinstance(value, str) else value


def _garbage(path: Path, number: int, why: str) -> ResultsError:
    mend = "`run` sets the file aside and repeats the run"
    return ResultsError(f"{path}, line {number}: not a journal line ({why}); {mend}.")
