"""Reads journals: one record per run, from `out/runs/<id>/journal.jsonl`.

Journals kept for good may be concatenated in files `runs/NAME.jsonl` ("packed"). The path of one of these is
`runs/NAME.jsonl/<id>/journal.jsonl`.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, Field, JsonValue, ValidationError

from results.errors import ResultsError, UnusableJournal
from results.reading import MOST_BYTES, content, first_mistake
from results.records.evaluating import epoch_number, evaluated_at, evaluations_until
from results.records.lines import Reader, thaw
from results.records.spec import Effects, Judge, Labels, Natural, Recorded, RunSpec

JOURNAL = "journal.jsonl"
Status = Literal["finished", "diverged", "failed", "interrupted"]
STATUSES: tuple[Status, ...] = ("finished", "diverged", "failed", "interrupted")
_BEGIN = re.compile(rb'^(?=\{"type":"run",)', re.MULTILINE)
_ID = re.compile(rb'"id":"([0-9a-f]{64})"')
Line = TypeVar("Line", bound=Recorded)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One point of a run's curves: after `epoch` epochs and `step` gradients; metrics by name.

    epoch: an int if whole; otherwise batches are rounded up to equal shares of the replicas.
    """

    epoch: float
    step: int
    metrics: Mapping[str, float]


class Resumption(Recorded):
    """The point where a run was resumed from a checkpoint: after so many epochs, and batches of the next.

    wall_seconds: spent until then, without the pause. environments: those before, in order, each with the epoch and
    batch at which it ended: {"epoch": 3, "batch": 0, "environment": {...}}.
    """

    epoch: Natural
    batch: Natural
    wall_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    environments: Sequence[Annotated[dict[Literal["epoch", "batch", "environment"], Any], Field(min_length=3)]]


