"""Tracked entries as plain data: every run, every group of seeds, and every published row becomes one entry.

`results.tracking` carries entries to MLflow; nothing here knows mlflow.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from results.groups import ChanceOf, Measured, SeedGroup, group, targets, unknown_chance, values_of
from results.measures import Context
from results.published import Key, Published
from results.records import Record, content_of
from results.records.identity import identity
from results.records.spec import flat
from results.statistics import Summary
from results.tracking import notes
from results.tracking.names import short
from results.tracking.points import (
    MetricPoint,
    curve,
    finite,
    last_step,
    mean_curves,
    not_finite,
    outcome,
    safe,
    summary_points,
)
from results.tracking.tags import PREFIX, run_key

PAPERS_OWN = ("paper-a", "paper-b", "")
"""Hardware cards that names leave out: those of the tables themselves."""
FORMAT = 8
"""Goes into every digest: a change of what is tracked makes a new number, and so feeds everything again."""

FOLLOWS = ("seed", "charged")
"""Fields that a parent's parameters leave out, of its runs or following from the rest; its document has the latter."""
PUBLISHED = dict.fromkeys(("executor", "device", "hardware.name"), "published")
"""Params of a published row that its pages lay beside ours: without them MLflow says "unknown"."""
CONFIG = "config.json"
"""The artifact with what a run was given, as resolved."""

Values = Mapping[Key, Published]

_STATUS = {"failed": "FAILED", "diverged": "FAILED", "interrupted": "KILLED", "finished": "FINISHED"}
"""Status in MLflow's three words: a tag says of what diverged that it did. A parent has the first of its runs'."""
_UNFIT = re.compile(r"[/:.%\"']")  # in a model's name


@dataclass(frozen=True, slots=True)
class TrackedInput:
    """A data set or a network under its name. `digest`: of the data's content; `about`: what else there is to know."""

    name: str
    digest: str = ""
    about: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrackedEntry:
    """One tracked run. `key` says which one, `digest` whether it is the same as one tracked before.

    name: its first letters tell it from others, since MLflow's charts show some fifteen; settings in which the groups
    of an experiment differ come on top (`names`).
    points: made when they are wanted, which a million that are there already never are. documents: kept
    with the run as JSON files under these names. journal: a run's own. extras: files that may come and change later.
    members: the runs that a parent is made of. given: whether a table shows these runs, whose values
    were laid over the parent's own.
    """

    experiment: str
    key: str
    name: str
    status: str
    params: Mapping[str, str]
    tags: Mapping[str, str]
    points: Callable[[], Sequence[MetricPoint]]
    content: str
    start_ms: int = 0
    end_ms: int = 0
    documents: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    journal: Path | None = None
    extras: Mapping[str, Path] = field(default_factory=dict)
    dataset: TrackedInput | None = None
    network: TrackedInput | None = None
    parent: str = ""
    members: frozenset[str] = frozenset()
    given: bool = False

    @property
    def digest(self) -> str:
        """The sha256 of all that is tracked; `content` stands for the points; parent and extras are left out."""
        return identity([FORMAT, self.name, self.status, dict(self.params), dict(self.tags), self.content])


def entries(
    records: Iterable[Record],
    published: Mapping[str, Values],
    measured: Measured,
    artifacts: Mapping[str, Sequence[Path]] | None = None,
    apart: Collection[str] = (),
    chance: ChanceOf = unknown_chance,
) -> list[TrackedEntry]:
    """All entries of these records: groups first, then their runs, then the published rows beside them.

    apart: fingerprints of data beside which nothing published belongs.
    """
    groups = group(records)
    beside = [seed_group for seed_group in groups if seed_group.first.spec.workload.dataset_sha256 not in apart]
    others = [seed_group for seed_group in groups if seed_group not in beside]
    goals = targets(beside, measured, published, chance) | targets(others, {}, {}, chance)
    made: list[TrackedEntry] = []
    for seed_group in groups:
        its = measured.get(seed_group.runs, {})
        guessing = Context(chance=chance(seed_group.first))
        values = values_of(seed_group, replace(guessing, target=goals.get(seed_group.key)), its)
        hashes = {one.id: hashlib.sha256(content_of(one.path)).hexdigest() for one in seed_group.records}
        theirs = published.get(seed_group.first.family, {}) if seed_group in beside else {}
        parent = _parent(seed_group, values, theirs, seed_group.runs in measured, hashes)
        made.append(replace(parent, extras=_extras(seed_group, artifacts or {})))
        made.extend(_child(seed_group, record, hashes[record.id], guessing) for record in seed_group.records)
    return [*made, *_papers(beside, published)]


