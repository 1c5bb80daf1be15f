"""Builds tracked runs as plain data: an entry per run, per group of seeds and per published row.

`results.tracking` writes entries into MLflow; nothing here imports it.
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
"""Hardware profiles that names omit: those of the tables themselves."""
FORMAT = 8
"""Part of every digest. Raise it when tracked content changes: then everything is fed again."""

FOLLOWS = ("seed", "charged")
"""Fields of the spec that a parent's params omit."""
PUBLISHED = dict.fromkeys(("executor", "device", "hardware.name"), "published")
"""Params of a published row for which MLflow's pages would show "unknown"."""
CONFIG = "config.json"
"""Artifact with a run's resolved spec."""

Values = Mapping[Key, Published]

_STATUS = {"failed": "FAILED", "diverged": "FAILED", "interrupted": "KILLED", "finished": "FINISHED"}
"""MLflow's status for each status of a run. A parent has the first of these that any of its runs has."""
_UNFIT = re.compile(r"[/:.%\"']")  # characters that MLflow forbids in a model's name


@dataclass(frozen=True, slots=True)
class TrackedInput:
    """A data set or a network. digest: of the data; about: further fields."""

    name: str
    digest: str = ""
    about: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrackedEntry:
    """One tracked run; `key` identifies it, `digest` tells whether a stored copy is up to date.

    name: begins with what tells it from others, since MLflow's charts show some fifteen letters; `names` adds settings.
    points: a function, since a stored run needs none. content: digest of the points. start_ms, end_ms: milliseconds
    since 1970; 0: now. documents: JSON files to keep with the run, by name. journal: path of a run's journal. extras:
    further files, by name, which may appear and change later. parent: key of a run's group. members: runs of a group.
    given: whether the group has a table's values.
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
        """sha256 of all tracked content except parent and extras."""
        return identity([FORMAT, self.name, self.status, dict(self.params), dict(self.tags), self.content])


def entries(
    records: Iterable[Record],
    published: Mapping[str, Values],
    measured: Measured,
    artifacts: Mapping[str, Sequence[Path]] | None = None,
    apart: Collection[str] = (),
    chance: ChanceOf = unknown_chance,
) -> list[TrackedEntry]:
    """Returns the entries: groups, each followed by its runs, then published rows. Arguments as of `feed`."""
    groups = group(records)
    beside = [seed_group for seed_group in groups if seed_group.first.spec.workload.dataset_sha256 not in apart]
    others = [seed_group for seed_group in groups if seed_group not in beside]
    target_of = targets(beside, measured, published, chance) | targets(others, {}, {}, chance)
    result: list[TrackedEntry] = []
    for seed_group in groups:
        context = Context(chance=chance(seed_group.first))
        with_target = replace(context, target=target_of.get(seed_group.key))
        values = values_of(seed_group, with_target, measured.get(seed_group.runs, {}))
        hashes = {record.id: hashlib.sha256(content_of(record.path)).hexdigest() for record in seed_group.records}
        papers_values = published.get(seed_group.first.family, {}) if seed_group in beside else {}
        # Each file in its last two folders: "tables/smoke-virtual-paper-a/table3.csv".
        files = dict.fromkeys(path for record in seed_group.records for path in (artifacts or {}).get(record.id, ()))
        extras = {"/".join(path.parts[-3:]): path for path in files if path.is_file()}
        parent = _parent(seed_group, values, papers_values, hashes)
        result.append(replace(parent, extras=extras, given=seed_group.runs in measured))
        result += [_child(seed_group, record, hashes[record.id], context) for record in seed_group.records]
    return [*result, *_papers(beside, published)]


def _parent(
    seed_group: SeedGroup, values: Mapping[str, Summary], published: Values, hashes: Mapping[str, str]
) -> TrackedEntry:
    first, n = seed_group.first, len(seed_group.complete)
    count = f"{n} seed{'' if n == 1 else 's'}" if n else "no finished run"
    statuses = [record.status for record in seed_group.records]
    start, end = _times(first)[0], max(_times(record)[1] for record in seed_group.records)
    curves = list(mean_curves(seed_group.complete, end))
    steps = dict.fromkeys((point.key for point in curves), last_step(seed_group.complete))
    points = finite([*curves, *summary_points(values, end, steps, first.judge)])
    censored = [
        f"{name}: {value.n - value.censored} of {value.n} runs" for name, value in values.items() if value.censored
    ]
    diverged = statuses.count("diverged")
    tags = {
        "mlflow.note.content": notes.of_group(seed_group, values, published),
        f"{PREFIX}statuses": ", ".join(statuses),
        f"{PREFIX}diverged": f"{diverged} of {len(statuses)} runs" if diverged else "",
        f"{PREFIX}censored": "; ".join(censored),
    }
    return TrackedEntry(
        experiment=seed_group.experiment,
        key=f"ours:{seed_group.key}",
        name=f"{short(first.row)} ours, {first.network}{_longer(first)}, {count}{_clock(first)}",
        status=next(word for status, word in _STATUS.items() if status in statuses),
        params={**_subject(first), **_texts(first.spec.document(without=FOLLOWS))},
        tags={name: value for name, value in tags.items() if value},
        points=lambda: points,
        content=identity([asdict(point) for point in points]),
        start_ms=start,
        end_ms=end,
        documents={CONFIG: first.spec.document(without=("seed",))},
        dataset=_dataset(first),
        network=_network(first),
        members=frozenset(f"{FORMAT}:{record.id[:16]}:{hashes[record.id][:16]}" for record in seed_group.records),
    )


def _child(seed_group: SeedGroup, record: Record, sha256: str, context: Context) -> TrackedEntry:
    start, end = _times(record)
    diverged, dropped, resumed = record.status == "diverged", not_finite(record), record.resumed
    tags = {
        f"{PREFIX}run_id": record.id,
        f"{PREFIX}status": record.status,
        f"{PREFIX}row": record.row,
        "mlflow.note.content": notes.of_run(record, dropped),
        "mlflow.source.name": "python -m benchmarks",
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": str(record.environment.get("commit") or ""),
        **{f"environment.{name}": value for name, value in _texts(record.environment).items()},
        f"{PREFIX}diverged": str((record.end or {}).get("reason") or "true") if diverged else "",
        f"{PREFIX}not_finite": ", ".join(dropped),
    }
    if resumed is not None:
        batches = f" and {resumed.batch} batches" if resumed.batch else ""
        tags[f"{PREFIX}resumed"] = f"after epoch {resumed.epoch}{batches}"
    return TrackedEntry(
        experiment=seed_group.experiment,
        key=run_key(record),
        name=f"{short(record.row)} seed {record.seed}, {record.network}{_longer(record)}{_clock(record)}",
        status=_STATUS[record.status],
        params={**_subject(record), "diverged": str(diverged).lower(), **_texts(record.spec.document())},
        tags={name: value for name, value in tags.items() if value},
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


def _subject(record: Record) -> dict[str, str]:
    """Params that published rows have as well, so that MLflow's compare page aligns the two."""
    return {"source": "reproduced", "network": record.network, "row": record.row}