def _check_packages(environment: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(environment.get("packages") or {}, dict):
        raise ValueError("packages are no object")
    return environment


class _RunLine(Recorded):
    id: str
    spec: RunSpec
    environment: Annotated[dict[str, Any], AfterValidator(_check_packages)]
    labels: Labels
    started: str = ""


class _EvaluationLine(Recorded):
    epoch: float
    step: int
    metrics: dict[str, float]


class _LayerCounts(Recorded):
    __pydantic_extra__: dict[str, float]
    layer: JsonValue = None


class _EndLine(Recorded):
    status: Status
    epochs: float | None = None
    wall_seconds: float | None = None
    step_flops: float | None = None
    flops_per_token: float | None = None
    staleness: Sequence[_LayerCounts] | None = None
    effects: Effects | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """The journal of one run.

    Example:
        `record = read(Path("out/runs/<id>/journal.jsonl")); record.evaluations[-1].metrics["accuracy_percent"]`

    Args:
        id: sha256 of the spec, see `results.records.identity`.
        spec: everything that defines the run's numbers.
        environment: commit, packages, processor, command line.
        labels: names for people.
        evaluations: the run's curves; names of metrics end in their units.
        end: fields of the last line: status, reason, wall_seconds, staleness; None while the run goes on, or if it was
            killed.
        path: of the journal.
        started: ISO 8601, UTC.
        resumed: None unless the run was resumed from a checkpoint.
        elsewhere: whether the record is a copy that another row shows (`as_row`).
        chained: whether checksums prove that the lines belong together; False for journals of earlier versions.
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
    elsewhere: bool = False
    chained: bool = field(default=True, compare=False)

    @property
    def status(self) -> str:
        """One of STATUSES; "interrupted" if there is no `end` line."""
        return "interrupted" if self.end is None else str(self.end["status"])

    @property
    def complete(self) -> bool:
        """Whether the run need not be repeated: it finished or diverged."""
        return self.status in ("finished", "diverged")

    @property
    def clock(self) -> str:
        """Metric that counts the run's seconds: simulated ones on the virtual clock, else those of training."""
        return "virtual_seconds" if self.simulated else "train_seconds"

    @property
    def judge(self) -> Judge:
        """Metric by which the run is judged."""
        return self.labels.judge

    @property
    def monitor(self) -> Judge:
        """Metric that stops the run early: the judge's, on the validation split if there is one."""
        return self.judge.monitor(self.spec.workload.validation)

    @property
    def simulated(self) -> bool:
        """Whether the run's seconds are simulated; the spec then has the digest of a hardware profile."""
        return bool(self.spec.hardware.sha256)

    @property
    def method(self) -> str:
        """Registered name of the method."""
        return self.spec.method.name

    @property
    def network(self) -> str:
        """Key of the network, such as "resnet18"."""
        return self.spec.workload.network

    @property
    def family(self) -> str:
        """Family of the workload, such as "cifar100"."""
        return self.spec.workload.family

    @property
    def scale(self) -> str:
        """Scale of the workload: "smoke", "small" or "paper"."""
        return self.spec.workload.scale

    @property
    def budget(self) -> int:
        """Factor by which the run saw more samples than is usual at its scale."""
        return self.labels.budget

    @property
    def row(self) -> str:
        """Key of the row: the label `row`, which names variants ("lapsgd@updaters=2"), else the method."""
        return self.labels.row or self.method

    def as_row(self, row: str, method_title: str) -> Record:
        """Returns a copy to be shown as another row."""
        labels = self.labels.model_copy(update={"row": row, "method_title": method_title})
        return replace(self, labels=labels, elsewhere=True)

    @property
    def seed(self) -> int:
        """Seed of the run."""
        return self.spec.seed


def of_rows(records: Iterable[Record]) -> list[Record]:
    """Returns the records, each followed by its copies for other rows that share the run."""
    return [
        copy
        for record in records
        for copy in (record, *(record.as_row(other.row, other.method_title) for other in record.labels.also))
    ]


def folder_of(out: Path, id: str) -> Path:
    """Folder of the run with this id in a folder of results."""
    return out / "runs" / id


def separated(data: bytes) -> dict[str, bytes]:
    """Splits concatenated journals, by run id; one without an id has the key ""."""
    result = {}
    for journal in filter(None, _BEGIN.split(data)):
        id = _ID.search(journal.partition(b"\n")[0])
        result[id[1].decode() if id is not None else ""] = journal
    return result


def unpacked(pack: Path) -> dict[str, bytes]:
    """Returns the journals of a packed file by run id. Raises ResultsError where it cannot be read."""
    return separated(_content(pack))


def journals(out: Path) -> Iterator[tuple[Path, bytes | None]]:
    """Yields the path of each journal in a folder of results, with its content if it is packed.

    A journal in a file of its own replaces a packed one of the same run. Raises as `unpacked`.
    """
    own = sorted((out / "runs").glob(f"*/{JOURNAL}"))
    yield from ((path, None) for path in own)
    ids = {path.parent.name for path in own}
    for pack in sorted(path for path in (out / "runs").glob("*.jsonl") if path.is_file()):
        yield from ((pack / id / JOURNAL, data) for id, data in unpacked(pack).items() if id not in ids)


def content_of(path: Path) -> bytes:
    """Returns the bytes of a journal, packed or not. Raises ResultsError where it cannot be read."""
    pack = path.parents[1]
    return unpacked(pack)[path.parent.name] if pack.is_file() else _content(path)


def _content(path: Path) -> bytes:
    try:
        return content(path, MOST_BYTES)
    except OSError as error:
        raise ResultsError(f"{path} cannot be read ({error.strerror}).") from error


def read(path: Path, data: bytes | None = None) -> Record:
    """Reads a journal; ignores a last line that a crash has cut off.

    data: the journal's bytes, if already read.

    Raises:
        ResultsError: the file cannot be read; UnusableJournal: a line is invalid. The text names file and line.
    """
    lines, chained = _lines(path, _content(path) if data is None else data)
    if not lines:
        raise UnusableJournal(path, " holds no run yet: it was cut before its first line", "; run it again.")
    head = _checked(_RunLine, lines[0], path, 1)
    work = head.spec.workload
    evaluations: list[Evaluation] = []
    end: Mapping[str, Any] | None = None
    resumed: Resumption | None = None
    for number, line in enumerate(lines[1:], start=2):
        if end is not None:
            raise _damaged(path, number, "nothing may follow the end of a run")
        if line.get("type") == "evaluation":
            if evaluations and evaluations[-1].epoch == work.epochs:
                raise _damaged(path, number, f"no evaluation follows that of epoch {work.epochs}, the last")
            due = epoch_number(evaluated_at(len(evaluations) + 1, work.evaluate_every, work.epochs))
            point = _checked(_EvaluationLine, thaw(line), path, number)
            if point.epoch != due:
                raise _damaged(path, number, f"epoch {point.epoch:g} where epoch {due:g} is to follow")
            evaluations.append(Evaluation(due, point.step, point.metrics))
        elif line.get("type") == "end":
            end = thaw(line)
            done = evaluations[-1].epoch if evaluations else 0
            checked = _checked(_EndLine, end, path, number)
            if checked.status in ("finished", "diverged") and checked.epochs not in (None, done):
                raise _damaged(path, number, f"the end of {checked.epochs:g} epochs, of which {done:g} are there")
        elif line.get("type") == "resumed" and number == 2:
            resumed = _checked(Resumption, line, path, number)
        else:
            raise _damaged(path, number, "neither an evaluation nor an end")
    if end is not None and resumed is not None:
        due = evaluations_until(Fraction(resumed.epoch), work.evaluate_every, work.epochs)
        if len(evaluations) < due:
            why = f"resumed after epoch {resumed.epoch} with {due} evaluations, of which {len(evaluations)} are there"
            raise _damaged(path, 2, why)
    return Record(
        id=head.id,
        spec=head.spec,
        environment=head.environment,
        labels=head.labels,
        evaluations=tuple(evaluations),
        end=end,
        path=path,
        started=head.started,
        resumed=resumed,
        chained=chained,
    )


def _lines(path: Path, data: bytes) -> tuple[list[dict[str, Any]], bool]:
    """Returns the parsed lines, and whether their checksums are chained."""
    *whole, rest = data.split(b"\n")
    lines, reader = [], Reader()
    for number, line in enumerate(whole, start=1):
        try:
            lines.append(reader.parse(line))
        except ValueError as error:
            raise _damaged(path, number, str(error)) from error
    if rest:
        with contextlib.suppress(ValueError):  # the last line was cut: the crash came before its newline
            lines.append(reader.parse(rest))
    return lines, reader.chained


def _checked(model: type[Line], line: Mapping[str, Any], path: Path, number: int) -> Line:
    try:
        return model.model_validate(line)
    except ValidationError as error:
        raise _damaged(path, number, first_mistake(error)) from error


def _damaged(path: Path, number: int, why: str) -> UnusableJournal:
    fault = f", line {number}: not a journal line ({why})"
    return UnusableJournal(path, fault, "; `run` sets the file aside and repeats the run.")
