"""Reading journals back: one record per run, under `out/runs/<id>/journal.jsonl`.

Journals that are kept for good may lie one after another in files `runs/NAME.jsonl`; the path of one of them is
`runs/NAME.jsonl/<id>/journal.jsonl`.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from results.errors import ResultsError
from results.reading import MOST_BYTES, content
from results.records.evaluating import epoch_number, evaluated_at, evaluations_until
from results.records.lines import Reader, thaw
from results.records.spec import Effects, Judge, Labels, RunSpec

JOURNAL = "journal.jsonl"
STATUSES = ("finished", "diverged", "failed", "interrupted")
_BEGIN = re.compile(rb'^(?=\{"type":"run",)', re.MULTILINE)
_ID = re.compile(rb'"id":"([0-9a-f]{64})"')


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One point of a run's curves: after `epoch` epochs and `step` gradients; metrics by name.

    epoch: an int where it is whole. A share of an epoch is that of its batches, rounded up to equal shares of replicas.
    """

    epoch: float
    step: int
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Resumption:
    """Resumption from a checkpoint: after so many epochs, and batches of the next.

    wall_seconds: until then, without the pause. environments: which it was trained in before, in their order: each with
    the epoch and batch until which it was.
    """

    epoch: int
    batch: int
    wall_seconds: float
    environments: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Record:
    """The journal of one run; `end` is None while the run goes on, or once it was killed.

    chained: whether its checksums say that its lines belong together; those of earlier versions do not.
    """

    id: str
    spec: RunSpec
    environment: Mapping[str, Any]
    labels: Labels
    evaluations: Sequence[Evaluation]
    end: Mapping[str, Any] | None
    path: Path
    started: str = field(default="", compare=False)
    resumed: Resumption | None = None
    elsewhere: bool = False  # shown as another row than its journal's
    chained: bool = field(default=True, compare=False)

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
    def judge(self) -> Judge:
        """The metric that the run is judged by."""
        return self.labels.judge

    @property
    def monitor(self) -> Judge:
        """The metric by which it was stopped early: the judge's, of the validation split where the run has one."""
        return self.judge.monitor(self.spec.workload.validation)

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
    def budget(self) -> int:
        """Times the samples of the scale that it was trained on."""
        return self.labels.budget

    @property
    def row(self) -> str:
        """The row key: the label `row`, which names variants ("lapsgd@updaters=2"), else the method."""
        return self.labels.row or self.method

    def as_row(self, row: str, method_title: str) -> Record:
        """A copy of the run as another row shows it."""
        labels = self.labels.model_copy(update={"row": row, "method_title": method_title})
        return replace(self, labels=labels, elsewhere=True)

    @property
    def seed(self) -> int:
        """The run's seed."""
        return self.spec.seed


def of_rows(records: Iterable[Record]) -> list[Record]:
    """The records, each followed by itself as the other rows show it whose run it is."""
    return [
        shown
        for record in records
        for shown in (record, *(record.as_row(other.row, other.method_title) for other in record.labels.also))
    ]


def folder_of(out: Path, id: str) -> Path:
    """The folder of the run with this identity."""
    return out / "runs" / id


def separated(data: bytes) -> dict[str, bytes]:
    """Journals that lie one after another, by run id in their order; what has no id stands under ""."""
    found = {}
    for journal in filter(None, _BEGIN.split(data)):
        id = _ID.search(journal.partition(b"\n")[0])
        found[id[1].decode() if id is not None else ""] = journal
    return found


def unpacked(pack: Path) -> dict[str, bytes]:
    """Journals of a packed file, as `separated`. Raises ResultsError where the file cannot be read."""
    return separated(_content(pack))


def journals(out: Path) -> Iterator[tuple[Path, bytes | None]]:
    """Path of each journal of a folder of results, with its content where it lies in a packed file.

    A journal in a file of its own goes before a packed one of the same run. Raises as `unpacked`.
    """
    own = sorted((out / "runs").glob(f"*/{JOURNAL}"))
    yield from ((path, None) for path in own)
    there = {path.parent.name for path in own}
    for pack in sorted(path for path in (out / "runs").glob("*.jsonl") if path.is_file()):
        yield from ((pack / id / JOURNAL, data) for id, data in unpacked(pack).items() if id not in there)


def content_of(path: Path) -> bytes:
    """Content of a journal, packed or not. Raises ResultsError where it cannot be read."""
    pack = path.parents[1]
    return unpacked(pack)[path.parent.name] if pack.is_file() else _content(path)


def _content(path: Path) -> bytes:
    try:
        return content(path, MOST_BYTES)
    except OSError as error:
        raise ResultsError(f"{path} cannot be read ({error.strerror}).") from error


