"""What is tracked, as plain data: every run, every group of seeds, and every published row becomes one entry.

`results.tracking` carries entries to MLflow; nothing here knows mlflow.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from results.groups import Group, Measured, group, targets, values_of
from results.identity import identity
from results.published import Key, Published
from results.records import Record
from results.statistics import Summary, best

PREFIX = "benchmarks."
PAPERS_OWN = ("paper-a", "paper-b", "")
"""Hardware cards that a parent's name leaves out: those of the tables themselves."""
FORMAT = 1
"""Goes into every digest: a change of what is tracked makes a new number, and so feeds everything again."""

Values = Mapping[Key, Published]

_STATUS = {"finished": "FINISHED", "diverged": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}
_FORBIDDEN = re.compile(r"[^\w\-. :/]")


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a metric; the step is an epoch."""

    key: str
    value: float
    timestamp_ms: int
    step: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """One tracked run. `key` says which one, `digest` whether it is the same as one tracked before."""

    experiment: str
    key: str
    name: str
    status: str
    params: Mapping[str, str]
    tags: Mapping[str, str]
    points: Sequence[Point]
    start_ms: int = 0
    end_ms: int = 0
    content: str = ""
    artifact: Path | None = None
    parent: str = ""
    members: frozenset[str] = frozenset()
    given: bool = field(default=False, compare=False)

    @property
    def digest(self) -> str:
        """The sha256 of all that is tracked, the journal's bytes included; the parent's key is left out."""
        values = [asdict(point) for point in self.points]
        parts = [FORMAT, self.name, self.status, dict(self.params), dict(self.tags), values, self.content]
        return identity(parts)


def entries(
    records: Iterable[Record],
    published: Mapping[str, Values],
    measured: Mapping[str, Measured],
) -> list[Entry]:
    """All entries of these records: groups first, then their runs, then the published rows beside them."""
    groups = group(records)
    goals = targets(groups, measured, published)
    made: list[Entry] = []
    for one in groups:
        values = values_of(one, goals.get(one.key), measured.get(one.clock))
        made.append(_parent(one, values, published.get(one.first.family, {}), bool(measured.get(one.clock))))
        made.extend(_child(one, record) for record in one.records)
    return [*made, *_papers(groups, published)]


def _parent(one: Group, values: Mapping[str, Summary], published: Values, given: bool) -> Entry:
    first, n = one.first, len(one.complete)
    executor = str(first.spec.get("executor"))
    hardware = str((first.spec.get("hardware") or {}).get("name", ""))
    suffix = f", {executor}" if executor != "virtual" else "" if hardware in PAPERS_OWN else f", {hardware}"
    count = f"{n} seed{'' if n == 1 else 's'}" if n else "no finished run"
    statuses = [record.status for record in one.records]
    censored = [f"{name}: {v.n - v.censored} of {v.n} runs" for name, v in values.items() if v.censored]
    start, end = _times(first)[0], max(_times(record)[1] for record in one.records)
    return Entry(
        experiment=one.experiment,
        key=f"ours:{one.key}",
        name=f"{first.network} {first.row} (ours, {count}{suffix})",
        status=_STATUS[next((s for s in ("failed", "interrupted") if s in statuses), "finished")],
        params={**_subject("reproduced", first.network, first.row), **_flat(_without_seed(first.spec))},
        tags={
            "mlflow.note.content": _parent_note(one, values, published),
            f"{PREFIX}statuses": ", ".join(statuses),
            **({f"{PREFIX}censored": "; ".join(censored)} if censored else {}),
        },
        points=_summary_points(values, end),
        start_ms=start,
        end_ms=end,
        members=frozenset(f"{record.id[:16]}:{_sha256(record.path)[:16]}" for record in one.records),
        given=given,
    )


def _child(one: Group, record: Record) -> Entry:
    start, end = _times(record)
    points, dropped = _finite([*_curve(record, start), *_outcome(record, end)])
    reason = str((record.end or {}).get("reason", ""))
    tags = {
        f"{PREFIX}run_id": record.id,
        f"{PREFIX}status": record.status,
        f"{PREFIX}row": record.row,
        "mlflow.note.content": _child_note(record, reason, dropped),
        "mlflow.source.name": "python -m benchmarks",
        "mlflow.source.type": "LOCAL",
        **{f"environment.{name}": value for name, value in _flat(record.environment).items()},
    }
    if commit := record.environment.get("commit"):
        tags["mlflow.source.git.commit"] = str(commit)
    if dropped:
        tags[f"{PREFIX}not_finite"] = ", ".join(dropped)
    return Entry(
        experiment=one.experiment,
        key=f"run:{record.id}",
        name=f"{record.network} {record.row} seed {record.seed}",
        status=_STATUS[record.status],
        params={
            **_subject("reproduced", record.network, record.row),
            "diverged": str(record.status == "diverged").lower(),
            **_flat(record.spec),
        },
        tags=tags,
        points=points,
        start_ms=start,
        end_ms=end,
        content=_sha256(record.path),
        artifact=record.path,
        parent=f"ours:{one.key}",
    )


def _papers(groups: Sequence[Group], published: Mapping[str, Values]) -> list[Entry]:
    """The published rows of the experiments' networks, one entry each."""
    wanted = dict.fromkeys((one.experiment, one.first.family, one.first.network) for one in groups)
    made: list[Entry] = []
    for experiment, family, network in wanted:
        rows: dict[str, dict[str, Published]] = {}
        for key, value in published.get(family, {}).items():
            if key[0] == network:
                rows.setdefault(key[1], {})[key[2]] = value
        made.extend(_paper(experiment, f"{family}:{network}:{row}", network, row, rows[row]) for row in rows)
    return made