def _parent(
    seed_group: SeedGroup, values: Mapping[str, Summary], published: Values, given: bool, hashes: Mapping[str, str]
) -> TrackedEntry:
    first, n = seed_group.first, len(seed_group.complete)
    count = f"{n} seed{'' if n == 1 else 's'}" if n else "no finished run"
    statuses = [record.status for record in seed_group.records]
    start, end = _times(first)[0], max(_times(record)[1] for record in seed_group.records)
    curves = list(mean_curves(seed_group.complete, end))
    steps = dict.fromkeys((point.key for point in curves), last_step(seed_group.complete))
    points = finite([*curves, *summary_points(values, end, steps, first.judge)])
    return TrackedEntry(
        experiment=seed_group.experiment,
        key=f"ours:{seed_group.key}",
        name=f"{short(first.row)} ours, {first.network}{_longer(first)}, {count}{_clock(first)}",
        status=next(word for status, word in _STATUS.items() if status in statuses),
        params={**_subject("reproduced", first.network, first.row), **_texts(first.spec.document(without=FOLLOWS))},
        tags=_parent_tags(seed_group, values, published, statuses),
        points=lambda: points,
        content=identity([asdict(point) for point in points]),
        start_ms=start,
        end_ms=end,
        documents={CONFIG: first.spec.document(without=("seed",))},
        dataset=_dataset(first),
        network=_network(first),
        members=frozenset(f"{FORMAT}:{record.id[:16]}:{hashes[record.id][:16]}" for record in seed_group.records),
        given=given,
    )


def _longer(record: Record) -> str:
    """Returns the run's budget in words, where it is not its scale's own."""
    return f", {record.budget} times the samples" if record.budget != 1 else ""


def _clock(record: Record) -> str:
    """Returns the executor where it runs in real time, else the hardware card where it is no paper's."""
    hardware = record.spec.hardware.name
    return f", {record.spec.executor}" if not record.simulated else "" if hardware in PAPERS_OWN else f", {hardware}"


def _parent_tags(
    seed_group: SeedGroup, values: Mapping[str, Summary], published: Values, statuses: Sequence[str]
) -> dict[str, str]:
    tags = {
        "mlflow.note.content": notes.of_group(seed_group, values, published),
        f"{PREFIX}statuses": ", ".join(statuses),
    }
    if "diverged" in statuses:
        tags[f"{PREFIX}diverged"] = f"{statuses.count('diverged')} of {len(statuses)} runs"
    if censored := [f"{name}: {v.n - v.censored} of {v.n} runs" for name, v in values.items() if v.censored]:
        tags[f"{PREFIX}censored"] = "; ".join(censored)
    return tags


def _child(seed_group: SeedGroup, record: Record, sha256: str, context: Context) -> TrackedEntry:
    start, end = _times(record)
    return TrackedEntry(
        experiment=seed_group.experiment,
        key=run_key(record),
        name=f"{short(record.row)} seed {record.seed}, {record.network}{_longer(record)}{_clock(record)}",
        status=_STATUS[record.status],
        params={
            **_subject("reproduced", record.network, record.row),
            "diverged": str(record.status == "diverged").lower(),
            **_texts(record.spec.document()),
        },
        tags=_child_tags(record),
        points=lambda: finite([*curve(record, start), *outcome(record, end, context)]),
        content=sha256,
        start_ms=start,
        end_ms=end,
        documents={CONFIG: record.spec.document()},
        journal=record.path,
        dataset=_dataset(record),
        network=_network(record),
        parent=f"ours:{seed_group.key}",
    )


def _child_tags(record: Record) -> dict[str, str]:
    dropped = not_finite(record)
    tags = {
        f"{PREFIX}run_id": record.id,
        f"{PREFIX}status": record.status,
        f"{PREFIX}row": record.row,
        "mlflow.note.content": notes.of_run(record, dropped),
        "mlflow.source.name": "python -m benchmarks",
        "mlflow.source.type": "LOCAL",
        **{f"environment.{name}": value for name, value in _texts(record.environment).items()},
    }
    if (at := record.resumed) is not None:
        tags[f"{PREFIX}resumed"] = f"after epoch {at.epoch}" + (f" and {at.batch} batches" if at.batch else "")
    if commit := record.environment.get("commit"):
        tags["mlflow.source.git.commit"] = str(commit)
    if record.status == "diverged" and record.end is not None:
        tags[f"{PREFIX}diverged"] = str(record.end.get("reason") or "true")
    if dropped:
        tags[f"{PREFIX}not_finite"] = ", ".join(dropped)
    return tags