def _longer(record: Record) -> str:
    """Words for a budget of more samples than usual; "" for the usual one."""
    return f", {record.budget} times the samples" if record.budget != 1 else ""


def _clock(record: Record) -> str:
    """Name of the executor in real time, else of the hardware profile unless it is a paper's."""
    hardware = record.spec.hardware.name
    return f", {record.spec.executor}" if not record.simulated else "" if hardware in PAPERS_OWN else f", {hardware}"


def _dataset(record: Record) -> TrackedInput:
    work = record.spec.workload
    about = {"uri": record.labels.data_label or work.dataset, "sha256": work.dataset_sha256}
    # MLflow's field for a digest takes 36 characters; `about` has all 64.
    return TrackedInput(work.dataset, (work.dataset_sha256 or "unknown")[:36], about)


def _network(record: Record) -> TrackedInput:
    """The architecture, named by the first words of the workload's label: "ResNet-18 (width 8)"."""
    work = record.spec.workload.document()
    shape = {name: work[name] for name in ("network", "width", "stem", "blocks", "embedding") if work.get(name)}
    label = (record.labels.network_label or record.network).partition(" on ")[0]
    return TrackedInput(_UNFIT.sub("-", label)[:250] or record.network, about=_texts(shape))


def _papers(groups: Sequence[SeedGroup], published: Mapping[str, Values]) -> list[TrackedEntry]:
    """Published rows of the experiments' networks, one entry each."""
    # A second before the first of ours: MLflow lists the newest first, and what was measured here is looked for first.
    start = max(min((_times(seed_group.first)[0] for seed_group in groups), default=0) - 1000, 0)
    rows: dict[tuple[str, str, str, str], dict[str, Published]] = {}
    for seed_group in groups:
        experiment, family = seed_group.experiment, seed_group.first.family
        for (network, row, measure), value in published.get(family, {}).items():
            if network == seed_group.first.network:
                rows.setdefault((experiment, family, network, row), {})[measure] = value
    return [_paper(*subject, values, start) for subject, values in rows.items()]


def _paper(
    experiment: str, family: str, network: str, row: str, values: Mapping[str, Published], start_ms: int
) -> TrackedEntry:
    sources = dict.fromkeys(value.source for value in values.values())
    points = summary_points({name: Summary(v.mean, v.std, v.n or 0) for name, v in values.items()}, 0)
    subject = {"source": "paper", "network": network, "row": row}
    return TrackedEntry(
        experiment=experiment,
        key=f"paper:{family}:{network}:{row}",
        name=f"{short(row)} paper, {network}",
        status="FINISHED",
        params={**subject, **PUBLISHED, "published_in": "; ".join(sources)},
        tags={"mlflow.note.content": notes.of_paper(values)},
        points=lambda: points,
        content=identity([asdict(point) for point in points]),
        start_ms=start_ms,
        end_ms=start_ms,
        # MLflow's compare page wants artifacts of every run; these are the values with their sources.
        documents={"published.json": {name: asdict(value) for name, value in values.items()}},
    )


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Flattens nested mappings into dotted names, with lists as JSON."""
    items = flat(values).items()
    return {safe(name): item if isinstance(item, str) else json.dumps(item, default=str) for name, item in items}


def _times(record: Record) -> tuple[int, int]:
    """Start and end in milliseconds since 1970; the end is never before the start.

    The end is the start plus the seconds that the run measured, since the computer's clock may have been set meanwhile;
    without measured seconds, the time of day counts. A resumed run starts earlier than its journal by its training time
    before: pauses are left out.
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