def _paper(experiment: str, key: str, network: str, row: str, values: Mapping[str, Published]) -> Entry:
    sources = dict.fromkeys(value.source for value in values.values())
    lines = [f"- `{name}`: {value.mean:g}" + _plus_minus(value.std) for name, value in values.items()]
    notes = dict.fromkeys(value.note for value in values.values() if value.note)
    return Entry(
        experiment=experiment,
        key=f"paper:{key}",
        name=f"{network} {row} (paper)",
        status="FINISHED",
        params={**_subject("paper", network, row), "published_in": "; ".join(sources)},
        tags={"mlflow.note.content": "\n".join([f"**Published**: {'; '.join(sources)}", "", *lines, "", *notes])},
        points=_summary_points({name: Summary(v.mean, v.std, v.n or 0) for name, v in values.items()}, 0),
    )


def _subject(source: str, network: str, row: str) -> dict[str, str]:
    # The same three on every entry, so that the compare page lines paper and reproduction up.
    return {"source": source, "network": network, "row": row}


def _summary_points(values: Mapping[str, Summary], timestamp_ms: int) -> list[Point]:
    points = []
    for name, value in values.items():
        if value.mean is not None:
            points.append(Point(safe(name), value.mean, timestamp_ms))
        elif value.at_least is not None:
            points.append(Point(safe(f"{name}_at_least"), value.at_least, timestamp_ms))
        if value.std is not None:
            points.append(Point(safe(f"{name}_std"), value.std, timestamp_ms))
    return points


def _curve(record: Record, start_ms: int) -> list[Point]:
    points = []
    for number, point in enumerate(record.evaluations):
        wall = point.metrics.get("wall_seconds", float(number))
        at = start_ms + round(1000 * wall) if math.isfinite(wall) else start_ms
        points += [Point(safe(name), value, at, point.epoch) for name, value in point.metrics.items()]
    return points


def _outcome(record: Record, end_ms: int) -> list[Point]:
    """The run's best accuracy and its layers' staleness, at the last epoch; the curves' charts come before these."""
    step = record.evaluations[-1].epoch if record.evaluations else 0
    values: dict[str, float] = {}
    if top := best(record):
        values |= {"best_accuracy_percent": top.accuracy_percent}
        values |= {"time_to_best_seconds": top.seconds, "epochs_to_best": top.epochs}
    for layer in (record.end or {}).get("staleness", ()):
        numbers = {name: value for name, value in layer.items() if isinstance(value, int | float)}
        values |= {f"staleness/{layer.get('layer')}/{name}": float(value) for name, value in numbers.items()}
    return [Point(safe(name), value, end_ms, step) for name, value in values.items()]


def _finite(points: Sequence[Point]) -> tuple[list[Point], list[str]]:
    # MLflow stores inf as 1.8e308, which wrecks its charts: what is not finite stays in the journal only.
    dropped = dict.fromkeys(point.key for point in points if not math.isfinite(point.value))
    return [point for point in points if math.isfinite(point.value)], list(dropped)


def _parent_note(one: Group, values: Mapping[str, Summary], published: Values) -> str:
    first = one.first
    title = first.labels.get("method_title", first.method)
    lines = [f"### {title} on {first.labels.get('network_label', first.network)}", ""]
    lines += [f"Scale {first.scale}, executor {first.spec.get('executor')}; times on the clock `{first.clock}`.", ""]
    lines += ["| measure | published | measured |", "|---|---|---|"]
    for name, value in values.items():
        paper = published.get((first.network, first.row, name))
        theirs = f"{paper.mean:g}{_plus_minus(paper.std)}" if paper else ""
        lines.append(f"| `{name}` | {theirs} | {_words(value)} |")
    return "\n".join(lines)


def _words(value: Summary) -> str:
    if value.mean is not None:
        return f"{value.mean:.4g}{_plus_minus(value.std)} ({value.n})"
    bound = f"at least {value.at_least:.4g}, " if value.at_least is not None else ""
    return f"{bound}{value.n - value.censored} of {value.n} runs have a value"


def _plus_minus(std: float | None) -> str:
    return "" if std is None else f" ± {std:.2g}"


def _child_note(record: Record, reason: str, dropped: Sequence[str]) -> str:
    lines = [f"{record.labels.get('method_title', record.method)}, seed {record.seed}: **{record.status}**."]
    lines += [f"Reason: {reason}"] if reason else []
    lines += [f"Not finite, so only in the journal: {', '.join(dropped)}."] if dropped else []
    return "\n\n".join([*lines, f"Journal: `{record.path.name}` among the artifacts. Run id `{record.id}`."])


def _without_seed(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in spec.items() if name != "seed"}


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested mappings as dotted names; lists as JSON."""
    flat: dict[str, str] = {}
    for name, item in value.items():
        if isinstance(item, Mapping):
            flat |= _flat(item, f"{prefix}{name}.")
        else:
            flat[safe(f"{prefix}{name}")] = item if isinstance(item, str) else json.dumps(item, default=str)
    return flat


def safe(name: str) -> str:
    """The name with what MLflow forbids in keys replaced by underscores, at most 250 characters long."""
    return _FORBIDDEN.sub("_", name)[:250]


def _times(record: Record) -> tuple[int, int]:
    """Start and end in milliseconds since 1970; a run without an end ends at its last evaluation."""
    start = _milliseconds(record.started)
    walls = [point.metrics.get("wall_seconds", 0.0) for point in record.evaluations]
    last = start + round(1000 * max((wall for wall in walls if math.isfinite(wall)), default=0.0))
    return start, _milliseconds(str((record.end or {}).get("ended", ""))) or last


def _milliseconds(stamp: str) -> int:
    try:
        return round(1000 * datetime.fromisoformat(stamp).timestamp())
    except ValueError:
        return 0


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