def _extras(seed_group: SeedGroup, artifacts: Mapping[str, Sequence[Path]]) -> dict[str, Path]:
    """The files given for the group's runs, each in its last two folders: "tables/smoke-virtual-paper-a/table3.csv"."""
    found = dict.fromkeys(path for record in seed_group.records for path in artifacts.get(record.id, ()))
    return {"/".join(path.parts[-3:]): path for path in found if path.is_file()}


def _dataset(record: Record) -> TrackedInput:
    work = record.spec.workload
    about = {"uri": record.labels.data_label or work.dataset, "sha256": work.dataset_sha256}
    # MLflow has room for 36 characters of a digest; the whole one stands in the source.
    return TrackedInput(work.dataset, (work.dataset_sha256 or "unknown")[:36], about)


def _network(record: Record) -> TrackedInput:
    """The architecture, under the first words of the workload's label: "ResNet-18 (width 8)"."""
    work = record.spec.workload.document()
    shape = {name: work[name] for name in ("network", "width", "stem", "blocks", "embedding") if work.get(name)}
    label = (record.labels.network_label or record.network).partition(" on ")[0]
    return TrackedInput(_UNFIT.sub("-", label)[:250] or record.network, about=_texts(shape))


def _papers(groups: Sequence[SeedGroup], published: Mapping[str, Values]) -> list[TrackedEntry]:
    """The published rows of the experiments' networks, one entry each."""
    wanted = dict.fromkeys(
        (seed_group.experiment, seed_group.first.family, seed_group.first.network) for seed_group in groups
    )
    # Before the first of ours: MLflow lists the newest first, and what was measured here is looked for first.
    before = min((_times(seed_group.first)[0] for seed_group in groups), default=0) - 1000
    made: list[TrackedEntry] = []
    for experiment, family, network in wanted:
        rows: dict[str, dict[str, Published]] = {}
        for key, value in published.get(family, {}).items():
            if key[0] == network:
                rows.setdefault(key[1], {})[key[2]] = value
        for row, its in rows.items():
            entry = _paper(experiment, f"{family}:{network}:{row}", network, row, its)
            made.append(replace(entry, start_ms=max(before, 0), end_ms=max(before, 0)))
    return made


def _paper(experiment: str, key: str, network: str, row: str, values: Mapping[str, Published]) -> TrackedEntry:
    sources = dict.fromkeys(value.source for value in values.values())
    points = summary_points({name: Summary(v.mean, v.std, v.n or 0) for name, v in values.items()}, 0)
    return TrackedEntry(
        experiment=experiment,
        key=f"paper:{key}",
        name=f"{short(row)} paper, {network}",
        status="FINISHED",
        params={**_subject("paper", network, row), **PUBLISHED, "published_in": "; ".join(sources)},
        tags={"mlflow.note.content": notes.of_paper(values)},
        points=lambda: points,
        content=identity([asdict(point) for point in points]),
        # MLflow's compare page wants artifacts of every run; these are the figures with their sources.
        documents={"published.json": {name: asdict(value) for name, value in values.items()}},
    )


def _subject(source: str, network: str, row: str) -> dict[str, str]:
    # The same three on every entry, so that the compare page lines paper and reproduction up.
    return {"source": source, "network": network, "row": row}


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Nested mappings as dotted names; lists as JSON."""
    found = flat(values).items()
    return {safe(name): item if isinstance(item, str) else json.dumps(item, default=str) for name, item in found}


def _times(record: Record) -> tuple[int, int]:
    """Start and end in milliseconds since 1970, never an end before the start: the clock may have been set meanwhile.

    What was timed counts before the time of day, which alone is there where a run was ended early. A run that was
    resumed starts earlier than its journal, by what it was trained before: pauses are left out.
    """
    before = record.resumed.wall_seconds if record.resumed is not None else 0.0
    start, end = max(0, _milliseconds(record.started) - round(1000 * before)), record.end or {}
    walls = [point.metrics.get("wall_seconds", 0.0) for point in record.evaluations]
    last = start + round(1000 * max((wall for wall in walls if math.isfinite(wall) and wall > 0), default=0.0))
    whole = end.get("wall_seconds")
    if isinstance(whole, int | float) and math.isfinite(whole):
        return start, max(last, start + round(1000 * whole))
    return start, max(last, _milliseconds(str(end.get("ended", ""))))


def _milliseconds(stamp: str) -> int:
    try:
        return round(1000 * datetime.fromisoformat(stamp).timestamp())
    except ValueError:
        return 0