def read(path: Path, data: bytes | None = None) -> Record:
    """Read one journal; a last line that was cut off by a crash is ignored.

    data: its content, where that is known.

    Raises:
        ResultsError: the file is missing, or a line is no line of a journal: the text names file and line.
    """
    lines, chained = _lines(path, _content(path) if data is None else data)
    if not lines:
        raise ResultsError(f"{path} holds no run yet: it was cut before its first line; run it again.")
    spec, labels = _head(path, lines[0])
    evaluations: list[Evaluation] = []
    end: Mapping[str, Any] | None = None
    resumed = _resumption(path, lines[1]) if len(lines) > 1 and lines[1].get("type") == "resumed" else None
    for number, line in enumerate(lines[1:], start=2):
        if end is not None:
            raise _garbage(path, number, "nothing may follow the end of a run")
        if line.get("type") == "evaluation":
            if evaluations and evaluations[-1].epoch == spec.workload.epochs:
                raise _garbage(path, number, f"no evaluation follows that of epoch {spec.workload.epochs}, the last")
            evaluations.append(_evaluation(path, number, line, _due(spec, len(evaluations) + 1)))
        elif line.get("type") == "end" and line.get("status") in STATUSES:
            end = _end(path, number, line, evaluations[-1].epoch if evaluations else 0)
        elif resumed is None or number > 2:
            raise _garbage(path, number, "neither an evaluation nor an end")
    if end is not None and resumed is not None:
        _check_resumption(path, spec, resumed, len(evaluations))
    return Record(
        id=lines[0]["id"],
        spec=spec,
        environment=lines[0]["environment"],
        labels=labels,
        evaluations=tuple(evaluations),
        end=end,
        path=path,
        started=str(lines[0].get("started", "")),
        resumed=resumed,
        chained=chained,
    )


def _lines(path: Path, data: bytes) -> tuple[list[dict[str, Any]], bool]:
    """Objects of the lines, and whether they are chained."""
    *whole, rest = data.split(b"\n")
    lines, reader = [], Reader()
    for number, line in enumerate(whole, start=1):
        try:
            lines.append(reader.parse(line))
        except ValueError as error:
            raise _garbage(path, number, str(error)) from error
    if rest:
        with contextlib.suppress(ValueError):  # the last line was cut: the crash came before its newline
            lines.append(reader.parse(rest))
    return lines, reader.chained


def _head(path: Path, head: Mapping[str, Any]) -> tuple[RunSpec, Labels]:
    for name, kind in (("id", str), ("spec", dict), ("environment", dict), ("labels", dict)):
        if not isinstance(head.get(name), kind):
            raise _garbage(path, 1, f"the run needs '{name}'")
    try:
        spec, labels = RunSpec.model_validate(head["spec"]), Labels.model_validate(head["labels"])
    except ValidationError as error:
        wrong = error.errors()[0]
        part = "labels" if error.title == Labels.__name__ else "spec"
        raise _garbage(path, 1, f"{'.'.join(map(str, (part, *wrong['loc'])))}: {wrong['msg']}") from error
    return spec, labels


def _due(spec: RunSpec, number: int) -> float:
    """The epoch of the evaluation of this number."""
    work = spec.workload
    return epoch_number(evaluated_at(number, work.evaluate_every, work.epochs))


def _evaluation(path: Path, number: int, line: Mapping[str, Any], epoch: float) -> Evaluation:
    try:
        metrics = {name: _number(name, value) for name, value in thaw(line["metrics"]).items()}
        there, step = _number("epoch", line["epoch"]), int(line["step"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _garbage(path, number, f"no evaluation: {error}") from error
    if there != epoch:
        raise _garbage(path, number, f"epoch {there:g} where epoch {epoch:g} is to follow")
    return Evaluation(epoch, step, metrics)


def _resumption(path: Path, line: Mapping[str, Any]) -> Resumption:
    try:
        epoch, batch, environments = line["epoch"], line["batch"], line["environments"]
        wall = _number("wall_seconds", line["wall_seconds"])
        if type(epoch) is not int or type(batch) is not int or min(epoch, batch) < 0 or not 0 <= wall < math.inf:
            raise ValueError("its epoch, batch or wall_seconds is none")
        if not all({*one} == {"epoch", "batch", "environment"} for one in environments):
            raise ValueError("its environments are none")
    except (KeyError, TypeError, ValueError) as error:
        raise _garbage(path, 2, f"not resumed: {error}") from error
    return Resumption(epoch, batch, wall, tuple(environments))


def _check_resumption(path: Path, spec: RunSpec, resumed: Resumption, there: int) -> None:
    """Raises ResultsError where evaluations are missing that were there when the run went on."""
    work = spec.workload
    due = evaluations_until(Fraction(resumed.epoch), work.evaluate_every, work.epochs)
    if there < due:
        raise _garbage(
            path, 2, f"resumed after epoch {resumed.epoch} with {due} evaluations, of which {there} are there"
        )


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} is no number")
    return float(value)


def _end(path: Path, number: int, line: Mapping[str, Any], epochs: float) -> Mapping[str, Any]:
    end: Mapping[str, Any] = thaw(line)
    try:
        for name in ("wall_seconds", "step_flops", "flops_per_token"):
            if end.get(name) is not None:
                _number(name, end[name])
        for layer in end.get("staleness") or ():
            for name in layer.keys() - {"layer"}:
                _number(name, layer[name])
        if "effects" in end:
            Effects.model_validate(end["effects"])
    except ValidationError as error:
        wrong = error.errors()[0]
        where = ".".join(map(str, ("effects", *wrong["loc"])))
        raise _garbage(path, number, f"no end: {where}: {wrong['msg']}") from error
    except (TypeError, AttributeError) as error:
        raise _garbage(path, number, f"no end: {error}") from error
    if end["status"] in ("finished", "diverged") and end.get("epochs", epochs) != epochs:
        raise _garbage(path, number, f"the end of {end['epochs']} epochs, of which {epochs:g} are there")
    return end


def _garbage(path: Path, number: int, why: str) -> ResultsError:
    mend = "`run` sets the file aside and repeats the run"
    return ResultsError(f"{path}, line {number}: not a journal line ({why}); {mend}.")
